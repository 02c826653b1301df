/**
 * How much memory this process may take: that of the machine, or the least limit of the control groups it is in.
 *
 * A process that takes more than its group is allowed is killed. Version 2 of control groups (Linux kernel documentation,
 * admin-guide/cgroup-v2) has the limits `memory.max` and `memory.high` in one tree; version 1 has
 * `memory.limit_in_bytes` in a tree of its own. The limits of all groups above count, too, as far as they can be seen: a
 * container sees its own group as the root, or does not see the path of it at all.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";

/** Reads a small text file; throws where there is none. */
type ReadText = (path: string) => string;

/** One tree of control groups, and how its limits are called. */
interface Tree {
  readonly roots: readonly string[];
  readonly limits: readonly string[];
}

const V2: Tree = { roots: ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], limits: ["memory.max", "memory.high"] };
const V1: Tree = { roots: ["/sys/fs/cgroup/memory"], limits: ["memory.limit_in_bytes"] };

/** Bytes this process may take; where nothing tells, those of the machine. */
export function memoryLimit(readText: ReadText = (path) => readFileSync(path, "utf8")): number {
  // A machine that does not tell says 0.
  return Math.min(Deno.systemMemoryInfo().total || Infinity, groupLimit(readText));
}

/** The least limit of the groups this process is in, in bytes; `Infinity` where there is none, or none can be seen. */
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

/** The groups that limit memory, by the lines `hierarchy:controllers:path` of `/proc/self/cgroup`. */
function groupsOf(text: string): { readonly tree: Tree; readonly path: string }[] {
  const groups = text.split("\n").flatMap((line) => {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (hierarchy === "0" && controllers === "") return [{ tree: V2, path }];
    return controllers!.split(",").includes("memory") ? [{ tree: V1, path }] : [];
  });
  // What is mounted there is looked at also where /proc is not.
  return groups.length > 0 ? groups : [{ tree: V2, path: "/" }, { tree: V1, path: "/" }];
}

/** The group's folder, those above it, and the root last; a path that leads out of what can be seen has only that. */
function foldersUpTo(root: string, path: string): string[] {
  const folders = [];
  const isInside = !path.split("/").includes("..");
  for (let at = isInside ? path : "/"; at !== "/"; at = dirname(at)) folders.push(join(root, at));
  return [...folders, root];
}

/** Version 2 says "max" where there is no limit, version 1 a number near 2^63. */
function limitIn(text: string | undefined): number {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : Infinity;
}

function attempt(readText: ReadText, path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined; // most of these files are not there
  }
}
