/**
 * Verifies the copies of blobs that are to be the only ones: of a blob in several packs one copy is kept, and where another
 * one goes, nobody has looked yet whether the kept one is whole. Copies that are moved are verified on their way anyway
 * (prune_copy.ts); these are few, so reading them costs little.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { freeBuffer } from "../../base/bytes.ts";
import type { StoreReader } from "../../store/store.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";
import type { PrunePlan } from "./prune_plan.ts";
import { planReads, readSealed, type VerifyBlobs, withRepairAdvice } from "./prune_read.ts";

/** The kept copies of blobs of which another copy goes. */
export interface LastCopies {
  /** Numbers of the packs they lie in, all of which stay. */
  readonly packs: readonly number[];
  /** Bytes of them all, as they are sealed. */
  readonly bytes: number;
  includes(copy: BlobCopy): boolean;
}

/** Finds the last copies of a plan. Memory: a byte for each blob, where any lies in several packs. */
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

/** What verifying takes. */
interface VerifyRequest {
  readonly store: StoreReader;
  readonly index: PruneIndex;
  readonly lastCopies: LastCopies;
  readonly verify: VerifyBlobs;
  /** Reads that are under way at a time. */
  readonly readsAtOnce: number;
  readonly signal: AbortSignal;
  /** Called with the number of bytes of blobs that were verified so far. */
  readonly onProgress: (bytes: number) => void;
}

/** Verifies them all. Throws `IntegrityError` for one that is damaged, naming its pack: the one that goes may be whole. */
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
