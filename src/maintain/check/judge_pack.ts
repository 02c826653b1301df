/**
 * Reads and judges one whole pack. A pack may have 128 MiB and more, so it is never in memory as a whole: it is read
 * and hashed in runs of blobs, and the runs are verified in threads.
 */
import { createHash, type Hash } from "node:crypto";
import { IntegrityError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import type { Semaphore } from "../../base/limits.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/bounds.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { idsOf, type RunVerdict, verifyRequest } from "../../pipeline/pack_verification.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import type { DescribedPack } from "./check_index.ts";
import { type PlannedRange, planRanges } from "../../repository/pack/pack_ranges.ts";
import { readPackHeader, readRange } from "../../repository/pack/pack_reader.ts";
import type { Repository } from "../../repository/repository.ts";

/** What judging packs needs. The threads must be configured. */
export interface PackJudging {
  readonly repository: Repository;
  readonly threads: PipelineThreads;
  /** The memory for bytes that are read but not yet verified, of all packs together. A larger run is read alone. */
  readonly room: Semaphore;
  readonly signal: AbortSignal;
}

/** The verdict on a pack. */
export interface PackVerdict {
  /** What is wrong, each ready to follow the pack's name in a sentence; empty for a sound pack. */
  readonly problems: readonly string[];
  /** Whether its header matches the index, so that every blob could be judged separately. */
  readonly headerHolds: boolean;
  /** The ids of the damaged blobs, 32 bytes each. */
  readonly damagedBlobs: Uint8Array;
}

/** The size of one read in bytes; a single larger blob is read alone. */
const RUN_BYTES = 2 * 1024 * 1024;

/**
 * Judges a pack. An unsound pack is read again, and the second reading counts, because a faulty network card or proxy
 * hardly flips the same bit twice. Throws `IntegrityError` if the pack is missing or truncated, and what the store
 * throws.
 */
export async function judgePack(judging: PackJudging, pack: DescribedPack): Promise<PackVerdict> {
  const first = await readOnce(judging, pack);
  return first.problems.length === 0 ? first : await readOnce(judging, pack);
}

async function readOnce(judging: PackJudging, pack: DescribedPack): Promise<PackVerdict> {
  const header = await readHeader(judging, pack);
  const reading = new PackReading(judging, pack.id);
  const blobs = header instanceof IntegrityError ? [] : header;
  const { sha256, damaged, firstReason } = await reading.read(runsOf(blobs, pack.bytes));
  const problems = sha256 === pack.id ? [] : ["does not have the SHA-256 it is named by"];
  if (header instanceof IntegrityError) problems.push(`is not readable by itself: ${header.message}`);
  if (damaged.length > 0) problems.push(`has ${damaged.length} of its ${blobs.length} blobs damaged: ${firstReason}`);
  return { problems, headerHolds: header === blobs, damagedBlobs: idsOf(damaged) };
}

/** The blobs in the pack's own header, or an error if the header is damaged or does not match the index. */
async function readHeader(
  { repository, signal }: PackJudging,
  { id, bytes, headerSha256 }: DescribedPack,
): Promise<readonly PackedBlob[] | IntegrityError> {
  try {
    const { blobs, sha256 } = await readPackHeader(repository, { id, bytes }, signal);
    const impossible = blobs.find((blob) => blobSizeProblem(blob) !== null);
    if (impossible) return new IntegrityError(`its ${nameOf(impossible)} ${blobSizeProblem(impossible)}`);
    if (sha256 === headerSha256) return blobs;
    return new IntegrityError(`the header of pack ${id} lists ${blobs.length} blobs that are not those of the index`);
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

/** A part of a pack, and the blobs that fill it from its start. */
type Run = PlannedRange<PackedBlob>;

/** Divides a pack of `packBytes` bytes into runs. The bytes after the last blob form runs without blobs. */
function* runsOf(blobs: readonly PackedBlob[], packBytes: number): Generator<Run> {
  let end = 0;
  for (const run of planRanges(blobs, { gapBytes: 0, mostBytes: RUN_BYTES })) {
    yield run;
    end = run.offset + run.length;
  }
  for (let offset = end; offset < packBytes; offset += RUN_BYTES) {
    yield { offset, length: Math.min(RUN_BYTES, packBytes - offset), blobs: [] };
  }
}

/** The facts from one reading of a pack. */
interface PackFacts {
  readonly sha256: string;
  readonly damaged: readonly PackedBlob[];
  /** The name of the first damaged blob, and the reason. */
  readonly firstReason: string;
}

/** One complete reading of a pack. */
class PackReading {
  readonly #judging: PackJudging;
  readonly #pack: PackId;
  readonly #hash: Hash = createHash("sha256");
  readonly #verdicts: Promise<{ readonly run: Run; readonly verdict: RunVerdict }>[] = [];

  constructor(judging: PackJudging, pack: PackId) {
    this.#judging = judging;
    this.#pack = pack;
  }

  /** Reads the runs in sequence. While one run is verified, the next is read. */
  async read(runs: Iterable<Run>): Promise<PackFacts> {
    try {
      for (const run of runs) await this.#readRun(run);
    } finally {
      await Promise.allSettled(this.#verdicts);
    }
    const damaged: PackedBlob[] = [];
    let firstReason = "";
    for (const { run, verdict } of await Promise.all(this.#verdicts)) {
      const blobs = verdict.damaged.map((position) => run.blobs[position]!);
      if (damaged.length === 0 && blobs.length > 0) firstReason = `${nameOf(blobs[0]!)}: ${verdict.firstReason}`;
      damaged.push(...blobs);
    }
    return { sha256: this.#hash.digest("hex"), damaged, firstReason };
  }

  /** Resolves when the run is read and hashed. Its verification continues. */
  async #readRun(run: Run): Promise<void> {
    const { repository: { store }, room, signal } = this.#judging;
    const { offset, length } = run;
    const pack = this.#pack;
    const taken = await room.take({ amount: memoryOf(run), signal });
    try {
      signal.throwIfAborted();
      const bytes = await readRange(store, { pack, offset, length }, `pack ${pack}`, { signal });
      this.#hash.update(bytes);
      const verdict = this.#verify(run, bytes).finally(() => taken.release());
      verdict.catch(() => {});
      this.#verdicts.push(verdict);
    } catch (error) {
      taken.release();
      throw error;
    }
  }

  async #verify(run: Run, bytes: Uint8Array<ArrayBuffer>) {
    if (run.blobs.length > 0) {
      return { run, verdict: await this.#judging.threads.verify(verifyRequest(bytes, run.blobs)) };
    }
    freeBuffer(bytes);
    return { run, verdict: { damaged: [], firstReason: "" } };
  }
}

/** Bytes that a run takes until it is verified: as read, as decrypted, and its largest blob as plaintext. */
function memoryOf({ length, blobs }: Run): number {
  return 2 * length + blobs.reduce((most, blob) => Math.max(most, plaintextLength(blob)), 0);
}

function nameOf({ type, id }: PackedBlob): string {
  return `${type} blob ${encodeHex(id, 0, ID_BYTES)}`;
}
