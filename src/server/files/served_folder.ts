/** Finds the repositories in a server's folder. */
import { folderOfKind } from "../../store/layout.ts";
import { localError, osCode } from "../../store/local/local_errors.ts";
import { isRepositorySegment, LOST_AND_FOUND } from "../routes.ts";

/**
 * The repositories in a folder and two levels below, by their paths relative to it; the path of the folder itself is
 * empty. `onUnreadable` receives the reason why a folder cannot be examined.
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

/**
 * Whether a name at the top of the folder counts towards its quota: requests reach neither hidden files nor those that
 * a filesystem repair saved.
 */
export function isServedName(name: string): boolean {
  return !name.startsWith(".") && name !== LOST_AND_FOUND;
}

/** Whether a folder contains a repository. */
export async function isRepository(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(`${path}/${folderOfKind("pack")}`)).isDirectory;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw localError(thrown, "look at", path);
  }
}

/** The folders, and links that may lead to some, whose names may be part of a repository's path. */
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
