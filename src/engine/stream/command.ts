/** The output of a command as a source that counts only where the command exits with 0. */
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { messageOf, SourceError } from "../../base/errors.ts";

/** How long a command may take to end after it was asked to. */
const KILL_AFTER_MS = 1000;

/** A pipe holds no more (pipe(7)): what comes beyond that was written by what an ended command left running. */
const MOST_LAST_WORDS = 1024 * 1024;
/** What a pipe holds is there at once; who is silent for so long has said everything. */
const SILENCE_MS = 500;

/** How a command is run. */
export interface CommandOptions {
  /**
   * Takes its standard error, byte by byte as it comes. Where nobody takes it, it is this process's own: the command then
   * sees the terminal that it may be.
   */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
  /** Variables that it does not get and may need: told where it fails. */
  readonly withheld?: readonly string[];
}

/**
 * Starts a command; its standard input is this process's own, and so is its standard error unless somebody takes that.
 * Throws `SourceError` where it cannot be started. `cancel` ends it, with force if it does not go by itself.
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

/** The standard error of a command on its way to whoever takes it. */
class Words {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #end: Promise<void>;
  /** Bytes that were passed on, and whether some are being passed on at the moment. */
  #passed = 0;
  #isPassing = false;

  constructor(stream: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => Promise<void>) {
    this.#reader = stream.getReader();
    this.#end = this.#passOn(take);
  }

  /** Resolves when all that a command which has ended wrote is passed on. */
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

  /** Words that nobody can take any more change nothing: the command goes on, as with a terminal that is gone. */
  async #passOn(take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for (let piece = await this.#reader.read(); !piece.done; piece = await this.#reader.read()) {
        this.#isPassing = true;
        await take(piece.value).catch(() => {});
        this.#isPassing = false;
        this.#passed += piece.value.length;
      }
    } catch {
      // A pipe that breaks has nothing more to say.
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
 * Signals a process; one that is gone already needs none. False where this process may not, as with a command that took
 * other rights: that one ends, unwaited for, when nobody reads it any more.
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
