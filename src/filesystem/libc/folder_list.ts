/** Lists of folders by `getdents64` (struct linux_dirent64 of include/linux/dirent.h, the same on all machines). */
import type { FolderEntry } from "../file_system.ts";
import { isHere } from "../names.ts";
import type { EntryType } from "../status.ts";
import type { Libc } from "./libc.ts";

/** Offsets in bytes of the fields of an entry; its name ends with a NUL. */
const AT = { length: 16, type: 18, name: 19 } as const;

/** The values of d_type (include/linux/fs_types.h). */
const TYPES: Readonly<Record<number, EntryType>> = {
  1: "fifo",
  2: "character-device",
  4: "folder",
  6: "block-device",
  8: "file",
  10: "link",
  12: "socket",
};

/** Reads a piece of the list into `buffer`; the number of bytes, 0 at its end, and negative if the call failed. */
export function callGetdents(libc: Libc, descriptor: number, buffer: Uint8Array<ArrayBuffer>): number {
  const { getdents64, getdents64ByNumber } = libc.calls;
  return getdents64 === null
    ? getdents64ByNumber(libc.machine.call.getdents64, descriptor, buffer, buffer.length)
    : getdents64(descriptor, buffer, buffer.length);
}

/** The entries in a piece of a list, without `.` and `..`. */
export function decodeEntries(piece: Uint8Array): FolderEntry[] {
  const entries: FolderEntry[] = [];
  for (let at = 0; at < piece.length;) {
    const length = piece[at + AT.length]! | (piece[at + AT.length + 1]! << 8);
    const start = at + AT.name;
    const name = piece.slice(start, piece.indexOf(0, start));
    if (!isHere(name) && !isParent(name)) entries.push({ name, type: TYPES[piece[at + AT.type]!] ?? "unknown" });
    at += length;
  }
  return entries;
}

function isParent(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;
}
