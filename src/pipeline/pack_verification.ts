/** Runs in a thread: verifies a run of sealed blobs, read from a pack, down to the plaintext of every blob. */
import { encodeHex } from "../base/hex.ts";
import { ID_BYTES } from "../base/id.ts";
import { IntegrityError } from "../base/errors.ts";
import { freeBuffer } from "../base/bytes.ts";
import { sha256Hex } from "../crypto/digest.ts";
import type { Piece } from "../crypto/piece.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { BlobDecompressor } from "../codec/compression.ts";
import type { PackedBlob } from "../format/blob.ts";

/** Consecutive blobs of a pack, and their bytes as they were read. */
export interface VerifyRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** 32 bytes for each blob. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** The length of each blob sealed, and of its plaintext if it is compressed, else 0. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly uncompressedLengths: Uint32Array<ArrayBuffer>;
}

/** What is wrong with a run. */
export interface RunVerdict {
  /** The positions of the damaged blobs in the run, ascending. */
  readonly damaged: readonly number[];
  /** Why the first of them is damaged; empty if none is. */
  readonly firstReason: string;
}

/** What verifying needs. */
interface VerifyTools {
  readonly sealer: Sealer;
  readonly decompressor: BlobDecompressor;
  /** Returns at least that many bytes of memory. Owns: they are valid until the next call. */
  readonly scratch: (lengthBytes: number) => Uint8Array<ArrayBuffer>;
}

/** The `VerifyRequest` for these consecutive blobs. */
export function verifyRequest(bytes: Uint8Array<ArrayBuffer>, blobs: readonly PackedBlob[]): VerifyRequest {
  return {
    bytes,
    ids: idsOf(blobs),
    lengths: Uint32Array.from(blobs, ({ length }) => length),
    uncompressedLengths: Uint32Array.from(blobs, ({ uncompressedLength }) => uncompressedLength),
  };
}

/** The ids of the blobs back to back, 32 bytes each. */
export function idsOf(blobs: readonly PackedBlob[]): Uint8Array<ArrayBuffer> {
  const ids = new Uint8Array(blobs.length * ID_BYTES);
  blobs.forEach(({ id }, i) => ids.set(id, i * ID_BYTES));
  return ids;
}

/** Verifies a run. Damage is reported in the verdict, not thrown. */
export function verifyRun(request: VerifyRequest, tools: VerifyTools): RunVerdict {
  const opened = openRun(request, tools.sealer);
  freeBuffer(request.bytes);
  const damaged: number[] = [];
  let firstReason = "";
  for (let blob = 0; blob < request.lengths.length; blob++) {
    const reason = opened.reasons.get(blob) ?? problemOf(request, blob, opened.payloads[blob]!, tools);
    if (reason === null) continue;
    if (damaged.length === 0) firstReason = reason;
    damaged.push(blob);
  }
  const first = opened.payloads.find((payload) => payload !== undefined);
  if (first !== undefined) freeBuffer(first);
  return { damaged, firstReason };
}

interface OpenedRun {
  /** By position in the run, all in one buffer; undefined for a blob that has a reason. */
  readonly payloads: readonly (Uint8Array<ArrayBuffer> | undefined)[];
  /** Why a blob cannot be opened, by its position. */
  readonly reasons: ReadonlyMap<number, string>;
}

function openRun({ bytes, lengths }: VerifyRequest, sealer: Sealer): OpenedRun {
  const pieces = piecesOf(lengths);
  try {
    return { payloads: sealer.openBatch(bytes, pieces, (i) => `blob ${i}`), reasons: new Map() };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
  }
  const reasons = new Map(sealer.brokenPieces(bytes, pieces).map(({ index, reason }) => [index, reason]));
  const whole = pieces.filter((_, i) => !reasons.has(i));
  const opened = sealer.openBatch(bytes, whole, (i) => `blob ${i}`).values();
  return { payloads: pieces.map((_, i) => reasons.has(i) ? undefined : opened.next().value), reasons };
}

function piecesOf(lengths: Uint32Array): Piece[] {
  let end = 0;
  return Array.from(lengths, (length) => {
    const offset = end;
    end += length;
    return { offset, length };
  });
}

/** Why a payload is not the expected blob; null if it is. */
function problemOf(request: VerifyRequest, blob: number, payload: Uint8Array, tools: VerifyTools): string | null {
  try {
    const digest = sha256Hex(plaintextOf(request.uncompressedLengths[blob]!, payload, tools));
    const id = encodeHex(request.ids, blob * ID_BYTES, ID_BYTES);
    return digest === id ? null : `its content has the SHA-256 ${digest}`;
  } catch (error) {
    if (error instanceof IntegrityError) return error.message;
    throw error;
  }
}

function plaintextOf(uncompressedLength: number, payload: Uint8Array, { decompressor, scratch }: VerifyTools) {
  if (uncompressedLength === 0) return payload;
  const room = scratch(uncompressedLength);
  decompressor.decompressInto(payload, room, 0, uncompressedLength, "it");
  return room.subarray(0, uncompressedLength);
}
