/** Which repositories lie below the folder of a server. */
import { folderOfKind } from "../../store/layout.ts";
import { localError, osCode } from "../../store/local/local_errors.ts";
import { isRepositorySegment, LOST_AND_FOUND } from "../routes.ts";

/**
 * The repositories below a folder by their paths relative to it: the folder itself (empty), and two levels below.
 * `onUnreadable` is told why a folder could not be looked into.
 */
export async function* findRepositories(
  root: string,
  onUnreadable: (thrown: unknown) => void,
): AsyncGenerator<string> {
  if (await isRepository(root)) yield "";
  for (const first of await foldersIn(root)) {
    try {
      if (await isRepository(`${root}/${first}`)) yield first;
      yield* await repositoriesIn(root, first, onUnreadable);
    } catch (thrown) {
      onUnreadable(thrown);
    }
  }
}

async function repositoriesIn(
  root: string,
  first: string,
  onUnreadable: (thrown: unknown) => void,
): Promise<string[]> {
  const found: string[] = [];
  for (const second of await foldersIn(`${root}/${first}`)) {
    try {
      if (await isRepository(`${root}/${first}/${second}`)) found.push(`${first}/${second}`);
    } catch (thrown) {
      onUnreadable(thrown);
    }
  }
  return found;
}

/** Whether a name at the top of a folder counts for its quota: no request reaches hidden files, or what a repair found. */
export function isServedName(name: string): boolean {
  return !name.startsWith(".") && name !== LOST_AND_FOUND;
}

/** Whether a repository was created in a folder. */
export async function isRepository(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(`${path}/${folderOfKind("pack")}`)).isDirectory;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw localError(thrown, "look at", path);
  }
}

/** The folders in a folder, and links to some, whose names may stand in a repository's path. */
async function foldersIn(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (!isFile && isRepositorySegment(name)) names.push(name);
    }
  } catch (thrown) {
    if (!isMissing(thrown)) throw localError(thrown, "list", path);
  }
  return names.sort();
}

function isMissing(thrown: unknown): boolean {
  return osCode(thrown) === "ENOENT" || osCode(thrown) === "ENOTDIR";
}
