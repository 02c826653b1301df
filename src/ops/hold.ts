/**
 * Hold and release: the tag that keeps policies from removing a backup. A snapshot never changes, so another one takes its
 * place, as with `restic tag`: the new one is stored and read back before the old one goes, so that at no moment there is
 * none. What an interruption leaves, two snapshots of one backup, the next hold or release of it puts right.
 */
import { DeniedError, messageOf } from "../base/errors.ts";
import type { Backup } from "../backup/backup.ts";
import { loadBackups } from "../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../backup/naming/selector.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { compareTimestamps } from "../format/time.ts";
import { HOLD_TAG } from "../policy/retention/retention_plan.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { ConfirmHeld, HeldLock } from "../repository/lock/held_lock.ts";
import { type Repository, withStore } from "../repository/repository.ts";
import { saveSnapshotUnderLock } from "../repository/lock/save_under_lock.ts";
import { loadSnapshot } from "../repository/snapshots.ts";
import { withFreshReads } from "../store/fresh.ts";
import { type RepositoryAccess, withLock, withRepository, type World } from "./access.ts";
import { withoutAbortReason } from "../base/abort.ts";
import { wholeIndex } from "../backup/whole_index.ts";

/** What to do with which backup. */
export interface HoldRequest {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** False lets it go again. */
  readonly hold: boolean;
}

/** What became of it. */
export interface HoldResult {
  /** As it is stored afterwards. */
  readonly backup: Backup;
  /** Whether it was on hold, or not, before. */
  readonly isUnchanged: boolean;
}

/**
 * Puts a backup on hold or lets it go, under an exclusive lock. Throws what `selectDespiteDamage` throws, before anything is
 * written, and `DeniedError` where the store does not let the old snapshot be removed: then both are there.
 */
export async function setHold(
  access: RepositoryAccess,
  request: HoldRequest,
  world: World,
  signal?: AbortSignal,
): Promise<HoldResult> {
  const selector = parseSelector(request.selector);
  return await withRepository(access, world, async (repository) => {
    const lockRequest = { exclusive: true, retryLockMs: access.retryLockMs, signal };
    return await withLock(repository, world, lockRequest, async (lock) => {
      await lock.confirmed;
      const fresh = withStore(repository, withFreshReads(repository.store));
      const asked = { rewritten: wholeIndex(repository), damaged: "told", vanished: "forgotten", signal } as const;
      const { backups, damaged } = await loadBackups(fresh.files, asked);
      const meant = selectDespiteDamage(backups, damaged, { selector, text: request.selector });
      const same = backups.filter((other) => isSame(other, meant));
      try {
        return await replace(fresh, lock, { meant, same, hold: request.hold, signal });
      } catch (error) {
        throw signal ? withoutAbortReason(error, signal) : error;
      }
    });
  });
}

interface Replacement {
  readonly meant: Backup;
  /** All snapshots that say the same of the backup, apart from holds. */
  readonly same: readonly Backup[];
  readonly hold: boolean;
  readonly signal: AbortSignal | undefined;
}

async function replace(
  { files }: Repository,
  lock: HeldLock,
  { meant, same, hold, signal }: Replacement,
): Promise<HoldResult> {
  const isDone = ({ snapshot }: Backup) => snapshot.tags.includes(HOLD_TAG) === hold;
  const old = same.filter((other) => !isDone(other));
  const done = same.find(isDone);
  const confirmHeld: ConfirmHeld = (how) => lock.confirmHeld(how);
  if (old.length === 0) return { backup: meant, isUnchanged: true };
  signal?.throwIfAborted();
  const snapshot = done?.snapshot ?? changed(meant, hold);
  const snapshotId = done?.snapshotId ?? await saveSnapshotUnderLock(files, snapshot, { confirmHeld, signal });
  await loadSnapshot(files, snapshotId, signal);
  for (const other of old) {
    await confirmHeld();
    try {
      await files.remove("snapshot", other.snapshotId, { signal });
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error;
      throw new DeniedError(
        `Cannot remove snapshot ${other.snapshotId}, whose place ${snapshotId} took; both are there: run it again where ` +
          `deletions are allowed (${messageOf(error)})`,
        { cause: error },
      );
    }
  }
  return { backup: { ...meant, snapshotId, snapshot }, isUnchanged: false };
}

/**
 * As restic changes tags: it notes the first snapshot that there was of this one. Of a backup that is known to be damaged
 * nothing is said that would make it look whole.
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
