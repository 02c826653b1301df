/** Which files of a cache directory go: values in, a plan out. */

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

/** Nobody writes one file for so long. */
const LEFTOVER_MS = 60 * 60 * 1000;

/** A repository that was not used for so long is not going to be; restic holds it the same way. */
const UNUSED_MS = 30 * 24 * 60 * 60 * 1000;

/** What dead writers left, and as many of the least recently used files as it takes to keep the limit. */
export function planEviction(files: readonly CachedFile[], limitBytes: number, nowMs: number): CachedFile[] {
  const isLeftover = (file: CachedFile) => file.isBeingWritten && nowMs - file.lastUsedMs > LEFTOVER_MS;
  const evicted = files.filter(isLeftover);
  let totalBytes = totalOf(files) - totalOf(evicted);
  const removable = files.filter(({ isBeingWritten }) => !isBeingWritten).sort(byUse);
  for (const file of removable) {
    if (totalBytes <= limitBytes) break;
    evicted.push(file);
    totalBytes -= file.bytes;
  }
  return evicted;
}

/** The repositories that nobody used for 30 days. */
export function unusedRepositories(repositories: readonly CachedRepository[], nowMs: number): CachedRepository[] {
  return repositories.filter((repository) => nowMs - lastUseOf(repository) > UNUSED_MS);
}

/** When a repository's cache was last used, in milliseconds of the epoch; 0 where it is empty. */
export function lastUseOf({ files }: CachedRepository): number {
  return files.reduce((latest, { lastUsedMs }) => Math.max(latest, lastUsedMs), 0);
}

/** The size of files together. */
export function totalOf(files: readonly CachedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The longest unused first; equal ones in the order of their paths, so that the plan does not depend on the scan. */
function byUse(a: CachedFile, b: CachedFile): number {
  return a.lastUsedMs - b.lastUsedMs || (a.path < b.path ? -1 : 1);
}
