/** Temporary files in a local store whose writers were killed: found by their names, judged by their age. */
import { isNameOfKind, REPOSITORY_FOLDERS } from "./layout.ts";
import { osCode } from "./local_errors.ts";
import type { FileSystem } from "./local_file.ts";
import type { Leftovers, RemoveLeftoversOptions } from "./store.ts";

/** Both this program and restic write `NAME-tmp-…` beside the final name. */
const TEMPORARY_NAME = /^([0-9a-z]+)-tmp-/;

/** The path for a temporary file beside the final path; `unique` is hex digits that no other writer has. */
export function temporaryPath(path: string, unique: string): string {
  return `${path}-tmp-${unique}`;
}

/** Removes leftovers below `root`, the folder of a repository. Throws the filesystem's own errors. */
export async function removeLeftovers(
  files: FileSystem,
  root: string,
  options: RemoveLeftoversOptions,
): Promise<Leftovers> {
  const found = { files: 0, bytes: 0 };
  for (const folder of ["", ...REPOSITORY_FOLDERS]) {
    options.signal?.throwIfAborted();
    const path = folder === "" ? root : `${root}/${folder}`;
    for (const name of await temporaryNames(files, path)) {
      const bytes = await removeIfOld(files, `${path}/${name}`, options);
      if (bytes === undefined) continue;
      found.files++;
      found.bytes += bytes;
    }
  }
  return found;
}

async function temporaryNames(files: FileSystem, folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of files.readDir(folder)) {
      if (isFile && isTemporaryName(name)) names.push(name);
    }
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
  return names;
}

function isTemporaryName(name: string): boolean {
  const final = TEMPORARY_NAME.exec(name)?.[1];
  return final !== undefined && (isNameOfKind("config", final) || isNameOfKind("pack", final));
}

/** The size of a file that goes; undefined for one that is too young, or gone already. */
async function removeIfOld(
  files: FileSystem,
  path: string,
  { olderThan, dryRun }: RemoveLeftoversOptions,
): Promise<number | undefined> {
  try {
    const { mtime, size } = await files.lstat(path);
    if (mtime === null || mtime >= olderThan) return undefined;
    if (!dryRun) await files.remove(path);
    return size;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
