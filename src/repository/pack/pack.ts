/** A pack while it is built in memory: sealed blobs one after the other, and what its header and index will say. */
import { createHash } from "node:crypto";
import { doubled } from "../../base/bytes.ts";
import { invariant } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import type { Sealer } from "../../crypto/seal.ts";
import type { BlobType, PackedBlob } from "../../format/blob.ts";
import { encodePackHeader, encodePackTrailer } from "../../format/pack_header.ts";

/** A sealed blob to be added to a pack. `id` and `sealed` are copied. */
export interface SealedBlob {
  readonly id: Uint8Array;
  readonly sealed: Uint8Array;
  /** The length of the plaintext if it is compressed, else 0. */
  readonly uncompressedLength: number;
  /** Whether the index on disk was asked for it and does not list it. */
  readonly isNotOnDisk?: boolean | undefined;
}

/** A complete pack. Owns: `content` is valid until the pack is released. */
export interface FinishedPack {
  /** SHA-256 of the whole file, 32 bytes. */
  readonly id: Uint8Array;
  /** The file in pieces, in order. */
  readonly content: readonly Uint8Array[];
  readonly bytes: number;
}

const BLOCK_BYTES = 1024 * 1024;

/** Blocks of memory for packs; the next pack reuses what a released one gives back. */
export class PackMemory {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  giveBack(blocks: readonly Uint8Array<ArrayBuffer>[]): void {
    this.#free.push(...blocks);
  }
}

/** Grows with every blob, and is hashed as it grows. It is finished once, written, and released. */
export class Pack {
  readonly contents: PackContents;
  readonly #memory: PackMemory;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];
  readonly #hash = createHash("sha256");
  #length = 0;

  constructor(type: BlobType, memory: PackMemory) {
    this.contents = new PackContents(type);
    this.#memory = memory;
  }

  /** Its length so far, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** Whether it contains no blobs yet. */
  get isEmpty(): boolean {
    return this.contents.count === 0;
  }

  /** Appends a blob. */
  add(blob: SealedBlob): void {
    this.#append(blob.sealed);
    this.contents.add(blob.id, blob.sealed.length, blob.uncompressedLength);
  }

  /** Adds all blobs of another pack of the same type, which is released and must not be used again. */
  absorb(other: Pack): void {
    other.#blocks.forEach((block, i) => this.#append(block.subarray(0, other.#length - i * BLOCK_BYTES)));
    for (const { id, length, uncompressedLength } of other.contents.blobs) {
      this.contents.add(id, length, uncompressedLength);
    }
    other.release();
  }

  /** Adds header and trailer. Nothing may be added after that. */
  finish(sealer: Sealer): FinishedPack {
    invariant(!this.isEmpty, "An empty pack cannot be finished");
    const header = sealer.seal(encodePackHeader(this.contents.blobs));
    this.#append(header);
    this.#append(encodePackTrailer(header.length));
    const content = this.#blocks.map((block, i) => block.subarray(0, this.#length - i * BLOCK_BYTES));
    if (this.#length % BLOCK_BYTES > 0) this.#hash.update(content.at(-1)!);
    return { id: new Uint8Array(this.#hash.digest()), content, bytes: this.#length };
  }

  /** Gives its memory back. */
  release(): void {
    this.#memory.giveBack(this.#blocks.splice(0));
  }

  #append(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length;) {
      const at = this.#length % BLOCK_BYTES;
      if (at === 0) this.#blocks.push(this.#memory.take());
      const block = this.#blocks.at(-1)!;
      const piece = bytes.subarray(taken, taken + BLOCK_BYTES - at);
      block.set(piece, at);
      taken += piece.length;
      this.#length += piece.length;
      if (this.#length % BLOCK_BYTES === 0) this.#hash.update(block);
    }
  }
}

/** The description of a pack's blobs, in compact form: a backup keeps it until the pack is durable. */
class PackContents {
  readonly #type: BlobType;
  #ids = new Uint8Array(64 * ID_BYTES);
  readonly #lengths: number[] = [];
  readonly #uncompressedLengths: number[] = [];

  constructor(type: BlobType) {
    this.#type = type;
  }

  get count(): number {
    return this.#lengths.length;
  }

  /** Appends a blob. `id` is copied; the lengths are as in `PackedBlob`. */
  add(id: Uint8Array, length: number, uncompressedLength: number): void {
    if (this.count * ID_BYTES === this.#ids.length) this.#ids = doubled(this.#ids);
    this.#ids.set(id, this.count * ID_BYTES);
    this.#lengths.push(length);
    this.#uncompressedLengths.push(uncompressedLength);
  }

  /** The blobs in the order of their offsets; computed at each access. */
  get blobs(): PackedBlob[] {
    let offset = 0;
    return this.#lengths.map((length, i) => {
      const id = this.#ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
      const blob = { type: this.#type, id, offset, length, uncompressedLength: this.#uncompressedLengths[i]! };
      offset += length;
      return blob;
    });
  }
}
