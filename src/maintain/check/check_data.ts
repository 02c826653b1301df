/** Reads whole packs, a few at a time, and verifies them in separate threads. */
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError, StoreError, TemporaryError } from "../../base/errors.ts";
import { Semaphore } from "../../base/limits.ts";
import { startThreads } from "../../pipeline/threads.ts";
import type { CheckContext, DescribedPack } from "./check_index.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { checkBufferBytes, checkThreads } from "../../backup/buffers.ts";
import { judgePack, type PackJudging, type PackVerdict } from "./judge_pack.ts";

/** What reading packs needs. */
interface CheckDataContext extends CheckContext {
  /** How many threads verify, and how much memory they may use. */
  readonly budget: MemoryBudget;
  /** Whether a temporary failure counts as an unreadable pack. Otherwise it stops the reading of all packs. */
  readonly passesOverOutages: boolean;
}

const REPLACE_PACK =
  `bring the file back from a copy of the store; without one, run "agent repair packs", which saves the whole ` +
  `blobs, then back up again, which stores the lost ones again if the source still has them`;

const MEND_STORE =
  "see to the disk or the server that holds it, or bring the file back from a copy of the store; as long as it " +
  "cannot be read, nothing of it can be saved";

/**
 * Verifies the given packs completely. A pack that the store cannot deliver is also a finding. Progress is in bytes.
 */
export async function checkPackData(context: CheckDataContext, packs: readonly DescribedPack[]): Promise<void> {
  // Starting threads takes a tenth of a second.
  if (packs.length === 0) return;
  const { budget } = context;
  using starting = startThreads(checkThreads(budget), { digest: false });
  const threads = await starting.configure(context.repository.keys, "off");
  const room = new Semaphore(checkBufferBytes(budget), { admitsLarger: true });
  const verdicts = await verifyPacks({ ...context, threads, room }, packs);
  packs.forEach((pack, i) => takeVerdict(context, pack, verdicts[i]!));
}

/** What verification needs while the threads run. */
interface Verification extends CheckDataContext, PackJudging {}

/** The verdict on a pack, or why it cannot be read. */
type Outcome = PackVerdict | IntegrityError | StoreError;

function verifyPacks(context: Verification, packs: readonly DescribedPack[]): Promise<Outcome[]> {
  const { threads, repository: { store }, onProgress } = context;
  const total = packs.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  // A pack is read piece by piece, so it takes several packs to keep threads and store busy.
  return mapConcurrently(packs, Math.max(threads.blobThreads + 1, store.connections), async (pack) => {
    const outcome = await verifyPack(context, pack);
    onProgress(done += pack.bytes, total);
    return outcome;
  });
}

async function verifyPack(context: Verification, pack: DescribedPack): Promise<Outcome> {
  const { repository: { store }, passesOverOutages, signal } = context;
  // The description in the index is wrong, which is already a finding.
  if (pack.headerSha256 === null) return SOUND;
  signal.throwIfAborted();
  try {
    return await judgePack(context, pack);
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    if (error instanceof TemporaryError && !passesOverOutages) throw error;
    return await failureOfFile(store, error, signal);
  }
}

const SOUND: PackVerdict = { problems: [], headerHolds: true, damagedBlobs: new Uint8Array(0) };

function takeVerdict(
  { findings, suspects }: CheckContext,
  { id, number }: DescribedPack,
  verdict: Outcome,
): void {
  if (verdict instanceof StoreError) {
    const text = `Pack ${id} cannot be read: ${verdict.message}`;
    return suspects.add(number, findings.error({ kind: "pack", id, text, advice: MEND_STORE }));
  }
  const problems = verdict instanceof IntegrityError ? [verdict.message] : verdict.problems;
  if (problems.length === 0) return;
  const text = verdict instanceof IntegrityError ? verdict.message : `Pack ${id} ${problems.join("; it ")}`;
  const finding = findings.error({ kind: "pack", id, text, advice: REPLACE_PACK, repair: "packs" });
  if (verdict instanceof IntegrityError || !verdict.headerHolds) suspects.add(number, finding);
  else suspects.add(number, finding, verdict.damagedBlobs);
}
