/**
 * Verifies last copies. If a blob is in several packs and a prune removes a copy of it, the kept copy must be read
 * first. If the kept copy moves to another pack, prune_copy.ts verifies it; this file verifies those that stay where
 * they are. They are few, so reading them costs little.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { freeBuffer } from "../../base/bytes.ts";
import type { StoreReader } from "../../store/store.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";
import type { PrunePlan } from "./prune_plan.ts";
import { planReads, readSealed, type VerifyBlobs, withRepairAdvice } from "./prune_read.ts";

/** The kept copies of blobs that lose another copy. */
export interface LastCopies {
  /** Numbers of the packs that hold them; all of these stay. */
  readonly packs: readonly number[];
  /** Their total size in bytes, as sealed. */
  readonly bytes: number;
  includes(copy: BlobCopy): boolean;
}

/** Finds the last copies of a plan. Memory: one byte for each blob, if any blob is in several packs. */
export function findLastCopies(
  index: PruneIndex,
  isKept: (copy: BlobCopy) => boolean,
  { remove, repack, keep }: Pick<PrunePlan, "remove" | "repack" | "keep">,
): LastCopies {
  if (index.copyCount === index.blobCount) return { packs: [], bytes: 0, includes: () => false };
  const loses = { data: new Uint8Array(index.ids.data.size), tree: new Uint8Array(index.ids.tree.size) };
  for (const { use: { pack, state } } of [...remove, ...repack]) {
    if (state === "missing") continue;
    index.forEachCopy(pack, (copy) => {
      if (!isKept(copy)) loses[copy.type][copy.entry] = 1;
    });
  }
  const includes = (copy: BlobCopy) => isKept(copy) && loses[copy.type][copy.entry] === 1;
  const packs = new Set<number>();
  let bytes = 0;
  for (const { pack } of keep) {
    index.forEachCopy(pack, (copy) => {
      if (!includes(copy)) return;
      packs.add(pack);
      bytes += copy.length;
    });
  }
  return { packs: [...packs], bytes, includes };
}

/** What verifying needs. */
interface VerifyRequest {
  readonly store: StoreReader;
  readonly index: PruneIndex;
  readonly lastCopies: LastCopies;
  readonly verify: VerifyBlobs;
  /** How many reads may be in flight. */
  readonly readsAtOnce: number;
  readonly signal: AbortSignal;
  /** Called with the total bytes of blobs verified so far. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Verifies all last copies. If one is damaged, throws `IntegrityError` that names its pack: the copy to be removed may
 * be the whole one.
 */
export async function verifyLastCopies(request: VerifyRequest): Promise<void> {
  const { store, index, lastCopies: { packs, includes }, verify, readsAtOnce, signal, onProgress } = request;
  let done = 0;
  await mapConcurrently(planReads(index, packs, includes), readsAtOnce, async (read) => {
    signal.throwIfAborted();
    try {
      const sealed = await readSealed(store, index, read, signal);
      await verify(sealed);
      freeBuffer(sealed.bytes);
    } catch (error) {
      throw withRepairAdvice(error, index.packId(read.pack));
    }
    onProgress(done += read.blobs.reduce((sum, { length }) => sum + length, 0));
  });
}
