/** A program that an engine runs, and its end: alone or with everything that it started. */
import { type ByteSource, sourceOfStream } from "../base/byte_source.ts";
import { AgentError, messageOf } from "../base/errors.ts";
import { groupLives } from "./process_group.ts";
import { type TakeWords, Words } from "./words.ts";

/** How long a program may take to end after SIGTERM. */
const KILL_AFTER_MS = 1000;
/** How long to wait for what SIGKILL ends. Only what hangs in the kernel takes longer. */
const GONE_WITHIN_MS = 500;
/** Pauses between looks whether a group is gone. */
const PAUSE_MS = { first: 5, longest: 80 };

/** What to run. */
export interface ChildRequest {
  /** Its name or path. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Variables that it gets besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it gets none of this process: for programs that whoever wrote the data could turn to something else. */
  readonly clearEnv?: boolean;
  /** The directory that it runs in; that of this process by default. */
  readonly cwd?: string;
  /** What it reads as standard input. `inherit`: that of this process. */
  readonly stdin: "null" | "piped" | "inherit";
  /**
   * Whether the program leads a session, and so a process group, of its own, which is ended as a whole. Such a program
   * has no terminal: it can ask for no password, and Ctrl-C does not reach it.
   */
  readonly ownGroup: boolean;
  /** `inherit`: that of this process, of which nothing is kept then. */
  readonly stderr: "inherit" | {
    /** Receives what the program says, piece by piece. If it fails, nothing stops. */
    readonly take?: TakeWords | undefined;
    /** Whether a piece always ends with a line. */
    readonly wholeLines?: boolean;
  };
}

/** How a program ended. */
export interface ChildExit {
  /** Whether its exit code was 0. */
  readonly success: boolean;
  /** As the shell has it: 128 and the signal's number if a signal ended it. */
  readonly code: number;
  /** The signal that ended it; null if none did. */
  readonly signal: Deno.Signal | null;
}

/** A running program. */
export class Child {
  /** Its standard output. `cancel` closes the pipe and ends nothing. */
  readonly output: ByteSource;
  readonly #process: Deno.ChildProcess;
  readonly #ownGroup: boolean;
  readonly #words: Words | undefined;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #status: Promise<Deno.CommandStatus>;
  #isOver = false;
  #hasSucceeded = false;
  #stopped: Promise<void> | undefined;

  private constructor(child: Deno.ChildProcess, { stdin, stderr, ownGroup }: ChildRequest) {
    this.#process = child;
    this.#ownGroup = ownGroup;
    this.output = sourceOfStream(child.stdout);
    this.#words = stderr === "inherit" ? undefined : new Words(child.stderr, stderr);
    if (stdin === "piped") {
      this.#input = child.stdin.getWriter();
      this.#input.closed.catch(() => {});
    }
    this.#status = child.status.then((status) => {
      this.#isOver = true;
      return status;
    });
  }

  /** Starts a program. Throws `AgentError` if that is not possible; the message does not contain its arguments. */
  static start(request: ChildRequest): Child {
    const { program, args, env = {}, clearEnv = false, cwd, stdin, stderr, ownGroup } = request;
    try {
      const command = new Deno.Command(program, {
        args: [...args],
        env: { ...env },
        clearEnv,
        ...cwd !== undefined && { cwd },
        stdin,
        stdout: "piped",
        stderr: stderr === "inherit" ? "inherit" : "piped",
        detached: ownGroup, // setsid(2)
      });
      return new Child(command.spawn(), request);
    } catch (error) {
      const missing = cwd === undefined || exists(cwd) ? "program" : `directory as "${cwd}"`;
      const reason = error instanceof Deno.errors.NotFound ? `there is no such ${missing}` : messageOf(error);
      throw new AgentError(`Cannot start "${program}": ${reason}`, { cause: error });
    }
  }

  /** The number of its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The last lines that it said so far, without control characters: at most 10 lines and 2 KiB. */
  get lastLines(): readonly string[] {
    return this.#words?.lastLines ?? [];
  }

  /**
   * Writes to its standard input, as fast as it reads. Returns false if it does not read any more, so that its end will
   * tell why.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#input!.write(bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** Closes its standard input. */
  async closeInput(): Promise<void> {
    await this.#input?.close().catch(() => {});
  }

  /** Resolves when it has ended and everything that it said was passed on. What it left running is left alone. */
  async exit(): Promise<ChildExit> {
    const status = await this.#status;
    await this.#words?.last();
    this.#hasSucceeded = status.success;
    return { success: status.success, code: status.code, signal: status.signal };
  }

  /**
   * Ends it, by force if it ignores SIGTERM for a second; with a group of its own, ends everything that it started, even
   * if it ended itself already. Only what a program left running that succeeded (`exit`) is left alone. Never throws,
   * and may be called again.
   */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** Ends it by force as `stop` does, without waiting: for the end of this process. */
  kill(): void {
    if (!this.#hasSucceeded && !this.#isGone()) this.#signal("SIGKILL");
  }

  async #stop(): Promise<void> {
    if (!this.#hasSucceeded && await this.#end()) await this.#words?.last();
    await Promise.all([this.#input?.abort().catch(() => {}), this.output.cancel(), this.#words?.cancel()]);
  }

  /** Returns false if nothing had to be ended, or this process may not end it. */
  async #end(): Promise<boolean> {
    if (this.#isGone()) return false;
    if (!this.#signal("SIGTERM")) return false;
    if (!await this.#isGoneWithin(KILL_AFTER_MS)) {
      this.#signal("SIGKILL");
      await this.#status;
      await this.#isGoneWithin(GONE_WITHIN_MS);
    }
    return true;
  }

  async #isGoneWithin(ms: number): Promise<boolean> {
    let pause = PAUSE_MS.first;
    for (let waited = 0; waited < ms; waited += pause, pause = Math.min(2 * pause, PAUSE_MS.longest)) {
      await this.#overWithin(pause);
      if (this.#isGone()) return true;
    }
    return false;
  }

  /** Waits for the program itself, but no longer than `ms`. */
  async #overWithin(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await (this.#isOver ? promise : Promise.race([this.#status, promise]));
    clearTimeout(timer);
  }

  #isGone(): boolean {
    return this.#isOver && !(this.#ownGroup && groupLives(this.pid));
  }

  /**
   * Signals it. What is gone counts as signalled. Returns false if this process may not signal it, because it has
   * changed its user. Nobody waits for such a program: it ends by itself once its output is no longer read.
   */
  #signal(signal: Deno.Signal): boolean {
    try {
      if (this.#ownGroup) Deno.kill(-this.pid, signal);
      else this.#process.kill(signal);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) {
        this.#process.unref();
        return false;
      }
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
    return true;
  }
}

/**
 * Whether this process has a terminal, on which programs can ask for a password (/dev/tty), even if none of its standard
 * streams is one.
 */
export function hasTerminal(): boolean {
  try {
    Deno.openSync("/dev/tty").close();
    return true;
  } catch {
    return false; // An answer, not an error.
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false; // As good as missing, if it cannot be looked at.
  }
}
