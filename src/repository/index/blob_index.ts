/**
 * Indexes in memory: which blobs there are, and where each one lies.
 *
 * What reads blobs takes a `BlobIndex` of their type; what stores them takes a `BlobRegister` and asks for no places. The
 * types keep them apart: an index that knows of a blob and not where it lies is never asked to read it.
 *
 * Memory a blob: 37 to 43 bytes for its id (see base/id_table.ts) and 16 for its place (pack number, offset, length,
 * uncompressed length), at most 59 together. Where only its existence counts it takes 25 to 31 bytes. Trees, of which
 * there are few, have their places in every index.
 */
import { IntegrityError } from "../../base/errors.ts";
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
 * Which blobs of some types there are. An id is 32 bytes, in `id` from `offset` on, 0 by default.
 *
 * This and `BlobIndex` have properties for methods: the compiler compares the parameters of methods either way round, and
 * would take an index of trees for one of all blobs.
 */
export interface KnownBlobs<Known extends BlobType = BlobType> {
  readonly has: (type: Known, id: Uint8Array, offset?: number) => boolean;
}

/** Also told of every blob that is stored: what stores each blob once needs no more. */
export interface BlobRegister extends KnownBlobs {
  /** Notes a blob that is stored from now on; gives whether it was unknown. */
  note(type: BlobType, id: Uint8Array, offset?: number): boolean;
}

/** Where the blobs of some types lie: what reads them needs this. */
export interface BlobIndex<Located extends BlobType = BlobType> extends KnownBlobs<Located> {
  /** Where a blob lies; undefined where no index file lists it. */
  readonly locate: (type: Located, id: Uint8Array, offset?: number) => BlobPlace | undefined;
  /** The name of the pack of that number. */
  readonly packId: (pack: number) => PackId;
  /** How many distinct trees there are. */
  readonly treeCount: number;
}

/** Takes what index files say. Of several copies of one blob the first one that is added counts. */
export interface LoadableIndex {
  /** Adds a pack, or finds it again; gives its number. `id` is 32 bytes. */
  addPack(id: Uint8Array): number;
  /** Adds a blob whose id stands in `id` at `offset`; gives whether it was not there before and is to be known. */
  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset?: number): boolean;
  /** The data blobs that it takes at most, by the beginnings of their ids (`format/index/index_skim.ts`); undefined: all. */
  readonly wantedData?: Uint8Array;
}

/** Trees and their places; of data it knows nothing. */
export class TreeIndex implements BlobIndex<"tree"> {
  readonly #packs = new IdTable();
  readonly #trees = new PlacedIds();

  /** How many packs were added. */
  get packCount(): number {
    return this.#packs.size;
  }

  get treeCount(): number {
    return this.#trees.size;
  }

  /** As in `LoadableIndex`. */
  addPack(id: Uint8Array): number {
    return this.#packs.add(id);
  }

  packId(pack: number): PackId {
    const bytes = new Uint8Array(ID_BYTES);
    this.#packs.copyId(pack, bytes);
    return encodeHex(bytes) as PackId;
  }

  /** Adds a tree, as `LoadableIndex` adds blobs. */
  addTree(place: BlobPlace, id: Uint8Array, offset = 0): boolean {
    return this.#trees.add(place, id, offset);
  }

  has(_type: "tree", id: Uint8Array, offset = 0): boolean {
    return this.#trees.has(id, offset);
  }

  locate(_type: "tree", id: Uint8Array, offset = 0): BlobPlace | undefined {
    return this.#trees.locate(id, offset);
  }
}

/** All blobs and their places. */
export class PlacedIndex extends TreeIndex implements BlobIndex, LoadableIndex {
  readonly #data = new PlacedIds();

  /** How many distinct blobs there are. */
  get blobCount(): number {
    return this.#data.size + this.treeCount;
  }

  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset = 0): boolean {
    return type === "tree" ? this.addTree(place, id, offset) : this.#data.add(place, id, offset);
  }

  override has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    return type === "tree" ? super.has(type, id, offset) : this.#data.has(id, offset);
  }

  override locate(type: BlobType, id: Uint8Array, offset = 0): BlobPlace | undefined {
    return type === "tree" ? super.locate(type, id, offset) : this.#data.locate(id, offset);
  }
}

/** Trees and the few data blobs that were named, with their places. */
export class NamedIndex extends TreeIndex implements BlobIndex, LoadableIndex {
  readonly #named: NamedIds;

  /** `names`: ids of data blobs, 32 bytes each. */
  constructor(names: readonly Uint8Array[]) {
    super();
    this.#named = new NamedIds(names);
  }

