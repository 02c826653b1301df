/** Find: in which backups entries are, and in which versions. */
import { type AgentError, IntegrityError } from "../../base/errors.ts";
import { type Backup, compareAge, startedMsOf, withoutCopies, withoutDamagedCopies } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { isOrLiesBelow, unknownName } from "../../backup/naming/unknown_names.ts";
import { type EntryMatcher, entryMatcher, type EntryPatterns } from "../../backup/trees/entry_pattern.ts";
import { EntryFinder, type FoundVersion, TreesWithout } from "../../backup/trees/find_entries.ts";
import { viewOf } from "../../backup/trees/tree_view.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { groupBySeriesAndHost } from "../../policy/series_and_host.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import { readingUseCase, type RepositoryAccess, type UseCaseOptions } from "../access.ts";

/** What to find, and in which backups. Absent fields match everything. */
export interface FindRequest extends EntryPatterns {
  /** Only this series and those below it. */
  readonly series?: string;
  /** Only backups of this host. */
  readonly host?: string;
  /** Only backups that began at this time or later. */
  readonly since?: Date;
  /** Only backups that began at this time or earlier. */
  readonly until?: Date;
  /** Only the newest of these backups of each series and host. */
  readonly newest: boolean;
  /** Read without a lock, for read-only stores. */
  readonly noLock: boolean;
}

/** Options of `find`. */
export interface FindOptions extends UseCaseOptions {
  /** Called with the number of backups that were searched, and of all; with 0 and 0 while indexes are read. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was found. */
export interface FindResult {
  /** By series and host, then by path; older versions first. */
  readonly versions: readonly FoundVersion[];
  /** How many backups were searched. */
  readonly searched: number;
  /** Backups of which a tree cannot be read, so that something may be missing; each was told to `onProblem`. */
  readonly unreadable: readonly { readonly backup: Backup; readonly error: AgentError }[];
  /** Snapshots that cannot be read. */
  readonly damaged: readonly DamagedSnapshot[];
  /** A message if no backup has the series or host; otherwise null. */
  readonly unknown: string | null;
}

/** Searches backups under a shared lock. Throws `UsageError` for malformed patterns, and what the store throws. */
export async function find(
  access: RepositoryAccess,
  request: FindRequest,
  options: FindOptions,
): Promise<FindResult> {
  const matcher = entryMatcher(request);
  return await readingUseCase(access, request, options, async (repository, signal) => {
    options.onProgress?.(0, 0);
    const openIndex = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: openIndex, signal });
    const unknown = unknownName(backups, {
      ...request.series !== undefined && { series: [request.series] },
      ...request.host !== undefined && { hosts: [request.host] },
    });
    const groups = groupsOf(backups, request);
    const found = await searchAll(await openIndex(), groups, matcher, { ...options, signal });
    return { ...found, damaged, unknown };
  });
}

/** The backups to search, by series and host, oldest first. */
function groupsOf(backups: readonly Backup[], request: FindRequest): (readonly Backup[])[] {
  const { series, host, since, until, newest } = request;
  const asked = withoutDamagedCopies(withoutCopies(backups)).filter((backup) => {
    const startedMs = startedMsOf(backup);
    return (series === undefined || isOrLiesBelow(backup.series, series)) &&
      (host === undefined || backup.host === host) &&
      (since === undefined || startedMs >= since.getTime()) &&
      (until === undefined || startedMs <= until.getTime());
  });
  return groupBySeriesAndHost(asked).map((group) => {
    const byAge = group.toSorted(compareAge);
    return newest ? byAge.slice(-1) : byAge;
  });
}

async function searchAll(
  repository: IndexedRepository,
  groups: readonly (readonly Backup[])[],
  matcher: EntryMatcher,
  { signal, world, onProgress }: FindOptions & { readonly signal: AbortSignal },
): Promise<Pick<FindResult, "versions" | "searched" | "unreadable">> {
  await using reader = new TreeReader(repository, signal);
  const without = new TreesWithout(matcher.dependsOnPath);
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  const versions: FoundVersion[] = [];
  const unreadable: { backup: Backup; error: AgentError }[] = [];
  let searched = 0;
  for (const group of groups) {
    const finder = new EntryFinder(reader, matcher, without);
    for (const backup of group) {
      try {
        await finder.search(await viewOf(repository, backup));
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        unreadable.push({ backup, error });
        world.onProblem?.(error);
      }
      searched++;
      onProgress?.(searched, total);
    }
    for (const version of finder.versions) versions.push(version);
  }
  return { versions, searched, unreadable };
}
