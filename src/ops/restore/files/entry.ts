/** What a restoring thread is told about an entry of a backup. All of it is sent with `postMessage`. */
import { quoteByteString } from "../../../format/byte_string.ts";
import { timestampToNanoseconds } from "../../../format/time.ts";
import { unixPermissions } from "../../../format/tree/file_mode.ts";
import type { ExtendedAttribute, Node, NodeType } from "../../../format/tree/node.ts";

/** An entry to be restored. Paths, names and targets are byte strings. */
export interface RestoreEntry {
  /** Its number in this restore. */
  readonly number: number;
  /** Below the target, without a leading slash. */
  readonly path: string;
  readonly type: NodeType;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  /** In nanoseconds since 1970 UTC. */
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  /** Bytes of a file. */
  readonly size: number;
  /** How many names the file had. */
  readonly links: number;
  /** Equal for all names of a file; null if it has one name. */
  readonly linkKey: string | null;
  readonly linkTarget: string;
  readonly device: bigint;
  readonly attributes: readonly ExtendedAttribute[];
  /** Whether it is only on the way to what was asked for. */
  readonly isParent: boolean;
  /** Of a file: the number of its first chunk in the tables of its window, and how many it has. */
  readonly firstChunk: number;
  readonly chunks: number;
}

/** Where an entry is, and what belongs to it. */
interface EntryPlace {
  readonly number: number;
  readonly path: string;
  readonly isParent: boolean;
  readonly firstChunk: number;
  readonly chunks: number;
  /** The sum of the chunks' lengths. */
  readonly size: number;
}

/** The entry of a node. */
export function entryOf(node: Node, place: EntryPlace): RestoreEntry {
  const { type, uid, gid, user, group, links, linkTarget, device, extendedAttributes } = node;
  const mtimeNs = timestampToNanoseconds(node.mtime);
  return {
    number: place.number,
    path: place.path,
    isParent: place.isParent,
    firstChunk: place.firstChunk,
    chunks: place.chunks,
    size: place.size,
    type,
    // A device or fifo that runs with its owner's rights makes no sense.
    mode: type === "file" || type === "dir" ? unixPermissions(node.mode) : unixPermissions(node.mode) & 0o1777,
    uid,
    gid,
    user,
    group,
    mtimeNs,
    atimeNs: node.atime === node.mtime ? mtimeNs : timestampToNanoseconds(node.atime),
    links,
    linkKey: type === "file" && links > 1 && node.inode !== 0n ? `${node.deviceId} ${node.inode}` : null,
    linkTarget,
    device,
    attributes: extendedAttributes,
  };
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
