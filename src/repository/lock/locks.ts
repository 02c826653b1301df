/**
 * The locks of a repository, whoever holds them (restic design document, section Locks): which ones there are, which
 * other locks they exclude, and which are stale.
 */
import type { Clock } from "../../base/clock.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { AgentError, IntegrityError, LockedError, NotFoundError } from "../../base/errors.ts";
import { asId, type LockId } from "../../base/id.ts";
import { decodeLock, type Lock } from "../../format/lock.ts";
import { timestampToDate, ZERO_TIME } from "../../format/time.ts";
import type { StoreCallOptions } from "../../store/store.ts";
import type { Identity } from "../key_files.ts";
import type { SealedFiles, SealedFileWriter } from "../sealed_files.ts";

/** What locking needs. */
export interface LockTools {
  /** Measures the age of locks. */
  readonly clock: Clock;
  /** The holder of a new lock. */
  readonly identity: Identity;
  /**
   * Whether a process with this id is alive in the process table of `identity`. With `started` (see `ProcessMark`):
   * whether it is the process that started then, as far as the system can tell.
   */
  readonly processExists: (pid: number, started?: number) => boolean;
  /** Returns that many random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Called once with the lock that is waited for. */
  readonly onWait?: (locked: LockedError) => void;
}

const STALE_MS = 30 * 60 * 1000;
/** Process ids are from 1 to this; the system may read other numbers as groups of processes. */
const LARGEST_PID = 2 ** 31 - 1;
const LOADS_AT_ONCE = 8;
/**
 * How often a lock that is listed but not found is looked for: again at once, then after pauses that double, 3 s in
 * all.
 */
const MOST_LOOKS = 6;
const FIRST_PAUSE_MS = 200;
/** The longest name shown in messages. */
const LONGEST_NAME = 64;

const WAIT = "wait for it, as with --retry-lock 10m";

/** Why a lock is stale. Only the first reason is certain. */
export type StaleReason =
  | "its process is gone"
  | "its process seems to be gone"
  | "it was not refreshed for 30 minutes"
  | "it cannot be read";

/** A lock that was found in the repository. */
export interface FoundLock {
  /** The name of its file. */
  readonly id: LockId;
  /** The content of its file. */
  readonly lock: Lock;
  /** Why the lock is stale; null if it may still protect somebody. */
  readonly stale: StaleReason | null;
}

/**
 * All locks. Throws `IntegrityError` for one that cannot be read, and `LockedError` for one that is listed but not
 * found.
 */
export async function listLocks(files: SealedFiles, tools: LockTools): Promise<FoundLock[]> {
  const { others } = await new LockReader(files, tools.clock).look();
  return others.map((read) => foundLock(read, tools));
}

/**
 * Removes the stale locks, or all, even those that cannot be read; returns what was removed. Throws what `listLocks`
 * throws; if a lock is listed but not found, it removes the others first.
 */
export async function removeLocks(
  files: SealedFileWriter,
  tools: LockTools,
  options: { all: boolean },
): Promise<FoundLock[]> {
  const { others } = await new LockReader(files, tools.clock).look();
  const [missing] = others.flatMap(({ content }) => content instanceof LockedError && !options.all ? [content] : []);
  const found = others.filter(({ content }) => options.all || !(content instanceof LockedError))
    .map((read) => options.all ? anyLock(read, tools) : foundLock(read, tools));
  const going = found.filter(({ stale }) => options.all || stale !== null);
  for (const { id } of going) await files.remove("lock", id);
  if (missing !== undefined) throw missing;
  return going;
}

