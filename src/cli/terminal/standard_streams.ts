/** The standard streams of this process in the form that commands use. */
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { writeAll } from "../../base/bytes.ts";
import { enlargePipe, USUAL_PIPE_BYTES } from "../../filesystem/pipe.ts";
import type { Input, Output } from "./input_output.ts";

const USUAL_COLUMNS = 80;
const ACCESS_MODE = 0o3;
const READ_AND_WRITE = 0o2;
const STANDARD_INPUT = 0;

/**
 * Standard input. If it is closed, reading fails, because a missing stream is not an empty one. A pipe that was full
 * once is enlarged. Throws `AgentError` if the system cannot read it.
 */
export function standardInput(
  { isClosed, source = Deno.stdin }: { readonly isClosed: boolean; readonly source?: Pick<typeof Deno.stdin, "read"> },
): Input {
  let mayBeUsualPipe = true;
  return {
    isTerminal: Deno.stdin.isTerminal(),
    async read(target) {
      if (isClosed) throw new UsageError("Standard input is closed: there is nothing to read from it");
      const count = await source.read(target).catch((error) => {
        throw new AgentError(`Standard input cannot be read: ${systemReason(error)}`, { cause: error });
      });
      if (mayBeUsualPipe && count === USUAL_PIPE_BYTES) {
        mayBeUsualPipe = false;
        enlargePipe(STANDARD_INPUT);
      }
      return count;
    },
  };
}

/** Standard output. `isClosed` says that the caller is known to have closed it. */
export function standardOutput({ isClosed }: { readonly isClosed: boolean }): Output {
  return readByOthers(outputOf(Deno.stdout), { isClosed: isClosed || isClosedFromTheStart() });
}

/**
 * An output that notices when its reader goes away. That is not a failure (`agent ls | head`): further writes are
 * dropped, and the command ends as usual. `get` checks `isClosed`, because it needs everything to be read. Throws
 * `AgentError` if writing fails for another reason.
 */
export function readByOthers(output: Output, { isClosed }: { readonly isClosed: boolean }): Output {
  let closed = isClosed;
  return {
    ...output,
    isClosed: () => closed,
    async write(bytes) {
      if (closed) return;
      try {
        await output.write(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) {
          throw new AgentError(`Standard output cannot be written: ${systemReason(error)}`, { cause: error });
        }
        closed = true;
      }
    },
  };
}

/**
 * Whether this process was started without standard output. The runtime then opens the null device for reading and
 * writing instead; an intended `>/dev/null` is open only for writing (proc(5)).
 */
function isClosedFromTheStart(): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(Deno.readTextFileSync("/proc/self/fdinfo/1"))!;
    return Deno.readLinkSync("/proc/self/fd/1") === "/dev/null" &&
      (parseInt(flags!, 8) & ACCESS_MODE) === READ_AND_WRITE;
  } catch {
    return false; // this system has no /proc
  }
}

/**
 * Standard error. Write failures are ignored, as for a terminal that is gone or a full disk, so that the work
 * continues.
 */
export function standardError(): Output {
  const output = outputOf(Deno.stderr);
  return { ...output, write: (bytes) => output.write(bytes).catch(() => {}) };
}

/** The streams that the caller closed, as the shell header reports them. The compiled form cannot know. */
export function closedStreams(): readonly string[] {
  const closed = Deno.env.get("AGENT_CALLER_CLOSED") ?? "";
  Deno.env.delete("AGENT_CALLER_CLOSED");
  return closed.split(" ");
}

function outputOf(stream: typeof Deno.stdout): Output {
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    // A terminal of unknown size reports 0.
    columns: () => (isTerminal && Deno.consoleSize().columns) || USUAL_COLUMNS,
    write: (bytes) => writeAll(stream, bytes),
  };
}
