/**
 * The index as prune needs it: all copies of all blobs by pack, and which index file describes which pack.
 *
 * Memory for each blob: some 37 bytes for its id, or 39 if ids may spill (repository/index/unshared_id_table.ts), 10 for
 * each copy (blob, length, uncompressed length; offsets follow from the order), and the byte of `BlobUse`. Ids and copies
 * that did spill take 7 bytes together. A pack takes some 60 bytes.
 */
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type IndexId, type PackId } from "../../base/id.ts";
import { LengthPairs } from "../../repository/index/length_pairs.ts";
import { UnsharedIdTable } from "../../repository/index/unshared_id_table.ts";
import type { BlobType, PackBlobs, PackedBlob } from "../../format/blob.ts";
import type { IndexedPack } from "../../format/index/index_file.ts";
import { type DecodedIndex, type DecodedPack, splitByPack } from "../../pipeline/index/read_index.ts";
import type { ExpectedPack } from "../../repository/pack/stored_packs.ts";
import type { Repository } from "../../repository/repository.ts";
import { RecordList } from "../../store/spill/record_list.ts";
import type { Spill } from "../../store/spill/spill.ts";
import { forEachDecodedIndex } from "../check/decoded_indexes.ts";

/** One blob of a pack. */
export interface BlobCopy {
  /** Its number among all copies of the repository, from 0. The copies of one pack are consecutive. */
  readonly number: number;
  readonly type: BlobType;
  /** The blob's entry in the table of its type. */
  readonly entry: number;
  /** Bytes in the pack, as in `PackedBlob`. */
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
}

/** An index file and the packs that it describes, by number. */
export interface DescribingFile {
  readonly id: IndexId;
  readonly packs: readonly number[];
  readonly blobs: number;
}

/** All packs and blobs that the index files describe. Packs are numbered from 0 in the order they were added. */
export class PruneIndex {
  /** The ids of all distinct blobs by type. An entry's number is also its position in `BlobUse`. */
  readonly ids: Readonly<Record<BlobType, UnsharedIdTable>>;
  readonly files: DescribingFile[] = [];
  readonly #packs = new UnsharedIdTable();
  /** The copies of pack n are those from `#starts[n]` to `#starts[n + 1]`. */
  readonly #starts: number[] = [0];
  readonly #packBytes: number[] = [];
  readonly #copies: CopyList;

  /** With a `spill`, what exceeds memory goes to disk; then all methods throw what `SpillFile.read` throws. */
  constructor(spill?: Spill) {
    this.ids = { data: new UnsharedIdTable(ID_BYTES, spill), tree: new UnsharedIdTable(ID_BYTES, spill) };
    this.#copies = new CopyList(spill);
  }

  /** The number of packs. */
  get packCount(): number {
    return this.#packs.size;
  }

  /** The number of copies, which exceeds the number of blobs if a blob is in several packs. */
  get copyCount(): number {
    return this.#starts.at(-1)!;
  }

  /** The number of distinct blobs. */
  get blobCount(): number {
    return this.ids.data.size + this.ids.tree.size;
  }

  /** The name of a pack. */
  packId(pack: number): PackId {
    return encodeHex(this.#idOfPack(pack)) as PackId;
  }

  /** The packs by number. */
  get packs(): ExpectedPack[] {
    return this.#packBytes.map((bytes, pack) => ({ id: this.packId(pack), bytes }));
  }

  /** The size that the pack's file must have, in bytes. */
  packBytes(pack: number): number {
    return this.#packBytes[pack]!;
  }

  /** The number of blobs in a pack. */
  blobsIn(pack: number): number {
    return this.#starts[pack + 1]! - this.#starts[pack]!;
  }

  /** Calls `visit` for every blob of a pack, in the order of their offsets. */
  forEachCopy(pack: number, visit: (copy: BlobCopy) => void): void {
    let offset = 0;
    for (let number = this.#starts[pack]!; number < this.#starts[pack + 1]!; number++) {
      const copy = this.#copies.at(number, offset);
      visit(copy);
      offset += copy.length;
    }
  }

  /** Copies the id of a blob to `target` at `offset`. */
  copyId({ type, entry }: Pick<BlobCopy, "type" | "entry">, target: Uint8Array, offset = 0): void {
    this.ids[type].copyId(entry, target, offset);
  }

  /** A pack as an index file describes it. Each access to `blobs` makes new objects. */
  describe(pack: number): IndexedPack {
    const blobsOf = () => this.#blobsOf(pack);
    return {
      id: this.#idOfPack(pack),
      get blobs() {
        return blobsOf();
      },
    };
  }

  /**
   * Adds an index file. Throws `IntegrityError` if the file is malformed, describes an impossible pack, or contradicts
   * another file. It is unknown which of two contradicting files is right, and blobs that the wrong one omits would be
   * lost.
   */
  addFile(id: IndexId, decoded: DecodedIndex): void {
    const packs: number[] = [];
    for (const described of splitByPack(decoded)) {
      packs.push(this.#addPack(described, `pack ${described.id} in index ${id}`));
    }
    this.files.push({ id, packs, blobs: decoded.ids.length / ID_BYTES });
  }

  #addPack({ id: name, bytes, blobs }: DecodedPack, what: string): number {
    const id = decodeHex(name);
    refuseGaps(blobs, what);
    const known = this.#packs.find(id);
    if (known >= 0) {
      if (!this.#describesAlike(known, blobs)) throw impossible(what, "another index describes it differently");
      return known;
    }
    const { count, ids } = blobs;
    for (let i = 0; i < count; i++) {
      const type = blobs.typeOf(i);
      const entry = this.ids[type].add(ids, i * ID_BYTES);
      this.#copies.push(type, entry, blobs.lengthOf(i), blobs.uncompressedLengthOf(i));
    }
    this.#starts.push(this.copyCount + count);
    this.#packBytes.push(bytes);
    return this.#packs.add(id);
  }

  /** Whether a pack is described by exactly these blobs, which have no gaps. */
  #describesAlike(pack: number, blobs: PackBlobs): boolean {
    if (this.blobsIn(pack) !== blobs.count) return false;
    const { ids } = blobs;
    let position = 0;
    let isAlike = true;
    this.forEachCopy(pack, ({ type, entry, length, uncompressedLength }) => {
      const i = position++;
      isAlike &&= blobs.typeOf(i) === type && blobs.lengthOf(i) === length &&
        blobs.uncompressedLengthOf(i) === uncompressedLength && this.ids[type].find(ids, i * ID_BYTES) === entry;
    });
    return isAlike;
  }

  #idOfPack(pack: number): Uint8Array {
    const id = new Uint8Array(ID_BYTES);
    this.#packs.copyId(pack, id);
    return id;
  }

