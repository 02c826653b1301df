/** Opening folders and files at any depth: the kernel takes no path longer than 4,095 bytes. */
import { bytesOfByteString } from "../../../format/byte_string.ts";
import type { FileSystem, Folder } from "../../../filesystem/file_system.ts";

/** Longer paths are opened piece by piece. */
const MOST_PATH_BYTES = 4000;

/** Where a folder is: the last folder on the way that was found by following links, and the path beneath it. */
export interface FolderPlace {
  /** An absolute path, as a byte string. */
  readonly anchor: string;
  /** Names joined by slashes, as a byte string; "" for the anchor itself. No link on it is followed. */
  readonly below: string;
}

/** The absolute path of what lies below a directory, which is the root of the file system unless `base` says otherwise. */
export function pathBelow(base: string | undefined, path: string): string {
  if (base === undefined) return `/${path}`;
  return path === "" ? base : `${base}/${path}`;
}

/** Opens the folder at a place. Throws `FileSystemError`. */
export function openPlace(system: FileSystem, { anchor, below }: FolderPlace): Folder {
  const root = system.openRoot(bytesOfByteString(anchor));
  if (below === "") return root;
  using _root = root;
  return openBelow(root, below);
}

/** Opens a folder beneath an open one, however long the path is. Throws `FileSystemError`. */
function openBelow(folder: Folder, path: string): Folder {
  const bytes = bytesOfByteString(path);
  let above: Folder | undefined;
  for (let start = 0;;) {
    const end = pieceEnd(bytes, start);
    let next: Folder;
    try {
      next = (above ?? folder).openFolder(bytes.subarray(start, end));
    } finally {
      above?.[Symbol.dispose]();
    }
    if (end === bytes.length) return next;
    above = next;
    start = end + 1;
  }
}

const SLASH = 0x2f;

/** The end of the longest run of names from `start` that the kernel takes. */
function pieceEnd(bytes: Uint8Array, start: number): number {
  if (bytes.length - start <= MOST_PATH_BYTES) return bytes.length;
  return bytes.lastIndexOf(SLASH, start + MOST_PATH_BYTES);
}
