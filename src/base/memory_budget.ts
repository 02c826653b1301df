/** From the memory there is to what the work may take of it: how many threads, how many bytes of buffers. */

/** What the work may take; part of what every use case is given. */
export interface MemoryBudget {
  /** Worker threads that seal and open blobs. */
  readonly blobThreads: number;
  /** What packs, segments and batches may take in memory together, in bytes; as much as is useful where it is absent. */
  readonly bufferBytes?: number | undefined;
}

const MIB = 1024 * 1024;

/** What the program takes before it has anything to do, with its main thread, the code that runs, and one more thread. */
const RUNTIME_BYTES = 96 * MIB;
/** What a sealing thread takes with its heap. */
const THREAD_BYTES = 16 * MIB;
/** Buffers that make a further thread worth its memory. */
const BUFFERS_PER_THREAD = 16 * MIB;
/** With less nothing goes on; where even that is too much, the work is tried nevertheless. */
const LEAST_BUFFER_BYTES = 16 * MIB;
/** With fewer than two threads sealing waits for the store; more than eight wait for the thread that cuts. */
const LEAST_USUAL_THREADS = 2;
const MOST_THREADS = 8;

/** The budget of a process that may take `limitBytes` in all on a machine with so many cores. */
export function memoryBudget(
  { limitBytes, cores }: { limitBytes: number; cores: number },
): MemoryBudget & { readonly bufferBytes: number } {
  const usual = Math.max(LEAST_USUAL_THREADS, Math.min(cores, MOST_THREADS));
  const room = limitBytes - RUNTIME_BYTES;
  const blobThreads = Math.max(1, Math.min(usual, Math.floor(room / (THREAD_BYTES + BUFFERS_PER_THREAD))));
  return { blobThreads, bufferBytes: Math.max(LEAST_BUFFER_BYTES, room - blobThreads * THREAD_BYTES) };
}
