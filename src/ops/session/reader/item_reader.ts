/**
 * Reads the streams and entries of a source into a session, or into two: several side by side. It begins to read before
 * there is a session, as far as its segments allow: a dump does not wait for a password. A session that fails does not
 * end the other; what the source says ends both.
 */
import type { ByteSource, JudgedSource } from "../../../base/byte_source.ts";
import { unlessAborted } from "../../../base/abort.ts";
import { BugError, InterruptedError, SourceError } from "../../../base/errors.ts";
import { Turn } from "../../../base/limits.ts";
import type { MemoryBudget } from "../../../base/memory_budget.ts";
import { bufferCount, SEGMENT_BYTES, segmentCount } from "../../../backup/buffers.ts";
import type {
  EngineBuffer,
  EngineEntries,
  EngineEntry,
  EngineItem,
  EngineStream,
  EntryProperties,
} from "../../../engine/engine.ts";
import type { StreamPath } from "../../../format/manifest/series.ts";
import type { GuardChoice } from "../../../guard/guard.ts";
import type { StreamSummary } from "../../../pipeline/calls.ts";
import { SegmentPool } from "../../../pipeline/segments.ts";
import type { DigestThread } from "../../../pipeline/threads.ts";
import { BufferPool } from "./buffer_pool.ts";
import { ClaimedPaths, refuseKeptNames } from "./claimed_paths.ts";
import { OpenStream } from "./open_stream.ts";
import { Recipient } from "./recipient.ts";
import type { Session } from "../session.ts";
import type { SessionStream } from "../session_stream.ts";
import type { TreeCounts } from "../tree/tree_counts.ts";
import type { TreeSlot } from "../tree/tree_writer.ts";

/** A stream to put. */
export interface PutStream {
  /** Its path in the backup. */
  readonly path: StreamPath;
  /** It is read once and cancelled if the backup ends first. */
  readonly source: JudgedSource;
  /** Who judges whether it is whole. */
  readonly guard: GuardChoice;
}

/** Changes in the progress of all items. */
interface ItemProgress {
  readonly phase?: "stream";
  readonly bytesRead?: number;
  readonly bytesAdded?: number;
  readonly bytesBefore?: number | null;
  readonly tree?: TreeCounts;
  readonly filesBefore?: number | null;
}

/** An item that has content. */
export type ItemWithContent = (EngineStream | EngineEntry) & { readonly source: JudgedSource };

/** Judges a stream, or a file of a tree, after its last byte; throws if it must not be committed. */
type Judge = (item: ItemWithContent, summary: StreamSummary) => Promise<void>;

interface ReaderOptions {
  /** How many items are read side by side. */
  readonly jobs: number;
  readonly budget: MemoryBudget;
  readonly judge: Judge;
  readonly onProgress: (change: ItemProgress) => void;
  /** Inspects the streams for two sessions together; absent if there is one session, which inspects them itself. */
  readonly digests?: DigestThread | undefined;
}

/** Where items come from. */
interface ItemSource {
  readonly items: Iterable<EngineItem> | AsyncIterable<EngineItem>;
  /** Ends the source of the items and what was not asked for; it is called in the end in any case. */
  readonly cancel: () => Promise<void>;
  /** The paths of all items, if they are known beforehand. */
  readonly paths?: readonly string[];
  /** First names that no stream may have, besides those of levels. */
  readonly keptNames?: readonly string[];
  /** Whether the items are the entries of one tree, in walk order. */
  readonly holdsTree?: boolean;
}

/** The places of the entries of an item in the tree of each session; undefined for one that failed. */
type Registered = readonly Promise<readonly TreeSlot[] | undefined>[];

/** An item that was asked for, registered if it is an entry of a tree. */
interface NextItem {
  readonly item: EngineItem;
  readonly registered: Registered | null;
}

type ItemIterator = Iterator<EngineItem> | AsyncIterator<EngineItem>;

/** What is stored of an item with content. */
interface ItemContent extends Pick<SessionStream, "path" | "guard" | "isGuardMeant" | "properties"> {
  /** First names that its path must not have; absent if it may have any. */
  readonly keptNames?: readonly string[];
  /** Its place in the tree of every session, for a file of a files backup. */
  readonly registered?: Registered;
  readonly source: ByteSource;
  readonly judge: (summary: StreamSummary) => void | Promise<void>;
}

