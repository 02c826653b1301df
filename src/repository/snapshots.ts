/** Snapshots: the root objects of backups, as they are stored. */
import { mapConcurrently } from "../base/concurrency.ts";
import {
  DeniedError,
  IntegrityError,
  NotFoundError,
  StoreError,
  TemporaryError,
  TooLargeError,
} from "../base/errors.ts";
import { asId, type SnapshotId } from "../base/id.ts";
import { COMMA } from "../format/json/json_bytes.ts";
import { decodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { timestampToDate } from "../format/time.ts";
import type { SealedFiles } from "./sealed_files.ts";
import { failureOfFile } from "./unreadable.ts";

/** A snapshot and the name of its file. */
export interface StoredSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
}

/** A snapshot file that could not be read, and why. */
export interface DamagedSnapshot {
  /** The name of its file. */
  readonly id: SnapshotId;
  /** Why it cannot be read. */
  readonly error: IntegrityError;
}

/** Advice for a snapshot that cannot be read; follows the description of the problem. */
export const GIVE_UP_SNAPSHOT = `bring the file back from a copy of the store, or give it up with ` +
  `"agent repair snapshots --forget", for an append-only server where it runs, with its folder as the repository`;

/** What is wrong with a snapshot and what to do about it, in one line. */
export function damageWithAdvice({ error }: DamagedSnapshot): IntegrityError {
  const advice = error.cause instanceof StoreError && !(error.cause instanceof TooLargeError)
    ? "see to the disk or the server, or bring the file back from a copy of the store"
    : GIVE_UP_SNAPSHOT;
  return new IntegrityError(`${error.message}; ${advice}`, { cause: error });
}

/** All snapshots, oldest first, and those that could not be read. */
interface SnapshotList {
  readonly snapshots: readonly StoredSnapshot[];
  /** The names of all snapshots that the store listed, loaded or not. */
  readonly listed: readonly SnapshotId[];
  readonly damaged: readonly DamagedSnapshot[];
  /**
   * Listed at first, but then neither found nor listed: another process has forgotten them. Under an exclusive lock
   * that is impossible; see `refuseVanished`.
   */
  readonly vanished: readonly SnapshotId[];
}

const FILES_AT_ONCE = 8;

/**
 * Loads every snapshot, except those that are known. Those that are kept on this machine (`SealedFiles.kept`) are not
 * loaded from the store, and small ones that are loaded are kept. A damaged snapshot does not hide the others. One that
 * the store keeps listing but does not return counts as damaged: an older backup must never be taken for the newest
 * because of one wrong answer. Throws what the store throws.
 */
export async function loadSnapshots(
  files: SealedFiles,
  signal?: AbortSignal,
  known: ReadonlySet<SnapshotId> = new Set(),
): Promise<SnapshotList> {
  const snapshots: StoredSnapshot[] = [];
  const toKeep: StoredSnapshot[] = [];
  const damaged: DamagedSnapshot[] = [];
  const room = new LargeSnapshotRoom();
  const observed = files.observer?.beginListing();
  let vanished: SnapshotId[] = [];
  const load = async (ids: readonly SnapshotId[]) => {
    const missing: { readonly id: SnapshotId; readonly error: NotFoundError }[] = [];
    await mapConcurrently(ids, FILES_AT_ONCE, async (id) => {
      try {
        const json = await files.load("snapshot", id, { signal });
        room.enter(id, json);
        const stored = { id, snapshot: decodeSnapshot(json, `snapshot ${id}`) };
        snapshots.push(stored);
        if (json.length <= SMALL_JSON_BYTES) toKeep.push(stored);
      } catch (error) {
        if (error instanceof NotFoundError) return void missing.push({ id, error });
        damaged.push({
          id,
          error: error instanceof IntegrityError ? error : await unreadable(files, id, error, signal),
        });
      }
    });
    return missing;
  };
  const listed = await snapshotIds(files, signal);
  // Who looks again and again mostly knows all of them.
  const kept = listed.every((id) => known.has(id)) ? undefined : await files.kept?.read(listed);
  const unknown: SnapshotId[] = [];
  for (const id of listed) {
    if (known.has(id)) continue;
    const snapshot = kept?.get(id);
    if (snapshot === undefined) unknown.push(id);
    else snapshots.push({ id, snapshot });
  }
  const missing = await load(unknown);
  if (missing.length > 0) {
    const listedAgain = new Set(await snapshotIds(files, signal));
    vanished = missing.map(({ id }) => id).filter((id) => !listedAgain.has(id));
    const stillMissing = await load(missing.map(({ id }) => id).filter((id) => listedAgain.has(id)));
    damaged.push(...stillMissing.map(({ id, error }) => ({ id, error: lostSnapshot(id, error) })));
  }
  await kept?.add(toKeep);
  // Those that are known already are there, too.
  const unread = [...damaged.map(({ id }) => id), ...listed.filter((id) => known.has(id))];
  observed?.({ snapshots, unreadable: unread });
  return { snapshots: byTime(snapshots), listed, damaged, vanished };
}

