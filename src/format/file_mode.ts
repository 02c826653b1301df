/** File modes as trees hold them: Go's `FileMode`, whose type and special bits lie elsewhere than in Unix's `st_mode`. */

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

const PERMISSIONS = 0o777;
const UNIX_TYPE_MASK = 0o170000;

const UNIX_TYPES: ReadonlyMap<number, number> = new Map([
  [0o140000, GoFileMode.socket],
  [0o120000, GoFileMode.symlink],
  [0o060000, GoFileMode.device],
  [0o040000, GoFileMode.dir],
  [0o020000, GoFileMode.device + GoFileMode.charDevice],
  [0o010000, GoFileMode.namedPipe],
]);

const UNIX_SPECIALS = [[0o4000, GoFileMode.setuid], [0o2000, GoFileMode.setgid], [0o1000, GoFileMode.sticky]] as const;

/** The Go file mode of an `st_mode`. */
export function goModeOfUnix(stMode: number): number {
  let mode = (stMode & PERMISSIONS) + (UNIX_TYPES.get(stMode & UNIX_TYPE_MASK) ?? 0);
  for (const [unix, go] of UNIX_SPECIALS) if (stMode & unix) mode += go;
  return mode;
}

/** What `chmod` takes of a Go file mode: permissions, setuid, setgid and sticky. */
export function unixPermissionsOf(goMode: number): number {
  let permissions = goMode & PERMISSIONS;
  for (const [unix, go] of UNIX_SPECIALS) if (goMode & go) permissions |= unix;
  return permissions;
}
