/** Lost blobs in a compact form, because a dead disk may have held millions. */
import { decodeHex, encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import type { BlobType, PackedBlob } from "../../format/blob.ts";
import { plaintextLength } from "../../format/pack_header.ts";

/** A lost blob: no pack holds it any more. */
export interface LostBlob {
  /** Whether it held content or a tree. */
  readonly type: BlobType;
  /** 64 hex digits. */
  readonly id: string;
  /** Size of its plaintext in bytes. */
  readonly bytes: number;
  /** A pack that it was in. */
  readonly pack: PackId;
}

/** Lost blobs, each once. */
export interface LostBlobList extends Iterable<LostBlob> {
  /** The number of lost blobs. */
  readonly count: number;
}

const TYPES: readonly BlobType[] = ["data", "tree"];

/** Lost blobs, each once: data before trees, in the order they were added. Memory: some 60 bytes for each blob. */
export class LostBlobs implements LostBlobList {
  readonly #blobs = { data: new IdTable(), tree: new IdTable() };
  readonly #bytes: Readonly<Record<BlobType, number[]>> = { data: [], tree: [] };
  readonly #packNumbers: Readonly<Record<BlobType, number[]>> = { data: [], tree: [] };
  readonly #packs = new IdTable();

  /** How many there are. */
  get count(): number {
    return this.#blobs.data.size + this.#blobs.tree.size;
  }

  /** Adds a blob of this pack, unless it is already known. */
  add(blob: PackedBlob, pack: PackId): void {
    this.#add(blob.type, blob.id, plaintextLength(blob), decodeHex(pack));
  }

  /** The blobs that are not found elsewhere. */
  without(isElsewhere: (type: BlobType, id: Uint8Array) => boolean): LostBlobs {
    const left = new LostBlobs();
    for (const type of TYPES) {
      for (let entry = 0; entry < this.#blobs[type].size; entry++) {
        const id = idAt(this.#blobs[type], entry);
        if (!isElsewhere(type, id)) left.#add(type, id, this.#bytes[type][entry]!, this.#packOf(type, entry));
      }
    }
    return left;
  }

  *[Symbol.iterator](): Generator<LostBlob> {
    for (const type of TYPES) {
      for (const [entry, bytes] of this.#bytes[type].entries()) {
        const id = encodeHex(idAt(this.#blobs[type], entry));
        yield { type, id, bytes, pack: encodeHex(this.#packOf(type, entry)) as PackId };
      }
    }
  }

  #add(type: BlobType, id: Uint8Array, bytes: number, pack: Uint8Array): void {
    const entry = this.#blobs[type].add(id);
    if (entry < this.#bytes[type].length) return;
    this.#bytes[type].push(bytes);
    this.#packNumbers[type].push(this.#packs.add(pack));
  }

  #packOf(type: BlobType, entry: number): Uint8Array {
    return idAt(this.#packs, this.#packNumbers[type][entry]!);
  }
}

function idAt(table: IdTable, entry: number): Uint8Array {
  const id = new Uint8Array(ID_BYTES);
  table.copyId(entry, id);
  return id;
}
