/**
 * Reads the streams and entries of a source into a session, several side by side. It begins to read before there is a
 * session, as far as its segments allow: a dump does not wait for a password.
 */
import type { ByteSource, JudgedSource } from "../../base/byte_source.ts";
import { unlessAborted } from "../../base/abort.ts";
import { InterruptedError } from "../../base/errors.ts";
import { Turn } from "../../base/limits.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { SEGMENT_BYTES, segmentCount } from "../../backup/buffers.ts";
import type { EngineItem, EntryProperties } from "../../engine/engine.ts";
import type { StreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import { SourceFeed } from "../../pipeline/source_feed.ts";
import { ClaimedPaths, refuseKeptNames } from "./claimed_paths.ts";
import type { Session } from "./session.ts";

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
}

/** An item that has content. */
export type ItemWithContent = EngineItem & { readonly source: JudgedSource };

/** Judges a stream, or a file of a tree, after its last byte; throws if it must not be committed. */
type Judge = (item: ItemWithContent, summary: StreamSummary) => Promise<void>;

interface ReaderOptions {
  /** How many items are read side by side. */
  readonly jobs: number;
  readonly budget: MemoryBudget;
  readonly onProgress: (change: ItemProgress) => void;
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
}

type ItemIterator = Iterator<EngineItem> | AsyncIterator<EngineItem>;

/** For each further job: one segment that it fills, and one that is being stored. */
const SEGMENTS_PER_JOB = 2;

/** Disposal cancels what still runs and waits for its end. */
export class ItemReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  readonly #pool: SegmentPool;
  readonly #paths = new ClaimedPaths();
  readonly #feeds = new Set<SourceFeed>();
  readonly #ready = Promise.withResolvers<{ readonly session: Session; readonly judge: Judge }>();
  /** Aborted by the first failure, which is its reason. */
  readonly #end = new AbortController();
  readonly #turn = new Turn();
  #source: ItemSource | undefined;
  #iterator: ItemIterator | undefined;
  #runners: Promise<void>[] = [];
  #items = 0;
  #bytesRead = 0;
  #bytesBefore: number | null = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { budget, jobs } = options;
    const count = segmentCount(budget) + SEGMENTS_PER_JOB * (jobs - 1);
    this.#pool = new SegmentPool({ count, segmentBytes: SEGMENT_BYTES });
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
    if (this.#end.signal.aborted) void this.cancel(this.#end.signal.reason);
  }

  /**
   * Stores all items in the session. Resolves when every stream was stored and judged; throws the first failure when
   * all others have ended, too.
   */
  async storeAll(session: Session, judge: Judge): Promise<void> {
    for (const path of this.#source?.paths ?? []) this.#tellBefore(session.sizeBefore(path));
    this.#ready.resolve({ session, judge });
    await Promise.all(this.#runners);
    this.#end.signal.throwIfAborted();
  }

  /** Stores what an engine left for the next level, after all items. */
  async storeMetadata(session: Session, path: StreamPath, source: ByteSource): Promise<void> {
    await this.#read(source, async (feed) => {
      this.#paths.claimFile(path);
      await session.store({ path, feed, guard: null, isGuardMeant: false, judge: () => {} });
    });
  }

  /** Ends everything. Whoever waits for an item gets the first reason. Never throws, and may be called again. */
  async cancel(reason: unknown): Promise<void> {
    if (!this.#end.signal.aborted) this.#end.abort(reason);
    const first = this.#end.signal.reason;
    // A generator that waits for something runs its last lines when that has come, so nobody waits for it.
    void quietly(() => this.#iterator?.return?.());
    await Promise.all([...[...this.#feeds].map((feed) => feed.cancel(first)), quietly(() => this.#source?.cancel())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel(new InterruptedError("The backup ended before its source"));
    await Promise.all(this.#runners);
  }

  /** Reads one item after the other. Never throws: a failure ends all other runners, too. */
  async #run(iterator: ItemIterator): Promise<void> {
    try {
      for (let item = await this.#next(iterator); item !== undefined; item = await this.#next(iterator)) {
        this.#items++;
        await this.#store(item);
      }
    } catch (error) {
      await this.cancel(error);
    }
  }

  /** The next item; undefined if there is none. Does not wait for an iterator that does not notice the end. */
  async #next(iterator: ItemIterator): Promise<EngineItem | undefined> {
    const { signal } = this.#end;
    return await this.#turn.take(async () => {
      signal.throwIfAborted();
      const asked = Promise.resolve(iterator.next());
      const cancelLate = ({ done, value }: IteratorResult<EngineItem>) => {
        if (!done && signal.aborted) void quietly(() => value.source?.cancel());
      };
      asked.then(cancelLate, () => {});
      const next = await unlessAborted(signal, asked);
      return next.done ? undefined : next.value;
    });
  }

  async #store(item: EngineItem): Promise<void> {
    if (!hasContent(item)) return await this.#addEntry(item.path, item.properties);
    await this.#read(item.source, async (feed) => {
      if (item.kind === "stream") refuseKeptNames(item.path, this.#source!.keptNames ?? []);
      this.#paths.claimFile(item.path);
      const { session, judge } = await unlessAborted(this.#end.signal, this.#ready.promise);
      if (this.#source!.paths === undefined) this.#tellBefore(session.sizeBefore(item.path));
      await session.store({
        path: item.path,
        feed,
        ...item.kind === "stream"
          ? { guard: item.guard, isGuardMeant: item.guard !== "auto" }
          : { guard: null, isGuardMeant: false, properties: item.properties },
        // What was cancelled may never say how it ended.
        judge: (summary) => unlessAborted(this.#end.signal, judge(item, summary)),
        onStored: () => this.#options.onProgress({ bytesAdded: session.bytesAdded }),
      });
    });
  }

  async #addEntry(path: string, properties: EntryProperties): Promise<void> {
    if (properties.type === "dir") this.#paths.claimDirectory(path);
    else this.#paths.claimFile(path);
    const { session } = await unlessAborted(this.#end.signal, this.#ready.promise);
    session.addEntry(path, properties);
  }

  /** Reads a source while it is stored. What ended well is left alone; `cancel` ends what did not. */
  async #read(source: ByteSource, store: (feed: SourceFeed) => Promise<void>): Promise<void> {
    const feed = this.#open(source);
    await store(feed);
    this.#feeds.delete(feed);
  }

  #open(source: ByteSource): SourceFeed {
    let before = 0;
    const feed = new SourceFeed(source, this.#pool, (bytesRead) => {
      this.#bytesRead += bytesRead - before;
      before = bytesRead;
      this.#options.onProgress({ phase: "stream", bytesRead: this.#bytesRead });
    });
    this.#feeds.add(feed);
    if (this.#end.signal.aborted) void feed.cancel(this.#end.signal.reason);
    return feed;
  }

  /** `bytesBefore`: the size of one more stream in an earlier backup. */
  #tellBefore(bytesBefore: number | null): void {
    if (this.#bytesBefore !== null) this.#bytesBefore = bytesBefore === null ? null : this.#bytesBefore + bytesBefore;
    this.#options.onProgress({ bytesBefore: this.#bytesBefore });
  }
}

function hasContent(item: EngineItem): item is ItemWithContent {
  return item.source !== null;
}

/** Does what may not fail, but is code of an engine or a program. */
async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // The failure that led here is the one to report.
  }
}
