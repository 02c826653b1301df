/** Verifies the reads of a prune in threads: blobs are opened as for a restore, and their plaintext is dropped. */
import { plaintextLength } from "../../format/pack_header.ts";
import { openTable } from "../../pipeline/calls.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import { startThreads } from "../../pipeline/threads.ts";
import type { SealedRead, VerifyBlobs } from "./prune_read.ts";
import type { Repository } from "../../repository/repository.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { pruneReads, READ_PLAINTEXT_BYTES } from "../../backup/buffers.ts";

/** Verifies reads until it is disposed of. */
interface Verifier extends Disposable {
  readonly verify: VerifyBlobs;
}

/** A verifier for a prune that reads nothing. */
export const NO_VERIFIER: Verifier = { verify: () => Promise.resolve(), [Symbol.dispose]: () => {} };

/** Starts the threads of a verifier, which run until it is disposed of. */
export async function startVerifier({ keys }: Repository, budget: MemoryBudget): Promise<Verifier> {
  using starting = new DisposableStack();
  const threads = await starting.use(startThreads(budget.blobThreads, { digest: false })).configure(keys, "off");
  const pool = new SegmentPool({ count: pruneReads(budget), segmentBytes: READ_PLAINTEXT_BYTES });
  const verify = async (read: SealedRead) => {
    const segment = await pool.acquire(read.blobs.reduce((sum, blob) => sum + plaintextLength(blob), 0));
    try {
      // The thread takes over the buffer it gets, but the sealed bytes are still to be copied.
      const parts = [read.bytes.slice()];
      await threads.open({ ...blobsOf(read), parts, packs: [read.pack], segment: segment.bytes.buffer });
    } finally {
      segment.release();
    }
  };
  const started = starting.move();
  return { verify, [Symbol.dispose]: () => started.dispose() };
}

/** The blobs of a read, with their plaintext back to back. */
function blobsOf({ blobs }: SealedRead) {
  let target = 0;
  return openTable(blobs.map((blob) => {
    const at = target;
    target += plaintextLength(blob);
    return { ...blob, part: 0, target: at };
  }));
}
