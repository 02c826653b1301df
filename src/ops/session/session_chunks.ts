/** Writes the sealed chunks of all streams of a session into the same packs, one batch at a time. */
import { Turn } from "../../base/limits.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import { IDS_COMPRESSION } from "../../codec/compression.ts";
import { saveTree } from "../../backup/commit.ts";
import { ContentListWriter, type PartLimits, type StreamContent } from "../../backup/content/content_list.ts";
import type { SealedBatch } from "../../pipeline/calls.ts";
import type { PackWriter } from "../../repository/pack/pack_writer.ts";
import { SharedPartLimits } from "./session_limits.ts";

/** Counts of stored chunks, in bytes and blobs, as in the stats of a manifest. */
interface ChunkCounts {
  readonly bytesAdded: number;
  readonly blobsNew: number;
  readonly blobsReused: number;
}

/**
 * Once the lists of other streams fill what one tree should hold, a stream with more chunks than this is stored in
 * parts. Its extra trees then cost less.
 */
const FEW_CHUNKS = 100;

function noCounts() {
  return { bytesAdded: 0, blobsNew: 0, blobsReused: 0 };
}

const NO_PARTS: PartLimits = { single: Infinity, least: Infinity, most: Infinity };

/** Stores the chunks of all streams of a session and counts them, without those of uncounted lists. */
export class SessionChunks {
  readonly #writer: PackWriter;
  readonly #limits: PartLimits;
  readonly #sharedLimits: SharedPartLimits;
  readonly #counts = noCounts();
  /**
   * Lets one stream write at a time, so that at most one full pack waits to be written, however many streams there are.
   */
  readonly #turn = new Turn();
  readonly #wholeLists = new WeakSet<ContentListWriter>();
  readonly #uncounted = new WeakSet<ContentListWriter>();
  /** How many more chunks may be listed in the tree of the series, which is held in memory until the commit. */
  #listable: number;

  constructor(writer: PackWriter, limits: PartLimits) {
    this.#writer = writer;
    this.#limits = limits;
    this.#sharedLimits = new SharedPartLimits(limits);
    this.#listable = limits.single;
  }

  /** The counts so far. */
  get counts(): ChunkCounts {
    return { ...this.#counts };
  }

  /** A content list for a stream whose file has this name. */
  newList(fileName: string): ContentListWriter {
    this.#sharedLimits.countLists(1);
    const savePart = (tree: Uint8Array) => saveTree(this.#writer, tree, IDS_COMPRESSION);
    return new ContentListWriter(fileName, savePart, this.#sharedLimits);
  }

  /** A content list for what the source did not give, such as a list of digests: its chunks are stored and not counted. */
  newUncountedList(fileName: string): ContentListWriter {
    const list = this.newList(fileName);
    this.#uncounted.add(list);
    return list;
  }

  /**
   * Stores the new chunks of a batch and appends all its chunks to the list of their stream. Owns: the batch must not
   * be used afterwards.
   */
  async add(batch: SealedBatch, list: ContentListWriter): Promise<void> {
    await this.#turn.take(async () => {
      const heldBefore = list.heldChunks;
      await this.#add(batch, list);
      if (!this.#wholeLists.has(list)) this.#sharedLimits.countHeld(list.heldChunks - heldBefore);
    });
    freeBuffer(batch.sealed);
  }

  /** Stores the new chunks of a batch. Owns: its sealed bytes must not be used afterwards. */
  async addAll(batch: SealedBatch): Promise<void> {
    await this.#turn.take(() => this.#add(batch, null));
    freeBuffer(batch.sealed);
  }

  /** Stores a tree unless it is stored. */
  async saveTree(tree: Uint8Array): Promise<BlobId> {
    return await this.#turn.take(() => saveTree(this.#writer, tree));
  }

  /** A content list for a file of a tree, which has no parts, however many chunks it has. */
  newWholeList(fileName: string): ContentListWriter {
    const list = new ContentListWriter(fileName, (tree) => saveTree(this.#writer, tree), NO_PARTS);
    this.#wholeLists.add(list);
    return list;
  }

  /** The list of a stream that has ended. */
  async finish(list: ContentListWriter): Promise<StreamContent> {
    if (this.#wholeLists.has(list)) return await list.finish(Infinity);
    return await this.#turn.take(async () => {
      this.#sharedLimits.countHeld(-list.heldChunks);
      const content = await list.finish(Math.max(this.#listable, Math.min(FEW_CHUNKS, this.#limits.single)));
      if ("content" in content) this.#listable -= content.chunks;
      this.#sharedLimits.countLists(-1);
      return content;
    });
  }

  async #add(
    { ids, lengths, sealedLengths, compressed, sealed, isNotOnDisk }: SealedBatch,
    list: ContentListWriter | null,
  ): Promise<void> {
    const counts = list !== null && this.#uncounted.has(list) ? noCounts() : this.#counts;
    for (let i = 0, offset = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      const sealedLength = sealedLengths[i]!;
      let isNew = false;
      if (sealedLength > 0) {
        const added = this.#writer.addData({
          id: ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES),
          sealed: sealed.subarray(offset, offset + sealedLength),
          uncompressedLength: compressed[i] ? length : 0,
          isNotOnDisk,
        });
        isNew = typeof added === "boolean" ? added : await added;
        offset += sealedLength;
      }
      if (isNew) {
        counts.blobsNew++;
        counts.bytesAdded += length;
      } else counts.blobsReused++;
      const written = list?.add(ids, i * ID_BYTES, length);
      if (written) await written;
    }
  }
}
