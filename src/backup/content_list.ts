/**
 * The content list of one stream while it is being written: 32 bytes a chunk.
 *
 * One tree node holds some 200,000 chunks at most. A longer stream becomes a directory of numbered parts, each in a
 * subtree of its own that is written while the stream goes on. Parts end where the content says so, not at fixed counts,
 * so that an insertion early in the stream leaves the later parts as they were.
 */
import { encodeHex } from "../base/hex.ts";
import { type BlobId, ID_BYTES } from "../base/id.ts";
import { freeBuffer } from "../base/memory.ts";
import { FILE_MODE_0644 } from "../format/file_mode.ts";
import { makeNode } from "../format/node.ts";
import { parseTimestamp } from "../format/time.ts";
import { encodeTree } from "../format/tree.ts";

/** How long parts get, in chunks. */
export interface PartLimits {
  /** From here on a part may end, at a chunk whose id has twelve zero bits at its end. */
  readonly least: number;
  /** Here it ends in any case. */
  readonly most: number;
}

export const PART_LIMITS: PartLimits = { least: 150_000, most: 200_000 };

/** A finished content list: the ids themselves, or the trees of the parts where there are several. */
export type StreamContent =
  | { readonly chunks: number; readonly content: Uint8Array }
  | { readonly chunks: number; readonly parts: readonly BlobId[] };

/** Equal parts of different nights have to be equal to the byte, so their nodes carry no time of their own. */
const PART_TIME = parseTimestamp("1970-01-01T00:00:00Z", "the time of parts");

/** Collects the ids of a stream's chunks. */
export class ContentListWriter {
  readonly #fileName: string;
  readonly #saveTree: (tree: Uint8Array) => Promise<BlobId>;
  readonly #limits: PartLimits;
  #ids = new Uint8Array(1024 * ID_BYTES);
  #count = 0;
  #bytes = 0;
  #earlierChunks = 0;
  readonly #parts: BlobId[] = [];

  /** `saveTree` stores a tree as a blob. */
  constructor(fileName: string, saveTree: (tree: Uint8Array) => Promise<BlobId>, limits: PartLimits = PART_LIMITS) {
    this.#fileName = fileName;
    this.#saveTree = saveTree;
    this.#limits = limits;
  }

  /** Appends a chunk whose id stands in `ids` at `offset`; a promise where a part has to be written first. */
  add(ids: Uint8Array, offset: number, chunkBytes: number): void | Promise<void> {
    if (this.#count * ID_BYTES === this.#ids.length) this.#grow();
    this.#ids.set(ids.subarray(offset, offset + ID_BYTES), this.#count * ID_BYTES);
    this.#count++;
    this.#bytes += chunkBytes;
    if (this.#count >= this.#limits.least && this.#isPartEnd()) return this.#writePart();
  }

  /** The list of the whole stream. */
  async finish(): Promise<StreamContent> {
    const chunks = this.#earlierChunks + this.#count;
    if (this.#parts.length === 0) return { chunks, content: this.#ids.subarray(0, this.#count * ID_BYTES) };
    if (this.#count > 0) await this.#writePart();
    return { chunks, parts: this.#parts };
  }

  #isPartEnd(): boolean {
    const last = this.#count * ID_BYTES - 1;
    return this.#count >= this.#limits.most || (this.#ids[last] === 0 && (this.#ids[last - 1]! & 0x0f) === 0);
  }

  async #writePart(): Promise<void> {
    const node = makeNode({
      name: this.#fileName,
      type: "file",
      mode: FILE_MODE_0644,
      mtime: PART_TIME,
      atime: PART_TIME,
      ctime: PART_TIME,
      size: this.#bytes,
      content: this.#ids.subarray(0, this.#count * ID_BYTES),
    });
    this.#earlierChunks += this.#count;
    this.#count = 0;
    this.#bytes = 0;
    const tree = encodeTree([node]);
    this.#parts.push(await this.#saveTree(tree));
    freeBuffer(tree);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#ids.length * 2);
    larger.set(this.#ids);
    this.#ids = larger;
  }
}

/** An id of 32 bytes as a blob's name. */
export function blobIdOf(bytes: Uint8Array): BlobId {
  return encodeHex(bytes) as BlobId;
}
