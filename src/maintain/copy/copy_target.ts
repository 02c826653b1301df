/** Where a copy goes: into packs of another repository, or, in a dry run, nowhere. */
import { freeBuffer } from "../../base/bytes.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { ID_BYTES } from "../../base/id.ts";
import { sha256 } from "../../crypto/digest.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { ResealedBlobs } from "../../pipeline/resealing.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import { BlobSet, type ExistenceIndex, type KnownBlobs } from "../../repository/index/blob_index.ts";
import { readRange } from "../../repository/pack/pack_reader.ts";
import type { PackWriter } from "../../repository/pack/pack_writer.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { WantedBlobs, WantedRead } from "./wanted_blobs.ts";

/** Bytes of a copy so far. */
export interface CopiedBytes {
  /** Read from the packs of the source. */
  readonly read: number;
  /** Plaintext of the blobs that the other repository lacked. */
  readonly added: number;
}

/** Takes the blobs of backups. */
export interface CopyTarget extends KnownBlobs {
  readonly bytes: CopiedBytes;
  /** Takes a tree that it lacks; `readBytes` is what reading it took. */
  addTree(tree: Uint8Array, readBytes: number): Promise<void>;
  /** Reads, verifies and takes data blobs that it lacks. */
  addData(blobs: WantedBlobs): Promise<void>;
}

/** The other repository failed, and not the one that is read. It never leaves this folder. */
export class TargetFailure extends Error {
  constructor(override readonly cause: unknown) {
    super("The repository that takes the copy failed");
  }
}

/** What writing a copy needs. */
interface PackTargetTools {
  readonly source: IndexedRepository;
  /** The blobs of the repository that takes the copy; the writer adds to it. */
  readonly index: ExistenceIndex;
  readonly writer: PackWriter;
  /** Open blobs of the source, and reseal them for the other repository. */
  readonly threads: PipelineThreads;
  /** How many reads may be in flight. */
  readonly readsAtOnce: number;
  readonly signal: AbortSignal;
  /** Called after each read. */
  readonly onRead: () => void;
}

/**
 * Copies blobs into new packs. Throws `IntegrityError` if a blob of the source is damaged, and `TargetFailure`.
 *
 * Memory: a few reads, each with its blobs in both forms, and the open packs of the writer.
 */
export class PackTarget implements CopyTarget {
  readonly #tools: PackTargetTools;
  readonly bytes = { read: 0, added: 0 };

  constructor(tools: PackTargetTools) {
    this.#tools = tools;
  }

  readonly has: CopyTarget["has"] = (type, id, offset) => this.#tools.index.has(type, id, offset);

  async addTree(tree: Uint8Array, readBytes: number): Promise<void> {
    this.#count(readBytes, tree.length);
    await ofTarget(() => this.#tools.writer.addPlaintext("tree", tree));
  }

  async addData(blobs: WantedBlobs): Promise<void> {
    await mapConcurrently(blobs.reads(), this.#tools.readsAtOnce, async (read) => {
      this.#tools.signal.throwIfAborted();
      await this.#copy(read, blobs.idsOf(read.blobs));
    });
  }

  async #copy(read: WantedRead, ids: Uint8Array<ArrayBuffer>): Promise<void> {
    const { source, threads, signal } = this.#tools;
    const bytes = await readRange(source.store, read, `blobs in pack ${read.pack}`, { signal });
    const resealed = await threads.reseal({
      bytes,
      pack: read.pack,
      ids: ids.slice(),
      offsets: Uint32Array.from(read.blobs, ({ offset }) => offset - read.offset),
      lengths: Uint32Array.from(read.blobs, ({ length }) => length),
      uncompressedLengths: Uint32Array.from(read.blobs, ({ uncompressedLength }) => uncompressedLength),
    });
    await ofTarget(() => this.#write(ids, resealed));
    freeBuffer(resealed.sealed);
    this.#count(read.length, plaintextBytes(read));
  }

  async #write(ids: Uint8Array, { sealed, lengths, uncompressedLengths }: ResealedBlobs): Promise<void> {
    let offset = 0;
    for (const [i, length] of lengths.entries()) {
      await this.#tools.writer.addData({
        id: ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES),
        sealed: sealed.subarray(offset, offset + length),
        uncompressedLength: uncompressedLengths[i]!,
      });
      offset += length;
    }
  }

  #count(read: number, added: number): void {
    this.bytes.read += read;
    this.bytes.added += added;
    this.#tools.onRead();
  }
}

/** Counts what a copy would read and add. */
export class CountingTarget implements CopyTarget {
  readonly bytes = { read: 0, added: 0 };
  readonly #known: BlobSet;

  /** `index`: the blobs of the repository that would take the copy. */
  constructor(index: KnownBlobs) {
    this.#known = new BlobSet(index);
  }

  readonly has: CopyTarget["has"] = (type, id, offset) => this.#known.has(type, id, offset);

  addTree(tree: Uint8Array, readBytes: number): Promise<void> {
    this.#known.note("tree", sha256(tree));
    this.bytes.read += readBytes;
    this.bytes.added += tree.length;
    return Promise.resolve();
  }

  addData(blobs: WantedBlobs): Promise<void> {
    for (const read of blobs.reads()) {
      const ids = blobs.idsOf(read.blobs);
      read.blobs.forEach((_, i) => this.#known.note("data", ids, i * ID_BYTES));
      this.bytes.read += read.length;
      this.bytes.added += plaintextBytes(read);
    }
    return Promise.resolve();
  }
}

function plaintextBytes({ blobs }: WantedRead): number {
  return blobs.reduce((sum, blob) => sum + plaintextLength(blob), 0);
}

async function ofTarget<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new TargetFailure(error);
  }
}
