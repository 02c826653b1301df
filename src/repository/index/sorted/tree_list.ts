/**
 * The trees of index files with their places: 32 bytes of an id and 16 of a place each. There are few, everybody who
 * opens the index on disk holds them all in memory, and a copy of one more place counts. So they lie in lists that are
 * read as a whole, sealed as everything else that tells ids. Each begins with its own name, so that no older list passes
 * for it.
 */
import { concatBytes, doubled } from "../../../base/bytes.ts";
import { IntegrityError } from "../../../base/errors.ts";
import { ID_BYTES } from "../../../base/id.ts";
import { SEAL_OVERHEAD_BYTES, type Sealer } from "../../../crypto/seal.ts";
import type { BlobPlace } from "../place_list.ts";
import { PLACE_WORDS, readPlace, writePlace } from "./place_words.ts";
import type { TreeListDescription } from "./table_manifest.ts";

/** Bytes of the name of a list, which is random. */
const NAME_BYTES = 16;
const ID_WORDS = ID_BYTES / 4;
const TREE_WORDS = ID_WORDS + PLACE_WORDS;
const LEAST_TREES = 64;

/** How many bytes a sealed list has. */
export function treeListBytes({ trees }: TreeListDescription): number {
  return SEAL_OVERHEAD_BYTES + NAME_BYTES + trees * TREE_WORDS * 4;
}

/** A list in memory. */
export class TreeList {
  #words = new Uint32Array(LEAST_TREES * TREE_WORDS);
  #size = 0;

  /** How many trees there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a tree. */
  add(place: BlobPlace, id: Uint8Array): void {
    if (this.#size * TREE_WORDS === this.#words.length) this.#words = doubled(this.#words);
    const at = this.#size++ * TREE_WORDS;
    new Uint8Array(this.#words.buffer).set(id, at * 4);
    writePlace(place, this.#words, at + ID_WORDS);
  }

  /** Drops all trees but the first `size`. */
  cutTo(size: number): void {
    this.#size = Math.min(size, this.#size);
  }

  /** Calls `take` for each tree. Owns: `id` is reused after each call. */
  forEach(take: (place: BlobPlace, id: Uint8Array) => void): void {
    const bytes = new Uint8Array(this.#words.buffer);
    for (let at = 0; at < this.#size * TREE_WORDS; at += TREE_WORDS) {
      take(readPlace(this.#words, at + ID_WORDS), bytes.subarray(at * 4, at * 4 + ID_BYTES));
    }
  }

  /** The sealed bytes of the list with this name, 32 hex digits. */
  encode(sealer: Sealer, name: string): Uint8Array<ArrayBuffer> {
    const trees = new Uint8Array(this.#words.buffer, 0, this.#size * TREE_WORDS * 4);
    return sealer.seal(concatBytes([Uint8Array.fromHex(name), trees]));
  }

  /** Adds the trees of sealed bytes. Throws `IntegrityError` unless they are the list that is described. */
  decode(bytes: Uint8Array<ArrayBuffer>, sealer: Sealer, { name, trees }: TreeListDescription): void {
    const opened = sealer.open(bytes, "a list of trees of the index on disk");
    const isNamed = opened.length >= NAME_BYTES && opened.subarray(0, NAME_BYTES).toHex() === name;
    if (!isNamed || opened.length !== NAME_BYTES + trees * TREE_WORDS * 4) {
      throw new IntegrityError("A list of trees of the index on disk is not the one named");
    }
    const words = new Uint32Array((this.#size + trees) * TREE_WORDS);
    words.set(this.#words.subarray(0, this.#size * TREE_WORDS));
    new Uint8Array(words.buffer).set(opened.subarray(NAME_BYTES), this.#size * TREE_WORDS * 4);
    this.#words = words;
    this.#size += trees;
  }
}
