/**
 * Locks, as restic's (RESTIC-FORMAT.md, section 15): a file per holder, shared or exclusive, refreshed while it is held.
 *
 * To lock is to write one's own file and then look whether anybody else's excludes it; two that come at the same moment
 * both see each other, so at most one goes on.
 */
import type { Clock } from "../base/clock.ts";
import { LockedError, NotFoundError } from "../base/errors.ts";
import { asId, type LockId } from "../base/id.ts";
import { formatDuration } from "../base/duration.ts";
import { decodeLock, encodeLock, type Lock } from "../format/lock.ts";
import { formatTimestamp, timestampToDate } from "../format/time.ts";
import type { Identity } from "./keys.ts";
import type { SealedFiles } from "./sealed_files.ts";

/** What locking depends on. */
export interface LockTools {
  readonly clock: Clock;
  readonly identity: Identity;
  /** Whether a process of this machine is alive. */
  readonly processExists: (pid: number) => boolean;
}

/** After writing a lock everybody waits so long before looking again, so that slow listings show both. */
const SETTLE_MS = 200;
const REFRESH_MS = 5 * 60 * 1000;
/** A holder whose last refresh is as old must stop: others are about to call its lock stale. */
const REFRESH_DEADLINE_MS = 22.5 * 60 * 1000;
const STALE_MS = 30 * 60 * 1000;

/** A lock of somebody as it was found. */
export interface FoundLock {
  readonly id: LockId;
  readonly lock: Lock;
  /** Why the lock no longer protects anybody, or null where it may. */
  readonly stale: "its process is gone" | "it was not refreshed for 30 minutes" | null;
}

/** A lock that is held. */
export interface HeldLock {
  /**
   * Resolves when the lock is known to exclude what it has to; rejects with `LockedError` otherwise. Work that changes
   * nothing may go on meanwhile.
   */
  readonly confirmed: Promise<void>;
  /** Throws `LockedError` where the lock could not be refreshed in time, so that others may have taken over. */
  assertHeld(): void;
  /** Removes the lock; safe to repeat. */
  release(): Promise<void>;
}

/** Options of `acquireLock`. */
export interface AcquireOptions {
  readonly exclusive: boolean;
  readonly signal?: AbortSignal;
}

/** Writes a lock, once no other one is seen to exclude it. Locks of this host's dead processes are removed on the way. */
export async function acquireLock(files: SealedFiles, tools: LockTools, options: AcquireOptions): Promise<HeldLock> {
  const { exclusive } = options;
  await refuseConflicts(files, tools, exclusive, undefined);
  const lock = new RefreshedLock(files, tools, exclusive);
  await lock.write();
  return lock.hold(options.signal);
}

/** All locks there are. Throws `IntegrityError` for one that cannot be read. */
export async function listLocks(files: SealedFiles, tools: LockTools): Promise<FoundLock[]> {
  const found: FoundLock[] = [];
  for await (const { name, size } of files.list("lock")) {
    if (size === 0) continue;
    const id = asId<LockId>(name);
    try {
      const lock = decodeLock(await files.load("lock", id), `lock ${id}`);
      found.push({ id, lock, stale: staleReason(lock, tools) });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return found;
}

/** Removes stale locks, or all; gives what was removed. */
export async function removeLocks(
  files: SealedFiles,
  tools: LockTools,
  options: { all: boolean },
): Promise<FoundLock[]> {
  const removed: FoundLock[] = [];
  for (const found of await listLocks(files, tools)) {
    if (!options.all && found.stale === null) continue;
    await files.remove("lock", found.id);
    removed.push(found);
  }
  return removed;
}

/** Throws `LockedError` for the first lock that excludes the wanted one. */
async function refuseConflicts(files: SealedFiles, tools: LockTools, exclusive: boolean, own: LockId | undefined) {
  for (const found of await listLocks(files, tools)) {
    if (found.id === own) continue;
    if (found.stale === "its process is gone") {
      await files.remove("lock", found.id);
    } else if (exclusive || found.lock.exclusive) {
      throw new LockedError(`The repository is locked ${describeLock(found, tools.clock)}`);
    }
  }
}

/** Who holds a lock and for how long, for messages; ends with what to do about it. */
function describeLock({ lock, stale }: FoundLock, clock: Clock): string {
  const age = clock.now().getTime() - timestampToDate(lock.time).getTime();
  const holder = `by process ${lock.pid} of ${lock.username || "somebody"} on ${lock.hostname || "an unnamed host"}`;
  const advice = stale === null ? "wait for it" : `${stale}: if it really is over, run "agent unlock"`;
  return `${lock.exclusive ? "exclusively " : ""}${holder}, last refreshed ${
    formatDuration(Math.max(0, age))
  } ago; ${advice}`;
}

function staleReason(lock: Lock, { clock, identity, processExists }: LockTools): FoundLock["stale"] {
  if (lock.hostname === identity.hostname && lock.pid !== identity.pid && !processExists(lock.pid)) {
    return "its process is gone";
  }
  const age = clock.now().getTime() - timestampToDate(lock.time).getTime();
  return age > STALE_MS ? "it was not refreshed for 30 minutes" : null;
}

/** One's own lock: written again under a new name at every refresh, never overwritten. */
class RefreshedLock {
  readonly #files: SealedFiles;
  readonly #tools: LockTools;
  readonly #exclusive: boolean;
  readonly #released = new AbortController();
  #id: LockId | undefined;
  #refreshedAt = 0;
  #refreshFailure: unknown;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(files: SealedFiles, tools: LockTools, exclusive: boolean) {
    this.#files = files;
    this.#tools = tools;
    this.#exclusive = exclusive;
  }

  async write(): Promise<void> {
    const { clock, identity } = this.#tools;
    const { hostname, username, pid, uid, gid } = identity;
    const previous = this.#id;
    const time = clock.now();
    const lock: Lock = { time: formatTimestamp(time), exclusive: this.#exclusive, hostname, username, pid, uid, gid };
    this.#id = await this.#files.save("lock", encodeLock(lock));
    this.#refreshedAt = time.getTime();
    if (previous !== undefined) await this.#files.remove("lock", previous);
  }

  hold(signal: AbortSignal | undefined): HeldLock {
    const confirmed = this.#confirm(signal);
    confirmed.catch(() => {});
    this.#refreshing = this.#keepRefreshing();
    return { confirmed, assertHeld: () => this.#assertHeld(), release: () => this.#release() };
  }

  async #confirm(signal: AbortSignal | undefined): Promise<void> {
    await this.#tools.clock.sleep(SETTLE_MS, signal);
    await refuseConflicts(this.#files, this.#tools, this.#exclusive, this.#id);
  }

  async #keepRefreshing(): Promise<void> {
    const { clock } = this.#tools;
    while (!this.#released.signal.aborted) {
      try {
        await clock.sleep(REFRESH_MS, this.#released.signal);
        await this.write();
      } catch (error) {
        // A failed refresh is tried again at the next turn; `assertHeld` decides when it was too many.
        this.#refreshFailure = error;
      }
    }
  }

  #assertHeld(): void {
    const age = this.#tools.clock.now().getTime() - this.#refreshedAt;
    if (age > REFRESH_DEADLINE_MS) {
      const message = `The lock was not refreshed for ${formatDuration(age)}: others may have taken over; run it again`;
      throw new LockedError(message, { cause: this.#refreshFailure });
    }
  }

  async #release(): Promise<void> {
    if (this.#released.signal.aborted) return;
    this.#released.abort();
    await this.#refreshing;
    if (this.#id !== undefined) await this.#files.remove("lock", this.#id);
  }
}
