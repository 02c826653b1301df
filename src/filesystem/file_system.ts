/**
 * The contract of file systems: what backups read of files and folders, and what restores write, byte for byte and
 * without ever following a symbolic link that the user did not name.
 *
 * All calls are synchronous and meant for worker threads. A call on a name asks the kernel relative to an open folder,
 * so that nobody can lead it elsewhere by swapping a folder above it for a link. A failed call throws a
 * `FileSystemError`: `errno` tells what the kernel said, and `path` where; `BugError` for names that no caller may pass.
 */
import type { Accounts } from "./accounts.ts";
import type { EntryType, FileStatus, Name } from "./status.ts";
import type { ExtendedAttribute, OpenFile, OwnerChange, TimesChange } from "./open_file.ts";

/** An entry in the list of a folder. */
export interface FolderEntry {
  /** Its name. */
  readonly name: Name;
  /** What it was when the list was read. */
  readonly type: EntryType;
}

/** A special file to be made: a fifo, a socket without a listener, or a device with its number (`FileStatus`). */
export type SpecialFile =
  | { readonly type: "fifo" | "socket" }
  | { readonly type: "block-device" | "character-device"; readonly device: bigint };

/** The file systems of a machine. Whoever opened it disposes of it after all of its folders and files. */
export interface FileSystem extends Disposable {
  /**
   * What is not kept, one phrase each, such as `extended attributes`: a backup or restore names it once. Empty if all
   * is kept. Calls for what is lacking read as if there were none, and throw `ENOTSUP` if they are to write.
   */
  readonly lacks: readonly string[];
  /** Users and groups, and what this process may do. */
  readonly accounts: Accounts;
  /**
   * Opens the folder at an absolute or relative path, following links: the user named it. Only here are links followed.
   * As for `openFolder`, the folder need not be readable.
   * Throws `ENOTDIR` if it is no folder, `ENOENT`, `EACCES` and others.
   */
  openRoot(path: Uint8Array): Folder;
}

/**
 * An open folder. A method's `name` is an entry of it, or `HERE` (`names.ts`) for the folder itself where that makes
 * sense: `status`, attributes, owner, mode and times. A link is never followed, whatever is done to its name.
 *
 * `path` of `openFolder` and `openFile` may be several names joined by `/`, none of them `..`; all of them are opened
 * beneath this folder. A link anywhere in it, the last name included, throws `ELOOP` or `ENOTDIR`.
 */
export interface Folder extends Disposable {
  /** Where it was when it was opened, for messages: text, and not to be opened again. */
  readonly path: string;

  /** Opens a folder beneath this one. A folder that may be passed through but not read opens, too; its list throws `EACCES`. */
  openFolder(path: Uint8Array): Folder;
  /**
   * Opens a file for reading, without changing its access time where that is permitted. Never waits: a fifo opens even
   * if nobody writes. What was opened may be of another type than an earlier `status` said, so ask `OpenFile.status`.
   */
  openFile(path: Uint8Array): OpenFile;
  /** Opens an existing regular file for reading and writing, its content kept. Throws `EINVAL` if it is of another type. */
  openFileToRepair(path: Uint8Array): OpenFile;
  /**
   * Makes an empty file and opens it for reading and writing. It has at most the bits of `mode`: the umask takes some.
   * Throws `EEXIST` if there is any entry of this name.
   */
  createFile(name: Name, mode: number): OpenFile;

  /**
   * The entries in the order of the file system, without `.` and `..`, in pieces of bounded size: a folder may have
   * millions. Each call begins anew. Entries that come or go meanwhile may be missing. One list at a time.
   */
  list(): Iterable<readonly FolderEntry[]>;
  /** The status of an entry, or `null` if there is none. */
  status(name: Name): FileStatus | null;
  /** The target of a symbolic link, as it was written. Throws `EINVAL` if the entry is no link. */
  readLink(name: Name): Uint8Array;
  /**
   * The extended attributes of an entry, links included, sorted by name. Empty if the file system has none. Throws
   * `EACCES` or `EPERM` if one of them may not be read; those that vanish meanwhile are left out.
   */
  attributes(name: Name): readonly ExtendedAttribute[];

  /** Makes a folder with at most the bits of `mode`, as `createFile`; it is opened separately. */
  makeFolder(name: Name, mode: number): void;
  /** Makes a symbolic link with any target of 1 to 4,095 bytes. Throws `EINVAL` for one with a NUL. */
  makeLink(name: Name, target: Uint8Array): void;
  /** Gives the entry `name` a second name: a hard link `newName` in `newFolder`, which belongs to the same file system. */
  makeHardLink(name: Name, newFolder: Folder, newName: Name): void;
  /** Makes a fifo, socket or device. Devices need privileges: `EPERM`. */
  makeSpecialFile(name: Name, file: SpecialFile, mode: number): void;
  /** Moves an entry to a name in this or another folder, over what is there. Throws `EXDEV` between file systems. */
  rename(name: Name, newFolder: Folder, newName: Name): void;
  /** Removes an entry that is no folder; a link, not its target. Throws `EISDIR` or `EPERM` for a folder. */
  removeFile(name: Name): void;
  /** Removes an empty folder. Throws `ENOTEMPTY` or `EEXIST` if it is not empty. */
  removeFolder(name: Name): void;

  /** Changes the owner of an entry, also of a link. Clears setuid and setgid, so the mode is set after it. */
  setOwner(name: Name, owner: OwnerChange): void;
  /**
   * Sets the twelve permission bits (`0o7777`), whatever the umask. Throws `ENOTSUP` for a link: links have no mode of
   * their own.
   */
  setMode(name: Name, mode: number): void;
  /** Sets the times of an entry, also of a link. */
  setTimes(name: Name, times: TimesChange): void;
  /**
   * Sets an extended attribute, also of a link. Throws `ENOTSUP` if the file system has none of this namespace, and
   * `EINVAL` for a name with a NUL.
   */
  setAttribute(name: Name, attribute: ExtendedAttribute): void;
  /** Removes an extended attribute. Throws `ENODATA` if there is none. */
  removeAttribute(name: Name, attributeName: string): void;

  /** Waits until the entries made or renamed here are on the disk. */
  sync(): void;
}
