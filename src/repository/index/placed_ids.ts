/**
 * Ids with the places of their blobs, for one thread.
 *
 * Memory: 25 to 31 bytes for what is kept of an id (unshared_id_table.ts), 1 to 3 more if ids may spill, and some 7 for
 * its place (place_list.ts), at most 41 together; some 7 in all for ids that spill.
 */
import type { ID_BYTES } from "../../base/id.ts";
import type { KEPT_ID_BYTES } from "../../base/id_table.ts";
import type { Spill } from "../../store/spill/spill.ts";
import { type BlobPlace, PlaceList } from "./place_list.ts";
import { UnsharedIdTable } from "./unshared_id_table.ts";

/** Ids with the places of their blobs. */
export class PlacedIds {
  readonly #ids: UnsharedIdTable;
  readonly #places: PlaceList;

  /**
   * `idBytes`: how many bytes of each id are kept. With a `spill`, what exceeds memory goes to disk; then all methods
   * throw what `SpillFile.read` throws.
   */
  constructor(idBytes: typeof ID_BYTES | typeof KEPT_ID_BYTES, spill?: Spill) {
    this.#ids = new UnsharedIdTable(idBytes, spill);
    this.#places = new PlaceList(spill);
  }

  /** How many ids there are. */
  get size(): number {
    return this.#ids.size;
  }

  /** How many ids are expected; see `UnsharedIdTable`. */
  expect(count: number): void {
    this.#ids.expect(count);
  }

  /** Adds an id with its place, unless it is there already; returns whether it was new. */
  add(place: BlobPlace, id: Uint8Array, offset: number): boolean {
    const size = this.size;
    if (this.#ids.add(id, offset) !== size) return false;
    this.#places.push(place);
    return true;
  }

  /** Whether an id was added. */
  has(id: Uint8Array, offset: number): boolean {
    return this.find(id, offset) >= 0;
  }

  /** The number of an id, or -1. */
  find(id: Uint8Array, offset: number): number {
    return this.#ids.find(id, offset);
  }

  /** The place of an id by its number. */
  at(number: number): BlobPlace {
    return this.#places.at(number);
  }

  /** The place of an id; undefined if it was not added. */
  locate(id: Uint8Array, offset: number): BlobPlace | undefined {
    const entry = this.find(id, offset);
    return entry < 0 ? undefined : this.at(entry);
  }
}
