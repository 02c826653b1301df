/** Lists of PATHs in files, in the three forms that restic reads: patterns, lines, and names that end with a NUL. */
import { UsageError } from "../../../base/errors.ts";
import { byteStringOf } from "../../../format/byte_string.ts";

const BYTE_ORDER_MARK = "\ufeff";

/**
 * The patterns of `--files-from`, one a line. Spaces around them, empty lines and lines that begin with `#` do not
 * count.
 */
export function patternsInList(bytes: Uint8Array): string[] {
  return linesIn(bytes).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
}

/** The paths of `--files-from-verbatim`: every line as it is, except for empty ones. */
export function pathsInLines(bytes: Uint8Array): string[] {
  return linesIn(bytes).filter((line) => line !== "");
}

/** The paths of `--files-from-raw`, each with a NUL behind it. Throws `UsageError`; `what` names the list. */
export function pathsInRawList(bytes: Uint8Array, what: string): string[] {
  if (bytes.length === 0) return [];
  const names = byteStringOf(bytes).split("\0");
  if (names.pop() !== "") {
    throw new UsageError(`${what} does not end with a NUL: it is no list of names with a NUL behind each, or cut off`);
  }
  if (names.includes("")) throw new UsageError(`${what} contains an empty name: see how it was made`);
  return names;
}

/** Lines end with LF or CR LF; a byte order mark is passed over. */
function linesIn(bytes: Uint8Array): string[] {
  const text = byteStringOf(bytes);
  const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  return body.split("\n").map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
}
