/**
 * Locks, as restic's (restic design document, section Locks): a file per holder, shared or exclusive, refreshed while it
 * is held.
 *
 * To lock is to write one's own file and then look whether anybody else's excludes it; two that come at the same moment
 * both see each other, so at most one goes on.
 */
import type { Clock } from "../base/clock.ts";
import { IntegrityError, LockedError, NotFoundError } from "../base/errors.ts";
import { asId, type LockId } from "../base/id.ts";
import { formatDuration } from "../base/duration.ts";
import { decodeLock, encodeLock, type Lock } from "../format/lock.ts";
import { formatTimestamp, timestampToDate, ZERO_TIME } from "../format/time.ts";
import type { Identity } from "./keys.ts";
import type { SealedFiles } from "./sealed_files.ts";

/** What locking depends on. */
export interface LockTools {
  readonly clock: Clock;
  readonly identity: Identity;
  /** Whether a process of this machine is alive. */
  readonly processExists: (pid: number) => boolean;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** After writing a lock everybody waits so long before looking again, so that slow listings show both. */
const SETTLE_MS = 200;
const REFRESH_MS = 5 * 60 * 1000;
/** A holder whose last refresh is as old must stop: others are about to call its lock stale. */
const REFRESH_DEADLINE_MS = 22.5 * 60 * 1000;
const STALE_MS = 30 * 60 * 1000;
/** Pauses between tries to get a lock double from the first to the longest. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60 * 1000;

/** A lock of somebody as it was found. */
export interface FoundLock {
  readonly id: LockId;
  readonly lock: Lock;
  /** Why the lock no longer protects anybody, or null where it may. */
  readonly stale: "its process is gone" | "it was not refreshed for 30 minutes" | "it cannot be read" | null;
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
  /** How long to try again while somebody else's lock excludes this one, in milliseconds; 0 (the default) fails at once. */
  readonly retryLockMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Writes a lock, once no other one is seen to exclude it. Locks of this host's dead processes are removed on the way.
 * Throws `LockedError` where another one still excludes it when the time for trying is over, and the signal's reason.
 */
export async function acquireLock(files: SealedFiles, tools: LockTools, options: AcquireOptions): Promise<HeldLock> {
  const { retryLockMs = 0, signal } = options;
  const { clock } = tools;
  const deadlineMs = clock.monotonicMs() + retryLockMs;
  for (let pauseMs = FIRST_RETRY_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS)) {
    try {
      return await tryToLock(files, tools, options);
    } catch (error) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (!(error instanceof LockedError) || leftMs <= 0) throw error;
      await clock.sleep(Math.min(shortened(pauseMs, tools), leftMs), signal);
    }
  }
}

/** One try. Who may wait waits for the confirmation, too: a lock that was handed out cannot be tried for again. */
async function tryToLock(files: SealedFiles, tools: LockTools, options: AcquireOptions): Promise<HeldLock> {
  const { exclusive, retryLockMs = 0, signal } = options;
  signal?.throwIfAborted();
  await refuseConflicts(files, tools, exclusive, []);
  const lock = new RefreshedLock(files, tools, exclusive);
  await lock.write();
  const held = lock.hold(signal);
  if (retryLockMs === 0) return held;
  try {
    await held.confirmed;
    return held;
  } catch (error) {
    await held.release();
    throw error;
  }
}

/** A pause, shorter by up to a quarter, so that two that met once do not meet at every further try. */
function shortened(pauseMs: number, { randomBytes }: LockTools): number {
  return pauseMs * (1 - randomBytes(1)[0]! / 1024);
}

/** All locks there are. Throws `IntegrityError` for one that cannot be read. */
export function listLocks(files: SealedFiles, tools: LockTools): Promise<FoundLock[]> {
  return findLocks(files, tools, (id, error) => {
    const advice = 'if nobody is at work here, run "agent unlock --remove-all"';
    throw new IntegrityError(`Cannot tell who holds lock ${id}: ${error.message}; ${advice}`, { cause: error });
  });
}

/** Removes stale locks, or all, even such as cannot be read; gives what was removed. */
export async function removeLocks(
  files: SealedFiles,
  tools: LockTools,
  options: { all: boolean },
): Promise<FoundLock[]> {
  const removed: FoundLock[] = [];
  const unreadable = (id: LockId): FoundLock => ({ id, lock: UNKNOWN_LOCK, stale: "it cannot be read" });
  for (const found of await (options.all ? findLocks(files, tools, unreadable) : listLocks(files, tools))) {
    if (!options.all && found.stale === null) continue;
    await files.remove("lock", found.id);
    removed.push(found);
  }
  return removed;
}

