/**
 * Reads the streams and entries of a source into a session, or into two: several side by side. It begins to read before
 * there is a session, as far as its segments allow: a dump does not wait for a password. A session that fails does not
 * end the other; what the source says ends both.
 */
import type { ByteSource, JudgedSource } from "../../base/byte_source.ts";
import { BugError, InterruptedError, SourceError } from "../../base/errors.ts";
import { Turn } from "../../base/limits.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { SEGMENT_BYTES, segmentCount } from "../../backup/buffers.ts";
import type { EngineItem } from "../../engine/engine.ts";
import type { StreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { StreamSummary } from "../../pipeline/calls.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import type { DigestThread } from "../../pipeline/threads.ts";
import { ClaimedPaths } from "./claimed_paths.ts";
import { OpenStream } from "./open_stream.ts";
import { Recipient } from "./recipient.ts";
import type { Session, SessionStream } from "./session.ts";

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

/** Judges a stream after its last byte; throws if it must not be committed. */
type Judge = (item: { readonly path: string; readonly source: JudgedSource }, summary: StreamSummary) => Promise<void>;

interface ReaderOptions {
  /** How many items are read side by side. */
  readonly jobs: number;
  readonly budget: MemoryBudget;
  readonly judge: Judge;
  readonly onProgress: (change: ItemProgress) => void;
  /** Inspects the streams for two sessions together; absent if there is one session, which inspects them itself. */
  readonly digests?: DigestThread | undefined;
}

/** What is stored of an item with content. */
interface ItemContent extends Pick<SessionStream, "path" | "guard" | "isGuardMeant" | "properties"> {
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
  readonly #paths = new ClaimedPaths();
  readonly #open = new Set<OpenStream>();
  readonly #turn = new Turn();
  #runners: Promise<void>[] = [];
  /** Ends the source of the items. */
  #cancelSource: () => Promise<void> = () => Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #bytesRead = 0;
  #bytesBefore: number | null = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { budget, jobs, digests } = options;
    const count = segmentCount(budget) + SEGMENTS_PER_JOB * (jobs - 1);
    this.#pool = new SegmentPool({ count, segmentBytes: SEGMENT_BYTES });
    const ended = () => Promise.all(this.#runners);
    this.recipients = Array.from({ length: digests ? 2 : 1 }, (_, i) => {
      return new Recipient({ ended, onFailure: (error) => this.#leave(i, error) });
    });
  }

  /** Why everything ended: what the source said, an interruption, or the failure of all recipients. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Begins to read items. `cancel` ends their source; it is called in the end in any case. May be called once. */
  start(items: Iterable<EngineItem> | AsyncIterable<EngineItem>, cancel?: () => Promise<void>): void {
    if (cancel) this.#cancelSource = cancel;
    const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#runners = Array.from({ length: this.#options.jobs }, () => this.#run(iterator));
    if (this.#failure) void this.cancel(this.#failure.error);
  }

  /** Stores what an engine left for the next level, after all items. Throws what ended everything. */
  async storeMetadata(path: StreamPath, source: ByteSource): Promise<void> {
    await this.#storeContent({ path, source, guard: null, isGuardMeant: false, judge: () => {} });
    if (this.#failure) throw this.#failure.error;
  }

  /** Ends everything. Whoever waits for an item gets the first reason. */
  async cancel(reason: unknown): Promise<void> {
    this.#failure ??= { error: reason };
    const { error } = this.#failure;
    for (const recipient of this.recipients) recipient.fail(error);
    await Promise.all([...[...this.#open].map((stream) => stream.cancel(error)), this.#cancelSource()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel(new InterruptedError("The backup ended before its source"));
    await Promise.all(this.#runners);
  }

  /** Goes on without a recipient; ends everything when it was the last one. */
  #leave(i: number, error: unknown): void {
    for (const { takers } of this.#open) takers[i]!.leave(error);
    if (this.#failure || this.recipients.some(({ failure }) => failure === undefined)) return;
    void this.cancel(this.recipients[0]!.failure!.error);
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
    const { path } = item;
    if (item.kind === "entry" && item.source === null) return await this.#addEntry(path, item);
    const source = item.source!;
    const how = item.kind === "stream"
      ? { guard: item.guard, isGuardMeant: item.guard !== "auto" }
      : { guard: null, isGuardMeant: false, properties: item.properties };
    const judge = (summary: StreamSummary) => this.#options.judge({ path, source }, summary);
    await this.#storeContent({ path, source, ...how, judge }, { isCounted: true });
  }

  /** Stores a stream in every session. `isCounted`: whether it is one of those that the progress tells of. */
  async #storeContent(content: ItemContent, { isCounted = false } = {}): Promise<void> {
    const { path, guard, isGuardMeant, properties } = content;
    const stream = this.#openStream(content);
    try {
      this.#paths.claimFile(path);
      await this.#inEach(stream, async (session, i) => {
        if (isCounted && this.#isShown(i)) this.#tellBegin(session.sizeBefore(path));
        const { inspection } = stream;
        const judge = (summary: StreamSummary) => stream.judge(summary);
        const onStored = () => {
          if (this.#isShown(i)) this.#options.onProgress({ bytesAdded: session.bytesAdded });
        };
        const feed = stream.takers[i]!;
        await session.store({ path, feed, guard, isGuardMeant, properties, inspection, judge, onStored });
      });
    } finally {
      // Releases what the source still holds; one that was read to its end holds nothing.
      await stream.cancel(this.#failure?.error ?? new InterruptedError("The stream was given up"));
      this.#open.delete(stream);
    }
  }

  async #addEntry(path: string, { properties }: Extract<EngineItem, { kind: "entry" }>): Promise<void> {
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
    if (this.#failure) throw this.#failure.error;
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
    if (this.#failure) void stream.cancel(this.#failure.error);
    return stream;
  }

  #tellBegin(bytesBefore: number | null): void {
    if (this.#bytesBefore !== null) this.#bytesBefore = bytesBefore === null ? null : this.#bytesBefore + bytesBefore;
    this.#options.onProgress({ bytesBefore: this.#bytesBefore });
  }
}
