/** How the available memory is divided: the number of threads and the size of buffers. */

/** How much memory the work may use. Passed to every use case. */
export interface MemoryBudget {
  /** Worker threads that seal and open blobs. */
  readonly blobThreads: number;
  /** Bytes that packs, segments and batches may take in memory together. If absent, as much as is useful. */
  readonly bufferBytes?: number | undefined;
  /** Threads that derive the key of a password, before there are any others; 1 if absent. */
  readonly keyThreads?: 1 | 2;
}

const MIB = 1024 * 1024;

/** What the idle program takes: its main thread, the code, and one more thread. */
const RUNTIME_BYTES = 96 * MIB;
/** What a sealing thread takes with its heap. */
const THREAD_BYTES = 16 * MIB;
/** Bytes of buffers that each further thread needs to be worth its memory. */
const BUFFERS_PER_THREAD = 16 * MIB;
/** No work is possible with less. If the limit leaves less than this, the work is tried nevertheless. */
const LEAST_BUFFER_BYTES = 16 * MIB;
/** Buffers, of which nothing is taken yet, must have room for what two threads take to derive a key: 80 MiB each. */
const BUFFERS_FOR_KEY_THREADS = 160 * MIB;
/** With fewer than two threads, sealing waits for the store; more than eight only wait for the thread that cuts. */
const LEAST_USUAL_THREADS = 2;
const MOST_THREADS = 8;

/** The budget of a process that may take `limitBytes` in all on a machine with `cores` cores. */
export function memoryBudget(
  { limitBytes, cores }: { limitBytes: number; cores: number },
): Required<MemoryBudget> & { readonly bufferBytes: number } {
  const usual = Math.max(LEAST_USUAL_THREADS, Math.min(cores, MOST_THREADS));
  const room = limitBytes - RUNTIME_BYTES;
  const blobThreads = Math.max(1, Math.min(usual, Math.floor(room / (THREAD_BYTES + BUFFERS_PER_THREAD))));
  const bufferBytes = Math.max(LEAST_BUFFER_BYTES, room - blobThreads * THREAD_BYTES);
  return { blobThreads, bufferBytes, keyThreads: cores > 1 && bufferBytes >= BUFFERS_FOR_KEY_THREADS ? 2 : 1 };
}
