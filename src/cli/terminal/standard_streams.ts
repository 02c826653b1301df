/** The standard streams of this process, as commands use them. */
import { UsageError } from "../../base/errors.ts";
import { writeAll } from "../../base/bytes.ts";
import type { Input, Output } from "./input_output.ts";
import { isClosedFromTheStart, readByOthers } from "./standard_output.ts";

const USUAL_COLUMNS = 80;

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
