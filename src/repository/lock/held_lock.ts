/**
 * Takes a lock and keeps it by refreshing its file (restic design document, section Locks).
 *
 * A process locks by writing its own file and then looking for other files that exclude it. If two processes lock at
 * the same moment, the one whose file appears last sees the other's, so at most one continues. A lock holds only while
 * its file exists without a gap: others take over as soon as they find no file, or one that is long overdue.
 */
import type { Clock } from "../../base/clock.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { LockedError } from "../../base/errors.ts";
import type { LockId } from "../../base/id.ts";
import { encodeLock } from "../../format/lock.ts";
import { formatTimestamp } from "../../format/time.ts";
import { LockReader, type LockTools, refuseConflicts } from "./locks.ts";
import type { LockWitness } from "../../store/under_lock.ts";
import type { SealedFileWriter } from "../sealed_files.ts";

/** Every process waits this long between writing its lock and looking again, so that slow listings show all locks. */
const SETTLE_MS = 200;
/**
 * The longest pause before another look for the lock. If the store still does not list it then, taking the lock fails,
 * because others would not see it either.
 */
const LONGEST_SETTLE_MS = 16 * 1000;
const REFRESH_MS = 5 * 60 * 1000;
/** The holder stops once its last refresh is this old, before others call its lock stale. */
const REFRESH_DEADLINE_MS = 22.5 * 60 * 1000;
/**
 * For this long after the lock file was seen, it is assumed to be there. This is shorter than `SETTLE_MS`, which every
 * process that takes over waits.
 */
const LOOK_MS = 150;
/**
 * The pauses between attempts to take a lock: each is twice the one before, up to the longest. An attempt costs one
 * listing of a small folder. With long pauses, a process would keep meeting the short-lived locks of others that wait.
 */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5 * 1000;

/** A lock whose file is written, but which is not confirmed yet: another lock that conflicts with it may exist. */
export interface PendingLock {
  /**
   * Resolves once the lock is known to hold; rejects with `LockedError` if it does not, for example because of another
   * lock. Work that changes nothing may begin before that.
   */
  readonly confirmed: Promise<HeldLock>;
  /** Removes the lock; safe to repeat. */
  release(): Promise<void>;
}

/** A lock that is held. Once lost, it stays lost. */
export interface HeldLock extends LockWitness {
  /** Throws `LockedError` if the lock was not refreshed in time or is known to be removed. */
  assertHeld(): void;
  /**
   * Confirms that the lock's file is still there; to be called before each step that depends on the lock. Sends a
   * request only if the file was last seen more than `LOOK_MS` ago. Throws `LockedError` if the lock is lost, and what
   * the store throws.
   */
  confirmHeld(): Promise<void>;
}

/** Options of `acquireLock`. */
interface AcquireOptions {
  readonly exclusive: boolean;
  /** How long to keep trying while another lock excludes this one, in milliseconds; 0 (the default) fails at once. */
  readonly retryLockMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a lock as soon as no other lock is found that excludes it. Locks of processes that are known to be gone are
 * removed on the way. Throws `LockedError` if another lock still excludes it when the time is over, and the signal's
 * reason.
 */
export async function acquireLock(
  files: SealedFileWriter,
  tools: LockTools,
  options: AcquireOptions,
): Promise<PendingLock> {
  const { retryLockMs = 0, signal } = options;
  const { clock } = tools;
  const reader = new LockReader(files, clock);
  const deadlineMs = clock.monotonicMs() + retryLockMs;
  for (let pauseMs = FIRST_RETRY_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS)) {
    try {
      return await tryToLock({ reader, files }, tools, options);
    } catch (error) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (!(error instanceof LockedError) || leftMs <= 0) throw error;
      if (pauseMs === FIRST_RETRY_MS) tools.onWait?.(error);
      await clock.sleep(Math.min(shortened(pauseMs, tools), leftMs), signal);
    }
  }
}

/**
 * Tries once. If the caller may try again, this also waits for the confirmation, because a lock that was handed out
 * cannot be tried again.
 */
async function tryToLock(place: LockPlace, tools: LockTools, options: AcquireOptions): Promise<PendingLock> {
  const { exclusive, retryLockMs = 0, signal } = options;
  signal?.throwIfAborted();
  await refuseConflicts(place.reader, tools, { files: place.files, exclusive, own: [], signal });
  const taken = await RefreshedLock.take(place, tools, options);
  if (retryLockMs === 0) return taken;
  try {
    await taken.confirmed;
    return taken;
  } catch (error) {
    // If removing the file fails too, only the first error is reported: the file is not refreshed and becomes stale.
    await taken.release().catch(() => {});
    throw error;
  }
}

/** Where the locks are, and what was read of them so far. */
interface LockPlace {
  readonly files: SealedFileWriter;
  readonly reader: LockReader;
}

/** Shortens a pause by up to a quarter, so that two processes that met once do not meet at every try. */
function shortened(pauseMs: number, { randomBytes }: LockTools): number {
  return pauseMs * (1 - randomBytes(1)[0]! / 1024);
}

/** A moment by both clocks: the wall clock may be set, and the monotonic clock may stop during standby. */
interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

