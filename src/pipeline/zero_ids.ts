/**
 * The ids of chunks of zeros. Holes of files, and disks that were never written to, give the same chunk thousands of
 * times, which need not be named each time.
 */
import { ID_BYTES } from "../base/id.ts";
import type { SealedBatch } from "./calls.ts";
import { isKnownChunk, type KnownChunks } from "./known/known_chunks.ts";

/** Zeros are always cut at the same lengths: one or two for each mean size. */
const MOST_LENGTHS = 64;

/** Learns ids from batches that were sealed. */
export class ZeroIds {
  readonly #ids = new Map<number, Uint8Array>();

  /** The batch of chunks of zeros of these lengths, if all their ids were learned and are known. */
  batchOf(lengths: Uint32Array<ArrayBuffer>, known: KnownChunks): SealedBatch | undefined {
    const ids = new Uint8Array(lengths.length * ID_BYTES);
    for (let i = 0; i < lengths.length; i++) {
      const id = this.#ids.get(lengths[i]!);
      if (id === undefined || !isKnownChunk(known, id)) return undefined;
      ids.set(id, i * ID_BYTES);
    }
    const none = new Uint8Array(0);
    const sealedLengths = new Uint32Array(lengths.length);
    const compressed = new Uint8Array(lengths.length);
    return { ids, md5s: none, lengths, sealedLengths, compressed, sealed: none };
  }

  /** Takes over the ids of a batch of chunks of zeros. */
  learn({ ids, lengths }: SealedBatch): void {
    lengths.forEach((length, i) => {
      if (this.#ids.has(length) || this.#ids.size >= MOST_LENGTHS) return;
      this.#ids.set(length, ids.slice(i * ID_BYTES, (i + 1) * ID_BYTES));
    });
  }
}
