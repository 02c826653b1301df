/** What lies below the folder of a server: which repositories, and what crashed uploads left in them. */
import { folderOfKind, REPOSITORY_FOLDERS } from "../store/layout.ts";
import { localError, osCode } from "../store/local_errors.ts";
import { isRepositorySegment } from "./routes.ts";

/** An upload that did not end in so long never will. */
const LEFTOVER_AGE_MS = 24 * 3_600_000;

const TEMPORARY_NAME = /^([0-9a-f]{64}|config)-tmp-[0-9a-f]+$/;

/** The repositories below a folder by their paths relative to it: the folder itself (empty), and two levels below. */
export async function* findRepositories(root: string): AsyncGenerator<string> {
  if (await isRepository(root)) yield "";
  for (const first of await foldersIn(root)) {
    if (await isRepository(`${root}/${first}`)) yield first;
    for (const second of await foldersIn(`${root}/${first}`)) {
      if (await isRepository(`${root}/${first}/${second}`)) yield `${first}/${second}`;
    }
  }
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

/** Removes the temporary files of uploads that a crash ended more than a day ago; gives how many. */
export async function removeLeftovers(repositoryPath: string, now: Date): Promise<number> {
  let removed = 0;
  for (const folder of ["", ...REPOSITORY_FOLDERS]) {
    const path = folder === "" ? repositoryPath : `${repositoryPath}/${folder}`;
    for (const name of await namesIn(path, (entry) => entry.isFile && TEMPORARY_NAME.test(entry.name))) {
      if (await removeIfOld(`${path}/${name}`, now)) removed++;
    }
  }
  return removed;
}

async function removeIfOld(path: string, now: Date): Promise<boolean> {
  try {
    const { mtime } = await Deno.stat(path);
    if (mtime === null || now.getTime() - mtime.getTime() < LEFTOVER_AGE_MS) return false;
    await Deno.remove(path);
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw localError(thrown, "remove", path);
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const names = await namesIn(path, (entry) => !entry.isFile && isRepositorySegment(entry.name));
  return names.sort();
}

async function namesIn(path: string, isWanted: (entry: Deno.DirEntry) => boolean): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) if (isWanted(entry)) names.push(entry.name);
  } catch (thrown) {
    if (!isMissing(thrown)) throw localError(thrown, "list", path);
  }
  return names;
}

function isMissing(thrown: unknown): boolean {
  return osCode(thrown) === "ENOENT" || osCode(thrown) === "ENOTDIR";
}
