/**
 * Hold and release: add or remove the tag that protects a backup from policies. A snapshot never changes, so a new one
 * replaces it, as with `restic tag`. The new snapshot is stored and read back before the old one is removed, so that
 * one exists at any moment. An interruption may leave two snapshots of one backup; the next hold or release of that
 * backup removes the extra one.
 */
import { DeniedError, messageOf } from "../base/errors.ts";
import type { Backup } from "../backup/backup.ts";
import { LENIENT, loadBackups } from "../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../backup/naming/selector.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { compareTimestamps } from "../format/time.ts";
import { HOLD_TAG } from "../policy/retention/retention_plan.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import { type LockedRepository, readingFrom } from "../repository/repository.ts";
import { loadSnapshot } from "../repository/snapshots.ts";
import { withFreshReads } from "../store/fresh.ts";
import { openAccess, type RepositoryAccess, useCase, type UseCaseOptions } from "./access.ts";
import { wholeIndexOnDemand } from "../backup/whole_index.ts";

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

/** The files, read past the cache: what to hold must not be decided from cached copies. */
function freshFiles(repository: LockedRepository) {
  return readingFrom(repository, withFreshReads(repository.store)).files;
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
  const { files } = repository;
  const isDone = ({ snapshot }: Backup) => snapshot.tags.includes(HOLD_TAG) === hold;
  const old = same.filter((other) => !isDone(other));
  const done = same.find(isDone);
  if (old.length === 0) return { backup: meant, isUnchanged: true };
  signal.throwIfAborted();
  const snapshot = done?.snapshot ?? changed(meant, hold);
  const snapshotId = done?.snapshotId ?? await files.saveSnapshot(snapshot, { signal });
  await loadSnapshot(freshFiles(repository), snapshotId, signal);
  for (const other of old) {
    try {
      await files.remove("snapshot", other.snapshotId, { signal });
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error;
      throw new DeniedError(
        `Cannot remove snapshot ${other.snapshotId}, which ${snapshotId} replaces; both exist: run it again where ` +
          `deletions are allowed (${messageOf(error)})`,
        { cause: error },
      );
    }
  }
  return { backup: { ...meant, snapshotId, snapshot }, isUnchanged: false };
}

/**
 * The changed snapshot. As when restic changes tags, it names the very first snapshot of the backup as its original. A
 * backup with known damage gets no new summary, because that would make it look whole.
 */
function changed({ snapshot, snapshotId, info, damage }: Backup, hold: boolean): Snapshot {
  const others = snapshot.tags.filter((tag) => tag !== HOLD_TAG);
  return {
    ...snapshot,
    tags: hold ? [...others, HOLD_TAG] : others,
    original: snapshot.original ?? snapshotId,
    agent: info === null || damage !== null ? snapshot.agent : { ...info, tree: snapshot.tree },
  };
}

function isSame(a: Backup, b: Backup): boolean {
  const tagsOf = ({ snapshot: { tags } }: Backup) => tags.filter((tag) => tag !== HOLD_TAG).sort().join("\n");
  return a.id === b.id && haveSameSeriesAndHost(a, b) && compareTimestamps(a.started, b.started) === 0 &&
    a.snapshot.tree === b.snapshot.tree && tagsOf(a) === tagsOf(b);
}
