/**
 * The name of an entry until it is whole and may take the place of what is there. It depends on the entry's name only, so
 * that a restore can be resumed.
 */
import { FileSystemError } from "../../../../base/errors.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import type { Name } from "../../../../filesystem/status.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import { nameOf } from "../entry.ts";

/** Smaller files are not resumed. */
export const RESUMED_BYTES = 2 * 1024 * 1024;

const DIGITS = 16;

/** The unfinished entry's name for the entry at a path. Short enough for every file system, however long the name is. */
export function partName(path: string): Uint8Array<ArrayBuffer> {
  const digest = sha256Hex(bytesOfByteString(nameOf(path))).slice(0, DIGITS);
  return new TextEncoder().encode(`.agent-get-${digest}.part`);
}

/**
 * Makes an unfinished entry by `make`. One that is there was left by a restore that was broken off, and is of no use, or
 * it would be continued.
 */
export function makePart<T>(folder: Folder, name: Name, make: (name: Name) => T): T {
  try {
    return make(name);
  } catch (error) {
    if (!(error instanceof FileSystemError) || error.errno !== "EEXIST") throw error;
    folder.removeFile(name);
    return make(name);
  }
}
