/** Inside a thread: a whole pack is verified, from its name to the plaintext of every blob. */
import { encodeHex } from "../base/hex.ts";
import { ID_BYTES } from "../base/id.ts";
import { IntegrityError } from "../base/errors.ts";
import { sha256Hex } from "../crypto/digest.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { BlockDecompressor } from "../crypto/zstd.ts";
import type { PackedBlob } from "../format/blob.ts";
import { blobSizeProblem } from "../format/limits.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_BYTES } from "../format/pack_header.ts";

/** A pack as it was read. */
export interface VerifyRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its name, 64 hex digits. */
  readonly pack: string;
  /** SHA-256 that its header's plaintext must have, as hex: that of the header the index implies. */
  readonly headerSha256: string;
}

/** What a pack turned out to be. */
export interface PackVerdict {
  /** What is wrong with it, each ready to follow its name in a sentence; none for a sound pack. */
  readonly problems: readonly string[];
  /** Whether its header is the one the index implies, so that every blob could be judged by itself. */
  readonly headerHolds: boolean;
  /** The ids of the damaged blobs, 32 bytes each. */
  readonly damagedBlobs: Uint8Array<ArrayBuffer>;
}

/** What verifying works with. */
export interface VerifyTools {
  readonly sealer: Sealer;
  readonly decompressor: BlockDecompressor;
}

/** Blobs are opened in runs of so many bytes: a pack of 200 MiB shall not lie in memory a second time as plaintext. */
const RUN_BYTES = 2 * 1024 * 1024;

/** Verifies a pack; damage is the answer, not an error. */
export function verifyPack(request: VerifyRequest, tools: VerifyTools): PackVerdict {
  const { bytes, pack } = request;
  const problems = sha256Hex(bytes) === pack ? [] : ["does not have the SHA-256 it is named by"];
  try {
    const blobs = readHeader(request, tools.sealer);
    const damaged = findDamaged(bytes, blobs, tools);
    if (damaged.blobs.length > 0) {
      problems.push(`has ${damaged.blobs.length} of its ${blobs.length} blobs damaged: ${damaged.firstReason}`);
    }
    return { problems, headerHolds: true, damagedBlobs: idsOf(damaged.blobs) };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    return {
      problems: [...problems, `is not readable by itself: ${error.message}`],
      headerHolds: false,
      damagedBlobs: idsOf([]),
    };
  }
}

/** The blobs by the pack's own header. Throws `IntegrityError` where that is damaged or another one than expected. */
function readHeader({ bytes, pack, headerSha256 }: VerifyRequest, sealer: Sealer): PackedBlob[] {
  const what = `the header of pack ${pack}`;
  const end = bytes.length - PACK_TRAILER_BYTES;
  const start = end - decodePackTrailer(bytes.subarray(Math.max(0, end)), bytes.length, what);
  const header = sealer.open(bytes.subarray(start, end), what);
  const blobs = decodePackHeader(header, what);
  if (sha256Hex(header) !== headerSha256) {
    throw new IntegrityError(`${what} lists ${blobs.length} blobs that are not those of the index`);
  }
  const last = blobs.at(-1)!;
  if (last.offset + last.length !== start) {
    throw new IntegrityError(`${what} begins at ${start}, but its blobs end at ${last.offset + last.length}`);
  }
  return blobs;
}

interface DamagedBlobs {
  readonly blobs: PackedBlob[];
  firstReason: string;
}

function findDamaged(bytes: Uint8Array, blobs: readonly PackedBlob[], tools: VerifyTools): DamagedBlobs {
  const damaged: DamagedBlobs = { blobs: [], firstReason: "" };
  for (const run of runsOf(blobs)) {
    const broken = openBatch(bytes, run, tools.sealer);
    run.forEach((blob, i) => {
      const reason = broken.reasons.get(i) ?? problemOf(blob, broken.payloads[i]!, tools.decompressor);
      if (reason === null) return;
      if (damaged.blobs.length === 0) damaged.firstReason = `${nameOf(blob)}: ${reason}`;
      damaged.blobs.push(blob);
    });
  }
  return damaged;
}

function* runsOf(blobs: readonly PackedBlob[]): Generator<PackedBlob[]> {
  let run: PackedBlob[] = [];
  let length = 0;
  for (const blob of blobs) {
    if (run.length > 0 && length + blob.length > RUN_BYTES) {
      yield run;
      run = [];
      length = 0;
    }
    run.push(blob);
    length += blob.length;
  }
  yield run;
}

interface OpenedRun {
  /** By position in the run; none where there is a reason. */
  readonly payloads: readonly (Uint8Array | undefined)[];
  /** Why a blob cannot be opened. */
  readonly reasons: ReadonlyMap<number, string>;
}

function openBatch(bytes: Uint8Array, run: readonly PackedBlob[], sealer: Sealer): OpenedRun {
  try {
    return { payloads: sealer.openBatch(bytes, run, (i) => nameOf(run[i]!)), reasons: new Map() };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
  }
  const reasons = new Map(sealer.brokenPieces(bytes, run).map(({ index, reason }) => [index, reason]));
  const whole = run.filter((_, i) => !reasons.has(i));
  const opened = sealer.openBatch(bytes, whole, (i) => nameOf(whole[i]!)).values();
  return { payloads: run.map((_, i) => reasons.has(i) ? undefined : opened.next().value), reasons };
}

/** Why a payload is not the blob it should be, or null where it is. */
function problemOf(blob: PackedBlob, payload: Uint8Array, decompressor: BlockDecompressor): string | null {
  const problem = blobSizeProblem(blob);
  if (problem !== null) return `by the header it ${problem}`;
  try {
    const digest = sha256Hex(plaintextOf(blob, payload, decompressor));
    return digest === idOf(blob) ? null : `its content has the SHA-256 ${digest}`;
  } catch (error) {
    if (error instanceof IntegrityError) return error.message;
    throw error;
  }
}

function plaintextOf({ uncompressedLength }: PackedBlob, payload: Uint8Array, decompressor: BlockDecompressor) {
  if (uncompressedLength === 0) return payload;
  const plaintext = new Uint8Array(uncompressedLength);
  decompressor.decompressInto(payload, plaintext, 0, uncompressedLength, "it");
  return plaintext;
}

function idsOf(blobs: readonly PackedBlob[]): Uint8Array<ArrayBuffer> {
  const ids = new Uint8Array(blobs.length * ID_BYTES);
  blobs.forEach(({ id }, i) => ids.set(id, i * ID_BYTES));
  return ids;
}

function nameOf(blob: PackedBlob): string {
  return `${blob.type} blob ${idOf(blob)}`;
}

function idOf({ id }: PackedBlob): string {
  return encodeHex(id, 0, ID_BYTES);
}
