/** The status of entries as `node:fs` gives it: times to the millisecond. */
import type { BigIntStats } from "node:fs";
import type { FileStatus } from "../status.ts";

/** The status in an answer. */
export function statusOf(stats: BigIntStats): FileStatus {
  return {
    type: typeOf(stats),
    mode: Number(stats.mode & 0o7777n),
    userId: Number(stats.uid),
    groupId: Number(stats.gid),
    size: Number(stats.size),
    blocks: Number(stats.blocks),
    links: Number(stats.nlink),
    inode: stats.ino,
    device: stats.dev,
    specialDevice: stats.rdev,
    mountId: null,
    accessedNs: stats.atimeNs,
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
    createdNs: stats.birthtimeNs,
  };
}

/** What an entry is; for the status as for the entries of a list. */
export function typeOf(entry: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
  isFIFO(): boolean;
}): FileStatus["type"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  if (entry.isSymbolicLink()) return "link";
  if (entry.isBlockDevice()) return "block-device";
  if (entry.isCharacterDevice()) return "character-device";
  return entry.isFIFO() ? "fifo" : "socket";
}
