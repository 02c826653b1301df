/**
 * Indexes in memory: which blobs there are, and where each is stored.
 *
 * Code that reads blobs takes a `BlobIndex` of their type. Code that stores blobs takes a `BlobRegister`, which has no
 * places. These types ensure that an index that only knows whether a blob exists is never asked where it is.
 *
 * Memory: see `IdTable` and `PlacedIds`. Trees are few, so every index has their places.
 */
import { IntegrityError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { IdTable, KEPT_ID_BYTES } from "../../base/id_table.ts";
import type { BlobPlace } from "./place_list.ts";
import { type IdSpill, type IdSpillLimits, NotedIds } from "./noted_ids.ts";
import { PlacedIds } from "./placed_ids.ts";
import type { BlobType } from "../../format/blob.ts";
import { beginningOfId, ID_BEGINNINGS } from "../../format/index/index_skim.ts";
import type { Spill } from "../../store/spill/spill.ts";
import { isSurelyStored, type StoredIds } from "../../store/sorted/sorted_ids.ts";

/**
 * Tells which blobs of some types exist. An id is 32 bytes, in `id` from `offset` on, 0 by default.
 *
 * This and `BlobIndex` declare functions as properties instead of methods: the compiler compares method parameters in
 * both directions, and would accept an index of trees as one of all blobs.
 */
export interface KnownBlobs<Known extends BlobType = BlobType> {
  readonly has: (type: Known, id: Uint8Array, offset?: number) => boolean;
}

/** Also records every blob that is stored; enough for code that stores each blob only once. */
export interface BlobRegister extends KnownBlobs {
  /**
   * Records a blob as stored; returns whether it was unknown. `isNotOnDisk` says that the index on disk was asked for it
   * already and does not list it.
   */
  note(type: BlobType, id: Uint8Array, offset?: number, isNotOnDisk?: boolean): boolean;
  /**
   * Moves ids out of memory if they have become many; only where they can lie elsewhere. Whoever notes many data blobs
   * calls it after each and waits for what it returns. It rejects only if the program is wrong.
   */
  readonly makeRoom?: () => Promise<void> | undefined;
  /**
   * Loads the ids from the store; of an index on disk only. Call it if `note` throws `IntegrityError`, since the index on
   * disk cannot tell whether a blob is stored; `note` throws none afterwards.
   */
  readonly renew?: () => Promise<void>;
}

/** Tells where the blobs of some types are stored; code that reads blobs needs this. */
export interface BlobIndex<Located extends BlobType = BlobType> extends KnownBlobs<Located> {
  /** Where a blob is stored; undefined if no index file lists it. */
  readonly locate: (type: Located, id: Uint8Array, offset?: number) => BlobPlace | undefined;
  /** Where further copies of a blob are stored, as far as they are known: those of trees. */
  readonly furtherPlaces: (type: Located, id: Uint8Array, offset?: number) => readonly BlobPlace[];
  /** The name of the pack with that number. */
  readonly packId: (pack: number) => PackId;
  /** How many distinct trees there are. */
  readonly treeCount: number;
  /**
   * Looks all data blobs of a content list up, before they are asked for one by one; of an index on disk only, which
   * does so faster. What the list has and the index lacks then, no index file lists.
   */
  readonly lookUp?: (content: Uint8Array) => Promise<void>;
  /**
   * Loads the index from the store, once; of an index on disk only. Call it if something is not where the index says.
   * The numbers of packs stay what they are.
   */
  readonly renew?: () => Promise<void>;
}

/**
 * Reads blobs, or looks them up. If damage is found, and the index is one on disk, it is loaded from the store and `read`
 * is called once more: another process may have moved what it lists.
 */
export async function withRenewal<Type extends BlobType, T>(
  { renew }: BlobIndex<Type> | BlobRegister,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (renew === undefined || !(error instanceof IntegrityError)) throw error;
    await renew();
    return await read();
  }
}

/**
 * An index that can be loaded from index files. If a blob has several copies, the first one added counts; those of a tree
 * are further places.
 */
