/** What a restore knows of an entry of a backup. */
import { quoteByteString } from "../../../format/byte_string.ts";
import type { ExtendedAttribute, NodeType } from "../../../format/tree/node.ts";

/** What the thread that reads knows of an entry. Paths, names and targets are byte strings. */
export interface ReadEntry {
  /** Its number in this restore. */
  readonly number: number;
  /** Below the target, without a leading slash. */
  readonly path: string;
  readonly type: NodeType;
  /** Bytes of a file. */
  readonly size: number;
  /** Of a file: the number of its first chunk in the tables of its window, and how many it has. */
  readonly firstChunk: number;
  readonly chunks: number;
}

/** What the thread that writes knows of an entry. */
export interface RestoreEntry extends ReadEntry {
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  /** In nanoseconds since 1970 UTC. */
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  /** How many names the file had. */
  readonly links: number;
  /** Equal for all names of a file; null if it has one name. */
  readonly linkKey: string | null;
  readonly linkTarget: string;
  readonly device: bigint;
  readonly attributes: readonly ExtendedAttribute[];
  /** Whether it is only on the way to what was asked for. */
  readonly isParent: boolean;
}

/** A path below the target for messages: in quotes, and with a slash at its beginning, as `files` lists it. */
export function shownPath(path: string): string {
  return quoteByteString(`/${path}`);
}

/** The directory of a path; empty for one directly below the target. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
