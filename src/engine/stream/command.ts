/** A source that reads the output of a command. The output is good only if the command exits with 0. */
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { messageOf, SourceError } from "../../base/errors.ts";

/** How long a command may take to end after SIGTERM. */
const KILL_AFTER_MS = 1000;

/**
 * The most bytes that a pipe holds (pipe(7)). If more come after the command has ended, processes that it left running
 * wrote them.
 */
const MOST_LAST_WORDS = 1024 * 1024;
/** A pipe's content is available at once, so a writer that is silent for this long has nothing left to say. */
const SILENCE_MS = 500;

/** Options of a command. */
export interface CommandOptions {
  /**
   * Receives the command's standard error piece by piece. Without this function, the command inherits the standard
   * error of this process, which may be a terminal.
   */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
  /** Variables that the command does not get but may need; the error names them if the command fails. */
  readonly withheld?: readonly string[];
}

/**
 * Starts a command. Its standard input is this process's own, and so is its standard error unless `onStderr` is given.
 * Throws `SourceError` if the command cannot be started. `cancel` ends the command, by force if it ignores SIGTERM.
 */
export function commandSource(argv: readonly string[], { onStderr, withheld = [] }: CommandOptions = {}): JudgedSource {
  const [program, ...args] = argv;
  const child = start(program!, args, onStderr === undefined ? "inherit" : "piped");
  const output = sourceOfStream(child.stdout);
  const words = onStderr === undefined ? undefined : new Words(child.stderr, onStderr);
  let isOver = false;
  const status = child.status.then((result) => {
    isOver = true;
    return result;
  });
  return {
    read: (target) => output.read(target),
    async cancel() {
      if (!isOver && isKilled(child, "SIGTERM")) {
        const timer = setTimeout(() => isKilled(child, "SIGKILL"), KILL_AFTER_MS);
        await status;
        clearTimeout(timer);
        await words?.last();
      }
      await Promise.all([output.cancel(), words?.cancel()]);
    },
    async ended() {
      const { success, code, signal } = await status;
      await words?.last();
      if (success) return;
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      const hint = withheld.length === 0
        ? ""
        : `; it does not get ${withheld.join(", ")} unless --pass-secrets is given`;
      throw new SourceError(`The command "${program}" ${how}; nothing was committed${hint}`);
    },
  };
}

function start(program: string, args: string[], stderr: "inherit" | "piped"): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { args, stdin: "inherit", stdout: "piped", stderr }).spawn();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such program" : messageOf(error);
    const quoted = args.length === 0 && /\s/.test(program)
      ? "; write the command and its arguments without quotes"
      : "";
    throw new SourceError(`Cannot start the command "${program}": ${reason}${quoted}`, { cause: error });
  }
}

/** Passes on the standard error of a command. */
class Words {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #end: Promise<void>;
  /** How many bytes were passed on, and whether some are being passed on now. */
  #passed = 0;
  #isPassing = false;

  constructor(stream: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => Promise<void>) {
    this.#reader = stream.getReader();
    this.#end = this.#passOn(take);
  }

  /** Resolves when everything that an ended command wrote has been passed on. */
  async last(): Promise<void> {
    const most = this.#passed + MOST_LAST_WORDS;
    for (let passed = -1; this.#passed < most && (this.#isPassing || this.#passed > passed);) {
      passed = this.#passed;
      if (await this.#endsWithin(SILENCE_MS)) break;
    }
    await this.cancel();
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  /** Ignores text that cannot be passed on any more, so that the command continues, as if its terminal were gone. */
  async #passOn(take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for (let piece = await this.#reader.read(); !piece.done; piece = await this.#reader.read()) {
        this.#isPassing = true;
        await take(piece.value).catch(() => {});
        this.#isPassing = false;
        this.#passed += piece.value.length;
      }
    } catch {
      // A broken pipe has no more to read.
    }
  }

  async #endsWithin(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), ms);
    const ended = await Promise.race([this.#end.then(() => true), promise]);
    clearTimeout(timer);
    return ended;
  }
}

/**
 * Signals a command. A command that is already gone counts as signalled. Returns false if this process may not signal
 * it, because the command has changed its user. Nobody waits for such a command: it ends by itself once its output is
 * no longer read.
 */
function isKilled(child: Deno.ChildProcess, signal: Deno.Signal): boolean {
  try {
    child.kill(signal);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      child.unref();
      return false;
    }
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
  return true;
}
