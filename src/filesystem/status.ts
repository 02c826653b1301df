/** What entries of folders are called, what they are, and their status. */

/**
 * The name of an entry of a folder, as the file system stores it: bytes, in any encoding or none. Never empty, `.` or
 * `..`, and without `/` and NUL.
 */
export type Name = Uint8Array;

/** What an entry is. `unknown` occurs in lists only: some file systems do not tell, and the status of the name does. */
export type EntryType =
  | "file"
  | "folder"
  | "link"
  | "block-device"
  | "character-device"
  | "fifo"
  | "socket"
  | "unknown";

/** All that the kernel keeps about an entry besides its names, content, target and attributes. */
export interface FileStatus {
  /** What it is. */
  readonly type: Exclude<EntryType, "unknown">;
  /** The twelve permission bits (`0o7777`): setuid, setgid, sticky, and three each for user, group and others. */
  readonly mode: number;
  /** The number of the user who owns it. */
  readonly userId: number;
  /** The number of the group that owns it. */
  readonly groupId: number;
  /** Bytes of a file or of a link's target. Whatever the file system says for others. */
  readonly size: number;
  /** Stored units of 512 bytes: fewer than the size needs if the file has holes. */
  readonly blocks: number;
  /** How many names the file has. */
  readonly links: number;
  /** The number of the inode; with `device`, it tells which file this is. */
  readonly inode: bigint;
  /** The file system's device number, as `st_dev` has it (`device_number.ts`). Another one means another file system. */
  readonly device: bigint;
  /** Of a device: its own number, as `st_rdev` has it. Otherwise 0. */
  readonly specialDevice: bigint;
  /** The number of the mount, or `null` if the kernel does not tell. Bind mounts share `device` but not this. */
  readonly mountId: bigint | null;
  /** When it was last read, in nanoseconds since 1970 UTC; negative before it. */
  readonly accessedNs: bigint;
  /** When its content last changed. */
  readonly modifiedNs: bigint;
  /** When its content or status last changed. */
  readonly changedNs: bigint;
  /** When it was made, or `null` if the file system does not tell. */
  readonly createdNs: bigint | null;
}

/** Whether two statuses are of one file. */
export function isSameFile(
  a: Pick<FileStatus, "inode" | "device">,
  b: Pick<FileStatus, "inode" | "device">,
): boolean {
  return a.inode === b.inode && a.device === b.device;
}
