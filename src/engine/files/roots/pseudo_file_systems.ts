/** File systems that hold no files but show what the kernel does: nothing in them can be backed up or restored. */
import { byteStringOf } from "../../../format/byte_string.ts";

/** Their types, as in proc(5). A `devtmpfs` is none of them: its devices are kept like those in any directory. */
const PSEUDO_TYPES: ReadonlySet<string> = new Set([
  "binfmt_misc",
  "bpf",
  "cgroup",
  "cgroup2",
  "configfs",
  "debugfs",
  "devpts",
  "efivarfs",
  "fusectl",
  "hugetlbfs",
  "mqueue",
  "nsfs",
  "proc",
  "pstore",
  "rpc_pipefs",
  "securityfs",
  "selinuxfs",
  "smackfs",
  "sysfs",
  "tracefs",
]);

/** A pseudo file system. */
export interface PseudoFileSystem {
  /** Where it is mounted, below the root of the file system. */
  readonly path: string;
  /** Its type, such as `proc`. */
  readonly type: string;
}

/** Where they usually are, for machines that do not tell. */
const USUAL: readonly PseudoFileSystem[] = [{ path: "proc", type: "proc" }, { path: "sys", type: "sysfs" }];

/**
 * The pseudo file systems of a machine that lie in no other one. `mountInfo`: the content of /proc/self/mountinfo
 * (proc(5)), where the fifth field is the place, with some characters in octal, and the type stands behind a lone `-`.
 * Without it, /proc and /sys are taken for such.
 */
export function pseudoFileSystems(mountInfo: Uint8Array | undefined): PseudoFileSystem[] {
  if (mountInfo === undefined) return [...USUAL];
  const types = new Map<string, string>();
  for (const line of byteStringOf(mountInfo).split("\n")) {
    const [before, after] = line.split(" - ");
    const place = before?.split(" ")[4];
    const type = after?.split(" ")[0];
    // What is mounted later over the same place hides what is there.
    if (place !== undefined && type !== undefined) types.set(unescaped(place).replace(/^\//, ""), type);
  }
  const pseudo = [...types].filter(([, type]) => PSEUDO_TYPES.has(type)).map(([path, type]) => ({ path, type }));
  return pseudo.filter(({ path }) => !pseudo.some((other) => other.path !== path && isWithin(path, other.path)));
}

/** Whether a path is another one or lies in it. Both are below the root, "" is the root. */
export function isWithin(path: string, directory: string): boolean {
  return directory === "" || path === directory || path.startsWith(`${directory}/`);
}

function unescaped(place: string): string {
  return place.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
