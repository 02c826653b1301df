/**
 * Copies the needed blobs of packs to be removed into new packs. Every blob is verified down to its plaintext. Data
 * blobs are then copied as sealed; trees, which are few, are compressed and sealed again.
 *
 * Memory: a few reads (prune_read.ts), the open packs of `PackWriter`, and some 30 bytes for each copied blob.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { invariant } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import type { IndexId } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { BlobSet } from "../../repository/index/blob_index.ts";
import { openSealed } from "../../repository/pack/pack_reader.ts";
import { PackWriter, type PackWriterOptions, type WrittenTotals } from "../../repository/pack/pack_writer.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";
import {
  type PlannedRead,
  planReads,
  readSealed,
  type SealedRead,
  type VerifyBlobs,
  withRepairAdvice,
} from "./prune_read.ts";

/** What copying needs. */
export interface CopyRequest extends Omit<PackWriterOptions, "index"> {
  readonly pruneIndex: PruneIndex;
  /** Numbers of the packs to copy from. */
  readonly packs: readonly number[];
  readonly isKept: (copy: BlobCopy) => boolean;
  readonly verify: VerifyBlobs;
  /** How many reads may be in flight. */
  readonly readsAtOnce: number;
  readonly signal: AbortSignal;
  /** Called with the total bytes of needed blobs copied so far. */
  readonly onProgress: (bytes: number) => void;
}

/** The result of copying. */
export interface CopiedBlobs {
  readonly totals: WrittenTotals;
  /** The index files of the new packs. */
  readonly indexes: readonly IndexId[];
}

/**
 * Copies the needed blobs. When it resolves, the copies are durable and indexed. If it fails, so are the copies in full
 * packs, and the next prune uses them.
 */
export async function copyBlobs(request: CopyRequest): Promise<CopiedBlobs> {
  // A writer skips blobs that its index knows. This index is empty, because each needed blob arrives exactly once.
  const writer = new PackWriter({ ...request, index: new BlobSet() });
  try {
    const copied = await new Copying(request, writer).run();
    await writer.finish();
    invariant(writer.totals.blobs === copied, `${copied} blobs were read and ${writer.totals.blobs} written`);
  } catch (error) {
    // The original failure must be reported, not a failure here. The next prune removes what was not indexed.
    await writer.abandon().catch(() => {});
    throw error;
  }
  return { totals: writer.totals, indexes: writer.indexes };
}

class Copying {
  readonly #request: CopyRequest;
  readonly #writer: PackWriter;
  #blobs = 0;
  #bytes = 0;

  constructor(request: CopyRequest, writer: PackWriter) {
    this.#request = request;
    this.#writer = writer;
  }

  /** Copies all blobs and returns their number. */
  async run(): Promise<number> {
    const { pruneIndex, packs, isKept, readsAtOnce, signal, onProgress } = this.#request;
    await mapConcurrently(planReads(pruneIndex, packs, isKept), readsAtOnce, async (read) => {
      signal.throwIfAborted();
      await this.#copy(read);
      this.#blobs += read.blobs.length;
      onProgress(this.#bytes += read.blobs.reduce((sum, { length }) => sum + length, 0));
    });
    return this.#blobs;
  }

  async #copy(planned: PlannedRead): Promise<void> {
    const { repository: { store }, pruneIndex, signal } = this.#request;
    try {
      const read = await readSealed(store, pruneIndex, planned, signal);
      await (read.type === "data" ? this.#addData(read) : this.#addTrees(read));
      freeBuffer(read.bytes);
    } catch (error) {
      throw withRepairAdvice(error, pruneIndex.packId(planned.pack));
    }
  }

  async #addData(read: SealedRead): Promise<void> {
    await this.#request.verify(read);
    for (const { id, offset, length, uncompressedLength } of read.blobs) {
      await this.#writer.addData({ id, sealed: read.bytes.subarray(offset, offset + length), uncompressedLength });
    }
  }

  async #addTrees({ pack, bytes, blobs }: SealedRead): Promise<void> {
    const { sealer } = this.#request.repository;
    for (const { id, offset, length, uncompressedLength } of blobs) {
      const digest = encodeHex(id);
      const sealed = bytes.subarray(offset, offset + length);
      const tree = openSealed(sealer, { digest, uncompressedLength }, sealed, `tree blob ${digest} in pack ${pack}`);
      await this.#writer.addPlaintext("tree", tree);
    }
  }
}
