/**
 * The index of a whole repository for readers: the places of data blobs lie on disk, and trees and what the table on disk
 * does not cover in memory.
 *
 * The table says what the listed index files say. Nevertheless a place is only a hint: if something is not there, or the
 * table is damaged, `renew` loads all index files, and what they say counts.
 */
import { IntegrityError } from "../../../base/errors.ts";
import { ID_BYTES } from "../../../base/id.ts";
import type { BlobType } from "../../../format/blob.ts";
import { type BlobIndex, PlacedIndex } from "../blob_index.ts";
import type { BlobPlace } from "../place_list.ts";
import { NO_PACK, PLACE_WORDS, readPlace, writePlace } from "./place_words.ts";
import { type SortedIndex, withPacks } from "./sorted_index.ts";

/** For shorter content lists, setting ciphers up takes longer than they save. */
const LEAST_TOGETHER = 16;

/** The index of a repository of which a table is open. */
export class DiskIndex implements BlobIndex {
  #table: SortedIndex | undefined;
  #memory: PlacedIndex;
  readonly #loadAll: (make: () => PlacedIndex) => Promise<PlacedIndex>;
  #renewal: Promise<void> | undefined;
  /** The places of the blobs of content lists that were looked up. */
  #lists = new WeakMap<Uint8Array, Uint32Array>();

  /**
   * `memory`: what the table knows but its data blobs, and all blobs of files that it does not cover. `loadAll` adds all
   * index files to what `make` returns.
   */
  constructor(
    table: SortedIndex,
    memory: PlacedIndex,
    loadAll: (make: () => PlacedIndex) => Promise<PlacedIndex>,
  ) {
    this.#table = table;
    this.#memory = memory;
    this.#loadAll = loadAll;
  }

  get treeCount(): number {
    return this.#memory.treeCount;
  }

  readonly packId: BlobIndex["packId"] = (pack) => this.#memory.packId(pack);

  readonly furtherPlaces: BlobIndex["furtherPlaces"] = (type, id, offset) =>
    this.#memory.furtherPlaces(type, id, offset);

  /** Throws what `locate` throws. */
  readonly has: BlobIndex["has"] = (type, id, offset = 0) => this.locate(type, id, offset) !== undefined;

  /** Throws `IntegrityError` if the table is damaged there; `renew` helps. */
  readonly locate: BlobIndex["locate"] = (type, id, offset = 0) => {
    const list = this.#lists.get(id);
    if (list !== undefined && type === "data") return readPlace(list, offset / ID_BYTES * PLACE_WORDS);
    return this.#find(type, id, offset);
  };

  readonly lookUp = async (content: Uint8Array): Promise<void> => {
    if (this.#table === undefined || this.#lists.has(content)) return;
    try {
      if (content.length < LEAST_TOGETHER * ID_BYTES) {
        if (this.#findsAll(content)) return;
      } else {
        const places = this.#placesOf(content, this.#table);
        if (places !== undefined) return void this.#lists.set(content, places);
      }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
    }
    await this.renew();
  };

  readonly renew = (): Promise<void> =>
    this.#renewal ??= this.#loadAgain().catch((error) => {
      // The next one tries again.
      this.#renewal = undefined;
      throw error;
    });

  async #loadAgain(): Promise<void> {
    const count = this.#memory.packCount;
    const packs = Array.from({ length: count }, (_, pack) => this.#memory.packId(pack));
    this.#memory = await this.#loadAll(() => withPacks(new PlacedIndex(), packs));
    this.#table = undefined;
    this.#lists = new WeakMap();
  }

  #find(type: BlobType, id: Uint8Array, offset: number): BlobPlace | undefined {
    const place = this.#memory.locate(type, id, offset);
    return place !== undefined || type === "tree" ? place : this.#table?.locate(id, offset);
  }

  #findsAll(content: Uint8Array): boolean {
    for (let at = 0; at < content.length; at += ID_BYTES) {
      if (this.#find("data", content, at) === undefined) return false;
    }
    return true;
  }

  /** The places of a content list; undefined if one is missing. */
  #placesOf(content: Uint8Array, table: SortedIndex): Uint32Array | undefined {
    const places = table.locateAll(content);
    for (let at = 0; at < places.length; at += PLACE_WORDS) {
      if (places[at] !== NO_PACK) continue;
      const place = this.#memory.locate("data", content, at / PLACE_WORDS * ID_BYTES);
      if (place === undefined) return undefined;
      writePlace(place, places, at);
    }
    return places;
  }
}
