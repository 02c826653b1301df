/** The contract of open files, and of what is set on files and entries alike. */
import type { FileStatus } from "./status.ts";

/** An extended attribute. An access control list is one, too: `system.posix_acl_access` and `system.posix_acl_default`. */
export interface ExtendedAttribute {
  /** The name with its namespace, such as `user.comment`: a character for each of its bytes (latin1). */
  readonly name: string;
  /** The value; may be empty. */
  readonly value: Uint8Array;
}

/** Numbers of the new owner; `null` leaves it as it is. */
export interface OwnerChange {
  /** The user. */
  readonly userId: number | null;
  /** The group. */
  readonly groupId: number | null;
}

/** New times in nanoseconds since 1970 UTC, negative before it; `null` leaves the time as it is. */
export interface TimesChange {
  /** When it was last read. */
  readonly accessedNs: bigint | null;
  /** When its content last changed. */
  readonly modifiedNs: bigint | null;
}

/** Bytes of a file that are stored; the others of its size are a hole and read as zeros. */
export interface DataRange {
  /** The first byte. */
  readonly offset: number;
  /** The first byte behind it. */
  readonly end: number;
}

/**
 * An open file. Offsets and lengths are in bytes. Buffers may be views of shared memory. Errors as in `FileSystem`.
 * Disposing of it closes it and hides errors; a writer calls `close` first.
 */
export interface OpenFile extends Disposable {
  /** Where it was when it was opened, for messages. */
  readonly path: string;

  /** The status of what was opened, whatever its name means since then. */
  status(): FileStatus;
  /**
   * Reads from an offset into `buffer` until it is full or the file ends; the number of bytes read. Throws `EAGAIN` or
   * `ESPIPE` for a fifo.
   */
  read(buffer: Uint8Array, offset: number): number;
  /**
   * The first stored bytes at or behind an offset, or `null` if only a hole or nothing is left. Where the file system
   * cannot tell, all of it is data.
   */
  nextData(offset: number): DataRange | null;
  /** The extended attributes, as `Folder.attributes`. */
  attributes(): readonly ExtendedAttribute[];

  /** Writes all bytes at an offset. Throws `ENOSPC`, `EDQUOT`, `EFBIG`, `EIO` and others; a part may be written then. */
  write(bytes: Uint8Array, offset: number): void;
  /** Cuts the file, or makes it longer by a hole. */
  resize(size: number): void;
  /** Turns bytes into a hole that reads as zeros, the size kept; `false` if the file system cannot, and nothing changed. */
  punchHole(offset: number, length: number): boolean;
  /** Waits until content and status are on the disk. */
  sync(): void;

  /** As `Folder.setOwner`. */
  setOwner(owner: OwnerChange): void;
  /** As `Folder.setMode`. */
  setMode(mode: number): void;
  /** As `Folder.setTimes`; to be called after the last write. */
  setTimes(times: TimesChange): void;
  /** As `Folder.setAttribute`. */
  setAttribute(attribute: ExtendedAttribute): void;
  /** As `Folder.removeAttribute`. */
  removeAttribute(attributeName: string): void;

  /** Closes it; a second call does nothing. Throws what the kernel could not write, as network file systems tell late. */
  close(): void;
}
