/**
 * The first segments of streams are cut and sealed while the lock settles. Nothing of them is stored before the lock is
 * known to hold. If the index turns out to be another one by then, what they left out as known is looked up in that
 * (`sealStream`).
 */
import { InterruptedError } from "../../base/errors.ts";
import { Chunker, type GearTable } from "../../chunker/gear.ts";
import type { ChunkerParameters } from "../../chunker/parameters.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { SealedBatch } from "../../pipeline/calls.ts";
import type { Feed } from "../../pipeline/feed.ts";
import type { StreamInspection } from "../../pipeline/inspection.ts";
import type { KnownChunks } from "../../pipeline/known/known_chunks.ts";
import { sealStream } from "../../pipeline/seal_stream.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";

/** How the streams of a session are cut and sealed. */
interface HeadStartTools {
  readonly threads: PipelineThreads;
  readonly gear: GearTable;
  readonly parameters: ChunkerParameters;
}

/** A stream that is being sealed. */
interface BegunStream {
  /** Its batches from the first one on. */
  readonly batches: AsyncGenerator<SealedBatch, void, void>;
  /** Receives every piece. */
  readonly inspection: StreamInspection;
}

/** The same before a session takes it. */
interface WaitingStream extends BegunStream {
  /** Its batches from the second one on. It has begun, so that only this ends it. */
  readonly sealing: AsyncGenerator<SealedBatch, void, void>;
}

/** Seals streams before their session can store them. Disposal gives up those that no session took. */
export class HeadStart implements Disposable {
  readonly #tools: HeadStartTools;
  readonly #confirmed = Promise.withResolvers<KnownChunks>();
  readonly #begun = new Map<Feed, WaitingStream>();
  #known: KnownChunks | undefined;

  constructor(tools: HeadStartTools) {
    this.#tools = tools;
    this.#confirmed.promise.catch(() => {});
  }

  /** Lets streams begin. `known` is what the repository holds, unless `confirm` says otherwise. */
  know(known: KnownChunks): void {
    this.#known = known;
  }

  /** Begins to seal a stream, but only between `know` and `confirm`. Never throws: its batches do. */
  begin(feed: Feed, guard: GuardChoice): void {
    const known = this.#known;
    if (known === undefined) return;
    const { threads, gear, parameters } = this.#tools;
    const inspection = threads.inspect(guard);
    const chunker = new Chunker(gear, parameters);
    const confirmedKnown = this.#confirmed.promise;
    const sealing = sealStream({ feed, chunker, threads, inspection, known, confirmedKnown });
    const first = sealing.next();
    first.catch(() => {});
    this.#begun.set(feed, { batches: continued(first, sealing), sealing, inspection });
  }

  /** Lets batches out: the lock holds. `known` is what the repository holds. */
  confirm(known: KnownChunks): void {
    this.#known = undefined;
    this.#confirmed.resolve(known);
  }

  /** The stream of this feed, to be taken once; undefined if it has not begun. */
  take(feed: Feed): BegunStream | undefined {
    const begun = this.#begun.get(feed);
    this.#begun.delete(feed);
    return begun;
  }

  [Symbol.dispose](): void {
    this.#known = undefined;
    this.#confirmed.reject(new InterruptedError("The backup ended before its lock was known to hold"));
    for (const { sealing, inspection } of this.#begun.values()) {
      // A feed that waits for its source ends when that is cancelled, and nobody waits for it here.
      void sealing.return().catch(() => {});
      inspection.drop();
    }
    this.#begun.clear();
  }
}

/** All batches of a stream whose first one was asked for already. */
async function* continued(
  first: Promise<IteratorResult<SealedBatch, void>>,
  rest: AsyncGenerator<SealedBatch, void, void>,
): AsyncGenerator<SealedBatch, void, void> {
  try {
    for (let next = await first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return();
  }
}
