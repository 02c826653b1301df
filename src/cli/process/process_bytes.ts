/** Arguments and environment of this process as bytes: where they are not UTF-8 the runtime's texts are not what was given. */
import { UsageError } from "../../base/errors.ts";

const REPLACEMENT = "\ufffd";

/** What the system says of this process, such as `environ`; undefined where it says nothing (no /proc). */
export function readOwnProcess(name: "cmdline" | "environ"): Uint8Array | undefined {
  try {
    return Deno.readFileSync(`/proc/self/${name}`);
  } catch {
    return undefined; // the answer, not a failure: only Linux has it, and not everywhere
  }
}

/**
 * Why the arguments cannot be used; undefined where they can. The runtime puts U+FFFD in the place of what is not UTF-8, so
 * that a path would be another one. `commandLine` gives the bytes of all arguments, each with a NUL behind it.
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
  if (at < 0) return undefined; // somebody means U+FFFD itself
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
