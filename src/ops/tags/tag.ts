/**
 * Tag: change the tags of backups. Ids, manifests and content stay; only snapshots are replaced, one backup after the
 * other. After an interruption, the same change completes the rest.
 */
import { UsageError } from "../../base/errors.ts";
import type { SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { LENIENT, loadBackups, type LoadedBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { isOrLiesBelow, unknownName } from "../../backup/naming/unknown_names.ts";
import { wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { freshFiles, replaceSnapshots } from "../../maintain/retention/replace_snapshot.ts";
import { type PlannedTags, planTags } from "../../maintain/retention/tag_plan.ts";
import { refuseTagChange, type TagChange } from "../../policy/retention/tag_change.ts";
import type { LockedRepository, Repository } from "../../repository/repository.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "../access.ts";

/** The backups whose tags are changed. */
export type TagSelection =
  /** Exactly these, as `SERIES@SELECTOR` or `@ID`. */
  | { readonly kind: "backups"; readonly selectors: readonly string[] }
  /** All of any of these series and those below them, on any of these hosts. An absent list means any. */
  | { readonly kind: "all"; readonly series?: readonly string[]; readonly hosts?: readonly string[] };

/** Which tags to change, and of which backups. */
export interface TagRequest {
  /** The backups. */
  readonly selection: TagSelection;
  /** The change. */
  readonly change: TagChange;
  /** Only plan: no lock is taken, and nothing is changed. */
  readonly dryRun: boolean;
}

/** Options of `tag`. */
export interface TagOptions extends UseCaseOptions {
  /** Called with the number of backups that are done, and how many are to be changed. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A backup whose tags were to be changed. */
export interface TaggedBackup {
  /** The backup afterwards. In a dry run, it has its new tags and its old snapshot. */
  readonly backup: Backup;
  /** Its tags before. */
  readonly before: readonly string[];
  /** The snapshots that were replaced or, in a dry run, would be; empty if the backup had these tags already. */
  readonly replaced: readonly SnapshotId[];
}

/** What was done or, in a dry run, would be. */
export interface TagResult {
  /** The selected backups: in the order of the selectors, or oldest first. */
  readonly tagged: readonly TaggedBackup[];
  /** Snapshots that cannot be read. Their tags stay as they are. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * Changes tags under an exclusive lock, unless it is a dry run. Before anything is written, it throws `UsageError` for
 * a change that `refuseTagChange` refuses and for a name that no backup has, and what `selectDespiteDamage` throws.
 * Throws `DeniedError` if the store forbids the removal of an old snapshot; both snapshots of that backup exist then,
 * and no other backup is changed.
 */
export async function tag(access: RepositoryAccess, request: TagRequest, options: TagOptions): Promise<TagResult> {
  const { change, selection, dryRun } = request;
  refuseTagChange(change);
  const select = selectionOf(selection);
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    if (dryRun) {
      const { plans, damaged } = await plan(repository, { select, change, signal });
      return { tagged: plans.map((planned) => taggedBy(planned, null)), damaged };
    }
    await using lock = await repository.lock({ exclusive: true, signal });
    const locked = await lock.confirmed;
    const fresh: Repository = { ...locked, files: freshFiles(locked) };
    const { plans, damaged } = await plan(fresh, { select, change, signal });
    return { tagged: await apply(locked, plans, { ...options, signal }), damaged };
  });
}

type Select = (loaded: LoadedBackups) => readonly Backup[];

/** How to select. Throws `UsageError` for a text that is not a selector. */
function selectionOf(selection: TagSelection): Select {
  if (selection.kind === "all") return (loaded) => allOf(loaded, selection);
  const requests = selection.selectors.map((text) => ({ selector: parseSelector(text), text }));
  return ({ backups, damaged }) => requests.map((request) => selectDespiteDamage(backups, damaged, request));
}

function allOf(
  { backups, damaged }: LoadedBackups,
  { series, hosts }: Extract<TagSelection, { kind: "all" }>,
): readonly Backup[] {
  const unknown = damaged.length > 0 ? null : unknownName(backups, { ...series && { series }, ...hosts && { hosts } });
  if (unknown !== null) throw new UsageError(unknown);
  return backups.filter((backup) =>
    (series?.some((name) => isOrLiesBelow(backup.series, name)) ?? true) && (hosts?.includes(backup.host) ?? true)
  );
}

interface PlanRequest {
  readonly select: Select;
  readonly change: TagChange;
  readonly signal: AbortSignal;
}

async function plan(repository: Repository, { select, change, signal }: PlanRequest) {
  const rewritten = wholeIndexOnDemand(repository, { signal });
  const loaded = await loadBackups(repository.files, { ...LENIENT, rewritten, signal });
  return { plans: planTags(select(loaded), loaded.backups, change), damaged: loaded.damaged };
}

async function apply(
  repository: LockedRepository,
  plans: readonly PlannedTags[],
  { onProgress, signal }: TagOptions & { readonly signal: AbortSignal },
): Promise<TaggedBackup[]> {
  const total = plans.filter(({ old }) => old.length > 0).length;
  const tagged: TaggedBackup[] = [];
  let done = 0;
  for (const planned of plans) {
    const isUnchanged = planned.old.length === 0;
    tagged.push(taggedBy(planned, isUnchanged ? null : await replaceSnapshots(repository, planned, signal)));
    if (!isUnchanged) onProgress?.(++done, total);
  }
  return tagged;
}

/** The result for one backup, which has a new snapshot unless nothing was changed. */
function taggedBy({ before, by, tags, old }: PlannedTags, snapshotId: SnapshotId | null): TaggedBackup {
  const snapshot = "snapshotId" in by ? by.snapshot : by;
  const stored = snapshotId === null ? { snapshot: { ...before.snapshot, tags } } : { snapshot, snapshotId };
  return {
    backup: withId({ ...before, ...stored }),
    before: before.snapshot.tags,
    replaced: old.map(({ snapshotId }) => snapshotId),
  };
}

/** A backup of another tool has the id of its snapshot. */
function withId(backup: Backup): Backup {
  return backup.info === null ? { ...backup, id: backup.snapshotId } : backup;
}
