/**
 * Carries out the plan of a prune, in the one order in which it may be broken off at any moment:
 *
 * 1. copies of blobs that will be the only ones are verified;
 * 2. packs in no index go;
 * 3. needed blobs of packs that are to go are copied; packs, then their indexes, are durable: each lies in two packs;
 * 4. indexes without the packs that are to go are written, then those they replace go;
 * 5. the packs go, which no index lists any more.
 *
 * What the plan rests upon is listed once more before the second step, and the indexes before the last one and behind it:
 * a pack that went while an index still lists it would be built upon by the next backup, and so would one that is listed
 * by an index which somebody without a lock was late to write.
 *
 * Whatever is left undone is found by the next prune: copies are waste, and packs in no index go.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { DeniedError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type IndexId, type SnapshotId } from "../../base/id.ts";
import type { BlobStore, FileName, StoreCallOptions } from "../../store/store.ts";
import { confirmListed, type ExpectedFiles } from "../../repository/confirm_listing.ts";
import { type CopiedBlobs, copyBlobs, type CopyRequest } from "./prune_copy.ts";
import type { PruneIndex } from "./prune_index.ts";
import type { PrunePlan } from "./prune_plan.ts";
import { type IndexRewrite, planIndexRewrite, writeIndexes } from "./prune_rewrite.ts";
import { type LastCopies, verifyLastCopies } from "./prune_verify.ts";
import type { WrittenTotals } from "../../repository/pack/pack_writer.ts";

/** The steps of carrying out a plan, in their order; packs in no index go in the one called "orphans". */
export type ApplyPhase = "verify" | "orphans" | "repack" | "index" | "remove";

/** What carrying out takes. */
interface ApplyRequest extends Omit<CopyRequest, "packs" | "onProgress" | "pruneIndex"> {
  readonly index: PruneIndex;
  readonly plan: PrunePlan;
  readonly lastCopies: LastCopies;
  /** All snapshots that the store listed when it was planned. */
  readonly snapshots: readonly SnapshotId[];
  /** How a refusal before the first change says that there was none. */
  readonly unchanged: string;
  /** Called with how much of how much is done: bytes while blobs are verified or copied, else files. */
  readonly onProgress: (phase: ApplyPhase, done: number, total: number) => void;
}

/** What was written and removed. */
export interface AppliedPrune {
  /** Packs that needed blobs were copied to. */
  readonly written: WrittenTotals;
  /** Index files that were written. */
  readonly indexesWritten: number;
  /** Index files that were removed. */
  readonly indexesRemoved: number;
  /** Packs that were removed. */
  readonly packsRemoved: number;
}

/**
 * Carries the plan out. Throws `IntegrityError` where a last copy or a blob that is to be copied is damaged, `StoreError`
 * where the store lists other snapshots or index files than it has to, `LockedError`, what the store throws, and the
 * signal's reason; whenever it stops, the repository is whole.
 */
export async function applyPrune(request: ApplyRequest): Promise<AppliedPrune> {
  const { index, plan } = request;
  const goingPacks = [...plan.remove, ...plan.repack].map(({ use }) => use);
  const going = new Set(goingPacks.map(({ pack }) => pack));
  const present = goingPacks.filter(({ state }) => state !== "missing").map(({ id }) => id);
  const rewrite = planIndexRewrite(index.files, going);
  const unindexed = plan.unindexed.map(({ name }) => name);

  await verifyCopies(request);
  await confirmPlan(request);
  if (plan.repack.length > 0 || rewrite.replaced.length > 0) await confirmRemovable(request);
  await removeFiles(request, { kind: "pack", names: unindexed, phase: "orphans" });
  const copied = await copyNeeded(request);
  const rewritten = await replaceIndexes(request, rewrite);
  const left = indexesLeft(index, rewrite, [...copied.indexes, ...rewritten]);
  if (present.length > 0) await confirm(request, left, "the packs that were to go stay for now");
  await removeFiles(request, { kind: "pack", names: present, phase: "remove" });
  if (unindexed.length + present.length > 0) await confirm(request, left, "packs are gone that one of them may list");
  return {
    written: copied.totals,
    indexesWritten: rewritten.length,
    indexesRemoved: rewrite.replaced.length,
    packsRemoved: unindexed.length + present.length,
  };
}

