/** Stats: what a repository, a series or a backup takes, what it shares with others, and how it grew. */
import { UsageError } from "../../base/errors.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { LENIENT, loadBackups, type LoadedBackups } from "../../backup/load_backups.ts";
import { keysAmong, onlyOfData } from "../../backup/by_kind.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { isOrLiesBelow, unknownName } from "../../backup/naming/unknown_names.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { loadPruneIndex } from "../../maintain/prune/prune_index.ts";
import { ACROSS, AMONG, findUsers, NOBODY, OTHERS } from "../../maintain/stats/blob_users.ts";
import { monthlyGrowth, type MonthStats } from "../../maintain/stats/monthly_growth.ts";
import { addSums, NO_BLOBS, type StorageSums, sumByUser } from "../../maintain/stats/storage_sums.ts";
import { TreeSizes } from "../../maintain/stats/tree_sizes.ts";
import { comparePacks } from "../../repository/pack/stored_packs.ts";
import type { Repository } from "../../repository/repository.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { readingUseCase, type RepositoryAccess, type UseCaseOptions } from "../access.ts";

/** Whose numbers are asked for. */
export interface StatsRequest {
  /**
   * `SERIES@SELECTOR` or `@ID` for one backup, or `SERIES` for this series and those below it. Absent for all backups
   * of data, without values under keys.
   */
  readonly selection?: string;
  /** Only backups of this host. Not for a single backup. */
  readonly host?: string;
  /** Read without a lock, for read-only stores. */
  readonly noLock: boolean;
}

/** The progress of the work, counted in index files or trees. */
export interface StatsProgress {
  /** The current phase. */
  readonly phase: "indexes" | "trees";
  /** How many are done. */
  readonly done: number;
  /** The most there can be. */
  readonly total: number;
}

/** Options of `stats`. */
export interface StatsOptions extends UseCaseOptions {
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: StatsProgress) => void;
}

/** The selected backups of one series. */
export interface SeriesStats {
  /** The series. */
  readonly series: string;
  /** How many of its backups are selected. */
  readonly backups: number;
  /** Bytes of all their streams, as they were read and as they are restored. */
  readonly readBytes: number;
  /** What only these backups use: removing them and a prune would free that. */
  readonly own: StorageSums;
}

/** What lies in the repository, whoever uses it. Sizes are in bytes. */
export interface RepositoryTotals {
  /** Packs that index files list and that exist. */
  readonly packs: number;
  /** Their size. */
  readonly packBytes: number;
  /** What backups use of them. */
  readonly used: StorageSums;
  /** Blobs in them that no backup uses, and further copies of blobs. */
  readonly unusedBlobs: number;
  /** What these take: a prune would free that. */
  readonly unusedBytes: number;
  /** Packs that no index file lists. */
  readonly orphanPacks: number;
  /** Their size. */
  readonly orphanBytes: number;
  /** How many index files there are. */
  readonly indexFiles: number;
  /** Their size. */
  readonly indexBytes: number;
}

