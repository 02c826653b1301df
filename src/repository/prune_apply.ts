/**
 * Carries out the plan of a prune, in the one order in which it may be broken off at any moment:
 *
 * 1. copies of blobs that will be the only ones are verified;
 * 2. packs in no index go;
 * 3. needed blobs of packs that are to go are copied; packs, then their indexes, are durable: each lies in two packs;
 * 4. indexes without the packs that are to go are written, then those they replace go;
 * 5. the packs go, which no index lists any more.
 *
 * Whatever is left undone is found by the next prune: copies are waste, packs without an index are orphans.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { DeniedError } from "../base/errors.ts";
import type { StoreCallOptions } from "../store/store.ts";
import { copyBlobs, type CopyRequest } from "./prune_copy.ts";
import type { PruneIndex } from "./prune_index.ts";
import type { PrunePlan } from "./prune_plan.ts";
import { type IndexRewrite, planIndexRewrite, writeIndexes } from "./prune_rewrite.ts";
import { type LastCopies, verifyLastCopies } from "./prune_verify.ts";
import type { WrittenTotals } from "./pack_writer.ts";

/** The steps of carrying out a plan, in their order. */
export type ApplyPhase = "verify" | "orphans" | "repack" | "index" | "remove";

/** What carrying out takes. */
export interface ApplyRequest extends Omit<CopyRequest, "packs" | "onProgress" | "pruneIndex"> {
  readonly index: PruneIndex;
  readonly plan: PrunePlan;
  readonly lastCopies: LastCopies;
  /** Throws where the exclusive lock may not be held any more; asked before every file that is written or goes. */
  readonly confirmHeld: () => Promise<void>;
  /** Called with how much of how much is done: bytes while blobs are verified or copied, else files. */
  readonly onProgress: (phase: ApplyPhase, done: number, total: number) => void;
}

/** What was written and removed. */
export interface AppliedPrune {
  /** Packs that needed blobs were copied to. */
  readonly written: WrittenTotals;
  readonly indexesWritten: number;
  readonly indexesRemoved: number;
  readonly packsRemoved: number;
}

/**
 * Carries the plan out. Throws `IntegrityError` where a last copy or a blob that is to be copied is damaged, what the store and
 * `confirmHeld` throw, and the signal's reason; whenever it stops, the repository is whole.
 */
export async function applyPrune(request: ApplyRequest): Promise<AppliedPrune> {
  const { index, plan } = request;
  const goingPacks = [...plan.remove, ...plan.repack].map(({ use }) => use);
  const going = new Set(goingPacks.map(({ pack }) => pack));
  const present = goingPacks.filter(({ state }) => state !== "missing").map(({ id }) => id);
  const orphans = plan.orphans.map(({ name }) => name);

  await verifyCopies(request);
  await removeFiles(request, { kind: "pack", names: orphans, phase: "orphans" });
  const written = await copyNeeded(request);
  const rewrite = planIndexRewrite(index.files, going);
  const indexesWritten = await replaceIndexes(request, rewrite);
  await removeFiles(request, { kind: "pack", names: present, phase: "remove" });
  return {
    written,
    indexesWritten,
    indexesRemoved: rewrite.replaced.length,
    packsRemoved: orphans.length + present.length,
  };
}

async function verifyCopies(request: ApplyRequest): Promise<void> {
  const { repository: { store }, lastCopies, onProgress } = request;
  await verifyLastCopies({ ...request, store, onProgress: (bytes) => onProgress("verify", bytes, lastCopies.bytes) });
}

async function copyNeeded(request: ApplyRequest): Promise<WrittenTotals> {
  const { plan: { repack }, index, onProgress } = request;
  if (repack.length === 0) return { packs: 0, blobs: 0, bytes: 0 };
  const total = repack.reduce((sum, { use }) => sum + use.usedBytes, 0);
  return await copyBlobs({
    ...request,
    pruneIndex: index,
    packs: repack.map(({ use }) => use.pack),
    onProgress: (bytes) => onProgress("repack", bytes, total),
  });
}

async function replaceIndexes(request: ApplyRequest, { replaced, packs }: IndexRewrite): Promise<number> {
  const { repository: { files }, index, signal, confirmHeld } = request;
  if (replaced.length === 0) return 0;
  const written = await writeIndexes(files, index, packs, { signal, confirmHeld });
  await removeFiles(request, { kind: "index", names: replaced.map(({ id }) => id), phase: "index" });
  return written;
}

interface Removal {
  readonly kind: "pack" | "index";
  readonly names: readonly string[];
  readonly phase: ApplyPhase;
}

async function removeFiles(request: ApplyRequest, { kind, names, phase }: Removal): Promise<void> {
  const { repository: { store }, signal, confirmHeld, onProgress } = request;
  const options: StoreCallOptions = { signal };
  let done = 0;
  await mapConcurrently(names, store.connections, async (name) => {
    signal.throwIfAborted();
    await confirmHeld();
    try {
      await store.remove({ kind, name }, options);
    } catch (error) {
      throw error instanceof DeniedError ? removalDenied(error) : error;
    }
    onProgress(phase, ++done, names.length);
  });
}

/** Whether a store is append-only is only found out by removing something. */
function removalDenied(error: DeniedError): DeniedError {
  return new DeniedError(
    `${error.message}; where the store is append-only, prune with credentials that may remove, or on its own machine`,
    { cause: error },
  );
}
