/** The worker threads of a pipeline: one digests the streams, the others seal or open blobs. */
import type { IdTable } from "../base/id_table.ts";
import { Semaphore } from "../base/limits.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { CompressionLevel } from "../codec/compression.ts";
import type { GuardChoice } from "../guard/guard.ts";
import type { BlobCalls, DigestCalls, OpenRequest, SealedBatch, SealRequest } from "./calls.ts";
import { Inspection } from "./inspection.ts";
import type { RunVerdict, VerifyRequest } from "./pack_verification.ts";
import type { ResealedBlobs, ResealedForm, ResealRequest } from "./resealing.ts";
import { startWorker, Thread } from "../base/thread.ts";

/** How many batches for each sealing thread may be sealed or wait to be stored at once. */
const BATCHES_PER_THREAD = 2;

/** Threads that are starting and not configured yet. Disposing of them ends them, even after they are configured. */
export interface StartingThreads extends Disposable {
  /** Gives the sealing threads their keys; may be called once. */
  configure(keys: SealingKeys, compression: CompressionLevel): Promise<PipelineThreads>;
}

/**
 * Starts `blobThreads` threads that seal and open, and one that digests. If `digest` is false, the digesting thread
 * starts only with the first stream. Starting early costs nothing: the threads start while the user types the password.
 */
export function startThreads(blobThreads: number, options?: { digest?: boolean }): StartingThreads {
  return PipelineThreads.start(blobThreads, options);
}

/** A thread that digests any number of streams side by side. Disposing of it ends it. */
export class DigestThread implements Disposable {
  readonly #thread = new Thread<DigestCalls>(startWorker());
  #streams = 0;

  /** Begins to digest a stream. */
  inspect(guard: GuardChoice): Inspection {
    return new Inspection(this.#thread, this.#streams++, guard);
  }

  [Symbol.dispose](): void {
    this.#thread.terminate();
  }
}

/** Configured worker threads; disposing of their `StartingThreads` ends them all. */
export class PipelineThreads {
  #digest: DigestThread | undefined;
  readonly #blobs: { readonly thread: Thread<BlobCalls>; load: number }[] = [];
  /** One slot for every batch from its first call until it is stored, whichever stream it belongs to. */
  readonly batchSlots: Semaphore;
  #known: { readonly table: IdTable; readonly generation: number } | undefined;

  /** Called by `startThreads`. */
  static start(blobThreads: number, options?: { digest?: boolean }): StartingThreads {
    const threads = new PipelineThreads(blobThreads, options);
    return {
      configure: (keys, compression) => threads.#configure(keys, compression),
      [Symbol.dispose]: () => threads.#terminate(),
    };
  }

  private constructor(blobThreads: number, { digest = true }: { digest?: boolean } = {}) {
    this.batchSlots = new Semaphore(blobThreads * BATCHES_PER_THREAD);
    try {
      if (digest) this.#digest = new DigestThread();
      while (this.#blobs.length < blobThreads) this.#blobs.push({ thread: new Thread(startWorker()), load: 0 });
    } catch (error) {
      this.#terminate();
      throw error;
    }
  }

  /** How many threads seal and open. */
  get blobThreads(): number {
    return this.#blobs.length;
  }

  /** Begins to digest a stream; any number of streams may be under way. */
  inspect(guard: GuardChoice): Inspection {
    this.#digest ??= new DigestThread();
    return this.#digest.inspect(guard);
  }

  async #configure(keys: SealingKeys, compression: CompressionLevel): Promise<this> {
    await Promise.all(this.#blobs.map(({ thread }) => thread.call("configure", { keys, compression })));
    return this;
  }

  /** Makes every id of the table visible to the sealing threads, if that takes a new view. */
  shareKnown(table: IdTable): void {
    const { generation } = table;
    if (this.#known?.table === table && this.#known.generation === generation) return;
    this.#known = { table, generation };
    const { view } = table;
    for (const { thread } of this.#blobs) thread.call("known", view).catch(() => {});
  }

  /** Seals the new ones of the chunks. Owns: `carry` and `cuts` of the request are transferred. */
  seal(request: SealRequest): Promise<SealedBatch> {
    return this.#callBlobs("seal", request, [request.carry, request.cuts]);
  }

  /**
   * Writes plaintext to its places. Throws `IntegrityError` that names the blob. Owns: all buffers but the segment are
   * transferred.
   */
  async open(request: OpenRequest): Promise<void> {
    await this.#callBlobs("open", request, [request.ids, request.table, ...request.parts]);
  }

  /** Verifies a run of blobs. Owns: all buffers of the request are transferred. */
  verify(request: VerifyRequest): Promise<RunVerdict> {
    const { bytes, ids, lengths, uncompressedLengths } = request;
    return this.#callBlobs("verify", request, [bytes, ids, lengths, uncompressedLengths]);
  }

  /** Says for which repository `reseal` seals, and how; the threads open blobs with the keys of `configure`. */
  async resealFor(keys: SealingKeys, form: ResealedForm): Promise<void> {
    await Promise.all(this.#blobs.map(({ thread }) => thread.call("resealFor", { keys, form })));
  }

  /** Opens, verifies and reseals blobs, after `resealFor`. Owns: all buffers of the request are transferred. */
  reseal(request: ResealRequest): Promise<ResealedBlobs> {
    const { bytes, ids, offsets, lengths, uncompressedLengths } = request;
    return this.#callBlobs("reseal", request, [bytes, ids, offsets, lengths, uncompressedLengths]);
  }

  /** Calls the sealing thread with the least work. A broken thread fails every call. */
  async #callBlobs<Name extends "seal" | "open" | "verify" | "reseal">(
    name: Name,
    request: BlobCalls[Name]["request"],
    given: readonly { readonly buffer: ArrayBuffer }[],
  ): Promise<BlobCalls[Name]["response"]> {
    const chosen = this.#blobs.reduce((least, other) => other.load < least.load ? other : least);
    chosen.load++;
    try {
      return await chosen.thread.call(name, request, given.map(({ buffer }) => buffer));
    } finally {
      chosen.load--;
    }
  }

  #terminate(): void {
    this.#digest?.[Symbol.dispose]();
    for (const { thread } of this.#blobs) thread.terminate();
  }
}
