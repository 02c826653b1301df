/**
 * Taking a lock and keeping it (restic design document, section Locks): a file that is refreshed while the lock is held.
 *
 * To lock is to write one's own file and then look whether anybody else's excludes it. Of two that come at the same
 * moment, the one whose file is there last sees the other's, so at most one goes on. That one's file was there all the
 * time is what makes the lock hold: others take over as soon as they find none, or one that is long overdue.
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

/** After writing a lock everybody waits so long before looking again, so that slow listings show both. */
const SETTLE_MS = 200;
/** A store that does not list a lock after pauses up to here would not show it to others, either. */
const LONGEST_SETTLE_MS = 16 * 1000;
const REFRESH_MS = 5 * 60 * 1000;
/** A holder whose last refresh is as old must stop: others are about to call its lock stale. */
const REFRESH_DEADLINE_MS = 22.5 * 60 * 1000;
/** So long what was seen of the own file counts: whoever takes the repository over waits longer, see `SETTLE_MS`. */
const LOOK_MS = 150;
/**
 * Pauses between tries to get a lock double from the first to the longest. A try is one listing of a small folder; who
 * tries seldom would find one short-lived lock after the other where several wait at once.
 */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5 * 1000;

/** A lock whose file is written; nobody knows yet whether it excludes what it has to. */
export interface PendingLock {
  /**
   * Resolves when the lock is known to exclude what it has to; rejects with `LockedError` otherwise. Work that changes
   * nothing may go on meanwhile.
   */
  readonly confirmed: Promise<HeldLock>;
  /** Removes the lock; safe to repeat. */
  release(): Promise<void>;
}

/** A lock that is held. Once it is lost it stays lost. */
export interface HeldLock extends LockWitness {
  /** Throws `LockedError` where the lock was not refreshed in time or is known to be removed. */
  assertHeld(): void;
  /**
   * Makes sure of the lock before something that depends on it: looks whether its file is still there. Costs a request now
   * and then, see `LOOK_MS`. Throws `LockedError` where the lock is lost, and what the store throws.
   */
  confirmHeld(): Promise<void>;
}

/** Options of `acquireLock`. */
interface AcquireOptions {
  readonly exclusive: boolean;
  /** How long to try again while somebody else's lock excludes this one, in milliseconds; 0 (the default) fails at once. */
  readonly retryLockMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a lock, once no other one is seen to exclude it. Locks of processes that are known to be gone are removed on the
 * way. Throws `LockedError` where another one still excludes it when the time for trying is over, and the signal's reason.
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

/** One try. Who may wait waits for the confirmation, too: a lock that was handed out cannot be tried for again. */
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
    // Why it does not hold is what has to be told; a lock that stays is refreshed no more.
    await taken.release().catch(() => {});
    throw error;
  }
}

/** Where the locks lie, and what was read of them so far. */
interface LockPlace {
  readonly files: SealedFileWriter;
  readonly reader: LockReader;
}

/** A pause, shorter by up to a quarter, so that two that met once do not meet at every further try. */
function shortened(pauseMs: number, { randomBytes }: LockTools): number {
  return pauseMs * (1 - randomBytes(1)[0]! / 1024);
}

/** A moment by both clocks: the one of the wall may be set, and the other may stand still in a standby. */
interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

function readClocks(clock: Clock): ClockReading {
  return { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
}

/** The longer of what both clocks say. */
function msSince({ wallMs, monotonicMs }: ClockReading, clock: Clock): number {
  const now = readClocks(clock);
  return Math.max(now.wallMs - wallMs, now.monotonicMs - monotonicMs);
}

/** One's own lock: written again under a new name at every refresh, never overwritten. */
class RefreshedLock implements PendingLock, HeldLock {
  readonly confirmed: Promise<HeldLock>;
  readonly #reader: LockReader;
  readonly #files: SealedFileWriter;
  readonly #tools: LockTools;
  readonly #exclusive: boolean;
  readonly #released = new AbortController();
  /** Files of this lock that may still be there. */
  readonly #ids: Set<LockId>;
  /** The file that was there since the lock was taken, or took the place of such a one without a gap. */
  #id: LockId;
  /** When the writing of that file began, whose time is no later. */
  #refreshed: ClockReading;
  /** When that file was last found to be there. */
  #seen: ClockReading | undefined;
  #look: Promise<void> | undefined;
  #refreshFailure: unknown;
  #lost: LockedError | undefined;
  readonly #background: Promise<unknown>;
  #removal: Promise<void> | undefined;

  /** Writes the lock; it is not confirmed then. */
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

  /** Looks for others until the store lists the own lock, too: what does not show that one may not show others' either. */
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
    throw new LockedError("The store does not list the lock that was just written; run it again when it does");
  }

  /** Looks whether the file is there and, where it is not, marks the lock as lost. */
  async #lookForFile(): Promise<void> {
    const looked = readClocks(this.#tools.clock);
    if (await this.#isThere()) this.#seen = looked;
    else this.#lose("was removed by somebody");
  }

  /** Asked twice: a refresh may just have put another file in the place, and some stores are late to show one. */
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
        // A failed refresh is tried again at the next turn; `assertHeld` decides when it was too many.
        this.#refreshFailure = error;
      }
    }
  }

  /**
   * Puts a file with the present time in the place of the one there is. It counts only where that one was there until
   * then and was not overdue: who found neither may have taken over, and a file that comes late does not change that.
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

/** Stores a lock of this process with the present time. */
function writeLock(files: SealedFileWriter, { clock, identity }: LockTools, exclusive: boolean): Promise<LockId> {
  return files.save("lock", encodeLock({ time: formatTimestamp(clock.now()), exclusive, ...identity }));
}