/** What restic would read where every field is missing. */
const UNKNOWN_LOCK: Lock = { time: ZERO_TIME, exclusive: false, hostname: "", username: "", pid: 0 };

async function findLocks(
  files: SealedFiles,
  tools: LockTools,
  unreadable: (id: LockId, error: IntegrityError) => FoundLock,
): Promise<FoundLock[]> {
  const found: FoundLock[] = [];
  for await (const { name, size } of files.list("lock")) {
    if (size === 0) continue;
    const id = asId<LockId>(name);
    try {
      const lock = decodeLock(await files.load("lock", id), `lock ${id}`);
      found.push({ id, lock, stale: staleReason(lock, tools) });
    } catch (error) {
      if (error instanceof IntegrityError) found.push(unreadable(id, error));
      else if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return found;
}

/** Throws `LockedError` for the first lock besides one's own that excludes the wanted one. */
async function refuseConflicts(files: SealedFiles, tools: LockTools, exclusive: boolean, own: readonly LockId[]) {
  for (const found of await listLocks(files, tools)) {
    if (own.includes(found.id)) continue;
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
  /** Files of this lock that are still there, the newest last. */
  #ids: LockId[] = [];
  #refreshedAt = 0;
  #refreshFailure: unknown;
  #background: Promise<unknown> = Promise.resolve();
  #removal: Promise<void> | undefined;

  constructor(files: SealedFiles, tools: LockTools, exclusive: boolean) {
    this.#files = files;
    this.#tools = tools;
    this.#exclusive = exclusive;
  }

  /** Writes the lock with the present time, then removes what was there of it before. */
  async write(): Promise<void> {
    const { clock, identity } = this.#tools;
    const { hostname, username, pid, uid, gid } = identity;
    const time = clock.now();
    const lock: Lock = { time: formatTimestamp(time), exclusive: this.#exclusive, hostname, username, pid, uid, gid };
    const id = await this.#files.save("lock", encodeLock(lock));
    this.#ids.push(id);
    this.#refreshedAt = time.getTime();
    await this.#removeAllBut(id);
  }

  hold(signal: AbortSignal | undefined): HeldLock {
    const confirmed = this.#confirm(signal);
    this.#background = Promise.allSettled([confirmed, this.#keepRefreshing()]);
    return { confirmed, assertHeld: () => this.#assertHeld(), release: () => this.#removal ??= this.#release() };
  }

  async #confirm(signal: AbortSignal | undefined): Promise<void> {
    const released = this.#released.signal;
    await this.#tools.clock.sleep(SETTLE_MS, signal ? AbortSignal.any([released, signal]) : released);
    await refuseConflicts(this.#files, this.#tools, this.#exclusive, this.#ids);
  }

  async #keepRefreshing(): Promise<void> {
    const { clock } = this.#tools;
    while (!this.#released.signal.aborted) {
      try {
        await clock.sleep(REFRESH_MS, this.#released.signal);
        if (this.#isOverdue()) return;
        await this.write();
      } catch (error) {
        // A failed refresh is tried again at the next turn; `assertHeld` decides when it was too many.
        this.#refreshFailure = error;
      }
    }
  }

  /** Once overdue (after a standby, say) a lock stays lost: a refresh could not tell what others did in between. */
  #isOverdue(): boolean {
    return this.#unrefreshedMs() > REFRESH_DEADLINE_MS;
  }

  #unrefreshedMs(): number {
    return this.#tools.clock.now().getTime() - this.#refreshedAt;
  }

  #assertHeld(): void {
    if (!this.#isOverdue()) return;
    const age = formatDuration(this.#unrefreshedMs());
    const message = `The lock was not refreshed for ${age}: others may have taken over; run it again`;
    throw new LockedError(message, { cause: this.#refreshFailure });
  }

  async #release(): Promise<void> {
    this.#released.abort();
    await this.#background;
    await this.#removeAllBut(undefined);
  }

  async #removeAllBut(kept: LockId | undefined): Promise<void> {
    for (const id of this.#ids.filter((candidate) => candidate !== kept)) {
      await this.#files.remove("lock", id);
      this.#ids = this.#ids.filter((candidate) => candidate !== id);
    }
  }
}
