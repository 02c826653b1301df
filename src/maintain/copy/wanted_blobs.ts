/** Data blobs that are to be copied, and the reads that bring them. */
import { READ_BYTES, READ_PLAINTEXT_BYTES } from "../../backup/buffers.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import { GAP_BYTES, type PlannedRange, planRanges } from "../../repository/pack/pack_ranges.ts";
import { placeOf } from "../../repository/pack/pack_reader.ts";
import type { BlobIndex } from "../../repository/index/blob_index.ts";
import type { BlobPlace } from "../../repository/index/place_list.ts";

/** A wanted blob, and its number in the list. */
interface WantedBlob extends BlobPlace {
  readonly number: number;
}

/** A part of a pack to be read. */
export interface WantedRead extends PlannedRange<WantedBlob> {
  readonly pack: PackId;
}

const LIMITS = { gapBytes: GAP_BYTES, mostBytes: READ_BYTES, mostPlaintextBytes: READ_PLAINTEXT_BYTES };

/** A list of distinct data blobs of one repository. Memory: some 110 bytes a blob. */
export class WantedBlobs {
  readonly #index: BlobIndex<"data">;
  readonly #ids = new IdTable();
  readonly #blobs: WantedBlob[] = [];

  constructor(index: BlobIndex<"data">) {
    this.#index = index;
  }

  /** How many there are. */
  get size(): number {
    return this.#blobs.length;
  }

  /** Whether the blob whose id is in `ids` at `offset` is among them. */
  has(ids: Uint8Array, offset: number): boolean {
    return this.#ids.find(ids, offset) >= 0;
  }

  /** Adds a blob that is not among them. Throws `IntegrityError` if no index lists it. */
  add(ids: Uint8Array, offset: number): void {
    const place = placeOf(this.#index, "data", ids, offset);
    this.#blobs.push({ ...place, number: this.#ids.add(ids, offset) });
  }

  /** The ids of blobs, 32 bytes each. */
  idsOf(blobs: readonly WantedBlob[]): Uint8Array<ArrayBuffer> {
    const ids = new Uint8Array(blobs.length * ID_BYTES);
    blobs.forEach(({ number }, i) => this.#ids.copyId(number, ids, i * ID_BYTES));
    return ids;
  }

  /** The reads that bring them all, pack after pack; near blobs are read together. */
  *reads(): Generator<WantedRead, void, void> {
    const sorted = this.#blobs.toSorted((a, b) => a.pack - b.pack || a.offset - b.offset);
    for (const [pack, ofPack] of Map.groupBy(sorted, ({ pack }) => pack)) {
      for (const range of planRanges(ofPack, LIMITS)) yield { ...range, pack: this.#index.packId(pack) };
    }
  }
}
