/** Reads packs whole, each once, and has them verified in threads of its own; a few are under way at a time. */
import { mapConcurrently } from "../base/concurrency.ts";
import { IntegrityError, StoreError, TemporaryError } from "../base/errors.ts";
import type { PackVerdict } from "../pipeline/pack_verification.ts";
import { PipelineThreads } from "../pipeline/threads.ts";
import { packError } from "../repository/blob_reader.ts";
import type { CheckContext, DescribedPack } from "../repository/check_index.ts";
import { failureOfFile } from "../repository/unreadable.ts";

/** What reading packs takes. */
export interface CheckDataContext extends CheckContext {
  /** How many threads verify. */
  readonly blobThreads: number;
  /** Whether a pack counts as unreadable also where the failure may pass; else that ends the reading of all packs. */
  readonly passesOverOutages: boolean;
}

/** Packs that lie in memory together have no more bytes than this, but for a single larger one. */
const BYTES_AT_ONCE = 256 * 1024 * 1024;

const REPLACE_PACK =
  `bring the file back from a copy of the store; where there is none, run "agent repair packs", which saves the blobs ` +
  `that are whole, and back up again, which stores the others anew where the source still has them`;

const MEND_STORE =
  "see to the disk or the server that holds it, or bring the file back from a copy of the store; nothing can be saved of " +
  "it as long as it cannot be read";

/** Verifies the given packs to the last byte; one that the store does not give is a finding, too. Progress is in bytes. */
export async function checkPackData(context: CheckDataContext, packs: readonly DescribedPack[]): Promise<void> {
  // Threads cost a tenth of a second.
  if (packs.length === 0) return;
  const threads = new PipelineThreads(context.blobThreads);
  try {
    await threads.configure(context.repository.keys, "off");
    const verdicts = await verifyPacks({ ...context, threads }, packs);
    packs.forEach((pack, i) => takeVerdict(context, pack, verdicts[i]!));
  } finally {
    threads.terminate();
  }
}

/** Reading while the threads are there. */
interface Verification extends CheckDataContext {
  readonly threads: PipelineThreads;
}

/** What the pack turned out to be, or why it cannot be read. */
type Outcome = PackVerdict | IntegrityError | StoreError;

function verifyPacks(context: Verification, packs: readonly DescribedPack[]): Promise<Outcome[]> {
  const { threads, onProgress } = context;
  const total = packs.reduce((sum, { bytes }) => sum + bytes, 0);
  const room = new Room(BYTES_AT_ONCE);
  let done = 0;
  // One more than there are threads, so that none waits for the store.
  return mapConcurrently(packs, threads.blobThreads + 1, async (pack) => {
    await room.enter(pack.bytes);
    try {
      return await verifyPack(context, pack);
    } finally {
      room.leave(pack.bytes);
      onProgress(done += pack.bytes, total);
    }
  });
}

async function verifyPack(context: Verification, pack: DescribedPack): Promise<Outcome> {
  const { repository: { store }, threads, passesOverOutages, signal } = context;
  // What the index says of this pack is known to be wrong; that was found already.
  if (pack.headerSha256 === null) return SOUND;
  signal.throwIfAborted();
  try {
    const bytes = await store.get({ kind: "pack", name: pack.id }, undefined, { signal });
    return await threads.verify({ bytes, pack: pack.id, headerSha256: pack.headerSha256 });
  } catch (error) {
    const damage = packError(error, `pack ${pack.id}`);
    if (damage instanceof IntegrityError) return damage;
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

/** Lets in as many bytes at a time as there is room for; one that is larger than the room waits until it is empty. */
class Room {
  readonly #bytes: number;
  #taken = 0;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  async enter(bytes: number): Promise<void> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
    } else this.#taken += bytes;
  }

  leave(bytes: number): void {
    this.#taken -= bytes;
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
      const next = this.#waiting.shift()!;
      this.#taken += next.bytes;
      next.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#bytes;
  }
}
