/**
 * The index in memory: which blobs there are and, where asked for, where each one lies.
 *
 * Memory a blob: 37 to 43 bytes for its id (see base/id_table.ts) and 16 for its place (pack number, offset, length,
 * uncompressed length), at most 59 together. A backup only asks whether a data blob is there, so it can leave the
 * places of data blobs out, but for a few that it names, and take 25 to 31 bytes; trees, of which there are few, always
 * have theirs.
 */
import { encodeHex } from "../base/hex.ts";
import { ID_BYTES, type PackId } from "../base/id.ts";
import { IdTable, KEPT_ID_BYTES } from "../base/id_table.ts";
import type { BlobType } from "../format/blob.ts";
import { SEAL_OVERHEAD_BYTES } from "../format/pack_header.ts";

/** Where a blob lies. Lengths and offset in bytes of the pack file. */
export interface BlobPlace {
  /** Number of the pack; `packId` tells its name. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** Bytes of plaintext of a compressed blob, 0 where it is stored as it is. */
  readonly uncompressedLength: number;
}

/** Bytes of plaintext of the blob at a place: what is not compressed is only sealed. */
export function plaintextLength(place: BlobPlace): number {
  return place.uncompressedLength || place.length - SEAL_OVERHEAD_BYTES;
}

/** Which data blobs an index can locate. */
export interface PlaceOptions {
  /** Whether `locate` shall find data blobs. */
  readonly dataPlaces: boolean;
  /** The few data blobs, 32 bytes each, that it shall find all the same. */
  readonly placesOf?: readonly Uint8Array[];
}

/** All blobs of a repository by id. Of several copies of one blob the first one that was added counts. */
export class BlobIndex {
  readonly #data: IdTable;
  readonly #trees = new IdTable();
  readonly #packs = new IdTable();
  readonly #treePlaces = new PlaceList();
  readonly #dataPlaces: PlaceList | undefined;
  readonly #wanted: readonly Uint8Array[];
  readonly #wantedPlaces = new Map<number, BlobPlace>();

  constructor({ dataPlaces, placesOf = [] }: PlaceOptions) {
    this.#data = new IdTable(dataPlaces ? ID_BYTES : KEPT_ID_BYTES);
    this.#dataPlaces = dataPlaces ? new PlaceList() : undefined;
    this.#wanted = dataPlaces ? [] : placesOf;
  }

  /** The ids of all data blobs, to be looked up by other threads, too. */
  get dataBlobs(): IdTable {
    return this.#data;
  }

  /** How many packs were added. */
  get packCount(): number {
    return this.#packs.size;
  }

  /** How many distinct blobs there are. */
  get blobCount(): number {
    return this.#data.size + this.#trees.size;
  }

  /** Adds a pack, or finds it again; gives its number. `id` is 32 bytes. */
  addPack(id: Uint8Array): number {
    return this.#packs.add(id);
  }

  /** The name of a pack. */
  packId(pack: number): PackId {
    const bytes = new Uint8Array(ID_BYTES);
    this.#packs.copyId(pack, bytes);
    return encodeHex(bytes) as PackId;
  }

  /** Adds a blob whose id stands in `id` at `idOffset`; gives whether it was not there before. */
  add(type: BlobType, place: BlobPlace, id: Uint8Array, idOffset = 0): boolean {
    const table = this.#table(type);
    const entry = table.size;
    if (table.add(id, idOffset) !== entry) return false;
    this.#places(type)?.push(place);
    if (type === "data" && this.#wanted.some((wanted) => isIdAt(wanted, id, idOffset))) {
      this.#wantedPlaces.set(entry, { ...place });
    }
    return true;
  }

  /** Whether there is such a blob. */
  has(type: BlobType, id: Uint8Array, idOffset = 0): boolean {
    return this.#table(type).find(id, idOffset) >= 0;
  }

  /** Where a blob lies, or undefined where there is none. Of data blobs only those of `PlaceOptions` are found. */
  locate(type: BlobType, id: Uint8Array, idOffset = 0): BlobPlace | undefined {
    const entry = this.#table(type).find(id, idOffset);
    if (entry < 0) return undefined;
    const places = this.#places(type);
    return places === undefined ? this.#wantedPlaces.get(entry) : places.at(entry);
  }

  #table(type: BlobType): IdTable {
    return type === "data" ? this.#data : this.#trees;
  }

  #places(type: BlobType): PlaceList | undefined {
    return type === "data" ? this.#dataPlaces : this.#treePlaces;
  }
}

/** Whether the id at a place is that one; the first byte alone nearly always tells that it is not. */
function isIdAt(wanted: Uint8Array, bytes: Uint8Array, offset: number): boolean {
  return wanted[0] === bytes[offset] && wanted.every((byte, i) => byte === bytes[offset + i]);
}

const PLACE_NUMBERS = 4;
const SEGMENT_PLACES = 1 << 13;

/** Places one after the other, four numbers each, in segments so that growing copies nothing. */
class PlaceList {
  readonly #segments: Uint32Array[] = [];
  #size = 0;

  push({ pack, offset, length, uncompressedLength }: BlobPlace): void {
    if (this.#size % SEGMENT_PLACES === 0) this.#segments.push(new Uint32Array(SEGMENT_PLACES * PLACE_NUMBERS));
    const base = (this.#size % SEGMENT_PLACES) * PLACE_NUMBERS;
    this.#segments.at(-1)!.set([pack, offset, length, uncompressedLength], base);
    this.#size++;
  }

  at(entry: number): BlobPlace {
    const segment = this.#segments[Math.floor(entry / SEGMENT_PLACES)]!;
    const base = (entry % SEGMENT_PLACES) * PLACE_NUMBERS;
    return {
      pack: segment[base]!,
      offset: segment[base + 1]!,
      length: segment[base + 2]!,
      uncompressedLength: segment[base + 3]!,
    };
  }
}
