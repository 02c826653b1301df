/** Arguments and environment of this process as bytes. The runtime's texts differ from them if they are not UTF-8. */
import { byteStringOf } from "../../format/byte_string.ts";
import { notUtf8 } from "../byte_arguments.ts";

const REPLACEMENT = "\ufffd";

/** The system's information about this process, such as `environ`; undefined without /proc. */
export function readOwnProcess(name: "cmdline" | "environ" | "mountinfo"): Uint8Array | undefined {
  try {
    return Deno.readFileSync(`/proc/self/${name}`);
  } catch {
    return undefined; // not a failure: only Linux has it, and not everywhere
  }
}

/**
 * The arguments as byte strings (`format/byte_string.ts`). The runtime replaces what is not UTF-8 with U+FFFD, so that a
 * path would mean another file. `commandLine` returns the bytes of all arguments, each followed by a NUL. Throws
 * `UsageError` where the system does not tell them and an argument may not be UTF-8.
 */
export function byteStringArguments(
  args: readonly string[],
  commandLine: () => Uint8Array | undefined,
): readonly string[] {
  const suspect = args.findIndex((arg) => arg.includes(REPLACEMENT));
  if (suspect < 0) return args;
  const bytes = commandLine();
  const given = bytes === undefined ? [] : splitAtNul(bytes).slice(-args.length);
  if (given.length === args.length) return given.map(byteStringOf);
  throw notUtf8(args[suspect]!);
}

function splitAtNul(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start) < 0 ? bytes.length : bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}
