/** A whole cache directory, with the copies of all repositories: what is in it, and how it is kept small. */
import type { Clock } from "../../base/clock.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { isId } from "../../base/id.ts";
import { REPOSITORY_FOLDERS } from "../layout.ts";
import { localError, osCode } from "../local/local_errors.ts";
import { addressPath } from "./address.ts";
import { kindOfName, SNAPSHOTS_FOLDER, SORTED_FOLDER, SPILL_FOLDER, TABLES_FOLDER } from "./cache_entry.ts";
import { ownerOf, ownUid } from "./ownership.ts";
import { type CachedFile, type CachedRepository, planEviction } from "./eviction.ts";

/** The folders that only a cache has. */
const OWN_FOLDERS = [TABLES_FOLDER, SNAPSHOTS_FOLDER, SORTED_FOLDER, SPILL_FOLDER];

/** How many files or folders are examined at once. */
const FILES_AT_ONCE = 32;

/**
 * The files in a cache directory, by repository; none if the directory does not exist. Skips repositories that are not
 * wanted, and files and folders that no cache has written. Throws `StoreError` if the directory cannot be read.
 */
export async function scanCache(
  directory: string,
  isWanted: (id: string) => Promise<boolean> = () => Promise.resolve(true),
): Promise<CachedRepository[]> {
  const repositories: CachedRepository[] = [];
  for (const id of (await namesIn(directory)).filter(isId).sort()) {
    if (await isWanted(id)) repositories.push({ id, files: await scanRepository(`${directory}/${id}`) });
  }
  return repositories;
}

/**
 * Removes files until the limit is kept, and what dead writers left behind. Skips folders of other users. Throws
 * `StoreError` if a file cannot be removed.
 */
export async function evict(options: { directory: string; limitBytes: number; clock: Clock }): Promise<void> {
  const { directory, limitBytes, clock } = options;
  const isOwn = async (id: string) => await ownerOf(`${directory}/${id}`, ownUid()) !== "another's";
  const files = (await scanCache(directory, isOwn)).flatMap((repository) => repository.files);
  await removeFiles(planEviction(files, limitBytes, clock.now().getTime()));
}

/** Removes files; one that is already gone counts as removed. Throws `StoreError` if a file cannot be removed. */
export async function removeFiles(files: readonly CachedFile[]): Promise<void> {
  await mapConcurrently(files, FILES_AT_ONCE, ({ path }) => removeUnless(["ENOENT"], path));
}

/** Removes the empty folders of a repository. Throws `StoreError` if one cannot be removed. */
export async function removeEmptyFolders(directory: string, { id }: CachedRepository): Promise<void> {
  // The list names each folder after its parent, so in reverse order the children are removed first.
  for (const folder of [...REPOSITORY_FOLDERS, ...OWN_FOLDERS].reverse()) {
    await removeUnless(["ENOENT", "ENOTEMPTY"], `${directory}/${id}/${folder}`);
  }
  await removeUnless(["ENOENT"], addressPath(directory, id));
  await removeUnless(["ENOENT", "ENOTEMPTY"], `${directory}/${id}`);
}

async function scanRepository(path: string): Promise<CachedFile[]> {
  const packFolders = (await namesIn(`${path}/data`)).map((name) => `data/${name}`);
  const found: CachedFile[] = [];
  for (const folder of ["snapshots", "index", ...OWN_FOLDERS, ...packFolders]) {
    const names = (await namesIn(`${path}/${folder}`)).filter((name) => kindOfName(folder, name) !== undefined);
    const files = await mapConcurrently(names, FILES_AT_ONCE, (name) => {
      return lookAt(`${path}/${folder}/${name}`, kindOfName(folder, name) === "being-written");
    });
    found.push(...files.filter((file) => file !== undefined));
  }
  return found;
}

/** A file's size and age; undefined if somebody else has removed it meanwhile. */
async function lookAt(path: string, isBeingWritten: boolean): Promise<CachedFile | undefined> {
  try {
    const { isFile, size, mtime } = await Deno.lstat(path);
    return isFile ? { path, bytes: size, lastUsedMs: mtime?.getTime() ?? 0, isBeingWritten } : undefined;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return undefined;
    throw localError(thrown, "look at", path);
  }
}

/** The names in a folder; none if there is no such folder. */
async function namesIn(path: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT" || osCode(thrown) === "ENOTDIR") return [];
    throw localError(thrown, "list", path);
  }
}

async function removeUnless(codes: readonly string[], path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (thrown) {
    if (!codes.includes(osCode(thrown) ?? "unknown")) throw localError(thrown, "remove", path);
  }
}