  get wantedData(): Uint8Array {
    return this.#named.beginnings;
  }

  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset = 0): boolean {
    return type === "tree" ? this.addTree(place, id, offset) : this.#named.add(place, id, offset);
  }

  /** Throws `IntegrityError` for a data blob that was not named: nobody knows whether that is there. */
  override has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    return type === "tree" ? super.has(type, id, offset) : this.#named.locate(id, offset) !== undefined;
  }

  /** Throws as `has` does. */
  override locate(type: BlobType, id: Uint8Array, offset = 0): BlobPlace | undefined {
    return type === "tree" ? super.locate(type, id, offset) : this.#named.locate(id, offset);
  }
}

/** Which blobs there are; places only of trees and of the data blobs that were named. */
export class ExistenceIndex implements LoadableIndex, BlobRegister {
  /** What it can locate. */
  readonly named: NamedIndex;
  /** The ids of all data blobs, to be looked up by other threads, too. */
  readonly dataBlobs = new IdTable(KEPT_ID_BYTES);
  readonly #notedTrees = new IdTable(KEPT_ID_BYTES);

  /** `names`: ids of data blobs, 32 bytes each. */
  constructor(names: readonly Uint8Array[] = []) {
    this.named = new NamedIndex(names);
  }

  addPack(id: Uint8Array): number {
    return this.named.addPack(id);
  }

  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset = 0): boolean {
    const isPlaced = this.named.add(type, place, id, offset);
    return type === "tree" ? isPlaced : isAdded(this.dataBlobs, id, offset);
  }

  note(type: BlobType, id: Uint8Array, offset = 0): boolean {
    if (type === "data") return isAdded(this.dataBlobs, id, offset);
    return !this.named.has(type, id, offset) && isAdded(this.#notedTrees, id, offset);
  }

  has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    if (type === "data") return this.dataBlobs.find(id, offset) >= 0;
    return this.named.has(type, id, offset) || this.#notedTrees.find(id, offset) >= 0;
  }
}

/** A set of blobs: it knows that they are there, and nothing of their places. */
export class BlobSet implements BlobRegister {
  readonly #tables = { data: new IdTable(KEPT_ID_BYTES), tree: new IdTable(KEPT_ID_BYTES) };
  readonly #others: KnownBlobs | undefined;

  /** `others`: blobs that belong to it besides those that are noted. */
  constructor(others?: KnownBlobs) {
    this.#others = others;
  }

  note(type: BlobType, id: Uint8Array, offset = 0): boolean {
    return !this.#others?.has(type, id, offset) && isAdded(this.#tables[type], id, offset);
  }

  has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    return this.#tables[type].find(id, offset) >= 0 || this.#others?.has(type, id, offset) === true;
  }
}

/** Adds an id; gives whether it was not there before. */
function isAdded(table: IdTable, id: Uint8Array, offset: number): boolean {
  const size = table.size;
  return table.add(id, offset) === size;
}

/** Ids and the places of their blobs. */
class PlacedIds {
  readonly #ids = new IdTable();
  readonly #places = new PlaceList();

  get size(): number {
    return this.#ids.size;
  }

  add(place: BlobPlace, id: Uint8Array, offset: number): boolean {
    if (!isAdded(this.#ids, id, offset)) return false;
    this.#places.push(place);
    return true;
  }

  has(id: Uint8Array, offset: number): boolean {
    return this.#ids.find(id, offset) >= 0;
  }

  locate(id: Uint8Array, offset: number): BlobPlace | undefined {
    const entry = this.#ids.find(id, offset);
    return entry < 0 ? undefined : this.#places.at(entry);
  }
}

/** A few ids among very many, with places: the first two bytes alone nearly always tell that an id is none of them. */
class NamedIds {
  /** Not 0 for the beginnings that there are; see `beginningOfId`. */
  readonly beginnings = new Uint8Array(ID_BEGINNINGS);
  readonly #ids = new IdTable();
  readonly #places = new Map<number, BlobPlace>();

  constructor(ids: readonly Uint8Array[]) {
    for (const id of ids) {
      this.beginnings[beginningOfId(id)] = 1;
      this.#ids.add(id);
    }
  }

  /** Takes the place of an id that is one of them and has none; gives whether that is so. */
  add(place: BlobPlace, id: Uint8Array, offset: number): boolean {
    if (this.beginnings[beginningOfId(id, offset)] === 0) return false;
    const entry = this.#ids.find(id, offset);
    if (entry < 0 || this.#places.has(entry)) return false;
    this.#places.set(entry, { ...place });
    return true;
  }

  locate(id: Uint8Array, offset: number): BlobPlace | undefined {
    const entry = this.#ids.find(id, offset);
    if (entry >= 0) return this.#places.get(entry);
    const name = encodeHex(id, offset, ID_BYTES);
    throw new IntegrityError(
      `Data blob ${name} is none of those whose places were asked for when the index was loaded`,
    );
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
