/**
 * The locks of a repository, whoever holds them (restic design document, section Locks): which there are, whom they
 * exclude, and which protect nobody any more.
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

/** What locking depends on. */
export interface LockTools {
  /** Tells how old locks are. */
  readonly clock: Clock;
  /** Who holds the lock that is made. */
  readonly identity: Identity;
  /**
   * Whether a process of this number is alive in the process table of `identity`; with `started` (see `ProcessMark`),
   * whether it is the one that started then, as far as that can be found out.
   */
  readonly processExists: (pid: number, started?: number) => boolean;
  /** Gives so many random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Told, once, of the lock that is about to be waited for; absent where nobody wants to know. */
  readonly onWait?: (locked: LockedError) => void;
}

const STALE_MS = 30 * 60 * 1000;
/** Numbers of processes lie from 1 to here; to a system others may mean groups of processes. */
const LARGEST_PID = 2 ** 31 - 1;
const LOADS_AT_ONCE = 8;
/** So often a lock is looked for that is listed and not found: at once again, then after pauses that double, 3 s in all. */
const MOST_LOOKS = 6;
const FIRST_PAUSE_MS = 200;
/** No more of a name is shown. */
const LONGEST_NAME = 64;

const WAIT = "wait for it, as with --retry-lock 10m";

/** Why a lock protects nobody any more. Only of the first one there is never a doubt. */
export type StaleReason =
  | "its process is gone"
  | "its process seems to be gone"
  | "it was not refreshed for 30 minutes"
  | "it cannot be read";

/** A lock of somebody as it was found. */
export interface FoundLock {
  /** The name of its file. */
  readonly id: LockId;
  /** What it says. */
  readonly lock: Lock;
  /** Why the lock no longer protects anybody, or null where it may. */
  readonly stale: StaleReason | null;
}

/** All locks there are. Throws `IntegrityError` for one that cannot be read, `LockedError` for one that is not found. */
export async function listLocks(files: SealedFiles, tools: LockTools): Promise<FoundLock[]> {
  const { others } = await new LockReader(files, tools.clock).look();
  return others.map((read) => foundLock(read, tools));
}

/**
 * Removes stale locks, or all, even such as cannot be read; gives what was removed. Throws what `listLocks` throws: for one
 * that is not found once the others are removed.
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

/** What `refuseConflicts` goes by. */
interface WantedLock {
  /** Where locks that are over are removed. */
  readonly files: SealedFileWriter;
  readonly exclusive: boolean;
  /** Files of the wanted lock itself. */
  readonly own: readonly LockId[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks for locks besides one's own that exclude the wanted one; gives the names of all that are listed, own ones too.
 * Removes those that are over without doubt. Throws `LockedError` for the first that excludes it, and
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

/** A lock file, and what it says or why that is not known. */
interface ReadLock {
  readonly id: LockId;
  readonly content: Lock | IntegrityError | LockedError;
}

/** What a look at the locks found. */
interface Look {
  /** All names that the store lists. */
  readonly listed: ReadonlySet<LockId>;
  /** What stands under those that are not one's own. */
  readonly others: readonly ReadLock[];
}

/** Reads the locks of a repository, each once however often it looks: a lock file never changes. */
export class LockReader {
  readonly #files: SealedFiles;
  readonly #clock: Clock;
  readonly #contents = new Map<LockId, Lock | IntegrityError>();

  constructor(files: SealedFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /**
   * The locks that were there at one moment. One that is refreshed meanwhile gets another name before it loses the first:
   * where a file is not found when it is to be read, the listing is made again. That it is not found is believed only
   * when it is no longer listed: to pass over the lock of somebody who is at work would cost what is written there.
   * Empty files are none, as for restic.
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

/** What restic would read where every field is missing. */
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
 * Whether there is no doubt that nobody goes by a lock any more: its process is gone, or what tells less is joined by an
 * age at which its holder, ours or a restic, has given up. Then it has to be from this machine, whose clock told its time,
 * or from a host of this name that has no such process. So neither a restart nor a killed restic leaves a lock for good.
 */
function isOver({ lock, stale }: FoundLock, { identity, clock }: LockTools): boolean {
  if (stale === "its process is gone") return true;
  if (lock.hostname !== identity.hostname || ageMs(lock, clock) <= STALE_MS) return false;
  if (lock.process === undefined) return stale === "its process seems to be gone";
  const { machine } = lock.process;
  return machine !== undefined && machine === identity.process?.machine;
}

/**
 * Whether the process that made a lock has ended. Names of hosts are not unique, containers and clones share them, so only
 * the process table it comes from can tell. Where a lock does not name that, restic's rule holds: the same host name and
 * no such number.
 */
function goneReason(lock: Lock, { identity, processExists }: LockTools): StaleReason | null {
  const { hostname, pid, process } = lock;
  if (hostname !== identity.hostname || pid < 1 || pid > LARGEST_PID) return null;
  if (process === undefined) return processExists(pid) ? null : "its process seems to be gone";
  if (process.table !== identity.process?.table || processExists(pid, process.started)) return null;
  return "its process is gone";
}

/** How long ago a lock was made or refreshed by its clock; negative where that is ahead of this one. */
function ageMs({ time }: Lock, clock: Clock): number {
  return clock.now().getTime() - timestampToDate(time).getTime();
}

/** Who holds a lock and for how long, for messages; ends with what to do about it. */
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
  const advice = 'when a machine or container stopped, "agent unlock" removes 30 minutes after its last refresh';
  return `${WAIT}; what was left ${advice}`;
}

/** A name that somebody gave, no longer than a line can take. */
function shown(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