/** The wanted lock, for `refuseConflicts`. */
interface WantedLock {
  /** Removes locks that are certainly over. */
  readonly files: SealedFileWriter;
  readonly exclusive: boolean;
  /** The files of the wanted lock itself. */
  readonly own: readonly LockId[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks for locks of others that exclude the wanted one; returns the names of all listed locks, including the own ones.
 * Removes locks that are certainly over. Throws `LockedError` for the first lock that excludes the wanted one, and
 * `IntegrityError` for one that cannot be read.
 */
export async function refuseConflicts(
  reader: LockReader,
  tools: LockTools,
  { files, exclusive, own, signal }: WantedLock,
): Promise<ReadonlySet<LockId>> {
  const { listed, others } = await reader.look({ own, signal });
  for (const read of others) {
    const found = foundLock(read, tools);
    if (isOver(found, tools)) {
      await files.remove("lock", found.id);
    } else if (exclusive || found.lock.exclusive) {
      throw new LockedError(`The repository is locked ${describeLock(found, tools)}`);
    }
  }
  return listed;
}

/** A lock file with its content, or why its content is unknown. */
interface ReadLock {
  readonly id: LockId;
  readonly content: Lock | IntegrityError | LockedError;
}

/** The result of one look at the locks. */
interface Look {
  /** All names that the store lists. */
  readonly listed: ReadonlySet<LockId>;
  /** The listed locks without the own ones. */
  readonly others: readonly ReadLock[];
}

/** Reads the locks of a repository. However often it looks, it reads each lock once: a lock file never changes. */
export class LockReader {
  readonly #files: SealedFiles;
  readonly #clock: Clock;
  readonly #contents = new Map<LockId, Lock | IntegrityError>();

  constructor(files: SealedFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /**
   * The locks that existed at one moment. A lock that is refreshed gets a new name before it loses the old one, so if a
   * listed file is not found, the listing is repeated. A lock counts as gone only once it is no longer listed: ignoring
   * the lock of an active process would cost its data. Empty files are not locks, as in restic.
   */
  async look(options: StoreCallOptions & { readonly own?: readonly LockId[] } = {}): Promise<Look> {
    const { own = [], ...call } = options;
    const sought = new Map<LockId, number>();
    for (;;) {
      const rows = await Array.fromAsync(this.#files.list("lock", call));
      const listed = new Set(rows.filter(({ size }) => size > 0).map(({ name }) => asId<LockId>(name)));
      const ids = [...listed].filter((id) => !own.includes(id));
      const unread = ids.filter((id) => !this.#contents.has(id));
      await mapConcurrently(unread, LOADS_AT_ONCE, (id) => this.#read(id, call));
      const missing = unread.filter((id) => !this.#contents.has(id));
      for (const id of missing) sought.set(id, (sought.get(id) ?? 0) + 1);
      const looks = Math.max(0, ...missing.map((id) => sought.get(id)!));
      if (looks === 0 || looks === MOST_LOOKS) return { listed, others: ids.map((id) => this.#readLock(id)) };
      if (looks > 1) await this.#clock.sleep(FIRST_PAUSE_MS * 2 ** (looks - 2), call.signal);
    }
  }

  async #read(id: LockId, call: StoreCallOptions): Promise<void> {
    try {
      this.#contents.set(id, decodeLock(await this.#files.load("lock", id, call), `lock ${id}`));
    } catch (error) {
      if (error instanceof IntegrityError) this.#contents.set(id, error);
      else if (!(error instanceof NotFoundError)) throw error;
    }
  }

  #readLock(id: LockId): ReadLock {
    const content = this.#contents.get(id);
    if (content !== undefined) return { id, content };
    const advice = `${WAIT}, or, if nobody is at work here, run "agent unlock --remove-all"`;
    return { id, content: new LockedError(`The store lists lock ${id} and does not find it; ${advice}`) };
  }
}

function foundLock({ id, content }: ReadLock, tools: LockTools): FoundLock {
  if (content instanceof LockedError) throw content;
  if (!(content instanceof IntegrityError)) return { id, lock: content, stale: staleReason(content, tools) };
  const advice = 'if nobody is at work here, run "agent unlock --remove-all"; reading goes on with --no-lock';
  throw new IntegrityError(`Cannot tell who holds lock ${id}: ${content.message}; ${advice}`, { cause: content });
}

/** What restic would read if all fields were missing. */
const UNKNOWN_LOCK: Lock = { time: ZERO_TIME, exclusive: false, hostname: "", username: "", pid: 0 };

function anyLock(read: ReadLock, tools: LockTools): FoundLock {
  if (!(read.content instanceof AgentError)) return foundLock(read, tools);
  return { id: read.id, lock: UNKNOWN_LOCK, stale: "it cannot be read" };
}

function staleReason(lock: Lock, tools: LockTools): StaleReason | null {
  const gone = goneReason(lock, tools);
  if (gone !== null) return gone;
  return ageMs(lock, tools.clock) > STALE_MS ? "it was not refreshed for 30 minutes" : null;
}

/**
 * Whether a lock is certainly over. Either its process is gone, or weaker evidence is backed by an age at which every
 * holder, ours or restic's, has given up. The evidence is that the lock comes from this machine, whose clock gave its
 * time; or that it names no process table, carries this machine's host name, and no process here has its id. So neither
 * a restart nor a killed restic leaves a lock for ever.
 */
function isOver({ lock, stale }: FoundLock, { identity, clock }: LockTools): boolean {
  if (stale === "its process is gone") return true;
  if (lock.hostname !== identity.hostname || ageMs(lock, clock) <= STALE_MS) return false;
  if (lock.process === undefined) return stale === "its process seems to be gone";
  const { machine } = lock.process;
  return machine !== undefined && machine === identity.process?.machine;
}

/**
 * Whether the process that made a lock has ended. Host names are not unique, since containers and clones share them, so
 * only the process table that the lock names can tell. If the lock names none, restic's rule applies: the host name is
 * the same, and no process has that id.
 */
function goneReason(lock: Lock, { identity, processExists }: LockTools): StaleReason | null {
  const { hostname, pid, process } = lock;
  if (hostname !== identity.hostname || pid < 1 || pid > LARGEST_PID) return null;
  if (process === undefined) return processExists(pid) ? null : "its process seems to be gone";
  if (process.table !== identity.process?.table || processExists(pid, process.started)) return null;
  return "its process is gone";
}

/** How long ago a lock was made or refreshed, by the time in it; negative if that is ahead of this machine's clock. */
function ageMs({ time }: Lock, clock: Clock): number {
  return clock.now().getTime() - timestampToDate(time).getTime();
}

/** Who holds a lock and for how long, for messages, followed by advice. */
function describeLock(found: FoundLock, tools: LockTools): string {
  const { exclusive, pid, username, hostname } = found.lock;
  const age = ageMs(found.lock, tools.clock);
  const holder = `by process ${pid} of ${shown(username) || "somebody"} on ${shown(hostname) || "an unnamed host"}`;
  const since = age < -STALE_MS
    ? `${formatDuration(-age)} ahead of this clock`
    : `${formatDuration(Math.max(0, age))} ago`;
  return `${exclusive ? "exclusively " : ""}${holder}, last refreshed ${since}; ${adviceOn(found, tools)}`;
}

function adviceOn({ lock, stale }: FoundLock, { clock, identity }: LockTools): string {
  if (stale !== null) return `${stale}: if it really is over, run "agent unlock"`;
  if (ageMs(lock, clock) < -STALE_MS) {
    return 'a clock is wrong: if nobody is at work here, run "agent unlock --remove-all"';
  }
  const isElsewhere = lock.process !== undefined && lock.process.table !== identity.process?.table;
  if (!isElsewhere || lock.hostname !== identity.hostname) return WAIT;
  const advice = 'left by a stopped machine or container, run "agent unlock" 30 minutes after its last refresh';
  return `${WAIT}; if it was ${advice}`;
}

/** Shortens a name that a user chose, so that it fits into a line. */
function shown(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
