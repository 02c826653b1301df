/** File modes in trees: Go's `FileMode`, whose type and special bits are not those of Unix's `st_mode`. */
import type { NodeType } from "./node.ts";

/** Bits of a Go file mode; the low nine are the permissions of Unix. Source: Go's `io/fs`, restic's design document. */
export const GoFileMode = {
  dir: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  namedPipe: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  charDevice: 0x0020_0000,
  sticky: 0x0010_0000,
} as const;

/** A regular file that everybody may read and its owner may write. */
export const FILE_MODE_0644 = 0o644;
/** A directory that everybody may enter and its owner may change. */
export const DIR_MODE_0755 = GoFileMode.dir + 0o755;

/** The bits of setuid, setgid and sticky in Unix's `st_mode`. */
const UNIX_SETUID = 0o4000;
const UNIX_SETGID = 0o2000;
const UNIX_STICKY = 0o1000;

/** The low twelve bits of Unix's `st_mode`: setuid, setgid, sticky and the permissions. */
export function unixPermissions(mode: number): number {
  return (mode & 0o777) | (mode & GoFileMode.setuid ? UNIX_SETUID : 0) | (mode & GoFileMode.setgid ? UNIX_SETGID : 0) |
    (mode & GoFileMode.sticky ? UNIX_STICKY : 0);
}

/** The mode of a node of this type whose low twelve bits of Unix's `st_mode` are these. */
export function goFileMode(type: NodeType, permissions: number): number {
  const special = (permissions & UNIX_SETUID ? GoFileMode.setuid : 0) +
    (permissions & UNIX_SETGID ? GoFileMode.setgid : 0) + (permissions & UNIX_STICKY ? GoFileMode.sticky : 0);
  return (permissions & 0o777) + special + TYPE_BITS[type];
}

const TYPE_BITS: Readonly<Record<NodeType, number>> = {
  file: 0,
  dir: GoFileMode.dir,
  symlink: GoFileMode.symlink,
  dev: GoFileMode.device,
  chardev: GoFileMode.device + GoFileMode.charDevice,
  fifo: GoFileMode.namedPipe,
  socket: GoFileMode.socket,
  irregular: 0,
};