async function verifyCopies(request: ApplyRequest): Promise<void> {
  const { repository: { store }, lastCopies, onProgress } = request;
  await verifyLastCopies({ ...request, store, onProgress: (bytes) => onProgress("verify", bytes, lastCopies.bytes) });
}

/** A snapshot or an index that a listing left out would lose what it needs. */
async function confirmPlan(request: ApplyRequest): Promise<void> {
  const { index, snapshots, unchanged } = request;
  await confirm(request, { kind: "snapshot", names: snapshots }, unchanged);
  await confirm(request, { kind: "index", names: index.files.map(({ id }) => id) }, unchanged);
}

/** The index files that have to be there: one that stayed, though the store said it was gone, would list packs that go. */
function indexesLeft(index: PruneIndex, { replaced }: IndexRewrite, written: readonly IndexId[]): ExpectedFiles {
  const gone = new Set(replaced.map(({ id }) => id));
  return { kind: "index", names: index.files.map(({ id }) => id).filter((id) => !gone.has(id)).concat(written) };
}

function confirm(request: ApplyRequest, expected: ExpectedFiles, outcome: string): Promise<void> {
  const { repository: { files }, clock, signal } = request;
  return confirmListed({ files, clock, signal }, expected, outcome);
}

async function copyNeeded(request: ApplyRequest): Promise<CopiedBlobs> {
  const { plan: { repack }, index, onProgress } = request;
  if (repack.length === 0) return { totals: { packs: 0, blobs: 0, bytes: 0 }, indexes: [] };
  const total = repack.reduce((sum, { use }) => sum + use.usedBytes, 0);
  return await copyBlobs({
    ...request,
    pruneIndex: index,
    packs: repack.map(({ use }) => use.pack),
    onProgress: (bytes) => onProgress("repack", bytes, total),
  });
}

async function replaceIndexes(request: ApplyRequest, { replaced, packs }: IndexRewrite): Promise<readonly IndexId[]> {
  const { repository: { files }, index, signal } = request;
  if (replaced.length === 0) return [];
  const written = await writeIndexes(files, index, packs, { signal });
  await removeFiles(request, { kind: "index", names: replaced.map(({ id }) => id), phase: "index" });
  return written;
}

interface Removal {
  readonly kind: "pack" | "index";
  readonly names: readonly string[];
  readonly phase: ApplyPhase;
}

async function removeFiles(request: ApplyRequest, { kind, names, phase }: Removal): Promise<void> {
  const { repository: { store }, signal, onProgress } = request;
  const options: StoreCallOptions = { signal };
  let done = 0;
  await mapConcurrently(names, store.connections, async (name) => {
    signal.throwIfAborted();
    await removeFile(store, { kind, name }, options);
    onProgress(phase, ++done, names.length);
  });
}

/**
 * Removes a pack that cannot be there, before anything is written: a prune that may copy and not remove would fill the
 * store, a little more each night.
 */
async function confirmRemovable({ repository: { store }, randomBytes, signal }: ApplyRequest): Promise<void> {
  await removeFile(store, { kind: "pack", name: encodeHex(randomBytes(ID_BYTES)) }, { signal });
}

async function removeFile(store: BlobStore, file: FileName, options: StoreCallOptions): Promise<void> {
  try {
    await store.remove(file, options);
  } catch (error) {
    throw error instanceof DeniedError ? removalDenied(error) : error;
  }
}

/** Whether a store is append-only is only found out by removing something. */
function removalDenied(error: DeniedError): DeniedError {
  return new DeniedError(
    `${error.message}; where the store is append-only, prune with credentials that may remove, or on its own machine`,
    { cause: error },
  );
}
