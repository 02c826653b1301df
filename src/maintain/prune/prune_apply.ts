/**
 * Carries out the plan of a prune, in the only order that can be interrupted at any moment:
 *
 * 1. Verify the copies of blobs that will be the only ones.
 * 2. Remove packs in no index.
 * 3. Copy the needed blobs of packs to be removed. When the new packs and their indexes are durable, each blob is in
 * two packs.
 * 4. Write indexes without the packs to be removed, then remove the indexes they replace.
 * 5. Remove the packs, which no index lists any more.
 *
 * Snapshots and indexes are listed again before step 2, and indexes again before and after step 5. If an index still
 * listed a removed pack, the next backup would rely on that pack. The same holds for an index that a writer without a
 * lock wrote late.
 *
 * The next prune finds whatever is left undone: copies are waste, and packs in no index are removed.
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
import { type LastCopies, verifyLastCopies } from "./last_copies.ts";
import type { WrittenTotals } from "../../repository/pack/pack_writer.ts";

/** The phases of carrying out a plan, in order. "orphans" removes packs in no index. */
export type ApplyPhase = "verify" | "orphans" | "repack" | "index" | "remove";

/** What carrying out a plan needs. */
interface ApplyRequest extends Omit<CopyRequest, "packs" | "onProgress" | "pruneIndex"> {
  readonly index: PruneIndex;
  readonly plan: PrunePlan;
  readonly lastCopies: LastCopies;
  /** All snapshots that the store listed when the prune was planned. */
  readonly snapshots: readonly SnapshotId[];
  /** The part of an error message that says what has not changed, for errors before the first change. */
  readonly unchanged: string;
  /** Called as the work proceeds, with bytes while blobs are verified or copied, otherwise with files. */
  readonly onProgress: (phase: ApplyPhase, done: number, total: number) => void;
}

/** What was written and removed. */
export interface AppliedPrune {
  /** Packs of copied blobs. */
  readonly written: WrittenTotals;
  /** Index files that were written. */
  readonly indexesWritten: number;
  /** Index files that were removed. */
  readonly indexesRemoved: number;
  /** Packs that were removed. */
  readonly packsRemoved: number;
}

/**
 * Carries out the plan. Throws `IntegrityError` if a last copy or a blob to be copied is damaged, `StoreError` if the
 * store lists unexpected snapshots or index files, `LockedError`, what the store throws, and the signal's reason. The
 * repository is whole whenever it stops.
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
  if (present.length > 0) await confirm(request, left, "the packs to be removed stay for now");
  await removeFiles(request, { kind: "pack", names: present, phase: "remove" });
  if (unindexed.length + present.length > 0) await confirm(request, left, "one of them may list packs that are gone");
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

/** Lists snapshots and indexes again: if the first listing omitted one, its blobs would be lost. */
async function confirmPlan(request: ApplyRequest): Promise<void> {
  const { index, snapshots, unchanged } = request;
  await confirm(request, { kind: "snapshot", names: snapshots }, unchanged);
  await confirm(request, { kind: "index", names: index.files.map(({ id }) => id) }, unchanged);
}

/**
 * The index files that must exist before packs are removed. If an old file remained although the store reported its
 * removal, it would list removed packs.
 */
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
 * Tests whether the store allows removals by removing a pack that cannot exist, before anything is written. A prune
 * that can copy but not remove would fill the store a little more each night.
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

/** Adds advice to a denied removal. Only a removal shows that a store is append-only. */
function removalDenied(error: DeniedError): DeniedError {
  return new DeniedError(
    `${error.message}; where the store is append-only, prune with credentials that may remove, or on its own machine`,
    { cause: error },
  );
}
