/**
 * Temporary files in a local store whose writers were killed: recognised by name, and removed if they are old enough.
 */
import { isNameOfKind, REPOSITORY_FOLDERS, TEMPORARY_MARK } from "../layout.ts";
import { osCode } from "./local_errors.ts";
import type { FileSystem } from "./local_file.ts";
import type { Leftovers, RemoveLeftoversOptions } from "../store.ts";

/** Removes leftovers in `root`, the folder of a repository. Throws the filesystem's own errors. */
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
  const [finalName, unique] = name.split(TEMPORARY_MARK, 2);
  return unique !== undefined && (isNameOfKind("config", finalName!) || isNameOfKind("pack", finalName!));
}

/** The size of a file that is old enough to be removed; undefined if it is too young, or gone already. */
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
