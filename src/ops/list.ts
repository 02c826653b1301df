/** List and chain: which backups exist, from snapshots alone unless restic rewrote some. */
import { type Backup, compareAge } from "../backup/backup.ts";
import { type ChainMember, chainOf } from "../backup/chain/chain_links.ts";
import { withoutInternal } from "../backup/by_kind.ts";
import { isInternal } from "../format/manifest/series.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import { type AskedNames, isOrLiesBelow, unknownName } from "../backup/naming/unknown_names.ts";
import { groupBySeriesAndHost } from "../policy/series_and_host.ts";
import { parseSelector, selectDespiteDamage } from "../backup/naming/selector.ts";
import type { DamagedSnapshot } from "../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import { passingOver, wholeIndexOnDemand } from "../backup/whole_index.ts";

/** Backups, oldest first, and the snapshots that could not be read. */
export interface BackupList {
  /** The matching backups. */
  readonly backups: readonly Backup[];
  /** How many backups there are in all, matching or not. */
  readonly total: number;
  /** A message if the filter names a series or host that no backup has; otherwise null. */
  readonly unknown: string | null;
  /** Snapshots that could not be read. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** Which backups to list. Absent fields match everything. */
export interface ListFilter {
  /**
   * Only this series and the series below it. What the program keeps for itself, such as verdicts of restores on trial,
   * is listed only if this names it; values under keys are listed like all backups.
   */
  readonly series?: string;
  /** Only backups of this host. */
  readonly host?: string;
  /** Only backups that have all of these tags. */
  readonly tags?: readonly string[];
  /** Only this many of each series on each host: the newest by their own clocks. */
  readonly latest?: number;
  /** Only backups whose series contains this, in upper or lower case, or whose id or snapshot's id begins with it. */
  readonly word?: string;
}

/** All backups that match the filter. */
export function listBackups(
  access: RepositoryAccess,
  filter: ListFilter,
  options: UseCaseOptions,
): Promise<BackupList> {
  return useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const { backups, all, damaged } = await loadBackups(repository.files, {
      rewritten: wholeIndexOnDemand(repository, passingOver(options.world, signal)),
      among: (all) => latestOf(all.filter((backup) => fits(backup, filter)), filter.latest),
      ...LENIENT,
      signal,
    });
    return { backups, damaged, total: withoutInternal(all).length, unknown: unknownName(all, askedNames(filter)) };
  });
}

/** The chain that ends with the selected backup. Throws what `selectDespiteDamage` throws. */
export async function listChain(
  access: RepositoryAccess,
  { selector }: { readonly selector: string },
  options: UseCaseOptions,
): Promise<ChainMember[]> {
  const wanted = parseSelector(selector);
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    const rewritten = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten, signal });
    return chainOf(backups, selectDespiteDamage(backups, damaged, { selector: wanted, text: selector }));
  });
}

function askedNames({ series, host }: ListFilter): AskedNames {
  return { ...series !== undefined && { series: [series] }, ...host !== undefined && { hosts: [host] } };
}

/** The newest `count` backups of each series on each host, in the given order. */
function latestOf(backups: readonly Backup[], count = Infinity): readonly Backup[] {
  if (count === Infinity) return backups;
  const newest = groupBySeriesAndHost(backups).flatMap((group) =>
    group.toSorted((a, b) => compareAge(b, a)).slice(0, count)
  );
  const kept = new Set(newest);
  return backups.filter((backup) => kept.has(backup));
}

function fits(backup: Backup, filter: ListFilter): boolean {
  const { series, host, snapshot } = backup;
  const wantsSeries = filter.series;
  return (wantsSeries === undefined ? !isInternal(series) : isOrLiesBelow(series, wantsSeries)) &&
    (filter.host === undefined || host === filter.host) &&
    (filter.tags ?? []).every((tag) => snapshot.tags.includes(tag)) &&
    (filter.word === undefined || isNamedBy(backup, filter.word));
}

/** The shortest beginning of an id that is taken for one: anything shorter occurs in every repository. */
const LEAST_ID_DIGITS = 4;

function isNamedBy({ series, id, snapshotId }: Backup, word: string): boolean {
  if (foldCase(series).includes(foldCase(word))) return true;
  return word.length >= LEAST_ID_DIGITS && [id, snapshotId].some((each) => each.startsWith(word));
}

function foldCase(text: string): string {
  return text.normalize().toLowerCase();
}
