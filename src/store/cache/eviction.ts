/** Decides which files of a cache directory are removed. Pure: values in, a plan out. */

/** One file of a cache, as a scan found it. */
export interface CachedFile {
  readonly path: string;
  readonly bytes: number;
  readonly lastUsedMs: number;
  /** Whether it is still being written, or was when its writer died. */
  readonly isBeingWritten: boolean;
}

/** The part of a cache that belongs to one repository. */
export interface CachedRepository {
  /** The id in the repository's config. */
  readonly id: string;
  readonly files: readonly CachedFile[];
}

/** No writer takes this long for one file. */
const LEFTOVER_MS = 60 * 60 * 1000;

/** A repository that was unused for this long is unlikely to be used again; restic has the same rule. */
const UNUSED_MS = 30 * 24 * 60 * 60 * 1000;

/** The files to remove: leftovers of dead writers, and the least recently used files until the limit is kept. */
export function planEviction(files: readonly CachedFile[], limitBytes: number, nowMs: number): CachedFile[] {
  const isLeftover = (file: CachedFile) => file.isBeingWritten && nowMs - file.lastUsedMs > LEFTOVER_MS;
  const evicted = files.filter(isLeftover);
  let totalBytes = totalOf(files) - totalOf(evicted);
  // An empty file makes no room; it may be one that a process has locked.
  const removable = files.filter(({ isBeingWritten, bytes }) => !isBeingWritten && bytes > 0).sort(byUse);
  for (const file of removable) {
    if (totalBytes <= limitBytes) break;
    evicted.push(file);
    totalBytes -= file.bytes;
  }
  return evicted;
}

/** The repositories that were not used for 30 days. */
export function unusedRepositories(repositories: readonly CachedRepository[], nowMs: number): CachedRepository[] {
  return repositories.filter((repository) => nowMs - lastUseOf(repository) > UNUSED_MS);
}

/** When a repository's cache was last used, in milliseconds since the epoch; 0 if it is empty. */
export function lastUseOf({ files }: CachedRepository): number {
  return files.reduce((latest, { lastUsedMs }) => Math.max(latest, lastUsedMs), 0);
}

/** The total size of the files. */
export function totalOf(files: readonly CachedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Puts the least recently used first, and orders equal ones by path, so that the plan does not depend on the scan. */
function byUse(a: CachedFile, b: CachedFile): number {
  return a.lastUsedMs - b.lastUsedMs || (a.path < b.path ? -1 : 1);
}
