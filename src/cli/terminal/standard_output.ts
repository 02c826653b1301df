/**
 * Standard output and who reads it. A reader that has seen enough (`agent ls | head`) is no failure: what is written from
 * then on is dropped, and the command goes on and ends as it would have. Where all of it matters, `get` asks `isClosed`.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { AgentError, systemReason } from "../../base/errors.ts";
import type { Output } from "./input_output.ts";

const ACCESS_MODE = 0o3;
const READ_AND_WRITE = 0o2;

/** The output, which knows when its reader is gone. Throws `AgentError` where it cannot be written for another reason. */
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
export function isClosedFromTheStart(): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync("/proc/self/fdinfo/1", "utf8"))!;
    return readlinkSync("/proc/self/fd/1") === "/dev/null" && (parseInt(flags!, 8) & ACCESS_MODE) === READ_AND_WRITE;
  } catch {
    return false; // no such system
  }
}
