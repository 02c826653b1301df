/**
 * The path of each file of a repository, relative to the repository's root: restic's default layout (restic design
 * document, section Repository Layout).
 */
import { invariant } from "../base/errors.ts";
import { isId } from "../base/id.ts";
import type { FileKind, FileName } from "./store.ts";

/** The folder of each kind; the config is at the root. */
const FOLDER_BY_KIND: Readonly<Record<FileKind, string>> = {
  config: "",
  key: "keys",
  lock: "locks",
  snapshot: "snapshots",
  index: "index",
  pack: "data",
};

const PACK_FOLDERS: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** The folders of a complete repository, relative to its root; each comes after its parent. */
export const REPOSITORY_FOLDERS: readonly string[] = [
  "data",
  ...PACK_FOLDERS.map((name) => `data/${name}`),
  "index",
  "keys",
  "locks",
  "snapshots",
];

/** The folder that holds all files of a kind, without slashes at its ends; empty for the config. */
export function folderOfKind(kind: FileKind): string {
  return FOLDER_BY_KIND[kind];
}

/** Whether `name` is the name of one of the 256 folders below `data`. */
export function isPackFolder(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

/** Whether a file of the kind may have this name: `config`, or 64 lower-case hex digits for every other kind. */
export function isNameOfKind(kind: FileKind, name: string): boolean {
  return kind === "config" ? name === "config" : isId(name);
}

/**
 * The path of a file, relative to the repository's root, with `/` between folders: `config`, `keys/<id>`, `data/<first
 * two digits>/<id>`. Throws `BugError` for a name that `isNameOfKind` refuses, so that no path leads out of the
 * repository; callers must have checked names from outside before.
 */
export function relativePath(file: FileName): string {
  invariant(isNameOfKind(file.kind, file.name), `Not the name of a ${file.kind} file: "${file.name.slice(0, 80)}"`);
  if (file.kind === "config") return "config";
  if (file.kind === "pack") return `data/${file.name.slice(0, 2)}/${file.name}`;
  return `${FOLDER_BY_KIND[file.kind]}/${file.name}`;
}

/** While a file is being written, its name is the final name, this mark and hex digits; restic uses the same mark. */
export const TEMPORARY_MARK = "-tmp-";

/** The path of a file while it is being written; `unique` is a string of hex digits that no other writer uses. */
export function temporaryPath(path: string, unique: string): string {
  return `${path}${TEMPORARY_MARK}${unique}`;
}
