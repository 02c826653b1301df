/**
 * What index files list of each pack, in short: enough to see whether another index file lists the same. So a table
 * survives a prune, which writes most index files again without changing what they say of the packs that stay.
 */
import { encodeHex } from "../../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../../base/id.ts";
import { IdTable } from "../../../base/id_table.ts";
import { PLACE_WORDS } from "./place_words.ts";

/** What is listed of a pack. */
interface PackListing {
  /** How many data blobs. */
  readonly data: number;
  readonly trees: number;
  /** 32 hex digits that depend on all blobs and their places; null if index files list the pack in different ways. */
  readonly sum: string | null;
}

/** A pack with what is listed of it; nothing if no index file lists the pack any more. */
export interface TablePack extends PackListing {
  readonly id: PackId;
}

const NOTHING: PackListing = { data: 0, trees: 0, sum: null };

/**
 * Sums up what one index file lists of one pack, in any order. The encrypted places of blobs are pseudorandom and depend
 * on their ids, so their sum is that of another list only by a chance of 1 to 2^128.
 */
export class ListingSum {
  #data = 0;
  #trees = 0;
  readonly #sum = new Uint32Array(PLACE_WORDS);

  /** Adds a blob by its encrypted place, which begins at word `at`. A tree is not what data with its id is. */
  add(isTree: boolean, place: Uint32Array, at: number): void {
    for (let word = 0; word < PLACE_WORDS; word++) {
      this.#sum[isTree ? PLACE_WORDS - 1 - word : word]! += place[at + word]!;
    }
    if (isTree) this.#trees++;
    else this.#data++;
  }

  /** All blobs so far. */
  get listing(): PackListing {
    return { data: this.#data, trees: this.#trees, sum: new Uint8Array(this.#sum.buffer).toHex() };
  }
}

/** Packs by their numbers. A number stays that of its pack. */
export class ListedPacks {
  readonly #ids = new IdTable();
  readonly #listings: (PackListing | undefined)[];

  /** `packs` have numbers already; what is listed of those with the numbers in `listed` is known, too. */
  constructor(packs: readonly TablePack[], listed: ReadonlySet<number>) {
    for (const { id } of packs) this.#ids.add(Uint8Array.fromHex(id));
    this.#listings = packs.map(({ data, trees, sum }, pack) => listed.has(pack) ? { data, trees, sum } : undefined);
  }

  /** The number of a pack; a pack without one gets the next. */
  numberOf(id: Uint8Array): number {
    return this.#ids.add(id);
  }

  /** What is listed of a pack; undefined if nothing is known. */
  listing(pack: number): PackListing | undefined {
    return this.#listings[pack];
  }

  /** Takes note of what an index file lists of a pack. False if it is something else than what is known. */
  note(pack: number, listing: PackListing): boolean {
    const known = this.#listings[pack];
    if (known === undefined) {
      this.#listings[pack] = listing;
      return true;
    }
    if (isSame(known, listing)) return true;
    this.#listings[pack] = { ...known, sum: null };
    return false;
  }

  /** All packs by their numbers, with what is listed of those in `listed`. */
  packs(listed: ReadonlySet<number>): TablePack[] {
    const id = new Uint8Array(ID_BYTES);
    return Array.from({ length: this.#ids.size }, (_, pack) => {
      this.#ids.copyId(pack, id);
      return { id: encodeHex(id) as PackId, ...(listed.has(pack) && this.#listings[pack] || NOTHING) };
    });
  }
}

/** Whether two index files list the same of a pack. */
function isSame(a: PackListing, b: PackListing): boolean {
  return a.sum !== null && a.sum === b.sum && a.data === b.data && a.trees === b.trees;
}
