/**
 * The content list of one stream while it is being written: 32 bytes for each chunk.
 *
 * One tree node holds some 200,000 chunks at most. A longer stream becomes a directory of numbered parts, each in its
 * own subtree, which are written while the stream is read. The content decides where parts end, not fixed counts, so
 * that an insertion early in the stream leaves the later parts unchanged.
 */
import { encodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import { doubled, freeBuffer } from "../../base/bytes.ts";
import { FILE_MODE_0644 } from "../../format/tree/file_mode.ts";
import { makeNode } from "../../format/tree/node.ts";
import { parseTimestamp } from "../../format/time.ts";
import { encodeTree } from "../../format/tree/tree.ts";

/** How long parts get, in chunks. */
export interface PartLimits {
  /** A stream of up to this many chunks is one file node. */
  readonly single: number;
  /**
   * The least length of a part in a longer stream. From here on, a part ends at a chunk whose id ends with 12 zero
   * bits.
   */
  readonly least: number;
  /** The greatest length of a part; it ends here at any chunk. */
  readonly most: number;
}

/**
 * One node of 200,000 chunks is 13 MB of JSON, which restic reads well. Smaller parts save memory and deduplicate
 * better.
 */
export const PART_LIMITS: PartLimits = { single: 200_000, least: 40_000, most: 60_000 };

/** A finished content list: the ids themselves, or the trees of the parts. */
export type StreamContent =
  | { readonly chunks: number; readonly content: Uint8Array }
  | { readonly chunks: number; readonly parts: readonly BlobId[] };

/** Equal parts of different backups must be equal to the byte, so their nodes all have the same time. */
const PART_TIME = parseTimestamp("1970-01-01T00:00:00Z", "the time of parts");

/** Collects the ids of a stream's chunks. */
export class ContentListWriter {
  readonly #fileName: string;
  readonly #saveTree: (tree: Uint8Array) => Promise<BlobId>;
  readonly #limits: PartLimits;
  /** Ids and sizes of the chunks that are not in a part yet. */
  #ids = new Uint8Array(1024 * ID_BYTES);
  #sizes = new Uint32Array(1024);
  #count = 0;
  /** How many of these chunks were already tested as the end of a part. */
  #lookedAt = 0;
  #earlierChunks = 0;
  #isLong = false;
  readonly #parts: BlobId[] = [];

  /** `saveTree` stores a tree as a blob. */
  constructor(fileName: string, saveTree: (tree: Uint8Array) => Promise<BlobId>, limits: PartLimits = PART_LIMITS) {
    this.#fileName = fileName;
    this.#saveTree = saveTree;
    this.#limits = limits;
  }

  /** How many chunks are in memory: those that are not in a part yet. */
  get heldChunks(): number {
    return this.#count;
  }

  /** Appends a chunk, whose id is in `ids` at `offset`. Returns a promise if a part must be written first. */
  add(ids: Uint8Array, offset: number, chunkBytes: number): void | Promise<void> {
    if (this.#count === this.#sizes.length) this.#grow();
    this.#ids.set(ids.subarray(offset, offset + ID_BYTES), this.#count * ID_BYTES);
    this.#sizes[this.#count++] = chunkBytes;
    this.#isLong ||= this.#count > this.#limits.single;
    if (!this.#isLong) return;
    const end = this.#nextPartEnd();
    if (end > 0) return this.#writePartsUpTo(end);
  }

  /** The list of the whole stream. A list of more than `single` chunks is written in parts, however short it is. */
  async finish(single = this.#limits.single): Promise<StreamContent> {
    const chunks = this.#earlierChunks + this.#count;
    if (!this.#isLong && chunks <= single) return { chunks, content: this.#ids.slice(0, this.#count * ID_BYTES) };
    await this.#writePartsUpTo(this.#nextPartEnd());
    if (this.#count > 0) await this.#writePart(this.#count);
    return { chunks, parts: this.#parts };
  }

  /** The number of chunks up to the end of the next part; 0 if that part does not end yet. */
  #nextPartEnd(): number {
    for (let end = Math.max(this.#lookedAt + 1, this.#limits.least); end <= this.#count; end++) {
      this.#lookedAt = end;
      const last = end * ID_BYTES - 1;
      if (end >= this.#limits.most || (this.#ids[last] === 0 && (this.#ids[last - 1]! & 0x0f) === 0)) return end;
    }
    return 0;
  }

  /** Writes the part that ends there and, if the stream has just become long, the parts that follow. */
  async #writePartsUpTo(firstEnd: number): Promise<void> {
    for (let end = firstEnd; end > 0; end = this.#nextPartEnd()) await this.#writePart(end);
  }

  /** Writes the first `chunks` chunks as one part. */
  async #writePart(chunks: number): Promise<void> {
    const node = makeNode({
      name: this.#fileName,
      type: "file",
      mode: FILE_MODE_0644,
      mtime: PART_TIME,
      atime: PART_TIME,
      ctime: PART_TIME,
      size: this.#sizes.subarray(0, chunks).reduce((sum, size) => sum + size, 0),
      content: this.#ids.subarray(0, chunks * ID_BYTES),
    });
    const tree = encodeTree([node]);
    this.#ids.copyWithin(0, chunks * ID_BYTES, this.#count * ID_BYTES);
    this.#sizes.copyWithin(0, chunks, this.#count);
    this.#earlierChunks += chunks;
    this.#count -= chunks;
    this.#lookedAt = 0;
    this.#parts.push(await this.#saveTree(tree));
    freeBuffer(tree);
  }

  #grow(): void {
    this.#ids = doubled(this.#ids);
    this.#sizes = doubled(this.#sizes);
  }
}

/** The bytes of an id as a blob id. */
export function blobIdOf(bytes: Uint8Array): BlobId {
  return encodeHex(bytes) as BlobId;
}
