/**
 * Reads the texts of trees in the order of a walk. A walk stores the trees of neighbouring directories one behind the
 * other, so that whoever reads them in the same order finds many of them in one range of a pack.
 */
import { IntegrityError, StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId, PackId } from "../../base/id.ts";
import type { BlobPlace } from "../index/blob_index.ts";
import { openSealed, placeOf, readBlob, readRange } from "../pack/pack_reader.ts";
import type { IndexedRepository } from "../repository.ts";

/** What is read ahead once a tree lies right behind the last one; it doubles with every further range. */
const LEAST_AHEAD_BYTES = 16 * 1024;
const MOST_AHEAD_BYTES = 256 * 1024;

/** Sealed bytes of a pack. */
interface Part {
  readonly pack: PackId;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads trees one after the other. Memory: one range of a pack. */
export class TreeTexts {
  readonly #repository: IndexedRepository<"tree">;
  #part: Part | undefined;
  /** Where the last tree that was read ends. */
  #last: { readonly pack: PackId; readonly end: number } | undefined;
  #aheadBytes = 0;

  constructor(repository: IndexedRepository<"tree">) {
    this.#repository = repository;
  }

  /** The verified text of a tree. Throws `IntegrityError`, and what the store throws. */
  async read(tree: BlobId): Promise<Uint8Array> {
    const id = decodeHex(tree);
    const { index, sealer } = this.#repository;
    try {
      const place = placeOf(index, "tree", id, 0);
      const expected = { digest: tree, uncompressedLength: place.uncompressedLength };
      return openSealed(sealer, expected, await this.#sealed(place), `tree ${tree}`);
    } catch (error) {
      // It may be the rest of the range that cannot be read, or a copy that is damaged.
      if (!(error instanceof IntegrityError || error instanceof StoreError)) throw error;
      this.#part = undefined;
      return await readBlob(this.#repository, "tree", id);
    }
  }

  async #sealed({ pack: number, offset, length }: BlobPlace): Promise<Uint8Array> {
    const { index, store } = this.#repository;
    const pack = index.packId(number);
    const isNext = this.#last?.pack === pack && this.#last.end === offset;
    this.#last = { pack, end: offset + length };
    const at = this.#part?.pack === pack ? offset - this.#part.offset : -1;
    if (at >= 0 && at + length <= this.#part!.bytes.length) return this.#part!.bytes.subarray(at, at + length);
    this.#aheadBytes = isNext ? Math.min(MOST_AHEAD_BYTES, Math.max(LEAST_AHEAD_BYTES, 2 * this.#aheadBytes)) : 0;
    const ahead = this.#aheadBytes === 0 ? 0 : await store.size({ kind: "pack", name: pack }) - offset - length;
    const range = { pack, offset, length: length + Math.max(0, Math.min(ahead, this.#aheadBytes)) };
    const bytes = await readRange(store, range, `tree blobs in pack ${pack}`, { keep: true });
    this.#part = { pack, offset, bytes };
    return bytes.subarray(0, length);
  }
}
