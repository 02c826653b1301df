/** Files to be read, and what came of it: plain data that is sent between threads. */
import type { NodeHead } from "../../../format/tree/node_head.ts";
import type { FileState } from "../walk/entry_record.ts";
import type { FolderPlace } from "../walk/open_below.ts";

/** A file as it was found. */
export interface FileToRead {
  /** The place of its folder in the list of folders of the request. */
  readonly folder: number;
  /** Its name, as a byte string. */
  readonly name: string;
  /** What it was when it was found. */
  readonly state: FileState;
}

/** Files to be read as one message: numbers in columns, since copying thousands of objects takes long. */
interface FileColumns {
  /** The names, joined by slashes. */
  readonly names: string;
  readonly folders: Uint32Array<ArrayBuffer>;
  readonly sizes: Float64Array<ArrayBuffer>;
  /** Inode, device and both times of each file. */
  readonly wide: BigInt64Array<ArrayBuffer>;
}

const WIDE = 4;

/** Files as columns. */
export function columnsOf(files: readonly FileToRead[]): FileColumns {
  const wide = new BigInt64Array(WIDE * files.length);
  files.forEach(({ state: { inode, device, mtimeNs, ctimeNs } }, i) => {
    const at = WIDE * i;
    wide[at] = inode;
    wide[at + 1] = device;
    wide[at + 2] = mtimeNs;
    wide[at + 3] = ctimeNs;
  });
  return {
    names: files.map(({ name }) => name).join("/"),
    folders: Uint32Array.from(files, ({ folder }) => folder),
    sizes: Float64Array.from(files, ({ state }) => state.size),
    wide,
  };
}

/** Files from columns. */
export function filesIn({ names, folders, sizes, wide }: FileColumns): FileToRead[] {
  if (folders.length === 0) return [];
  const unsigned = new BigUint64Array(wide.buffer);
  return names.split("/").map((name, i) => {
    const at = WIDE * i;
    const state = {
      inode: unsigned[at]!,
      device: unsigned[at + 1]!,
      size: sizes[i]!,
      mtimeNs: wide[at + 2]!,
      ctimeNs: wide[at + 3]!,
    };
    return { folder: folders[i]!, name, state };
  });
}

/** Small files to be read into a buffer. */
export interface SmallFilesRequest {
  readonly folders: readonly FolderPlace[];
  readonly files: FileColumns;
  readonly memory: SharedArrayBuffer;
  /** The most bytes of a file. */
  readonly mostBytes: number;
  readonly withAtime: boolean;
}

/** What was read of small files. The bytes of those that are there lie back to back. */
export interface SmallFilesResult {
  /** For each file its length; -1 for one that is left out. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** What is told of files by their place in the request. */
  readonly remarks: readonly FileRemark[];
}

/** What is told of a file. */
export interface FileRemark {
  readonly file: number;
  /** What it is, if that is not what it was when it was found. */
  readonly head?: NodeHead;
  /** What is wrong with it, as one line. */
  readonly problem?: string;
}

/** A file that is to be read by itself. */
export interface LargeFileRequest {
  readonly folder: FolderPlace;
  readonly file: Omit<FileToRead, "folder">;
  readonly withAtime: boolean;
}

/** A file that is open. */
export interface OpenedLargeFile {
  /** By which number it is asked for; null if it is left out, for the reason in `problem`. */
  readonly number: number | null;
  /** What it is, if that is not what it was when it was found. */
  readonly head?: NodeHead;
  readonly problem?: string;
}

/** Reads the next bytes of an open file into memory. */
export interface LargeReadRequest {
  readonly number: number;
  readonly memory: SharedArrayBuffer;
  readonly start: number;
  readonly end: number;
}
