/**
 * Runs in a thread: opens blobs of one repository, verifies each down to its plaintext, and seals it for another
 * repository.
 */
import { freeBuffer } from "../base/bytes.ts";
import { IntegrityError } from "../base/errors.ts";
import { encodeHex } from "../base/hex.ts";
import { ID_BYTES } from "../base/id.ts";
import type { BlobCompressor, BlobDecompressor } from "../codec/compression.ts";
import { wholeBlocks } from "../crypto/counter.ts";
import { sha256Hex } from "../crypto/digest.ts";
import type { Piece } from "../crypto/piece.ts";
import type { Sealer } from "../crypto/seal.ts";

/**
 * How blobs are stored in the other repository: compressed or not as they were, compressed if that makes them smaller,
 * or uncompressed, which is the only form in format version 1.
 */
export type ResealedForm = "kept" | "compressed" | "uncompressed";

/** Blobs in a part of a pack. */
export interface ResealRequest {
  /** The part of the pack, as it was read. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The pack's name, for messages. */
  readonly pack: string;
  /** 32 bytes for each blob. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** Where each blob begins in `bytes`. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** The length of each blob sealed, and of its plaintext if it is compressed, else 0. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly uncompressedLengths: Uint32Array<ArrayBuffer>;
}

/** The blobs of a request, in order, sealed for the other repository. */
export interface ResealedBlobs {
  /** The sealed blobs back to back. */
  readonly sealed: Uint8Array<ArrayBuffer>;
  /** As in the request, for these blobs. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly uncompressedLengths: Uint32Array<ArrayBuffer>;
}

/** What resealing needs. */
interface ResealTools {
  readonly source: Sealer;
  readonly target: Sealer;
  readonly form: ResealedForm;
  readonly compressor: BlobCompressor;
  readonly decompressor: BlobDecompressor;
  /** Returns at least that many bytes of memory. Owns: they are valid until the next call. */
  readonly scratch: (lengthBytes: number) => Uint8Array<ArrayBuffer>;
}

/** Reseals blobs. Throws `IntegrityError` that names the first damaged one. */
export function resealBlobs(request: ResealRequest, tools: ResealTools): ResealedBlobs {
  const { bytes, offsets, lengths } = request;
  const pieces = Array.from(offsets, (offset, i): Piece => ({ offset, length: lengths[i]! }));
  const payloads = tools.source.openBatch(bytes, pieces, (i) => nameOf(request, i));
  freeBuffer(bytes);
  const uncompressedLengths = new Uint32Array(payloads.length);
  const region = new Uint8Array(regionBytes(payloads, request, tools.form));
  const written: Piece[] = [];
  let end = 0;
  for (const [i, payload] of payloads.entries()) {
    const plaintext = verifiedPlaintext(request, i, payload, tools);
    const stored = storedForm({ plaintext, payload, isCompressed: request.uncompressedLengths[i] !== 0 }, tools, {
      region,
      offset: end,
    });
    if (stored.isCompressed) uncompressedLengths[i] = plaintext.length;
    written.push({ offset: end, length: stored.length });
    end = wholeBlocks(end + stored.length);
  }
  if (payloads.length > 0) freeBuffer(payloads[0]!);
  const resealed = tools.target.sealBatch(region.subarray(0, end), written);
  return { sealed: resealed.bytes, lengths: Uint32Array.from(resealed.lengths), uncompressedLengths };
}

/** The most that the payloads can take in the other form. */
function regionBytes(payloads: readonly Uint8Array[], { uncompressedLengths }: ResealRequest, form: ResealedForm) {
  const lengthOf = (payload: Uint8Array, i: number) =>
    form === "uncompressed" && uncompressedLengths[i] !== 0 ? uncompressedLengths[i]! : payload.length;
  return payloads.reduce((sum, payload, i) => sum + wholeBlocks(lengthOf(payload, i)), 0);
}

/** A blob's content, and the form in which it was stored. */
interface OpenedBlob {
  readonly plaintext: Uint8Array;
  readonly payload: Uint8Array;
  readonly isCompressed: boolean;
}

/** Writes a blob to the region in the form in which it is to be stored. */
function storedForm(
  { plaintext, payload, isCompressed }: OpenedBlob,
  { form, compressor }: ResealTools,
  { region, offset }: { readonly region: Uint8Array; readonly offset: number },
): { readonly length: number; readonly isCompressed: boolean } {
  if (form === "compressed" && !isCompressed) {
    const length = compressor.compressInto(plaintext, region, offset, plaintext.length - 1);
    if (length > 0) return { length, isCompressed: true };
  }
  const stored = form === "uncompressed" ? plaintext : payload;
  region.set(stored, offset);
  return { length: stored.length, isCompressed: isCompressed && form !== "uncompressed" };
}

function verifiedPlaintext(request: ResealRequest, blob: number, payload: Uint8Array, tools: ResealTools): Uint8Array {
  const length = request.uncompressedLengths[blob]!;
  let plaintext = payload;
  try {
    if (length > 0) {
      const room = tools.scratch(length);
      tools.decompressor.decompressInto(payload, room, 0, length, "it");
      plaintext = room.subarray(0, length);
    }
    const digest = sha256Hex(plaintext);
    if (digest === idOf(request, blob)) return plaintext;
    throw new IntegrityError(`its content has the SHA-256 ${digest}`);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    throw new IntegrityError(`Damaged ${nameOf(request, blob)}: ${error.message}`, { cause: error });
  }
}

function nameOf(request: ResealRequest, blob: number): string {
  return `blob ${idOf(request, blob)} in pack ${request.pack}`;
}

function idOf({ ids }: ResealRequest, blob: number): string {
  return encodeHex(ids, blob * ID_BYTES, ID_BYTES);
}
