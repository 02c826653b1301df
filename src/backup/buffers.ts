/**
 * Limits for the data in flight, all of which is in memory: large enough to be fast, and smaller if memory is short.
 * docs/architecture.md explains each number in its section Memory.
 */
import { DEFAULT_PACK_BYTES, TREE_PACK_BYTES } from "../repository/pack/pack_writer.ts";
import type { MemoryBudget } from "../base/memory_budget.ts";

const MIB = 1024 * 1024;

/** More threads do not make a check faster, because the store is the bottleneck. */
const MOST_CHECK_THREADS = 4;

/** How many threads verify the data that a check reads. */
export function checkThreads({ blobThreads }: MemoryBudget): number {
  return Math.min(blobThreads, MOST_CHECK_THREADS);
}

/** Limits for `checkBufferBytes`, plaintext included. More memory would not make a check faster. */
const MOST_CHECK_BYTES = 16 * MIB;
const LEAST_CHECK_BYTES = 8 * MIB;

/** How many bytes a check may have read but not yet verified. A larger run of blobs is processed alone. */
export function checkBufferBytes({ bufferBytes = Infinity }: MemoryBudget): number {
  return Math.max(LEAST_CHECK_BYTES, Math.min(MOST_CHECK_BYTES, bufferBytes / 2));
}

const MOST_SEGMENTS = 8;
const LEAST_SEGMENTS = 4;
/** The segments' share of the buffers. It includes, for each segment in flight, a sealed batch of the same size. */
const SHARE_OF_SEGMENTS = 1 / 4;
/** The size of a segment, in bytes. */
export const SEGMENT_BYTES = MIB;

/** How many segments the streams of a backup share. */
export function segmentCount({ bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_SEGMENTS / (2 * SEGMENT_BYTES));
  return Math.max(LEAST_SEGMENTS, Math.min(MOST_SEGMENTS, fitting));
}

/** The size of a buffer for small files, in bytes. */
export const SMALL_FILES_BYTES = 1024 * 1024;
/** For each sealing thread, one buffer that is sealed and one that waits; and what the engine fills meanwhile. */
const BUFFERS_PER_THREAD = 2;
const FILLED_BUFFERS = 2;

/** How many buffers for small files the source of a backup may fill at a time. */
export function bufferCount({ blobThreads, bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_SEGMENTS / (2 * SMALL_FILES_BYTES));
  return Math.max(2, Math.min(blobThreads * BUFFERS_PER_THREAD + FILLED_BUFFERS, fitting));
}

/** restic makes no smaller packs, and a prune would merge smaller ones (maintain/prune/prune_plan.ts). */
const LEAST_PACK_BYTES = 4 * MIB;
const OPEN_PACKS = 2;

/** The packs' share of the buffers. The rest is for segments and batches, or for the reads of a prune. */
const SHARE_OF_PACKS = 5 / 8;

/**
 * The size from which a pack is full, in bytes: the usual 8 MiB, or half of that if the open packs and the `uploads`
 * packs that are uploaded at the same time would exceed their share.
 */
export function packBytesFor({ bufferBytes = Infinity }: MemoryBudget, uploads: number): number {
  let packBytes = DEFAULT_PACK_BYTES;
  const taken = () => (OPEN_PACKS + uploads) * packBytes + TREE_PACK_BYTES;
  while (packBytes > LEAST_PACK_BYTES && taken() > bufferBytes * SHARE_OF_PACKS) packBytes /= 2;
  return packBytes;
}

/** The most bytes that a prune reads from a pack at once, except for a single larger blob. */
export const READ_BYTES = 2 * MIB;
/** The most plaintext in one such read, except for a single larger blob. */
export const READ_PLAINTEXT_BYTES = 4 * MIB;
const READS_PER_THREAD = 2;
const SHARE_OF_READS = 3 / 8;
/** What one read of a prune takes: its bytes as stored, a second copy during verification, and its plaintext. */
const MEMORY_PER_READ = 2 * READ_BYTES + READ_PLAINTEXT_BYTES;

/** How many reads of a prune are in flight: two for each verifying thread, so that no thread waits for the store. */
export function pruneReads({ blobThreads, bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_READS / MEMORY_PER_READ);
  return Math.max(1, Math.min(blobThreads * READS_PER_THREAD, fitting));
}

/** Batches of a get for each sealing thread: one is being read, one is being decrypted, and one waits. */
const READ_BATCHES_PER_THREAD = 3;
/** The most plaintext in a batch of a get, in bytes, except for a single larger blob. */
export const BATCH_BYTES = 2 * MIB;
/** What one batch takes: its bytes as read, the same bytes decrypted, and the plaintext. */
const MEMORY_PER_BATCH = 3 * BATCH_BYTES;

/** How many batches a get reads ahead of the batch that it writes out. */
export function batchesAhead({ blobThreads, bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes / MEMORY_PER_BATCH);
  return Math.max(1, Math.min(blobThreads * READ_BATCHES_PER_THREAD, fitting));
}

/** The most plaintext in a batch of one of many readings at a time, in bytes, except for a single larger blob. */
export const SHARED_BATCH_BYTES = 256 * 1024;
const MOST_SHARED_BATCHES = 64;
const LEAST_SHARED_BATCHES = 4;
const SHARE_OF_SHARED_BATCHES = 1 / 4;

/** How many batches many readings may read ahead together, besides the one that each of them has. */
export function sharedBatches({ bufferBytes = Infinity }: MemoryBudget): number {
  const fitting = Math.floor(bufferBytes * SHARE_OF_SHARED_BATCHES / (3 * SHARED_BATCH_BYTES));
  return Math.max(LEAST_SHARED_BATCHES, Math.min(MOST_SHARED_BATCHES, fitting));
}

/** The buffers of one of many readings: enough for a few batches, so that one that is alone is fast, too. */
export const SHARED_READING_BYTES = 6 * MEMORY_PER_BATCH;
