/** The name of a file until all of it is there. It depends on the file's name only, so that a restore can be resumed. */
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import { nameOf } from "../entry.ts";

/** Smaller files are not resumed. */
export const RESUMED_BYTES = 2 * 1024 * 1024;

const DIGITS = 16;

/** The unfinished file's name for the file at a path. Short enough for every file system, however long the name is. */
export function partName(path: string): Uint8Array<ArrayBuffer> {
  const digest = sha256Hex(bytesOfByteString(nameOf(path))).slice(0, DIGITS);
  return new TextEncoder().encode(`.agent-get-${digest}.part`);
}
