/**
 * The index in memory: which blobs there are and, where asked for, where each one lies.
 *
 * Memory a blob: 37 to 43 bytes for its id (see base/id_table.ts) and 16 for its place (pack number, offset, length,
 * uncompressed length), at most 59 together. A backup only asks whether a data blob is there, so it can leave the
 * places of data blobs out, but for a few that it names, and take 25 to 31 bytes. Who reads nothing but trees and
 * manifests leaves all other data blobs out, which takes nothing for them, and a third of the time. Trees, of which there
 * are few, are always there with their places.
 */
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { IdTable, KEPT_ID_BYTES } from "../../base/id_table.ts";
import type { BlobType } from "../../format/blob.ts";
import { beginningOfId, ID_BEGINNINGS } from "../../format/index/index_skim.ts";

/** Where a blob lies. Lengths and offset in bytes of the pack file. */
export interface BlobPlace {
  /** Number of the pack; `packId` tells its name. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** Bytes of plaintext of a compressed blob, 0 where it is stored as it is. */
  readonly uncompressedLength: number;
}

/**
 * Stands for a place that nobody asks for: of a blob in an open pack, which nobody reads before the next load of the index,
 * or where all that counts is whether a blob is there.
 */
export const PLACE_UNKNOWN: BlobPlace = { pack: 0, offset: 0, length: 0, uncompressedLength: 0 };

/** Which data blobs an index knows, and which of them it can locate. */
export interface PlaceOptions {
  /** Whether `locate` shall find data blobs. */
  readonly dataPlaces: boolean;
  /** The few data blobs, 32 bytes each, that it shall find all the same. */
  readonly placesOf?: readonly Uint8Array[];
  /** Whether those are the only data blobs it shall know: any other then seems not to be there. False by default. */
  readonly onlyThose?: boolean;
}

/** All blobs of a repository by id. Of several copies of one blob the first one that was added counts. */
export class BlobIndex {
  readonly #data: IdTable;
  readonly #trees = new IdTable();
  readonly #packs = new IdTable();
  readonly #treePlaces = new PlaceList();
  readonly #dataPlaces: PlaceList | undefined;
  readonly #wanted: NamedIds | undefined;
  readonly #wantedPlaces = new Map<number, BlobPlace>();
  readonly #onlyWanted: boolean;

  constructor({ dataPlaces, placesOf = [], onlyThose = false }: PlaceOptions) {
    this.#data = new IdTable(dataPlaces ? ID_BYTES : KEPT_ID_BYTES);
    this.#dataPlaces = dataPlaces ? new PlaceList() : undefined;
    this.#wanted = dataPlaces ? undefined : new NamedIds(placesOf);
    this.#onlyWanted = onlyThose && !dataPlaces;
  }

  /** The ids of all data blobs, to be looked up by other threads, too. */
  get dataBlobs(): IdTable {
    return this.#data;
  }

  /** The data blobs that it knows at most, by the beginnings of their ids (`format/index/index_skim.ts`); undefined: all. */
  get wantedData(): Uint8Array | undefined {
    return this.#onlyWanted ? this.#wanted?.beginnings : undefined;
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

  /** Adds a blob whose id stands in `id` at `idOffset`; gives whether it was not there before and is to be known. */
  add(type: BlobType, place: BlobPlace, id: Uint8Array, idOffset = 0): boolean {
    const isWanted = type === "data" && this.#wanted !== undefined && this.#wanted.has(id, idOffset);
    if (type === "data" && this.#onlyWanted && !isWanted) return false;
    const table = this.#table(type);
    const entry = table.size;
    if (table.add(id, idOffset) !== entry) return false;
    this.#places(type)?.push(place);
    if (isWanted) this.#wantedPlaces.set(entry, { ...place });
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

/** A few ids among very many: the first two bytes alone nearly always tell that an id is none of them. */
class NamedIds {
  /** Not 0 for the beginnings that there are; see `beginningOfId`. */
  readonly beginnings = new Uint8Array(ID_BEGINNINGS);
  readonly #ids = new IdTable();

  constructor(ids: readonly Uint8Array[]) {
    for (const id of ids) {
      this.beginnings[beginningOfId(id)] = 1;
      this.#ids.add(id);
    }
  }

  has(bytes: Uint8Array, offset: number): boolean {
    return this.beginnings[beginningOfId(bytes, offset)] === 1 && this.#ids.find(bytes, offset) >= 0;
  }
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
