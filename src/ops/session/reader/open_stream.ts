/** A stream while it is read, for all sessions that it goes into: one read, and one verdict about it. */
import type { ByteSource } from "../../../base/byte_source.ts";
import type { StreamSummary } from "../../../pipeline/calls.ts";
import { SharedInspection, type StreamInspection } from "../../../pipeline/inspection.ts";
import type { SegmentPool } from "../../../pipeline/segments.ts";
import { SharedFeed, type TakerFeed } from "../../../pipeline/shared_feed.ts";
import { SourceFeed } from "../../../pipeline/source_feed.ts";

/** What the stream is read with. */
interface OpenStreamOptions {
  readonly source: ByteSource;
  readonly pool: SegmentPool;
  /** How many sessions it goes into. */
  readonly takers: number;
  /** Its inspection on behalf of all sessions; absent if there is one session, which inspects it. */
  readonly inspection: StreamInspection | undefined;
  /** Called with the number of bytes so far. */
  readonly onRead: (bytesRead: number) => void;
  /** Judges the stream after its last byte; throws if it must not be committed. */
  readonly judge: (summary: StreamSummary) => void | Promise<void>;
}

/** Begins to read at once, as far as the segments allow. */
export class OpenStream {
  readonly #feed: SourceFeed;
  readonly #shared: SharedFeed;
  readonly #inspection: StreamInspection | undefined;
  readonly #judge: OpenStreamOptions["judge"];
  #verdict: Promise<void> | undefined;
  #refusal: { readonly error: unknown } | undefined;
  /** What the sessions see of the inspection. */
  readonly inspection: StreamInspection | undefined;

  constructor({ source, pool, takers, inspection, onRead, judge }: OpenStreamOptions) {
    this.#feed = new SourceFeed(source, pool, onRead);
    this.#shared = new SharedFeed(this.#feed, { takers, inspection });
    this.#inspection = inspection;
    this.#judge = judge;
    this.inspection = inspection && new SharedInspection(inspection);
  }

  /** The feeds of the sessions. */
  get takers(): readonly TakerFeed[] {
    return this.#shared.takers;
  }

  /** Asks once, however many sessions want to know. */
  judge(summary: StreamSummary): Promise<void> {
    return this.#verdict ??= this.#ask(summary);
  }

  /** Whether an error says something about the stream and not about a session. */
  isFailure(error: unknown): boolean {
    return [this.#shared.failure, this.#refusal].some((failure) => failure !== undefined && failure.error === error);
  }

  /** The stream was read to its end, and every session is done with it. */
  end(): void {
    this.#inspection?.drop();
  }

  /** Ends the reading, and releases everything that was read and not taken. May be called again, and after the end. */
  async cancel(reason: unknown): Promise<void> {
    this.#shared.breakOff(reason);
    await this.#feed.cancel(reason);
    this.#inspection?.drop();
  }

  async #ask(summary: StreamSummary): Promise<void> {
    try {
      await this.#judge(summary);
    } catch (error) {
      this.#refusal = { error };
      throw error;
    }
  }
}