  #blobsOf(pack: number): PackedBlob[] {
    const ids = new Uint8Array(this.blobsIn(pack) * ID_BYTES);
    const blobs: PackedBlob[] = [];
    this.forEachCopy(pack, (copy) => {
      const { type, offset, length, uncompressedLength } = copy;
      const id = ids.subarray(blobs.length * ID_BYTES, (blobs.length + 1) * ID_BYTES);
      this.copyId(copy, id);
      blobs.push({ type, id, offset, length, uncompressedLength });
    });
    return blobs;
  }
}

/** How loading reports progress and stops. */
interface LoadPruneIndexOptions {
  readonly signal: AbortSignal;
  /** Called with the numbers of loaded and of all files. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Loads all index files. Throws if any file cannot be read, because the blobs that it describes would be lost. */
export async function loadPruneIndex(
  repository: Pick<Repository, "files" | "keys" | "spill">,
  { signal, onProgress }: LoadPruneIndexOptions,
): Promise<PruneIndex> {
  const index = new PruneIndex(repository.spill);
  await forEachDecodedIndex(repository, {
    signal,
    wantsHeaders: false,
    load: (id) => repository.files.loadSealed("index", id, { signal }),
    take: (id, decoded) => index.addFile(id, decoded),
    expect: (blobs) => index.ids.data.expect(blobs),
    damaged: (_, error) => {
      throw error;
    },
    onProgress,
  });
  return index;
}

/** Refuses a description with gaps: a pack has none, so the description omits something. */
function refuseGaps(blobs: PackBlobs, what: string): void {
  let end = 0;
  for (let i = 0; i < blobs.count; i++) {
    if (blobs.offsetOf(i) !== end) throw impossible(what, "its blobs overlap or leave gaps");
    end += blobs.lengthOf(i);
  }
}

function impossible(what: string, problem: string): IntegrityError {
  return new IntegrityError(`Damaged description of ${what}: ${problem}`);
}

const SEGMENT_COPIES = 1 << 14;

/** A list of copies. */
class CopyList {
  /** For each copy, twice its entry, and one more for a tree. */
  readonly #blobs: RecordList<Uint32Array<ArrayBuffer>>;
  readonly #lengths: LengthPairs;

  constructor(spill?: Spill) {
    const make = (count: number) => new Uint32Array(count);
    this.#blobs = new RecordList({ make, fields: 1, segmentRecords: SEGMENT_COPIES }, spill);
    this.#lengths = new LengthPairs(spill);
  }

  push(type: BlobType, entry: number, length: number, uncompressedLength: number): void {
    const at = this.#blobs.add();
    this.#blobs.view[at] = entry * 2 + (type === "tree" ? 1 : 0);
    this.#lengths.push(length, uncompressedLength);
  }

  at(number: number, offset: number): BlobCopy {
    const at = this.#blobs.seek(number);
    const blob = this.#blobs.view[at]!;
    return {
      number,
      type: blob % 2 === 1 ? "tree" : "data",
      entry: blob >>> 1,
      offset,
      length: this.#lengths.lengthOf(number),
      uncompressedLength: this.#lengths.uncompressedLengthOf(number),
    };
  }
}
