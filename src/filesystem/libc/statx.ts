/**
 * The status of entries by `statx`, whose answer has the same layout on all machines (struct statx of
 * include/uapi/linux/stat.h).
 */
import { deviceNumber } from "../device_number.ts";
import type { EntryType, FileStatus } from "../status.ts";
import { At } from "./constants.ts";
import type { Libc } from "./libc.ts";

const WANTED = { basic: 0x7ff, created: 0x800, mountId: 0x1000 };
const MASK = WANTED.basic | WANTED.created | WANTED.mountId;

/** Offsets in bytes. Each time is a signed 64-bit number of seconds and, 8 bytes behind it, 32 bits of nanoseconds. */
const AT = {
  mask: 0,
  links: 16,
  userId: 20,
  groupId: 24,
  mode: 28,
  inode: 32,
  size: 40,
  blocks: 48,
  accessed: 64,
  created: 80,
  changed: 96,
  modified: 112,
  specialMajor: 128,
  specialMinor: 132,
  major: 136,
  minor: 140,
  mountId: 144,
} as const;

/** The type bits of a mode, from include/uapi/linux/stat.h. */
const TYPE_BITS = 0o170000;
/** The types of entries by their bits. */
const TYPE_BY_BITS: Readonly<Record<number, FileStatus["type"]>> = {
  0o010000: "fifo",
  0o020000: "character-device",
  0o040000: "folder",
  0o060000: "block-device",
  0o100000: "file",
  0o120000: "link",
  0o140000: "socket",
};

/**
 * Asks for the status of an entry of a folder without following a link, or of the descriptor itself if `name` is empty.
 * False if the call failed; otherwise `decodeStatus` gives the answer.
 */
export function callStatx(libc: Libc, descriptor: number, name: Uint8Array): boolean {
  const flags = At.symlinkNoFollow | At.noAutomount | (name.length === 0 ? At.emptyPath : 0);
  const { statx, statxByNumber } = libc.calls;
  const text = libc.text(name);
  const result = statx === null
    ? statxByNumber(libc.machine.call.statx, descriptor, text, flags, MASK, libc.statusBuffer)
    : statx(descriptor, text, flags, MASK, libc.statusBuffer);
  return result === 0;
}

/** The status in the answer of `statx`; `null` if the entry is of a type that Linux does not define. */
export function decodeStatus(answer: Uint8Array): FileStatus | null {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  const mask = view.getUint32(AT.mask, true);
  const mode = view.getUint16(AT.mode, true);
  const type = TYPE_BY_BITS[mode & TYPE_BITS];
  if (type === undefined) return null;
  return {
    type,
    mode: mode & 0o7777,
    userId: view.getUint32(AT.userId, true),
    groupId: view.getUint32(AT.groupId, true),
    size: unsigned64(view, AT.size),
    blocks: unsigned64(view, AT.blocks),
    links: view.getUint32(AT.links, true),
    inode: view.getBigUint64(AT.inode, true),
    device: deviceNumber(view.getUint32(AT.major, true), view.getUint32(AT.minor, true)),
    specialDevice: deviceNumber(view.getUint32(AT.specialMajor, true), view.getUint32(AT.specialMinor, true)),
    mountId: (mask & WANTED.mountId) === 0 ? null : view.getBigUint64(AT.mountId, true),
    accessedNs: nanoseconds(view, AT.accessed),
    modifiedNs: nanoseconds(view, AT.modified),
    changedNs: nanoseconds(view, AT.changed),
    createdNs: (mask & WANTED.created) === 0 ? null : nanoseconds(view, AT.created),
  };
}

function unsigned64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

function nanoseconds(view: DataView, at: number): bigint {
  return view.getBigInt64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true));
}

/** The bits of a mode that say what kind of special file is to be made. */
export function typeBits(type: EntryType): number {
  return Number(Object.entries(TYPE_BY_BITS).find(([, named]) => named === type)?.[0] ?? 0);
}