/** What the selected backups take. What all of them use is the sum of each `own`, `shared` and `sharedWithOthers`. */
export interface StatsReport {
  /** The series of the selected backups, by name. */
  readonly series: readonly SeriesStats[];
  /** What several of these series use, and no other backup. */
  readonly shared: StorageSums;
  /** What both the selected and other backups use. */
  readonly sharedWithOthers: StorageSums;
  /** What the selected backups use in all. */
  readonly total: StorageSums;
  /** The selected backups by month. */
  readonly months: readonly MonthStats[];
  /** The whole repository. */
  readonly repository: RepositoryTotals;
  /** How many keys with values were left out, because the request names no series. */
  readonly keysLeftOut: number;
  /** How many backups the repository has in all. */
  readonly backupsInAll: number;
  /** Snapshots that cannot be read. What they use is unknown, so it may count as unused, or as somebody's own. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * Computes the numbers under a shared lock. Throws `UsageError` for a name that no backup has, what
 * `selectDespiteDamage` throws, and `IntegrityError` if an index file or a tree is unreadable, or if a used blob is
 * missing.
 */
export async function stats(
  access: RepositoryAccess,
  request: StatsRequest,
  options: StatsOptions,
): Promise<StatsReport> {
  const select = selectionOf(request);
  const { selection, host } = request;
  return await readingUseCase(access, request, options, async (repository, signal) => {
    const loaded = await load(repository, { ...options, signal });
    const report = await measure(repository, loaded, { ...options, selected: select(loaded), signal });
    const keysLeftOut = selection === undefined ? keysAmong(ofHost(loaded.backups, host)) : 0;
    return { ...report, keysLeftOut };
  });
}

/** Loads the backups. The index that rewritten ones may need is free to go afterwards: it is as large as the other. */
function load(repository: Repository, { world, signal }: StatsOptions): Promise<LoadedBackups> {
  const rewritten = wholeIndexOnDemand(repository, passingOver(world, signal));
  return loadBackups(repository.files, { ...LENIENT, rewritten, signal });
}

type Select = (loaded: LoadedBackups) => readonly Backup[];

/** How to select. Throws `UsageError`. */
function selectionOf({ selection, host }: StatsRequest): Select {
  if (selection?.includes("@")) {
    const selector = parseSelector(selection);
    if (host !== undefined) throw new UsageError(`"${selection}" is one backup: give it without --host`);
    return ({ backups, damaged }) => [selectDespiteDamage(backups, damaged, { selector, text: selection })];
  }
  return ({ backups, damaged }) => {
    const asked = { ...selection !== undefined && { series: [selection] }, ...host !== undefined && { hosts: [host] } };
    const unknown = damaged.length > 0 ? null : unknownName(backups, asked);
    if (unknown !== null) throw new UsageError(unknown);
    const ofSeries = selection === undefined
      ? onlyOfData(backups)
      : backups.filter(({ series }) => isOrLiesBelow(series, selection));
    return ofHost(ofSeries, host);
  };
}

function ofHost(backups: readonly Backup[], host: string | undefined): Backup[] {
  return backups.filter((backup) => host === undefined || backup.host === host);
}

interface Measuring extends StatsOptions {
  readonly selected: readonly Backup[];
  readonly signal: AbortSignal;
}

/** Snapshots are loaded before the index, so that all blobs of a backup that a put has just committed are in it. */
async function measure(
  repository: Repository,
  { backups, damaged }: LoadedBackups,
  { selected, world, signal, onProgress }: Measuring,
): Promise<Omit<StatsReport, "keysLeftOut">> {
  const { files, store } = repository;
  const index = await loadPruneIndex(repository, {
    signal,
    onProgress: (done, total) => onProgress?.({ phase: "indexes", done, total }),
  });
  const indexSizes = (await Array.fromAsync(files.list("index", { signal }))).map(({ size }) => size);
  const listed = await comparePacks(store, index.packs, { signal });
  const groups = [...Map.groupBy(selected, ({ series }) => series)].sort(([a], [b]) => a < b ? -1 : 1);
  const sizes = selected.some((backup) => sizeOf(backup) === null) ? new TreeSizes() : null;
  const users = await findUsers({
    repository,
    index,
    isWhole: (pack) => listed.packs[pack]!.state === "whole",
    roots: rootsOf(backups, groups),
    onTree: (tree, nodes) => sizes?.note(tree, nodes),
    budget: world,
    signal,
    onProgress: (done, total) => onProgress?.({ phase: "trees", done, total }),
  });
  const { sums, use: { packs } } = sumByUser(index, listed, users);
  const sumOf = (user: number) => sums.get(user) ?? NOTHING;
  const series = groups.map(([name, members], i): SeriesStats => ({
    series: name,
    backups: members.length,
    readBytes: total(members, (backup) => sizeOf(backup) ?? sizes!.totalOf(backup.snapshot.tree)),
    own: sumOf(i + 1),
  }));
  const [shared, sharedWithOthers] = [sumOf(AMONG), sumOf(ACROSS)];
  const present = packs.filter(({ state }) => state !== "missing");
  return {
    series,
    shared,
    sharedWithOthers,
    total: addSums([...series.map(({ own }) => own), shared, sharedWithOthers]),
    months: monthlyGrowth(selected),
    repository: {
      packs: present.length,
      packBytes: total(present, ({ bytes }) => bytes),
      used: addSums([...sums].filter(([user]) => user !== NOBODY).map(([, sum]) => sum)),
      unusedBlobs: total(present, ({ unusedBlobs }) => unusedBlobs),
      unusedBytes: total(present, ({ unusedBytes }) => unusedBytes),
      orphanPacks: listed.unindexed.length,
      orphanBytes: total(listed.unindexed, ({ size }) => size),
      indexFiles: indexSizes.length,
      indexBytes: total(indexSizes, (size) => size),
    },
    backupsInAll: backups.length,
    damaged,
  };
}

const NOTHING: StorageSums = { data: NO_BLOBS, tree: NO_BLOBS };

/** The roots of all backups. The user of a selected one is the number of its series, from 1. */
function rootsOf(backups: readonly Backup[], groups: readonly (readonly [string, readonly Backup[]])[]) {
  const users = new Map(groups.flatMap(([, members], i) => members.map((backup) => [backup, i + 1] as const)));
  return backups.map((backup) => ({ tree: backup.snapshot.tree, user: users.get(backup) ?? OTHERS }));
}

function total<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
