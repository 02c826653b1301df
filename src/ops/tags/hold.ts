/**
 * Hold and release: add or remove the tag that protects a backup from policies. An interruption may leave two snapshots
 * of one backup (`maintain/retention/replace_snapshot.ts`); the next hold or release of that backup removes the extra
 * one.
 */
import type { Backup } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { compareTimestamps } from "../../format/time.ts";
import { HOLD_TAG } from "../../policy/retention/retention_plan.ts";
import { haveSameSeriesAndHost } from "../../policy/series_and_host.ts";
import { freshFiles, replaceSnapshots, withTags } from "../../maintain/retention/replace_snapshot.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "../access.ts";
import { wholeIndexOnDemand } from "../../backup/whole_index.ts";

/** Which backup to hold or release. */
export interface HoldRequest {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** True holds the backup, false releases it. */
  readonly hold: boolean;
}

/** The result of a hold or release. */
export interface HoldResult {
  /** The backup as it is stored afterwards. */
  readonly backup: Backup;
  /** Whether the backup was already in the wanted state. */
  readonly isUnchanged: boolean;
}

/**
 * Holds or releases a backup under an exclusive lock. Throws what `selectDespiteDamage` throws; nothing was written
 * then. Throws `DeniedError` if the store forbids the removal of the old snapshot; both snapshots exist then.
 */
export async function setHold(
  access: RepositoryAccess,
  request: HoldRequest,
  options: UseCaseOptions,
): Promise<HoldResult> {
  const selector = parseSelector(request.selector);
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: true, signal });
    const locked = await lock.confirmed;
    const rewritten = wholeIndexOnDemand(locked, { signal });
    const { backups, damaged } = await loadBackups(freshFiles(locked), { ...LENIENT, rewritten, signal });
    const meant = selectDespiteDamage(backups, damaged, { selector, text: request.selector });
    const same = backups.filter((other) => isSame(other, meant));
    return await replace(locked, { meant, same, hold: request.hold, signal });
  });
}

interface Replacement {
  readonly meant: Backup;
  /** `meant` itself, and all snapshots that differ from it only in the hold. */
  readonly same: readonly Backup[];
  readonly hold: boolean;
  readonly signal: AbortSignal;
}

async function replace(
  repository: LockedRepository,
  { meant, same, hold, signal }: Replacement,
): Promise<HoldResult> {
  const isDone = ({ snapshot }: Backup) => snapshot.tags.includes(HOLD_TAG) === hold;
  const old = same.filter((other) => !isDone(other));
  const done = same.find(isDone);
  if (old.length === 0) return { backup: meant, isUnchanged: true };
  const snapshot = done?.snapshot ?? changed(meant, hold);
  const snapshotId = await replaceSnapshots(repository, { by: done ?? snapshot, old }, signal);
  return { backup: { ...meant, snapshotId, snapshot }, isUnchanged: false };
}

function changed(backup: Backup, hold: boolean): Snapshot {
  const others = backup.snapshot.tags.filter((tag) => tag !== HOLD_TAG);
  return withTags(backup, hold ? [...others, HOLD_TAG] : others);
}

function isSame(a: Backup, b: Backup): boolean {
  const tagsOf = ({ snapshot: { tags } }: Backup) => tags.filter((tag) => tag !== HOLD_TAG).sort().join("\n");
  return a.id === b.id && haveSameSeriesAndHost(a, b) && compareTimestamps(a.started, b.started) === 0 &&
    a.snapshot.tree === b.snapshot.tree && tagsOf(a) === tagsOf(b);
}