function readClocks(clock: Clock): ClockReading {
  return { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
}

/** The time since then, by the clock that shows more. */
function msSince({ wallMs, monotonicMs }: ClockReading, clock: Clock): number {
  const now = readClocks(clock);
  return Math.max(now.wallMs - wallMs, now.monotonicMs - monotonicMs);
}

/** This process's lock: every refresh writes it under a new name; nothing is overwritten. */
class RefreshedLock implements PendingLock, HeldLock {
  readonly confirmed: Promise<HeldLock>;
  readonly #reader: LockReader;
  readonly #files: SealedFileWriter;
  readonly #tools: LockTools;
  readonly #exclusive: boolean;
  readonly #released = new AbortController();
  /** The files of this lock that may still exist. */
  readonly #ids: Set<LockId>;
  /** The current file: the one that was written first, or one that replaced the current file without a gap. */
  #id: LockId;
  /** When writing that file began; the time in the file is not earlier. */
  #refreshed: ClockReading;
  /** When that file was last seen. */
  #seen: ClockReading | undefined;
  #look: Promise<void> | undefined;
  #refreshFailure: unknown;
  #lost: LockedError | undefined;
  readonly #background: Promise<unknown>;
  #removal: Promise<void> | undefined;

  /** Writes the lock file. The lock is confirmed later. */
  static async take(place: LockPlace, tools: LockTools, options: AcquireOptions): Promise<RefreshedLock> {
    const taken = readClocks(tools.clock);
    const id = await writeLock(place.files, tools, options.exclusive);
    return new RefreshedLock(place, tools, options, { id, taken });
  }

  private constructor(
    { reader, files }: LockPlace,
    tools: LockTools,
    { exclusive, signal }: AcquireOptions,
    { id, taken }: { readonly id: LockId; readonly taken: ClockReading },
  ) {
    this.#reader = reader;
    this.#files = files;
    this.#tools = tools;
    this.#exclusive = exclusive;
    this.#ids = new Set([id]);
    this.#id = id;
    this.#refreshed = taken;
    this.confirmed = this.#confirm(signal).then(() => this);
    this.#background = Promise.allSettled([this.confirmed.then(() => this.#keepRefreshing())]);
  }

  assertHeld(): void {
    if (this.#lost === undefined && this.#unrefreshedMs() > REFRESH_DEADLINE_MS) {
      this.#lose(`was not refreshed for ${formatDuration(this.#unrefreshedMs())}`);
    }
    if (this.#lost !== undefined) throw this.#lost;
  }

  async confirmHeld(): Promise<void> {
    this.assertHeld();
    if (this.#seen !== undefined && msSince(this.#seen, this.#tools.clock) < LOOK_MS) return;
    await (this.#look ??= this.#lookForFile().finally(() => this.#look = undefined));
    this.assertHeld();
  }

  release(): Promise<void> {
    return this.#removal ??= this.#release();
  }

  #unrefreshedMs(): number {
    return msSince(this.#refreshed, this.#tools.clock);
  }

  /** Looks for other locks until the store also lists this one: a listing that lacks this lock may lack others, too. */
  async #confirm(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#tools;
    const released = this.#released.signal;
    const either = signal ? AbortSignal.any([released, signal]) : released;
    for (let pauseMs = SETTLE_MS; pauseMs <= LONGEST_SETTLE_MS; pauseMs *= 2) {
      await clock.sleep(pauseMs, either);
      const looked = readClocks(clock);
      const request = { files: this.#files, exclusive: this.#exclusive, own: [this.#id], signal: either };
      const listed = await refuseConflicts(this.#reader, this.#tools, request);
      if (listed.has(this.#id)) {
        this.#seen = looked;
        return;
      }
      await this.#lookForFile();
      this.assertHeld();
    }
    throw new LockedError("The store does not list the lock that was just written; run it again later");
  }

  /** Looks for the lock file; if it is missing, marks the lock as lost. */
  async #lookForFile(): Promise<void> {
    const looked = readClocks(this.#tools.clock);
    if (await this.#isThere()) this.#seen = looked;
    else this.#lose("was removed by somebody");
  }

  /** Asks twice: a refresh may just have replaced the file, and some stores are slow to show a new one. */
  async #isThere(): Promise<boolean> {
    if (await this.#files.has("lock", this.#id)) return true;
    await this.#tools.clock.sleep(SETTLE_MS, this.#released.signal);
    return await this.#files.has("lock", this.#id);
  }

  #lose(how: string): void {
    const message = `The lock ${how}: others may have taken over; run it again`;
    this.#lost ??= new LockedError(message, { cause: this.#refreshFailure });
  }

  async #keepRefreshing(): Promise<void> {
    while (this.#lost === undefined && !this.#released.signal.aborted) {
      try {
        await this.#tools.clock.sleep(REFRESH_MS, this.#released.signal);
        await this.#refresh();
      } catch (error) {
        // A failed refresh is tried again next time; `assertHeld` decides when the lock is lost.
        this.#refreshFailure = error;
      }
    }
  }

  /**
   * Replaces the lock file with one that has the current time. The new file counts only if the old one existed until
   * then and was not overdue. Otherwise another process may have taken over, and a late file does not change that.
   */
  async #refresh(): Promise<void> {
    this.assertHeld();
    const begun = readClocks(this.#tools.clock);
    const id = await writeLock(this.#files, this.#tools, this.#exclusive);
    this.#ids.add(id);
    await this.#lookForFile();
    this.assertHeld();
    this.#id = id;
    this.#refreshed = begun;
    await this.#removeFiles([...this.#ids].filter((other) => other !== id));
  }

  async #release(): Promise<void> {
    this.#released.abort();
    await this.#background;
    await this.#removeFiles([...this.#ids]);
  }

  async #removeFiles(ids: readonly LockId[]): Promise<void> {
    for (const id of ids) {
      await this.#files.remove("lock", id);
      this.#ids.delete(id);
    }
  }
}

/** Stores a lock of this process with the current time. */
function writeLock(files: SealedFileWriter, { clock, identity }: LockTools, exclusive: boolean): Promise<LockId> {
  return files.save("lock", encodeLock({ time: formatTimestamp(clock.now()), exclusive, ...identity }));
}
