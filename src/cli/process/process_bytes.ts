/** Arguments and environment of this process as bytes. The runtime's texts differ from them if they are not UTF-8. */
import { UsageError } from "../../base/errors.ts";

const REPLACEMENT = "\ufffd";

/** The system's information about this process, such as `environ`; undefined without /proc. */
export function readOwnProcess(name: "cmdline" | "environ"): Uint8Array | undefined {
  try {
    return Deno.readFileSync(`/proc/self/${name}`);
  } catch {
    return undefined; // not a failure: only Linux has it, and not everywhere
  }
}

/**
 * Why the arguments cannot be used; undefined if they can. The runtime replaces what is not UTF-8 with U+FFFD, so that
 * a path would mean another file. `commandLine` returns the bytes of all arguments, each followed by a NUL.
 */
export function unreadableArgument(
  args: readonly string[],
  commandLine: () => Uint8Array | undefined,
): UsageError | undefined {
  const suspect = args.findIndex((arg) => arg.includes(REPLACEMENT));
  if (suspect < 0) return undefined;
  const bytes = commandLine();
  const given = bytes === undefined ? [] : splitAtNul(bytes).slice(-args.length);
  const at = given.length === args.length ? given.findIndex((arg) => !isUtf8(arg)) : suspect;
  if (at < 0) return undefined; // the argument itself contains U+FFFD
  return new UsageError(
    `Argument ${at + 1}, "${args[at]!}", is not UTF-8: give names and commands in UTF-8, and a password in a file`,
  );
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

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
