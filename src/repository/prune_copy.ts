/**
 * Copies the needed blobs of packs that are to go into fresh packs. Every blob is verified down to its plaintext on the
 * way; those of data are then copied as they are sealed, trees, which are few, are compressed and sealed anew.
 *
 * Memory: a few reads of `READ_BYTES`, the open packs of `PackWriter`, and some 30 bytes for each blob that is copied.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { IntegrityError, invariant } from "../base/errors.ts";
import { encodeHex } from "../base/hex.ts";
import { ID_BYTES, type PackId } from "../base/id.ts";
import { freeBuffer } from "../base/memory.ts";
import { decompress } from "../crypto/zstd.ts";
import { SEAL_OVERHEAD_BYTES } from "../format/pack_header.ts";
import { BlobIndex } from "./blob_index.ts";
import { packError } from "./blob_reader.ts";
import { PackWriter, type PackWriterOptions, type WrittenTotals } from "./pack_writer.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";

/** A part of a pack as it was read, and the data blobs that are wanted of it. */
export interface SealedRead {
  readonly pack: PackId;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly blobs: readonly SealedPiece[];
}

/** Where a sealed blob lies in a read; `id` is 32 bytes, `uncompressedLength` 0 where it is not compressed. */
export interface SealedPiece {
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  readonly id: Uint8Array;
}

/** Opens blobs and compares them with their ids. Throws `IntegrityError` naming one that is damaged; changes nothing. */
export type VerifyBlobs = (read: SealedRead) => Promise<void>;

/** What copying takes. */
export interface CopyRequest extends Omit<PackWriterOptions, "index"> {
  readonly pruneIndex: PruneIndex;
  /** Numbers of the packs to copy from. */
  readonly packs: readonly number[];
  readonly isKept: (copy: BlobCopy) => boolean;
  readonly verify: VerifyBlobs;
  /** Reads that are under way at a time. */
  readonly readsAtOnce: number;
  readonly signal: AbortSignal;
  /** Throws where the lock does not hold; see `PackWriterOptions`. */
  readonly confirmLock: () => Promise<void>;
  /** Called with the number of bytes of needed blobs that were copied so far. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Copies. What was copied is durable and indexed when it resolves; where it fails, what was copied by then is, too, as far
 * as its packs were full, so that the next prune uses it.
 */
export async function copyBlobs(request: CopyRequest): Promise<WrittenTotals> {
  // A writer passes over what its index knows; here it is to know nothing, each needed blob comes exactly once.
  const writer = new PackWriter({ ...request, index: new BlobIndex({ dataPlaces: false }) });
  try {
    const copied = await new Copying(request, writer).run();
    await writer.finish();
    invariant(writer.totals.blobs === copied, `${copied} blobs were read and ${writer.totals.blobs} written`);
  } catch (error) {
    // The failure that led here is the one to report; what was not indexed is removed by the next prune.
    await writer.abandon().catch(() => {});
    throw error;
  }
  return writer.totals;
}

const READ_BYTES = 2 * 1024 * 1024;
/** Plaintext of the blobs of a read at most, but for a single larger one. */
export const READ_PLAINTEXT_BYTES = 4 * 1024 * 1024;
/** Holes up to this size are read along: one call costs more than they do. */
const GAP_BYTES = 64 * 1024;

/** A part of a pack to be read: blobs of one type in the order they lie there. */
interface PlannedRead {
  readonly pack: number;
  readonly copies: BlobCopy[];
  readonly offset: number;
  end: number;
  plaintextBytes: number;
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

  /** Copies everything; gives how many blobs that were. */
  async run(): Promise<number> {
    const { readsAtOnce, signal, onProgress } = this.#request;
    await mapConcurrently(this.#reads(), readsAtOnce, async (read) => {
      signal.throwIfAborted();
      await this.#copy(read);
      this.#blobs += read.copies.length;
      onProgress(this.#bytes += read.copies.reduce((sum, { length }) => sum + length, 0));
    });
    return this.#blobs;
  }

  /** The reads of all packs, planned one pack at a time. */
  *#reads(): Generator<PlannedRead> {
    const { pruneIndex, packs, isKept } = this.#request;
    for (const pack of packs) {
      const reads: PlannedRead[] = [];
      pruneIndex.forEachCopy(pack, (copy) => {
        if (isKept(copy)) addToReads(reads, pack, copy);
      });
      yield* reads;
    }
  }

  async #copy({ pack, copies, offset, end }: PlannedRead): Promise<void> {
    const { repository: { store }, pruneIndex, signal } = this.#request;
    const name = pruneIndex.packId(pack);
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await store.get({ kind: "pack", name }, { offset, length: end - offset }, { signal });
    } catch (error) {
      throw packError(error, `blobs in pack ${name}`);
    }
    const read = { pack: name, bytes, blobs: this.#pieces(copies, offset) };
    await (copies[0]!.type === "data" ? this.#addData(read) : this.#addTrees(read));
    freeBuffer(bytes);
  }

  #pieces(copies: readonly BlobCopy[], readOffset: number): SealedPiece[] {
    const ids = new Uint8Array(copies.length * ID_BYTES);
    return copies.map((copy, i) => {
      const id = ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
      this.#request.pruneIndex.copyId(copy, id);
      return {
        id,
        offset: copy.offset - readOffset,
        length: copy.length,
        uncompressedLength: copy.uncompressedLength,
      };
    });
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
      const what = `tree blob ${encodeHex(id)} in pack ${pack}`;
      const payload = sealer.open(bytes.subarray(offset, offset + length), what);
      const tree = uncompressedLength > 0 ? decompress(payload, uncompressedLength, uncompressedLength, what) : payload;
      if (encodeHex(await this.#writer.addPlaintext("tree", tree)) !== encodeHex(id)) {
        throw new IntegrityError(`Damaged ${what}: its content does not have the SHA-256 it is named by`);
      }
    }
  }
}

/** Bytes of plaintext of a sealed blob: what is not compressed is only sealed. */
export function plaintextLength({ length, uncompressedLength }: Pick<SealedPiece, "length" | "uncompressedLength">) {
  return uncompressedLength || length - SEAL_OVERHEAD_BYTES;
}

/** Lets the last read take the blob along where it lies near enough and room is left; else a further one begins. */
function addToReads(reads: PlannedRead[], pack: number, copy: BlobCopy): void {
  const end = copy.offset + copy.length;
  const plaintextBytes = plaintextLength(copy);
  const last = reads.at(-1);
  const fits = last !== undefined && last.copies[0]!.type === copy.type && copy.offset - last.end <= GAP_BYTES &&
    end - last.offset <= READ_BYTES && last.plaintextBytes + plaintextBytes <= READ_PLAINTEXT_BYTES;
  if (!fits) {
    reads.push({ pack, copies: [copy], offset: copy.offset, end, plaintextBytes });
    return;
  }
  last.copies.push(copy);
  last.end = end;
  last.plaintextBytes += plaintextBytes;
}
