/**
 * Reads the texts of trees in the order of a walk or of a path. A walk stores the trees of neighbouring directories one
 * behind the other, and a tree lies behind its subtrees, so that many are found in one range of a pack.
 */
import { IntegrityError, StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId, PackId } from "../../base/id.ts";
import type { BlobPlace } from "../index/place_list.ts";
import { openSealed, placeOf, readBlob, readRange } from "../pack/pack_reader.ts";
import type { IndexedRepository } from "../repository.ts";

/** What is read ahead once a tree lies right behind the last one; it doubles with every further range. */
const LEAST_AHEAD_BYTES = 16 * 1024;
const MOST_AHEAD_BYTES = 256 * 1024;

/** Enough for the directories above a stream, which name little else than each other. */
const PATH_BYTES = 4 * 1024;

/** Sealed bytes of a pack. */
interface Part {
  readonly pack: PackId;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads trees one after the other. Memory: one range of a pack. */
export class TreeTexts {
  readonly #repository: IndexedRepository<"tree">;
  readonly #beforeBytes: number;
  #part: Part | undefined;
  /** Where the last tree that was read ends. */
  #last: { readonly pack: PackId; readonly end: number } | undefined;
  #aheadBytes = 0;

  /** `beforeBytes` of the pack are read with each tree that is not in the range at hand: its subtrees may be there. */
  constructor(repository: IndexedRepository<"tree">, { beforeBytes = 0 } = {}) {
    this.#repository = repository;
    this.#beforeBytes = beforeBytes;
  }

  /** For the trees on a path from the root down. */
  static alongPath(repository: IndexedRepository<"tree">): TreeTexts {
    return new TreeTexts(repository, { beforeBytes: PATH_BYTES });
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
    const before = Math.min(offset, this.#beforeBytes);
    const end = length + Math.max(0, Math.min(ahead, this.#aheadBytes));
    const range = { pack, offset: offset - before, length: before + end };
    const bytes = await readRange(store, range, `tree blobs in pack ${pack}`, { keep: true });
    this.#part = { pack, offset: range.offset, bytes };
    return bytes.subarray(before, before + length);
  }
}