/** For each further job: one segment that it fills, and one that is being stored. */
const SEGMENTS_PER_JOB = 2;

/** Disposal cancels what still runs and waits for its end. */
export class ItemReader implements AsyncDisposable {
  /** Those who receive the items: the session of the main repository first. */
  readonly recipients: readonly Recipient[];
  readonly #options: ReaderOptions;
  readonly #pool: SegmentPool;
  readonly #buffers: BufferPool;
  readonly #paths = new ClaimedPaths();
  readonly #open = new Set<OpenStream>();
  /** Aborted by the first failure of all, which is its reason. */
  readonly #end = new AbortController();
  readonly #turn = new Turn();
  #source: ItemSource | undefined;
  #iterator: ItemIterator | undefined;
  #runners: Promise<void>[] = [];
  /** Runs that are being stored. */
  readonly #accepted = new Set<Promise<void>>();
  #items = 0;
  #bytesRead = 0;
  #bytesBefore: number | null = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { budget, jobs, digests } = options;
    const count = segmentCount(budget) + SEGMENTS_PER_JOB * (jobs - 1);
    this.#pool = new SegmentPool({ count, segmentBytes: SEGMENT_BYTES });
    this.#buffers = new BufferPool(bufferCount(budget), this.#end.signal);
    const ended = () => Promise.all(this.#runners);
    this.recipients = Array.from({ length: digests ? 2 : 1 }, (_, i) => {
      return new Recipient({ ended, onFailure: (error) => this.#leave(i, error) });
    });
  }

  /** Aborted when everything ends before its time. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Why everything ended: what the source said, an interruption, or the failure of all recipients. */
  get failure(): { readonly error: unknown } | undefined {
    const { aborted, reason } = this.signal;
    return aborted ? { error: reason } : undefined;
  }

  /** A buffer for small files. Waits until one is free; throws what ended everything. */
  async takeBuffer(): Promise<EngineBuffer> {
    return await this.#buffers.take();
  }

  /** How many items came so far. */
  get items(): number {
    return this.#items;
  }

  /** Begins to read items. May be called once. */
  start(source: ItemSource): void {
    const { items } = this.#source = source;
    const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#iterator = iterator;
    this.#runners = Array.from({ length: this.#options.jobs }, () => this.#run(iterator));
    if (this.signal.aborted) void this.cancel(this.signal.reason);
  }

  /** Tells how large the items were before, as far as their paths are known, once a recipient has a session. */
  tellSizesBefore(recipient: Recipient, session: Session): void {
    if (!this.#isShown(this.recipients.indexOf(recipient))) return;
    for (const path of this.#source?.paths ?? []) this.#tellBefore(session.sizeBefore(path));
    if (session.tree === null) return;
    const { counts, bytesBefore, filesBefore } = session.tree;
    this.#tellBefore(bytesBefore);
    this.#options.onProgress({ phase: "stream", tree: counts, filesBefore });
    session.tree.onCounted = (tree) => this.#options.onProgress({ tree });
  }

  /** Stores what an engine left for the next level, after all items. Throws what ended everything. */
  async storeMetadata(path: StreamPath, source: ByteSource): Promise<void> {
    await this.#storeContent({ path, source, guard: null, isGuardMeant: false, judge: () => {} });
    this.signal.throwIfAborted();
  }

  /** Ends everything. Whoever waits for an item gets the first reason. Never throws, and may be called again. */
  async cancel(reason: unknown): Promise<void> {
    if (!this.signal.aborted) this.#end.abort(reason);
    const first = this.signal.reason;
    for (const recipient of this.recipients) recipient.fail(first);
    // A generator that waits for something runs its last lines when that has come, so nobody waits for it.
    void quietly(() => this.#iterator?.return?.());
    const streams = [...this.#open].map((stream) => stream.cancel(first));
    await Promise.all([...streams, quietly(() => this.#source?.cancel())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel(new InterruptedError("The backup ended before its source"));
    await Promise.all(this.#runners);
  }

  /** Goes on without a recipient; ends everything when it was the last one. */
  #leave(i: number, error: unknown): void {
    for (const { takers } of this.#open) takers[i]!.leave(error);
    if (this.signal.aborted || this.recipients.some(({ failure }) => failure === undefined)) return;
    void this.cancel(this.recipients[0]!.failure!.error);
  }

  /** Reads one item after the other. Never throws: a failure ends all other runners, too. */
  async #run(iterator: ItemIterator): Promise<void> {
    try {
      for (let next = await this.#next(iterator); next !== undefined; next = await this.#next(iterator)) {
        this.#items++;
        await (next.registered === null ? this.#store(next.item) : this.#storeRegistered(next.item, next.registered));
      }
      await Promise.all(this.#accepted);
    } catch (error) {
      await this.cancel(error);
      await Promise.allSettled(this.#accepted);
    }
  }

  /**
   * The next item; undefined if there is none. Does not wait for an iterator that does not notice the end. Entries of a
   * tree are registered in the order in which they come.
   */
  async #next(iterator: ItemIterator): Promise<NextItem | undefined> {
    const { signal } = this;
    return await this.#turn.take(async () => {
      signal.throwIfAborted();
      const { holdsTree = false } = this.#source!;
      if (holdsTree) await this.#inEach(undefined, (session) => session.tree!.room());
      const asked = Promise.resolve(iterator.next());
      const cancelLate = ({ done, value }: IteratorResult<EngineItem>) => {
        if (!done && signal.aborted) void quietly(() => dropItem(value));
      };
      asked.then(cancelLate, () => {});
      const { done, value } = await unlessAborted(signal, asked);
      return done ? undefined : { item: value, registered: holdsTree ? this.#register(value) : null };
    });
  }

  /** Registers an item in the tree of every session. What fails there is thrown when the item is stored. */
  #register(item: EngineItem): Registered {
    return this.recipients.map((recipient) => {
      const registered = recipient.work((session) => session.tree!.register(item));
      registered.catch(() => {});
      return registered;
    });
  }

  /** Stores an entry of a tree. A run counts as stored at once; what fails is thrown at the end. */
  async #storeRegistered(item: EngineItem, registered: Registered): Promise<void> {
    if (item.kind === "entries") return this.#accept(this.#storeRun(item, registered));
    await this.#inEach(undefined, async (_session, i) => void await registered[i]);
    if (item.kind === "stream" || !hasContent(item)) return;
    const { path, source } = item;
    const judge = (summary: StreamSummary) => unlessAborted(this.signal, this.#options.judge(item, summary));
    await this.#storeContent({ path, source, guard: null, isGuardMeant: false, judge, registered });
  }

  async #storeRun(run: EngineEntries, registered: Registered): Promise<void> {
    try {
      await this.#inEach(undefined, async (session, i) => {
        const slots = await registered[i];
        if (slots !== undefined) await session.tree!.storeRun(run, slots);
        if (this.#isShown(i)) this.#options.onProgress({ bytesAdded: session.bytesAdded });
      });
      const bytes = run.entries.reduce(
        (sum, entry) => sum + ("run" in entry || entry.content?.kind !== "inline" ? 0 : entry.content.length),
        0,
      );
      this.#bytesRead += bytes;
      this.#options.onProgress({ phase: "stream", bytesRead: this.#bytesRead });
    } finally {
      run.buffer?.release();
    }
  }

  /** Lets work go on beside the runners, which wait for it at their end. */
  #accept(work: Promise<void>): void {
    const accepted = work.catch((error) => this.cancel(error)).finally(() => this.#accepted.delete(accepted));
    this.#accepted.add(accepted);
  }

  async #store(item: EngineItem): Promise<void> {
    if (item.kind === "entries") throw new BugError("Only backups of files are made of runs of entries");
    if (!hasContent(item)) return await this.#addEntry(item.path, item.properties);
    const { path, source } = item;
    const how = item.kind === "stream"
      ? { guard: item.guard, isGuardMeant: item.guard !== "auto", keptNames: this.#source!.keptNames ?? [] }
      : { guard: null, isGuardMeant: false, properties: item.properties };
    // What was cancelled may never say how it ended.
    const judge = (summary: StreamSummary) => unlessAborted(this.signal, this.#options.judge(item, summary));
    await this.#storeContent({ path, source, ...how, judge }, { isCounted: this.#source!.paths === undefined });
  }

  /**
   * Stores a stream in every session. What ended well is left alone; `cancel` ends what did not. `isCounted`: whether
   * its size before is still to be told.
   */
  async #storeContent(content: ItemContent, { isCounted = false } = {}): Promise<void> {
    const { path, guard, isGuardMeant, properties, keptNames, registered } = content;
    const stream = this.#openStream(content);
    if (keptNames !== undefined) refuseKeptNames(path, keptNames);
    // The walk order of a tree keeps its paths apart, without a list of them all.
    if (registered === undefined) this.#paths.claimFile(path);
    void this.recipients[0]!.headStart.then((headStart) => headStart?.begin(stream.takers[0]!, guard ?? "none"));
    await this.#inEach(stream, async (session, i) => {
      if (isCounted && this.#isShown(i)) this.#tellBefore(session.sizeBefore(path));
      const { inspection } = stream;
      const judge = (summary: StreamSummary) => stream.judge(summary);
      const onStored = () => {
        if (this.#isShown(i)) this.#options.onProgress({ bytesAdded: session.bytesAdded });
      };
      const feed = stream.takers[i]!;
      const slot = (await registered?.[i])?.[0];
      await session.store({ path, feed, slot, guard, isGuardMeant, properties, inspection, judge, onStored });
    });
    stream.end();
    this.#open.delete(stream);
  }

  async #addEntry(path: string, properties: EntryProperties): Promise<void> {
    if (properties.type === "dir") this.#paths.claimDirectory(path);
    else this.#paths.claimFile(path);
    await this.#inEach(undefined, (session) => session.addEntry(path, properties));
  }

  /**
   * Does the work in every session. What is wrong with the source is thrown and ends all; any other failure is that of
   * one recipient. A refusal by comparison with the earlier backups of one repository is a verdict about the source.
   */
  async #inEach(
    stream: OpenStream | undefined,
    work: (session: Session, i: number) => void | Promise<void>,
  ): Promise<void> {
    await Promise.all(this.recipients.map(async (recipient, i) => {
      try {
        await recipient.work((session) => work(session, i));
      } catch (error) {
        const isOfSource = error instanceof SourceError || error instanceof BugError || stream?.isFailure(error);
        if (isOfSource) await this.cancel(error);
        else recipient.fail(error);
      }
    }));
    this.signal.throwIfAborted();
  }

  /** Whether the progress is that of this recipient: of the first one that has not failed. */
  #isShown(i: number): boolean {
    return this.recipients.findIndex(({ failure }) => failure === undefined) === i;
  }

  #openStream({ source, guard, judge }: ItemContent): OpenStream {
    let before = 0;
    const stream = new OpenStream({
      source,
      pool: this.#pool,
      takers: this.recipients.length,
      inspection: this.#options.digests?.inspect(guard ?? "none"),
      judge,
      onRead: (bytesRead) => {
        this.#bytesRead += bytesRead - before;
        before = bytesRead;
        this.#options.onProgress({ phase: "stream", bytesRead: this.#bytesRead });
      },
    });
    this.#open.add(stream);
    this.recipients.forEach(({ failure }, i) => failure && stream.takers[i]!.leave(failure.error));
    if (this.signal.aborted) void stream.cancel(this.signal.reason);
    return stream;
  }

  /** `bytesBefore`: the size of one more stream in an earlier backup. */
  #tellBefore(bytesBefore: number | null): void {
    if (this.#bytesBefore !== null) this.#bytesBefore = bytesBefore === null ? null : this.#bytesBefore + bytesBefore;
    this.#options.onProgress({ bytesBefore: this.#bytesBefore });
  }
}

function hasContent(item: EngineStream | EngineEntry): item is ItemWithContent {
  return item.source !== null;
}

/** Gives up an item that came too late. */
async function dropItem(item: EngineItem): Promise<void> {
  if (item.kind === "entries") item.buffer?.release();
  else await item.source?.cancel();
}

/** Does what may not fail, but is code of an engine or a program. */
async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // The failure that led here is the one to report.
  }
}
