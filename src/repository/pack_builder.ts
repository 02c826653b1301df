/** One pack in the making: sealed blobs one after the other in memory, and what its header and index will say. */
import { invariant } from "../base/errors.ts";
import { ID_BYTES } from "../base/id.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { BlobType, PackedBlob } from "../format/blob.ts";
import { encodePackHeader, encodePackTrailer, PACK_TRAILER_BYTES } from "../format/pack_header.ts";

/** A sealed blob that is to go into a pack. `id` and `sealed` are copied. */
export interface SealedBlob {
  readonly id: Uint8Array;
  readonly sealed: Uint8Array;
  /** Bytes of plaintext where it is compressed, 0 where it is not. */
  readonly uncompressedLength: number;
}

/** Room for the header of a pack of small blobs; where it is not enough the buffer grows. */
const HEADER_ROOM = 1 / 64;

/** Fills one pack after the other; its buffer is used again. */
export class PackBuilder {
  readonly type: BlobType;
  readonly #targetBytes: number;
  #presentTargetBytes: number;
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;
  #contents: PackContents;

  /** A pack counts as full once it holds `targetBytes`, the first one where it holds `firstTargetBytes`. */
  constructor(type: BlobType, targetBytes: number, firstTargetBytes = targetBytes) {
    this.type = type;
    this.#targetBytes = targetBytes;
    this.#presentTargetBytes = firstTargetBytes;
    this.#buffer = new Uint8Array(Math.ceil(targetBytes * (1 + HEADER_ROOM)) + ROOM_FOR_LAST_BLOB);
    this.#contents = new PackContents(type);
  }

  /** Whether nothing was added since the last `finish`. */
  get isEmpty(): boolean {
    return this.#contents.count === 0;
  }

  /** Whether it is time to `finish`. */
  get isFull(): boolean {
    return this.#length >= this.#presentTargetBytes;
  }

  /** Appends a blob. */
  add(blob: SealedBlob): void {
    this.#makeRoom(blob.sealed.length);
    this.#buffer.set(blob.sealed, this.#length);
    this.#length += blob.sealed.length;
    this.#contents.add(blob);
  }

  /** Completes the pack: its whole bytes, valid until the next `add`, and what it holds. The builder is empty then. */
  async finish(sealer: Sealer): Promise<{ bytes: Uint8Array<ArrayBuffer>; contents: PackContents }> {
    invariant(!this.isEmpty, "An empty pack cannot be finished");
    const contents = this.#contents;
    const header = await sealer.seal(encodePackHeader(contents.blobs));
    this.#makeRoom(header.length + PACK_TRAILER_BYTES);
    this.#buffer.set(header, this.#length);
    this.#buffer.set(encodePackTrailer(header.length), this.#length + header.length);
    const bytes = this.#buffer.subarray(0, this.#length + header.length + PACK_TRAILER_BYTES);
    this.#length = 0;
    this.#presentTargetBytes = this.#targetBytes;
    this.#contents = new PackContents(this.type);
    return { bytes, contents };
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array((this.#length + bytes) * (1 + HEADER_ROOM));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

const ROOM_FOR_LAST_BLOB = 256 * 1024;

/** What a pack holds, compactly: a backup keeps this for every pack until an index names it. */
export class PackContents {
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

  add({ id, sealed, uncompressedLength }: SealedBlob): void {
    if (this.count * ID_BYTES === this.#ids.length) {
      const larger = new Uint8Array(this.#ids.length * 2);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids.set(id, this.count * ID_BYTES);
    this.#lengths.push(sealed.length);
    this.#uncompressedLengths.push(uncompressedLength);
  }

  /** The blobs in the order they lie in the pack, made anew at each call. */
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
