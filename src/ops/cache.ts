/** The cache of repositories on this machine: lists its content and tidies it up. Needs no repository and no password. */
import type { Clock } from "../base/clock.ts";
import { readAddress } from "../store/cache/address.ts";
import { removeEmptyFolders, removeFiles, scanCache } from "../store/cache/directory.ts";
import {
  type CachedFile,
  type CachedRepository,
  lastUseOf,
  planEviction,
  totalOf,
  unusedRepositories,
} from "../store/cache/eviction.ts";

import { LAST_KEYS_FOLDER } from "../store/cache/last_key.ts";

/** What a cache keeps of one repository. */
export interface CacheRow {
  /** The id in the repository's config. */
  readonly id: string;
  /** Where the repository is, without a password; null if that was not recorded. */
  readonly address: string | null;
  /** Bytes of its files. */
  readonly bytes: number;
  /** How many files it has. */
  readonly files: number;
  /** When the cache was last used for it, to the hour; null if the cache keeps no file of it. */
  readonly lastUsed: Date | null;
}

/** What was removed from a cache. */
export interface CacheRemoval {
  /** Bytes of the files. */
  readonly bytes: number;
  /** How many files. */
  readonly files: number;
}

/** The repositories of a cache directory, the most recently used first. Throws `StoreError` if that is unreadable. */
export async function listCache(directory: string): Promise<CacheRow[]> {
  const repositories = (await scanCache(directory)).sort((a, b) => lastUseOf(b) - lastUseOf(a));
  return await Promise.all(repositories.map(async (repository) => ({
    id: repository.id,
    address: await readAddress(directory, repository.id),
    bytes: totalOf(repository.files),
    files: repository.files.length,
    lastUsed: repository.files.length === 0 ? null : new Date(lastUseOf(repository)),
  })));
}

/**
 * Removes repositories that were not used for 30 days, files left behind by killed writers, and whatever exceeds the
 * limit. Throws `StoreError` if the directory cannot be read or changed.
 */
export async function tidyCache(directory: string, limitBytes: number, clock: Clock): Promise<CacheRemoval> {
  const nowMs = clock.now().getTime();
  const repositories = await scanCache(directory);
  const unused = unusedRepositories(repositories, nowMs);
  const used = repositories.filter((repository) => !unused.includes(repository));
  const evicted = planEviction(used.flatMap(({ files }) => files), limitBytes, nowMs);
  return await remove(directory, unused, evicted);
}

/** Removes everything that a cache wrote to its directory. Throws what `tidyCache` throws. */
export async function clearCache(directory: string): Promise<CacheRemoval> {
  await Deno.remove(`${directory}/${LAST_KEYS_FOLDER}`, { recursive: true }).catch(() => {});
  return await remove(directory, await scanCache(directory), []);
}

/** Removes repositories with their folders, and single files. */
async function remove(
  directory: string,
  repositories: readonly CachedRepository[],
  single: readonly CachedFile[],
): Promise<CacheRemoval> {
  const files = [...repositories.flatMap((repository) => repository.files), ...single];
  await removeFiles(files);
  for (const repository of repositories) await removeEmptyFolders(directory, repository);
  return { bytes: totalOf(files), files: files.length };
}
