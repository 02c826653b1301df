/**
 * How much of everything that is in flight may lie in memory: as much as makes it fast, and less where the world allows
 * less. What each number stands for is in docs/architecture.md, section Memory.
 */
import { DEFAULT_PACK_BYTES, TREE_PACK_BYTES } from "../repository/pack/pack_writer.ts";
import type { MemoryBudget } from "../base/memory_budget.ts";

const MIB = 1024 * 1024;

/** A check is as fast as its store with so many threads. */
const MOST_CHECK_THREADS = 4;

/** How many threads verify what a check reads. */
export function checkThreads({ blobThreads }: MemoryBudget): number {
  return Math.min(blobThreads, MOST_CHECK_THREADS);
}

/** Runs of packs that are read and verified, with their plaintext: more makes nothing faster. */
const MOST_CHECK_BYTES = 16 * MIB;
const LEAST_CHECK_BYTES = 8 * MIB;

/** Bytes that runs of packs may take while their data is checked; a larger one is let in alone. */
export function checkBufferBytes({ bufferBytes = Infinity }: MemoryBudget): number {
  return Math.max(LEAST_CHECK_BYTES, Math.min(MOST_CHECK_BYTES, bufferBytes / 2));
}

const MOST_SEGMENTS = 16;
const LEAST_SEGMENTS = 6;
/** A segment goes with a sealed batch of its size on its way to a pack. */
const SHARE_OF_SEGMENTS = 1 / 4;
/** The bounded buffer between streams and all that is done with them consists of pieces of so many bytes. */
export const SEGMENT_BYTES = 512 * 1024;

/** How many segments the streams of a backup flow through. */
export function segmentCount({ bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_SEGMENTS / (2 * SEGMENT_BYTES));
  return Math.max(LEAST_SEGMENTS, Math.min(MOST_SEGMENTS, fitting));
}

/** restic makes none smaller, and a prune would copy what is smaller to join it (maintain/prune/prune_plan.ts). */
const LEAST_PACK_BYTES = 4 * MIB;
const OPEN_PACKS = 2;

/** What packs may take of the buffers: the rest is for segments and batches, or for what a prune reads. */
const SHARE_OF_PACKS = 5 / 8;

/**
 * From which size on a pack is full, in bytes: restic's 16 MiB, or the half or quarter of it where the open packs and
 * those being written, `uploads` at a time, would take more than their share.
 */
export function packBytesFor({ bufferBytes = Infinity }: MemoryBudget, uploads: number): number {
  let packBytes = DEFAULT_PACK_BYTES;
  const taken = () => (OPEN_PACKS + uploads) * packBytes + TREE_PACK_BYTES;
  while (packBytes > LEAST_PACK_BYTES && taken() > bufferBytes * SHARE_OF_PACKS) packBytes /= 2;
  return packBytes;
}

/** Bytes that a prune reads of a pack at a time at most, but for a single larger blob. */
export const READ_BYTES = 2 * MIB;
/** Plaintext of the blobs of such a read at most, but for a single larger one. */
export const READ_PLAINTEXT_BYTES = 4 * MIB;
const READS_PER_THREAD = 2;
const SHARE_OF_READS = 3 / 8;
/** A read of a prune as it lies in its pack, a second time while it is verified, and its plaintext. */
const MEMORY_PER_READ = 2 * READ_BYTES + READ_PLAINTEXT_BYTES;

/** How many reads of a prune are on their way: two for each verifying thread, so that none waits for the store. */
export function pruneReads({ blobThreads, bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_READS / MEMORY_PER_READ);
  return Math.max(1, Math.min(blobThreads * READS_PER_THREAD, fitting));
}

/** Batches of a restore for each opening thread: one is read, one opened, one waits for its turn. */
const BATCHES_PER_THREAD = 3;
/** Plaintext of a batch of a restore, in bytes. */
export const BATCH_BYTES = 2 * MIB;
/** A batch as it was read, decrypted, and as plaintext. */
const MEMORY_PER_BATCH = 3 * BATCH_BYTES;

/** How many batches of a restored stream are read ahead of the one that is written. */
export function batchesAhead({ blobThreads, bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes / MEMORY_PER_BATCH);
  return Math.max(1, Math.min(blobThreads * BATCHES_PER_THREAD, fitting));
}
