/**
 * Reads the streams and entries of a source into a session, several side by side. It begins to read before there is a
 * session, as far as its segments allow: a dump does not wait for a password.
 */
import type { ByteSource, JudgedSource } from "../../base/byte_source.ts";
import { InterruptedError } from "../../base/errors.ts";
import { Turn } from "../../base/limits.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { SEGMENT_BYTES, segmentCount } from "../../backup/buffers.ts";
import type { EngineItem } from "../../engine/engine.ts";
import type { StreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import { SourceFeed } from "../../pipeline/source_feed.ts";
import { ClaimedPaths } from "./claimed_paths.ts";
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
export interface ItemProgress {
  readonly phase?: "stream";
  readonly bytesRead?: number;
  readonly bytesAdded?: number;
  readonly bytesBefore?: number | null;
}

/** Judges a stream after its last byte; throws if it must not be committed. */
type Judge = (item: { readonly path: string; readonly source: JudgedSource }, summary: StreamSummary) => Promise<void>;

interface ReaderOptions {
  /** How many items are read side by side. */
  readonly jobs: number;
  readonly budget: MemoryBudget;
  readonly onProgress: (change: ItemProgress) => void;
}

/** For each further job: one segment that it fills, and one that is being stored. */
const SEGMENTS_PER_JOB = 2;

/** Disposal cancels what still runs and waits for its end. */
export class ItemReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  readonly #pool: SegmentPool;
  readonly #paths = new ClaimedPaths();
  readonly #feeds = new Set<SourceFeed>();
  readonly #ready = Promise.withResolvers<{ readonly session: Session; readonly judge: Judge }>();
  readonly #turn = new Turn();
  #runners: Promise<void>[] = [];
  /** Ends the source of the items. */
  #cancelSource: () => Promise<void> = () => Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #bytesRead = 0;
  #bytesBefore: number | null = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { budget, jobs } = options;
    const count = segmentCount(budget) + SEGMENTS_PER_JOB * (jobs - 1);
    this.#pool = new SegmentPool({ count, segmentBytes: SEGMENT_BYTES });
    this.#ready.promise.catch(() => {});
  }

  /** Begins to read items. `cancel` ends their source; it is called in the end in any case. May be called once. */
  start(items: Iterable<EngineItem> | AsyncIterable<EngineItem>, cancel?: () => Promise<void>): void {
    if (cancel) this.#cancelSource = cancel;
    const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#runners = Array.from({ length: this.#options.jobs }, () => this.#run(iterator));
    if (this.#failure) void this.cancel(this.#failure.error);
  }

  /**
   * Stores all items in the session. Resolves when every stream was stored and judged; throws the first failure when
   * all others have ended, too.
   */
  async storeAll(session: Session, judge: Judge): Promise<void> {
    this.#ready.resolve({ session, judge });
    await Promise.all(this.#runners);
    if (this.#failure) throw this.#failure.error;
  }

  /** Stores what an engine left for the next level, after all items. */
  async storeMetadata(session: Session, path: StreamPath, source: ByteSource): Promise<void> {
    this.#paths.claimFile(path);
    const feed = this.#open(source);
    try {
      await session.store({ path, feed, guard: null, isGuardMeant: false, judge: () => {} });
    } finally {
      await this.#close(feed);
    }
  }

  /** Ends everything. Whoever waits for an item gets the first reason. */
  async cancel(reason: unknown): Promise<void> {
    this.#failure ??= { error: reason };
    const { error } = this.#failure;
    this.#ready.reject(error);
    await Promise.all([...[...this.#feeds].map((feed) => feed.cancel(error)), this.#cancelSource()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel(new InterruptedError("The backup ended before its source"));
    await Promise.all(this.#runners);
  }

  /** Reads one item after the other. Never throws: a failure ends all other runners, too. */
  async #run(iterator: Iterator<EngineItem> | AsyncIterator<EngineItem>): Promise<void> {
    try {
      for (;;) {
        if (this.#failure) return;
        const next = await this.#turn.take(async () => await iterator.next());
        if (next.done) return;
        await this.#store(next.value);
      }
    } catch (error) {
      await this.cancel(error);
    }
  }

  async #store(item: EngineItem): Promise<void> {
    if (item.kind === "entry" && item.source === null) return await this.#addEntry(item.path, item);
    const source = item.source!;
    const feed = this.#open(source);
    try {
      this.#paths.claimFile(item.path);
      const { session, judge } = await this.#ready.promise;
      this.#tellBegin(session.sizeBefore(item.path));
      await session.store({
        path: item.path,
        feed,
        ...item.kind === "stream"
          ? { guard: item.guard, isGuardMeant: item.guard !== "auto" }
          : { guard: null, isGuardMeant: false, properties: item.properties },
        judge: (summary) => judge({ path: item.path, source }, summary),
        onStored: () => this.#options.onProgress({ bytesAdded: session.bytesAdded }),
      });
    } finally {
      await this.#close(feed);
    }
  }

  async #addEntry(path: string, { properties }: Extract<EngineItem, { kind: "entry" }>): Promise<void> {
    if (properties.type === "dir") this.#paths.claimDirectory(path);
    else this.#paths.claimFile(path);
    const { session } = await this.#ready.promise;
    session.addEntry(path, properties);
  }

  #open(source: ByteSource): SourceFeed {
    let before = 0;
    const feed = new SourceFeed(source, this.#pool, (bytesRead) => {
      this.#bytesRead += bytesRead - before;
      before = bytesRead;
      this.#options.onProgress({ phase: "stream", bytesRead: this.#bytesRead });
    });
    this.#feeds.add(feed);
    if (this.#failure) void feed.cancel(this.#failure.error);
    return feed;
  }

  /** Releases what the source still holds; one that was read to its end holds nothing. */
  async #close(feed: SourceFeed): Promise<void> {
    await feed.cancel(this.#failure?.error ?? new InterruptedError("The stream was given up"));
    this.#feeds.delete(feed);
  }

  #tellBegin(bytesBefore: number | null): void {
    if (this.#bytesBefore !== null) this.#bytesBefore = bytesBefore === null ? null : this.#bytesBefore + bytesBefore;
    this.#options.onProgress({ bytesBefore: this.#bytesBefore });
  }
}
