/** Finds the backup that a selector means, and loads an index for reading it. */
import { isInFuture } from "../../base/clock.ts";
import { AgentError, IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatLocalTime } from "../../base/text/local_time.ts";
import { type Backup, compareAge, replaysLevels, startedMsOf } from "../../backup/backup.ts";
import { checkChain, type CheckedMember } from "../../backup/chain/chain_check.ts";
import { readManifest } from "../../backup/content/contents.ts";
import { LENIENT, loadBackups, type LoadedBackups } from "../../backup/load_backups.ts";
import { newestOnOlderChain, selectDespiteDamage, type SelectorRequest } from "../../backup/naming/selector.ts";
import { type RestoreVerdict, verdictsOf } from "../../backup/restore_tests.ts";
import { type OpenIndex, recoverBackup, withRewritten } from "../../backup/rewritten.ts";
import { loadWholeIndex, passingOver } from "../../backup/whole_index.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { timestampToDate } from "../../format/time.ts";
import type { IndexedRepository, Repository } from "../../repository/repository.ts";
import type { World } from "../access.ts";

/** A backup, and the repository with an index for reading it. */
interface IndexedBackup {
  readonly indexed: IndexedRepository;
  /** The backup. */
  readonly backup: Backup;
  /** Its manifest; null if another tool made the backup. */
  readonly manifest: Manifest | null;
  /** The newest restore on trial of it; null if there was none. */
  readonly restored: RestoreVerdict | null;
  /** Checks the manifests of its chain, level 0 first. Throws `IntegrityError` if parents form a circle. */
  checkChain(): Promise<CheckedMember[]>;
}

/** How a backup is found. */
interface FindOptions {
  readonly world: World;
  readonly signal: AbortSignal;
  /** Called before an index is loaded. */
  readonly onIndexes: () => void;
  /** Called once the backup is known, before an index is loaded for reading it. */
  readonly onFound: (backup: Backup) => void;
}

/**
 * Finds the backup that is meant, and reads its manifest. Warns if it claims to be in the future, or if a newer one is on
 * an older chain. Throws what `findBackup` throws, and `IntegrityError` for a damaged manifest.
 */
export async function findWithIndex(
  repository: Repository,
  request: SelectorRequest,
  { world, signal, onIndexes, onFound }: FindOptions,
): Promise<IndexedBackup> {
  const list = await loadBackups(repository.files, { ...LENIENT, rewritten: "unread", signal });
  let opened: Promise<IndexedRepository> | undefined;
  const openIndex = () => {
    if (opened === undefined) onIndexes();
    return opened ??= loadWholeIndex(repository, passingOver(world, signal));
  };
  const backup = await findBackup(list, request, openIndex);
  onFound(backup);
  if (request.selector.pick.kind === "latest") tellOfFuture(backup, world);
  tellOfOlderChain(newestOnOlderChain(list.all, backup, request), backup, world);
  const indexed = await openIndex();
  const manifest = await readManifest(indexed, backup);
  return {
    indexed,
    backup,
    manifest,
    restored: verdictsOf(list.all).get(backup.id) ?? null,
    async checkChain() {
      const ofSeries = list.all.filter(({ series }) => series === backup.series);
      return await checkChain(indexed, await withRewritten(ofSeries, openIndex), backup);
    },
  };
}

/**
 * The backup that `selector` means. For an id, the manifests of all rewritten snapshots are read, because only they may
 * have it. For "latest" and times, only the found backup's own manifest is needed. Throws what `selectDespiteDamage`
 * throws, and `IntegrityError` if "latest" or a time means a backup from which another tool removed content: an older
 * backup must not silently replace it.
 */
async function findBackup(
  { all, damaged }: LoadedBackups,
  request: SelectorRequest,
  openIndex: OpenIndex,
): Promise<Backup> {
  const { kind } = request.selector.pick;
  const known = kind === "id"
    ? await withRewritten(all, openIndex)
    : await withChains(all, damaged, request, openIndex);
  for (let others = known;;) {
    const found = await recoverBackup(selectDespiteDamage(others, damaged, request), openIndex);
    if (found.damage === null || kind === "id") return found;
    // Skip a damaged copy whose original exists.
    others = others.filter(({ snapshotId }) => snapshotId !== found.snapshotId);
    if (others.some(({ snapshotId }) => snapshotId === found.snapshot.original)) continue;
    throw await damagedLatest(found, others, openIndex);
  }
}

/**
 * The backups, with those of rewritten snapshots completed if "latest" or the time means a level of a chain: which
 * chain is the newest depends on all of them.
 */
async function withChains(
  all: readonly Backup[],
  damaged: LoadedBackups["damaged"],
  request: SelectorRequest,
  openIndex: OpenIndex,
): Promise<readonly Backup[]> {
  const meant = await recoverBackup(selectDespiteDamage(all, damaged, request), openIndex);
  const ofSeries = all.filter(({ series }) => series === request.selector.series);
  if (![meant, ...ofSeries].some(replaysLevels)) return all;
  const others = all.filter(({ series }) => series !== request.selector.series);
  return [...others, ...await withRewritten(ofSeries, openIndex)];
}

async function damagedLatest(found: Backup, others: readonly Backup[], openIndex: OpenIndex): Promise<IntegrityError> {
  const { id, series, damage } = found;
  const older = others.filter((other) => other.series === series && compareAge(other, found) <= 0)
    .toSorted((a, b) => compareAge(b, a));
  let advice = "no older one is whole";
  for (const candidate of older) {
    const before = await recoverBackup(candidate, openIndex);
    if (before.damage !== null) continue;
    advice = `the one before it is ${series}@${shortId(before.id)}`;
    break;
  }
  return new IntegrityError(
    `The backup ${series}@${shortId(id)} that is meant is damaged: ${damage}; another tool rewrote it; ${advice}`,
  );
}

/** Warns of a backup in the future. A wrong clock is no reason to refuse a restore, but needs attention. */
function tellOfFuture(backup: Backup, { clock, onProblem }: World): void {
  const { id, series, started } = backup;
  if (!isInFuture(startedMsOf(backup), clock.now().getTime())) return;
  const which = `The latest backup of "${series}", ${shortId(id)}, claims to have begun in the future, at ${
    formatLocalTime(timestampToDate(started))
  }`;
  onProblem?.(new AgentError(`${which}: is a clock wrong, here or there? "agent ls" shows the others`));
}

/** Warns if the newest backup is not the one that is meant, because it continues an older chain. */
function tellOfOlderChain(newer: Backup | undefined, { series, id }: Backup, { onProblem }: World): void {
  if (newer === undefined) return;
  const newest = `${series}@${shortId(newer.id)}`;
  onProblem?.(
    new AgentError(
      `The newest chain of "${series}" ends with ${shortId(id)}, but ${newest}, which continues an older one, is ` +
        `newer: name it by its id if you mean it`,
    ),
  );
}
