/** The target of a replay while it takes a backup: which side failed, and how both sides end. */
import { interruption, onAbort } from "../../base/abort.ts";
import { AgentError, IntegrityError, InterruptedError, messageOf } from "../../base/errors.ts";
import type {
  EngineTarget,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  TargetEnd,
  TargetRequest,
  TargetStream,
  UsedObject,
} from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";

/** What every error says of a target that was opened, unless the target says it itself. */
const HOLDS_PART = "the target holds a part of the backup";

/**
 * An open target. Its errors are remembered, to tell them from those of the repository. It is cancelled as soon as the
 * signal is aborted, because a program that reads nothing more would keep the restore waiting for ever.
 */
export class ReplayTarget implements Disposable {
  readonly #open: OpenTarget;
  readonly #signal: AbortSignal;
  readonly #stopping: Disposable;
  /** The error of the target that came first. */
  #failure: { readonly error: unknown } | undefined;

  private constructor(open: OpenTarget, signal: AbortSignal) {
    this.#open = open;
    this.#signal = signal;
    this.#stopping = onAbort(signal, () => void open.cancel());
  }

  /** Opens a target. Throws what it throws. */
  static async open({ name, driver }: Driven<EngineTarget>, request: TargetRequest): Promise<ReplayTarget> {
    try {
      return new ReplayTarget(await driver.open(request), request.signal);
    } catch (error) {
      throw request.signal.aborted ? interruption(request.signal) : wrapped(error, `The target of ${name}: failed`);
    }
  }

  /** See `OpenTarget.beginLevel`. */
  beginLevel(level: RestoredLevel): Promise<void> {
    return this.#call(() => this.#open.beginLevel(level));
  }

  /** See `OpenTarget.present`. */
  async present(): Promise<((object: UsedObject) => boolean) | undefined> {
    return await this.#call(async () => await this.#open.present?.());
  }

  /** See `OpenTarget.take`. */
  async take(item: RestoredItem): Promise<TargetStream | null> {
    const stream = await this.#call(() => this.#open.take(item));
    return stream && {
      write: (bytes) => this.#call(() => stream.write(bytes)),
      end: () => this.#call(() => stream.end()),
    };
  }

  /** See `OpenTarget.endLevel`. */
  endLevel(): Promise<void> {
    return this.#call(() => this.#open.endLevel());
  }

  /** See `OpenTarget.finish`. */
  finish(): Promise<TargetEnd> {
    return this.#call(() => this.#open.finish());
  }

  /** Ends the target before anything was written. */
  async cancel(): Promise<void> {
    await this.#open.cancel();
    this[Symbol.dispose]();
  }

  /** Ends the target after a failure of either side. Returns the error to throw, which says what the target holds. */
  async fail(thrown: unknown): Promise<unknown> {
    await this.#open.cancel();
    if (this.#signal.aborted) return new InterruptedError(`${interruption(this.#signal).message}; ${HOLDS_PART}`);
    if (this.#failure) return wrapped(this.#failure.error, "The target failed");
    if (!(thrown instanceof AgentError)) return thrown;
    const { code, exitCode, message } = thrown;
    const details = { cause: thrown, code, exitCode };
    const whole = `${message}; ${HOLDS_PART}`;
    return thrown instanceof IntegrityError ? new IntegrityError(whole, details) : new AgentError(whole, details);
  }

  /** Lets go of the signal. */
  [Symbol.dispose](): void {
    this.#stopping[Symbol.dispose]();
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}

/** An error of an engine as one of our classes. */
function wrapped(error: unknown, what: string): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError(`${what}: ${messageOf(error)}; ${HOLDS_PART}`, { cause: error });
}
