/** The worker threads of a pipeline: one that digests the streams, several that seal or open blobs. */
import type { IdTable } from "../base/id_table.ts";
import { Semaphore } from "../base/limits.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { CompressionLevel } from "../codec/compression.ts";
import type { GuardChoice } from "../guard/guard.ts";
import type { BlobCalls, DigestCalls, OpenRequest, SealedBatch, SealRequest } from "./calls.ts";
import { Inspection } from "./inspection.ts";
import type { RunVerdict, VerifyRequest } from "./pack_verification.ts";
import { startWorker, Thread } from "../base/thread.ts";

/** Batches that are sealed or wait to be stored at a time, for each sealing thread. */
const BATCHES_PER_THREAD = 2;

/** Threads that start, and do not know yet what to work with. Disposing of them ends them, configured or not. */
export interface StartingThreads extends Disposable {
  /** Gives the sealing threads what they need; once. */
  configure(keys: SealingKeys, compression: CompressionLevel): Promise<PipelineThreads>;
}

/**
 * Starts `blobThreads` threads that seal and open and, unless there is nothing to `digest`, one that digests; that one
 * starts with the first stream then. Starting them early costs nothing that waiting for a password would not.
 */
export function startThreads(blobThreads: number, options?: { digest?: boolean }): StartingThreads {
  return PipelineThreads.start(blobThreads, options);
}

/** Worker threads that have what they need; whoever started them ends them together. */
export class PipelineThreads {
  #digest: Thread<DigestCalls> | undefined;
  readonly #blobs: { readonly thread: Thread<BlobCalls>; load: number }[] = [];
  /** A slot for every batch between its first call and the moment it is stored, whatever stream it is of. */
  readonly batchSlots: Semaphore;
  #known: { readonly table: IdTable; readonly generation: number } | undefined;
  #streams = 0;

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
      if (digest) this.#digest = new Thread(startWorker());
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

  /** Begins to digest a stream; any number of them may be under way. */
  inspect(guard: GuardChoice): Inspection {
    this.#digest ??= new Thread(startWorker());
    return new Inspection(this.#digest, this.#streams++, guard);
  }

  async #configure(keys: SealingKeys, compression: CompressionLevel): Promise<this> {
    await Promise.all(this.#blobs.map(({ thread }) => thread.call("configure", { keys, compression })));
    return this;
  }

  /** Lets the sealing threads see every id of the table, where that takes a new view. */
  shareKnown(table: IdTable): void {
    const { generation } = table;
    if (this.#known?.table === table && this.#known.generation === generation) return;
    this.#known = { table, generation };
    const { view } = table;
    for (const { thread } of this.#blobs) thread.call("known", view).catch(() => {});
  }

  /** Seals what is new of the chunks. Owns: `carry` and `cuts` of the request are gone. */
  seal(request: SealRequest): Promise<SealedBatch> {
    return this.#callBlobs("seal", request, [request.carry, request.cuts]);
  }

  /** Writes plaintext to its places. Throws `IntegrityError` that names the blob. Owns: all but the segment is gone. */
  async open(request: OpenRequest): Promise<void> {
    await this.#callBlobs("open", request, [request.ids, request.table, ...request.parts]);
  }

  /** Judges a run of blobs. Owns: all of the request is gone. */
  verify(request: VerifyRequest): Promise<RunVerdict> {
    const { bytes, ids, lengths, uncompressedLengths } = request;
    return this.#callBlobs("verify", request, [bytes, ids, lengths, uncompressedLengths]);
  }

  /** Asks the sealing thread that has the least to do. A thread that broke fails every call made to it. */
  async #callBlobs<Name extends "seal" | "open" | "verify">(
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
    this.#digest?.terminate();
    for (const { thread } of this.#blobs) thread.terminate();
  }
}
