/**
 * The memory that this process may use: that of the machine, or the least limit of its control groups.
 *
 * A process that exceeds its group's limit is killed. Version 2 of control groups (Linux kernel documentation,
 * admin-guide/cgroup-v2) has the limits `memory.max` and `memory.high` in one tree; version 1 has
 * `memory.limit_in_bytes` in a separate tree. The limits of all visible parent groups apply too. A container may see
 * its own group as the root, or not see its path at all.
 */
import { dirname, join } from "node:path/posix";

/** Reads a small text file. Throws if it does not exist. */
type ReadText = (path: string) => string;

/** One tree of control groups, and the names of its limits. */
interface Tree {
  readonly roots: readonly string[];
  readonly limits: readonly string[];
}

const V2: Tree = { roots: ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], limits: ["memory.max", "memory.high"] };
const V1: Tree = { roots: ["/sys/fs/cgroup/memory"], limits: ["memory.limit_in_bytes"] };

/** The memory that this process may use, in bytes; that of the machine if no limit is known. */
export function memoryLimit(readText: ReadText = Deno.readTextFileSync): number {
  // A machine that does not report its memory says 0.
  return Math.min(Deno.systemMemoryInfo().total || Infinity, groupLimit(readText));
}

/** The least limit of this process's groups in bytes; `Infinity` if no limit exists or is visible. */
export function groupLimit(readText: ReadText): number {
  let least = Infinity;
  for (const { tree, path } of groupsOf(attempt(readText, "/proc/self/cgroup") ?? "")) {
    for (const root of tree.roots) {
      for (const folder of foldersUpTo(root, path)) {
        for (const name of tree.limits) least = Math.min(least, limitIn(attempt(readText, join(folder, name))));
      }
    }
  }
  return least;
}

/** The groups that limit memory, from the lines `hierarchy:controllers:path` of `/proc/self/cgroup`. */
function groupsOf(text: string): { readonly tree: Tree; readonly path: string }[] {
  const groups = text.split("\n").flatMap((line) => {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (hierarchy === "0" && controllers === "") return [{ tree: V2, path }];
    return controllers!.split(",").includes("memory") ? [{ tree: V1, path }] : [];
  });
  // Without /proc, the mounted roots are still examined.
  return groups.length > 0 ? groups : [{ tree: V2, path: "/" }, { tree: V1, path: "/" }];
}

/** The group's folder, its parents, and the root last; only the root if the path leads outside of it. */
function foldersUpTo(root: string, path: string): string[] {
  const folders = [];
  const isInside = !path.split("/").includes("..");
  for (let at = isInside ? path : "/"; at !== "/"; at = dirname(at)) folders.push(join(root, at));
  return [...folders, root];
}

/** The limit in a file. "max" in version 2 means none; version 1 then has a number near 2^63. */
function limitIn(text: string | undefined): number {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : Infinity;
}

function attempt(readText: ReadText, path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined; // most of these files do not exist
  }
}
