/** The standard streams of this process, as commands use them. */
import { readFileSync, readlinkSync } from "node:fs";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { writeAll } from "../../base/bytes.ts";
import type { Input, Output } from "./input_output.ts";

const USUAL_COLUMNS = 80;
const ACCESS_MODE = 0o3;
const READ_AND_WRITE = 0o2;

/** Standard input; where it is closed reading fails, because no stream is no empty one. */
export function standardInput({ isClosed }: { readonly isClosed: boolean }): Input {
  return {
    isTerminal: Deno.stdin.isTerminal(),
    read(target) {
      if (isClosed) return Promise.reject(new UsageError("Standard input is closed: there is nothing to read from it"));
      return Deno.stdin.read(target);
    },
  };
}

/** Standard output, which knows whether somebody reads it; `isClosed` where the caller is known to have closed it. */
export function standardOutput({ isClosed }: { readonly isClosed: boolean }): Output {
  return readByOthers(outputOf(Deno.stdout), { isClosed: isClosed || isClosedFromTheStart() });
}

/**
 * The output, which knows when its reader is gone. One that has seen enough (`agent ls | head`) is no failure: what is
 * written from then on is dropped, and the command goes on and ends as it would have. Where all of it matters, `get` asks
 * `isClosed`. Throws `AgentError` where it cannot be written for another reason.
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
 * Whether this process was started without a standard output. The runtime then opens the null device in its place, for
 * reading and writing, which nobody does who means it: `>/dev/null` is for writing alone (proc(5)).
 */
function isClosedFromTheStart(): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync("/proc/self/fdinfo/1", "utf8"))!;
    return readlinkSync("/proc/self/fd/1") === "/dev/null" && (parseInt(flags!, 8) & ACCESS_MODE) === READ_AND_WRITE;
  } catch {
    return false; // no such system
  }
}

/** Words for people: where nobody is left to read them (a terminal that is gone, a full disk) the work goes on. */
export function standardError(): Output {
  const output = outputOf(Deno.stderr);
  return { ...output, write: (bytes) => output.write(bytes).catch(() => {}) };
}

/** The streams that the caller closed, as the shell header saw them; the compiled form cannot know. */
export function closedStreams(): readonly string[] {
  const closed = Deno.env.get("AGENT_CALLER_CLOSED") ?? "";
  Deno.env.delete("AGENT_CALLER_CLOSED");
  return closed.split(" ");
}

function outputOf(stream: typeof Deno.stdout): Output {
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    // A terminal that nobody told its size says 0.
    columns: () => (isTerminal && Deno.consoleSize().columns) || USUAL_COLUMNS,
    write: (bytes) => writeAll(stream, bytes),
  };
}
