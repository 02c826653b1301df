/** Blobs and their places in a pack, as pack headers and indexes describe them. */
import { doubled, freeBuffer } from "../base/bytes.ts";
import { ID_BYTES } from "../base/id.ts";

/** What a blob holds: a chunk of a stream, or a tree. */
export type BlobType = "data" | "tree";

/** A blob and its place in a pack. */
export interface PackedBlob {
  readonly type: BlobType;
  /** The 32 bytes of the blob's id. */
  readonly id: Uint8Array;
  /** Position in the pack, in bytes from its beginning. */
  readonly offset: number;
  /** Bytes that the blob takes in the pack, including its seal. */
  readonly length: number;
  /** Bytes of the plaintext if the blob is compressed, else 0. */
  readonly uncompressedLength: number;
}

/** No offset or length in a pack may exceed this. */
export const PACK_OFFSET_LIMIT = 2 ** 32;

/** Offset, length, uncompressed length, and whether it is a tree. */
const NUMBERS = 4;
const LEAST_ROWS = 16;

/** The memory of a `PackBlobs`, which can be sent to another thread. */
export interface BlobParts {
  /** Their ids, 32 bytes each. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** Four for each blob: offset, length, uncompressed length, and 1 for a tree or 0. */
  readonly numbers: Uint32Array<ArrayBuffer>;
}

/**
 * The blobs of one pack as rows of numbers, in the order in which they were added. An index describes millions of blobs,
 * so there is no object for each.
 */
export class PackBlobs implements Iterable<PackedBlob> {
  #ids: Uint8Array<ArrayBuffer>;
  #numbers: Uint32Array<ArrayBuffer>;
  #count = 0;

  /** `rows`: how many there is room for at first. */
  constructor(rows = 0) {
    this.#ids = new Uint8Array(Math.max(rows, LEAST_ROWS) * ID_BYTES);
    this.#numbers = new Uint32Array(Math.max(rows, LEAST_ROWS) * NUMBERS);
  }

  /** How many blobs there are. */
  get count(): number {
    return this.#count;
  }

  /** The ids of the blobs, 32 bytes each. Valid until a blob is added. */
  get ids(): Uint8Array {
    return this.#ids.subarray(0, this.#count * ID_BYTES);
  }

  /** Adds a blob whose id is in `id` at `at`. */
  push({ type, offset, length, uncompressedLength }: Omit<PackedBlob, "id">, id: Uint8Array, at = 0): void {
    if (this.#count * NUMBERS === this.#numbers.length) this.#grow();
    const idAt = this.#count * ID_BYTES;
    for (let i = 0; i < ID_BYTES; i++) this.#ids[idAt + i] = id[at + i]!;
    const row = this.#count++ * NUMBERS;
    this.#numbers[row] = offset;
    this.#numbers[row + 1] = length;
    this.#numbers[row + 2] = uncompressedLength;
    this.#numbers[row + 3] = type === "tree" ? 1 : 0;
  }

  /** The type of a blob, by its position. */
  typeOf(position: number): BlobType {
    return this.#numbers[position * NUMBERS + 3] === 1 ? "tree" : "data";
  }

  /** Where a blob begins in the pack, in bytes. */
  offsetOf(position: number): number {
    return this.#numbers[position * NUMBERS]!;
  }

  /** Bytes of a blob in the pack. */
  lengthOf(position: number): number {
    return this.#numbers[position * NUMBERS + 1]!;
  }

  /** Bytes of a blob's plaintext if it is compressed, else 0. */
  uncompressedLengthOf(position: number): number {
    return this.#numbers[position * NUMBERS + 2]!;
  }

  /** The lengths of all blobs. */
  *lengths(): Generator<Pick<PackedBlob, "length" | "uncompressedLength">, void, void> {
    for (let position = 0; position < this.#count; position++) {
      yield { length: this.lengthOf(position), uncompressedLength: this.uncompressedLengthOf(position) };
    }
  }

  /** One blob as an object. Owns: its id is a view of `ids`. */
  at(position: number): PackedBlob {
    return {
      type: this.typeOf(position),
      id: this.#ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES),
      offset: this.offsetOf(position),
      length: this.lengthOf(position),
      uncompressedLength: this.uncompressedLengthOf(position),
    };
  }

  /** All blobs as objects. */
  *[Symbol.iterator](): Generator<PackedBlob, void, void> {
    for (let position = 0; position < this.#count; position++) yield this.at(position);
  }

  /** The blobs from `start` to `end`. Owns: shares the memory of this one, so that nothing can be added to either. */
  slice(start: number, end: number): PackBlobs {
    const part = new PackBlobs();
    part.#ids = this.#ids.subarray(start * ID_BYTES, end * ID_BYTES);
    part.#numbers = this.#numbers.subarray(start * NUMBERS, end * NUMBERS);
    part.#count = end - start;
    return part;
  }

  /** All of its blobs. Owns: the parts are its memory, so nothing may be added afterwards. */
  get parts(): BlobParts {
    return {
      ids: this.#ids.subarray(0, this.#count * ID_BYTES),
      numbers: this.#numbers.subarray(0, this.#count * NUMBERS),
    };
  }

  /** The blobs of which these are the parts. */
  static of({ ids, numbers }: BlobParts): PackBlobs {
    const blobs = new PackBlobs();
    blobs.#ids = ids;
    blobs.#numbers = numbers;
    blobs.#count = ids.length / ID_BYTES;
    return blobs;
  }

  /** The blobs of several packs back to back, in memory of exactly their size. */
  static concat(packs: readonly PackBlobs[]): PackBlobs {
    const count = packs.reduce((sum, pack) => sum + pack.#count, 0);
    const ids = new Uint8Array(count * ID_BYTES);
    const numbers = new Uint32Array(count * NUMBERS);
    let at = 0;
    for (const pack of packs) {
      ids.set(pack.parts.ids, at * ID_BYTES);
      numbers.set(pack.parts.numbers, at * NUMBERS);
      at += pack.#count;
    }
    return PackBlobs.of({ ids, numbers });
  }

  /** Frees its memory, and so empties all that share it. The collector would leave that of many files lying about. */
  free(): void {
    this.#count = 0;
    freeBuffer(this.#ids);
    freeBuffer(this.#numbers);
  }

  #grow(): void {
    this.#ids = doubled(this.#ids);
    this.#numbers = doubled(this.#numbers);
  }
}
