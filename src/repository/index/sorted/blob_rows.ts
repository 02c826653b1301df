/** Turns the blobs of index files into rows, and keeps them in memory until there are enough for a run. */
import { encodeHex } from "../../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../../base/id.ts";
import { IdTable } from "../../../base/id_table.ts";
import { encryptValues, KeyedIds, type TableKeys } from "../../../crypto/table_keys.ts";
import { decodeIndex } from "../../../format/index/index_file.ts";
import { RowBuffer } from "../../../store/sorted/row_buffer.ts";
import { KEY_WORDS, ROW_WORDS } from "../../../store/sorted/row_layout.ts";
import type { BlobPlace } from "../blob_index.ts";
import { PLACE_WORDS, writePlace } from "./place_words.ts";
import { TreeList } from "./tree_list.ts";

/** How many blobs get their keys at once. */
const AT_ONCE = 4096;

/** Blobs of index files: rows of data blobs, and trees. */
export class BlobRows {
  readonly #keys: TableKeys;
  readonly #keyed: KeyedIds;
  readonly #packs = new IdTable();
  readonly #ids = new Uint8Array(AT_ONCE * ID_BYTES);
  readonly #places = new Uint32Array(AT_ONCE * PLACE_WORDS);
  readonly #converted = new Uint32Array(AT_ONCE * ROW_WORDS);
  #waiting = 0;
  readonly rows = new RowBuffer();
  readonly trees = new TreeList();

  /** `packs`: those that have numbers already. */
  constructor(keys: TableKeys, packs: readonly PackId[]) {
    this.#keys = keys;
    this.#keyed = new KeyedIds(keys.ids);
    for (const pack of packs) this.#packs.add(Uint8Array.fromHex(pack));
  }

  /** All packs by their numbers. */
  get packs(): PackId[] {
    const id = new Uint8Array(ID_BYTES);
    return Array.from({ length: this.#packs.size }, (_, pack) => {
      this.#packs.copyId(pack, id);
      return encodeHex(id) as PackId;
    });
  }

  /** Adds all blobs of an index file, or none. Throws `IntegrityError` for a malformed one. */
  addFile(json: Uint8Array, what: string): void {
    const [rows, trees] = [this.rows.size, this.trees.size];
    try {
      this.#addBlobs(json, what);
    } catch (error) {
      this.#waiting = 0;
      this.rows.cutTo(rows);
      this.trees.cutTo(trees);
      throw error;
    }
  }

  #addBlobs(json: Uint8Array, what: string): void {
    let pack = -1;
    decodeIndex(json, what, {
      pack: (id) => {
        pack = this.#packs.add(id);
      },
      blob: (type, id, offset, length, uncompressedLength) => {
        const place = { pack, offset, length, uncompressedLength };
        if (type === "tree") this.trees.add(place, id);
        else this.#addData(place, id);
      },
    });
    this.#convert();
  }

  #addData(place: BlobPlace, id: Uint8Array): void {
    if (this.#waiting === AT_ONCE) this.#convert();
    this.#ids.set(id, this.#waiting * ID_BYTES);
    writePlace(place, this.#places, this.#waiting * PLACE_WORDS);
    this.#waiting++;
  }

  #convert(): void {
    const count = this.#waiting;
    const keys = this.#keyed.ofAll(this.#ids.subarray(0, count * ID_BYTES));
    const values = encryptValues(this.#keys.places, this.#places.subarray(0, count * PLACE_WORDS), keys);
    for (let row = 0; row < count; row++) {
      for (let word = 0; word < KEY_WORDS; word++) {
        this.#converted[row * ROW_WORDS + word] = keys[row * KEY_WORDS + word]!;
        this.#converted[row * ROW_WORDS + KEY_WORDS + word] = values[row * PLACE_WORDS + word]!;
      }
    }
    this.rows.push(this.#converted, count);
    this.#waiting = 0;
  }
}