export interface LoadableIndex {
  /** Adds a pack, or finds it if it was added before; returns its number. `id` is 32 bytes. */
  addPack(id: Uint8Array): number;
  /** Adds a blob whose id is in `id` at `offset`; returns whether it was new and this index keeps such blobs. */
  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset?: number): boolean;
  /**
   * The beginnings of the ids of all data blobs that it may keep (`format/index/index_skim.ts`); undefined means all.
   */
  readonly wantedData?: Uint8Array;
}

/** Whoever writes to a repository may list any number of copies. So many of each tree, and of all, take some 10 MB. */
const MOST_FURTHER_PLACES_OF_ONE = 3;
const MOST_FURTHER_PLACES = 1 << 16;
const NO_PLACES: readonly BlobPlace[] = [];

/** The trees and their places; knows nothing about data blobs. */
export class TreeIndex implements BlobIndex<"tree"> {
  readonly #packs = new IdTable();
  readonly #trees: PlacedIds;
  /**
   * By the number of a tree. A backup that finds a tree damaged stores it once more, and both copies are listed until a
   * repair or a prune removes one.
   */
  readonly #furtherPlaces = new Map<number, BlobPlace[]>();
  #furtherCount = 0;

  /** With a `spill`, what exceeds memory goes to disk; then look-ups throw what `SpillFile.read` throws. */
  constructor(spill?: Spill) {
    this.#trees = new PlacedIds(ID_BYTES, spill);
  }

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
    const isNew = this.#trees.add(place, id, offset);
    if (!isNew) this.#addFurther(place, id, offset);
    return isNew;
  }

  has(_type: "tree", id: Uint8Array, offset = 0): boolean {
    return this.#trees.has(id, offset);
  }

  locate(_type: "tree", id: Uint8Array, offset = 0): BlobPlace | undefined {
    return this.#trees.locate(id, offset);
  }

  furtherPlaces(type: BlobType, id: Uint8Array, offset = 0): readonly BlobPlace[] {
    if (type !== "tree" || this.#furtherCount === 0) return NO_PLACES;
    return this.#furtherPlaces.get(this.#trees.find(id, offset)) ?? NO_PLACES;
  }

  /** Two index files may list the same pack. */
  #addFurther(place: BlobPlace, id: Uint8Array, offset: number): void {
    const number = this.#trees.find(id, offset);
    const places = this.#furtherPlaces.get(number) ?? [];
    if (places.length >= MOST_FURTHER_PLACES_OF_ONE || this.#furtherCount >= MOST_FURTHER_PLACES) return;
    const isSame = ({ pack, offset }: BlobPlace) => pack === place.pack && offset === place.offset;
    if (isSame(this.#trees.at(number)) || places.some(isSame)) return;
    this.#furtherPlaces.set(number, [...places, { ...place }]);
    this.#furtherCount++;
  }
}

/** All blobs and their places. */
export class PlacedIndex extends TreeIndex implements BlobIndex, LoadableIndex {
  readonly #data: PlacedIds;

  /** `spill`: as in `TreeIndex`. */
  constructor(spill?: Spill) {
    super(spill);
    this.#data = new PlacedIds(KEPT_ID_BYTES, spill);
  }

  /** How many data blobs are expected: with that many, it grows without copying, and takes no more than it needs. */
  expect(dataBlobs: number): void {
    this.#data.expect(dataBlobs);
  }

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

/** The trees and a few named data blobs, with their places. */
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

  /** Throws `IntegrityError` for a data blob that was not named, since this index cannot know whether it exists. */
  override has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    return type === "tree" ? super.has(type, id, offset) : this.#named.locate(id, offset) !== undefined;
  }

  /** Throws what `has` throws. */
  override locate(type: BlobType, id: Uint8Array, offset = 0): BlobPlace | undefined {
    return type === "tree" ? super.locate(type, id, offset) : this.#named.locate(id, offset);
  }
}

/** The ids of all blobs; places only of trees and of named data blobs. */
export class ExistenceIndex implements LoadableIndex, BlobRegister {
  /** What it can locate. */
  readonly named: NamedIndex;
  readonly #dataBlobs: IdTable;
  readonly #notedTrees = new IdTable(KEPT_ID_BYTES);
  #noted = new NotedIds();

  /** `named`: locates what it names. `dataBlobs`: those that are known from the beginning. */
  constructor(named: NamedIndex = new NamedIndex([]), dataBlobs: IdTable = new IdTable(KEPT_ID_BYTES)) {
    this.named = named;
    this.#dataBlobs = dataBlobs;
  }

  /** The ids of data blobs, except of those that `stored` knows or that were spilled; other threads look them up, too. */
  get dataBlobs(): IdTable {
    return this.#dataBlobs;
  }

  /** Further data blobs. */
  get stored(): StoredIds | undefined {
    return undefined;
  }

  /** As in `BlobRegister`. */
  declare readonly renew?: () => Promise<void>;

  /** Whether a data blob is listed. Throws `IntegrityError` if the index on disk cannot tell; `renew` may help. */
  lists(id: Uint8Array, offset = 0): boolean {
    return this.#noted.has(this.dataBlobs, id, offset) || this.stored?.has(id, offset) === true;
  }

  /** From here on, moves the ids of noted data blobs to `spill` once they are many, the first ones first. */
  spillTo(spill: IdSpill, limits?: IdSpillLimits): void {
    this.#noted = new NotedIds(spill, limits);
  }

  /** As in `BlobRegister`. */
  readonly makeRoom = (): Promise<void> | undefined => this.#noted.makeRoom(this.dataBlobs);

  /** Resolves once nothing is moved any more, so that the spill can be closed. Throws what `makeRoom` throws. */
  settle(): Promise<void> {
    return this.#noted.settle();
  }

  addPack(id: Uint8Array): number {
    return this.named.addPack(id);
  }

  add(type: BlobType, place: BlobPlace, id: Uint8Array, offset = 0): boolean {
    const isPlaced = this.named.add(type, place, id, offset);
    return type === "tree" ? isPlaced : isAdded(this.dataBlobs, id, offset);
  }

  /** What `stored` cannot tell is new. */
  note(type: BlobType, id: Uint8Array, offset = 0, isNotOnDisk = false): boolean {
    if (type === "data") {
      if (!isNotOnDisk && isSurelyStored(this.stored, id, offset)) return false;
      return this.#noted.note(this.dataBlobs, id, offset);
    }
    return !this.named.has(type, id, offset) && isAdded(this.#notedTrees, id, offset);
  }

  /** Whether a blob is surely known: false if `stored` cannot tell. */
  has(type: BlobType, id: Uint8Array, offset = 0): boolean {
    if (type === "data") return this.#noted.has(this.dataBlobs, id, offset) || isSurelyStored(this.stored, id, offset);
    return this.named.has(type, id, offset) || this.#notedTrees.find(id, offset) >= 0;
  }
}

/** A set of blobs without their places. */
export class BlobSet implements BlobRegister {
  readonly #tables = { data: new IdTable(KEPT_ID_BYTES), tree: new IdTable(KEPT_ID_BYTES) };
  readonly #others: KnownBlobs | undefined;

  /** `others`: blobs that belong to the set in addition to those recorded. */
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

/** Adds an id; returns whether it was new. */
function isAdded(table: IdTable, id: Uint8Array, offset: number): boolean {
  const size = table.size;
  return table.add(id, offset) === size;
}

/** A few ids among very many, with places: the first two bytes nearly always suffice to rule out other ids. */
class NamedIds {
  /** For each beginning, not 0 if one of the ids has it; see `beginningOfId`. */
  readonly beginnings = new Uint8Array(ID_BEGINNINGS);
  readonly #ids = new IdTable();
  readonly #places = new Map<number, BlobPlace>();

  constructor(ids: readonly Uint8Array[]) {
    for (const id of ids) {
      this.beginnings[beginningOfId(id)] = 1;
      this.#ids.add(id);
    }
  }

  /** Keeps the place if the id is one of these and has none yet; returns whether it did. */
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
