/** The output of a command as a source that counts only where the command exits with 0. */
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { messageOf, SourceError } from "../../base/errors.ts";

/** How long a command may take to end after it was asked to. */
const KILL_AFTER_MS = 1000;

/**
 * Starts a command; its standard error and input are this process's own. Throws `SourceError` where it cannot be started.
 * `cancel` ends it, with force if it does not go by itself.
 */
export function commandSource(argv: readonly string[]): JudgedSource {
  const [program, ...args] = argv;
  const child = start(program!, args);
  const output = sourceOfStream(child.stdout);
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
      }
      await output.cancel();
    },
    async ended() {
      const { success, code, signal } = await status;
      if (success) return;
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      throw new SourceError(`The command "${program}" ${how}; nothing was committed`);
    },
  };
}

function start(program: string, args: string[]): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { args, stdin: "inherit", stdout: "piped", stderr: "inherit" }).spawn();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "there is no such program" : messageOf(error);
    throw new SourceError(`Cannot start the command "${program}": ${reason}`, { cause: error });
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
