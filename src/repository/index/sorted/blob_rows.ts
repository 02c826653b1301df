/** Turns the blobs of index files into rows, and keeps them in memory until there are enough for a run. */
import { ID_BYTES } from "../../../base/id.ts";
import { encryptValues, KeyedIds, type TableKeys } from "../../../crypto/table_keys.ts";
import { decodeIndexPieces } from "../../../format/index/index_file.ts";
import { RowBuffer } from "../../../store/sorted/row_buffer.ts";
import { KEY_WORDS, ROW_WORDS } from "../../../store/sorted/row_layout.ts";
import type { BlobPlace } from "../place_list.ts";
import { type ListedPacks, ListingSum } from "./listed_packs.ts";
import { PLACE_WORDS, writePlace } from "./place_words.ts";
import { TreeList } from "./tree_list.ts";

/** How many blobs get their keys at once. */
const AT_ONCE = 4096;

/** How blobs are taken. */
interface BlobRowsOptions {
  /** All packs that have numbers, and what is known of them. */
  readonly packs: ListedPacks;
  /** Whether blobs of packs of which a listing is known already are left out. */
  readonly skipsListed: boolean;
}

/** Blobs of index files: rows of data blobs, and trees. */
export class BlobRows {
  readonly #keys: TableKeys;
  readonly #keyed: KeyedIds;
  readonly #packs: ListedPacks;
  readonly #skipsListed: boolean;
  readonly #ids = new Uint8Array(AT_ONCE * ID_BYTES);
  readonly #places = new Uint32Array(AT_ONCE * PLACE_WORDS);
  readonly #areTrees = new Uint8Array(AT_ONCE);
  readonly #converted = new Uint32Array(AT_ONCE * ROW_WORDS);
  #waiting = 0;
  /** What the file that is being added lists, by numbers of packs. */
  #sums = new Map<number, ListingSum>();
  #isContradicted = false;
  readonly rows = new RowBuffer();
  readonly trees = new TreeList();

  constructor(keys: TableKeys, { packs, skipsListed }: BlobRowsOptions) {
    this.#keys = keys;
    this.#keyed = new KeyedIds(keys.ids);
    this.#packs = packs;
    this.#skipsListed = skipsListed;
  }

  /** Whether a file lists other blobs of a pack than was known. */
  get isContradicted(): boolean {
    return this.#isContradicted;
  }

  /**
   * Adds all blobs of an index file, whose text comes in pieces. Yields from time to time: rows may be taken out then.
   * Returns the numbers of the packs that it names. Throws `IntegrityError` for a malformed one; then nothing of it was
   * added, unless rows were taken out meanwhile.
   */
  *addFile(json: Iterable<Uint8Array>, what: string): Generator<void, number[]> {
    const [rows, trees] = [this.rows.size, this.trees.size];
    this.#sums = new Map();
    try {
      yield* this.#addBlobs(json, what);
    } catch (error) {
      this.#waiting = 0;
      this.rows.cutTo(rows);
      this.trees.cutTo(trees);
      throw error;
    }
    for (const [pack, sum] of this.#sums) {
      if (!this.#packs.note(pack, sum.listing)) this.#isContradicted = true;
    }
    return [...this.#sums.keys()];
  }

  *#addBlobs(json: Iterable<Uint8Array>, what: string): Generator<void> {
    let pack = -1;
    yield* decodeIndexPieces(json, what, {
      pack: (id) => {
        pack = this.#packs.numberOf(id);
        if (!this.#sums.has(pack)) this.#sums.set(pack, new ListingSum());
      },
      blob: (type, id, offset, length, uncompressedLength) => {
        const place = { pack, offset, length, uncompressedLength };
        if (type === "tree" && !this.#skips(pack)) this.trees.add(place, id);
        this.#add(type === "tree", place, id);
      },
    });
    this.#convert();
  }

  #skips(pack: number): boolean {
    return this.#skipsListed && this.#packs.listing(pack) !== undefined;
  }

  #add(isTree: boolean, place: BlobPlace, id: Uint8Array): void {
    if (this.#waiting === AT_ONCE) this.#convert();
    this.#ids.set(id, this.#waiting * ID_BYTES);
    writePlace(place, this.#places, this.#waiting * PLACE_WORDS);
    this.#areTrees[this.#waiting] = isTree ? 1 : 0;
    this.#waiting++;
  }

  #convert(): void {
    const count = this.#waiting;
    const keys = this.#keyed.ofAll(this.#ids.subarray(0, count * ID_BYTES));
    const values = encryptValues(this.#keys.places, this.#places.subarray(0, count * PLACE_WORDS), keys);
    let rows = 0;
    for (let blob = 0; blob < count; blob++) {
      const pack = this.#places[blob * PLACE_WORDS]!;
      const isTree = this.#areTrees[blob] === 1;
      this.#sums.get(pack)!.add(isTree, values, blob * PLACE_WORDS);
      if (isTree || this.#skips(pack)) continue;
      for (let word = 0; word < KEY_WORDS; word++) {
        this.#converted[rows * ROW_WORDS + word] = keys[blob * KEY_WORDS + word]!;
        this.#converted[rows * ROW_WORDS + KEY_WORDS + word] = values[blob * PLACE_WORDS + word]!;
      }
      rows++;
    }
    this.rows.push(this.#converted, rows);
    this.#waiting = 0;
  }
}