/** Only larger snapshots are counted, and not kept: a few compressed bytes in the store may expand to megabytes. */
const SMALL_JSON_BYTES = 16 * 1024;
/** The most memory for all large snapshots: enough for 100 that name 10,000 paths each. */
const MOST_LARGE_BYTES = 192 * 1024 * 1024;
/** The memory that a parsed value takes in addition to its text. */
const VALUE_BYTES = 32;

/** Limits the memory that large snapshots take together. */
class LargeSnapshotRoom {
  #bytes = 0;

  /** Throws `IntegrityError` if there is no room left for this snapshot. */
  enter(id: SnapshotId, json: Uint8Array): void {
    if (json.length <= SMALL_JSON_BYTES) return;
    this.#bytes += json.length + VALUE_BYTES * json.reduce((count, byte) => byte === COMMA ? count + 1 : count, 1);
    if (this.#bytes > MOST_LARGE_BYTES) {
      throw new IntegrityError(
        `Refusing snapshot ${id}: the large snapshots before it use up the memory for such snapshots`,
      );
    }
  }
}

/**
 * Throws `StoreError` if a snapshot vanished; for callers that decide what to remove. Under an exclusive lock nobody
 * else forgets backups, so the store contradicts itself, and what that snapshot needs must be kept.
 */
export function refuseVanished([id]: SnapshotList["vanished"]): void {
  if (id === undefined) return;
  throw new StoreError(
    `The store listed snapshot ${id} and did not find it a moment later; nothing was removed; run it again later`,
  );
}

/** Loads one snapshot. Throws `IntegrityError` if it is damaged, and what the store throws. */
export async function loadSnapshot(files: SealedFiles, id: SnapshotId, signal?: AbortSignal): Promise<Snapshot> {
  return decodeSnapshot(await files.load("snapshot", id, { signal }), `snapshot ${id}`);
}

/** The names of all snapshots, in the store's order. */
async function snapshotIds(files: SealedFiles, signal?: AbortSignal): Promise<SnapshotId[]> {
  const rows = await Array.fromAsync(files.list("snapshot", { signal, namesOnly: true }));
  return rows.map(({ name }) => asId<SnapshotId>(name));
}

/**
 * Treats a snapshot in a bad sector as damaged. Rethrows errors that say nothing about the snapshot, such as a store
 * that cannot be reached.
 */
async function unreadable(files: SealedFiles, id: SnapshotId, thrown: unknown, signal: AbortSignal | undefined) {
  if (thrown instanceof TemporaryError || thrown instanceof DeniedError) throw thrown;
  const cause = await failureOfFile(files.store, thrown, signal);
  return new IntegrityError(`Cannot read snapshot ${id}: ${cause.message}`, { cause });
}

function lostSnapshot(id: SnapshotId, cause: NotFoundError): IntegrityError {
  return new IntegrityError(`The store lists snapshot ${id} and does not find it; check the store`, { cause });
}

/** Oldest first; equal times are ordered by id, so that the order does not depend on the store. */
function byTime(snapshots: readonly StoredSnapshot[]): StoredSnapshot[] {
  const timed = snapshots.map((stored) => ({ stored, ms: timestampToDate(stored.snapshot.time).getTime() }));
  timed.sort((a, b) => a.ms - b.ms || (a.stored.id < b.stored.id ? -1 : 1));
  return timed.map(({ stored }) => stored);
}
