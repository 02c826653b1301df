/** A file system of a few paths in memory, for what looks at PATHs. */
import type { LookedAt, PathLook } from "../../src/engine/files/roots/path_look.ts";

/** What is at a path: a link by where it leads, or the type of anything else. */
export type MadePath = { readonly to: string } | "file" | "folder" | "socket" | "unknown";

/** Looks at paths that are made up; all of them on one file system, each with an inode of its own. */
export class MadePaths implements PathLook {
  readonly #paths: ReadonlyMap<string, MadePath>;

  /** By absolute path. The folders above need not be given. */
  constructor(paths: Readonly<Record<string, MadePath>>) {
    const all = new Map<string, MadePath>([["/", "folder"]]);
    for (const [path, what] of Object.entries(paths)) {
      for (let slash = path.indexOf("/", 1); slash > 0; slash = path.indexOf("/", slash + 1)) {
        if (!all.has(path.slice(0, slash))) all.set(path.slice(0, slash), "folder");
      }
      all.set(path, what);
    }
    this.#paths = all;
  }

  at(path: string): LookedAt {
    const what = this.#paths.get(path === "/" ? path : path.replace(/\/$/, ""));
    if (what === undefined) return { kind: "absent" };
    if (what === "unknown") return { kind: "unknown", reason: "permission denied" };
    const file = { deviceId: 1n, inode: BigInt([...this.#paths.keys()].indexOf(path)) };
    return { kind: "there", type: typeof what === "string" ? what : "link", file, sizeBytes: 1000 };
  }

  linkTarget(path: string): string | null {
    const what = this.#paths.get(path);
    return typeof what === "object" ? what.to : null;
  }

  namesIn(path: string): readonly string[] {
    const folder = path.endsWith("/") ? path : `${path}/`;
    return [...this.#paths.keys()].filter((each) => each.startsWith(folder) && each !== folder)
      .map((each) => each.slice(folder.length)).filter((name) => !name.includes("/"));
  }
}
