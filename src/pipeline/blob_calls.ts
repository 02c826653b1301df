/** Runs in a thread: turns chunks into sealed blobs, and sealed blobs into chunks. */
import { freeBuffer } from "../base/bytes.ts";
import { decodeHexInto, encodeHex } from "../base/hex.ts";
import { ID_BYTES } from "../base/id.ts";
import { IntegrityError, invariant } from "../base/errors.ts";
import { Turn } from "../base/limits.ts";
import { wholeBlocks } from "../crypto/counter.ts";
import { MD5_BYTES, md5Hex, sha256Hex } from "../crypto/digest.ts";
import type { Piece } from "../crypto/piece.ts";
import { createSealer, type Sealer } from "../crypto/seal.ts";
import { BlobCompressor, BlobDecompressor } from "../codec/compression.ts";
import {
  type BlobCalls,
  OPEN_FIELDS,
  type OpenField,
  type OpenRequest,
  type SealedBatch,
  type SealRequest,
} from "./calls.ts";
import { readIndex } from "./index/read_index.ts";
import { KnownChunksReader } from "./known/known_chunks_reader.ts";
import { verifyRun } from "./pack_verification.ts";
import { readTrees } from "./trees/read_trees.ts";
import { resealBlobs, type ResealedForm } from "./resealing.ts";
import type { Handlers } from "../base/thread.ts";

/** The handlers of `BlobCalls`. `configure` must come first; `known` comes again when there are more known blobs. */
export function blobCalls(): Handlers<BlobCalls> {
  let sealer: Sealer | undefined;
  let compressor: BlobCompressor | undefined;
  let known: KnownChunksReader | undefined;
  let target: { readonly sealer: Sealer; readonly form: ResealedForm } | undefined;
  const scratch = new Scratch();
  // Sealing waits for Web Crypto. Meanwhile, nobody else may use its memory.
  const sealScratch = new Scratch();
  const sealTurn = new Turn();
  const decompressor = new BlobDecompressor();
  return {
    configure({ keys, compression }) {
      sealer = createSealer(keys, randomBytes);
      compressor = new BlobCompressor(compression);
      return { response: null };
    },
    known(view) {
      known = new KnownChunksReader(view, known);
      return { response: null };
    },
    async seal(request) {
      invariant(sealer && compressor && known, "A thread was asked to seal before it was configured");
      const tools = { sealer, compressor, known, scratch: sealScratch };
      const batch = await sealTurn.take(() => sealBatch(request, tools));
      const transfer = [batch.ids, batch.md5s, batch.lengths, batch.sealedLengths, batch.compressed, batch.sealed];
      return { response: batch, transfer: transfer.map(({ buffer }) => buffer) };
    },
    async open(request) {
      invariant(sealer, "A thread was asked to open blobs before it was configured");
      await openBatch(request, { sealer, decompressor });
      return { response: null };
    },
    verify(request) {
      invariant(sealer, "A thread was asked to verify a pack before it was configured");
      return { response: verifyRun(request, { sealer, decompressor, scratch: (length) => scratch.take(length) }) };
    },
    readIndex(request) {
      invariant(sealer, "A thread was asked to read an index before it was configured");
      const response = readIndex(request, sealer);
      return { response, transfer: [response.ids.buffer, response.numbers.buffer] };
    },
    async readTrees(request) {
      invariant(sealer, "A thread was asked to read trees before it was configured");
      const response = await readTrees(request, { sealer, decompressor, scratch: (length) => scratch.take(length) });
      return { response, transfer: [response.contents.buffer] };
    },
    resealFor({ keys, form }) {
      target = { sealer: createSealer(keys, randomBytes), form };
      return { response: null };
    },
    reseal(request) {
      invariant(sealer && compressor && target, "A thread was asked to reseal before it was configured");
      const tools = { source: sealer, target: target.sealer, form: target.form, compressor, decompressor };
      const response = resealBlobs(request, { ...tools, scratch: (length) => scratch.take(length) });
      const transfer = [response.sealed, response.lengths, response.uncompressedLengths].map(({ buffer }) => buffer);
      return { response, transfer };
    },
  };
}

interface SealTools {
  readonly sealer: Sealer;
  readonly compressor: BlobCompressor;
  readonly known: KnownChunksReader;
  readonly scratch: Scratch;
}

/** A larger buffer is not kept: one blob of hundreds of megabytes must not stay in every thread. */
const MOST_SCRATCH_BYTES = 8 * 1024 * 1024;

/** Memory that one batch after the other uses. */
class Scratch {
  #bytes = new Uint8Array(0);

  /** Returns at least `length` bytes. Owns: they are valid until the next call. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length <= this.#bytes.length) return this.#bytes;
    freeBuffer(this.#bytes);
    this.#bytes = new Uint8Array(0);
    const bytes = new Uint8Array(length);
    if (length <= MOST_SCRATCH_BYTES) this.#bytes = bytes;
    return bytes;
  }
}

async function sealBatch(
  request: SealRequest,
  { sealer, compressor, known, scratch }: SealTools,
): Promise<SealedBatch> {
  const chunks = chunksOf(request);
  const ids = new Uint8Array(chunks.length * ID_BYTES);
  const md5s = new Uint8Array(request.wantsMd5 ? chunks.length * MD5_BYTES : 0);
  const lengths = Uint32Array.from(chunks, (chunk) => chunk.length);
  const sealedLengths = new Uint32Array(chunks.length);
  const compressed = new Uint8Array(chunks.length);
  const unknown: number[] = [];
  const seen = new Set<number>();
  chunks.forEach((chunk, i) => {
    decodeHexInto(sha256Hex(chunk), ids, i * ID_BYTES);
    if (request.wantsMd5) decodeHexInto(md5Hex(chunk), md5s, i * MD5_BYTES);
    if (known.isInMemory(ids, i * ID_BYTES) || repeats(ids, i, seen)) return;
    unknown.push(i);
  });
  const fresh = known.notOnDisk(ids, unknown);

  const region = scratch.take(fresh.reduce((sum, i) => sum + wholeBlocks(chunks[i]!.length), 0));
  const pieces: Piece[] = [];
  let end = 0;
  for (const i of fresh) {
    const chunk = chunks[i]!;
    const packed = compressor.compressInto(chunk, region, end, chunk.length - 1);
    if (packed === 0) region.set(chunk, end);
    else compressed[i] = 1;
    const length = packed === 0 ? chunk.length : packed;
    pieces.push({ offset: end, length });
    end = wholeBlocks(end + length);
  }
  const sealed = await sealer.sealLong(region.subarray(0, end), pieces);
  fresh.forEach((i, n) => sealedLengths[i] = sealed.lengths[n]!);
  return { ids, md5s, lengths, sealedLengths, compressed, sealed: sealed.bytes, isNotOnDisk: known.seesDisk };
}

/** The chunks of a request as views; only the rest of a first chunk with a carry is copied, to the carry. */
function chunksOf({ carry, carryBytes, segment, cuts }: SealRequest): Uint8Array[] {
  const bytes = new Uint8Array(segment);
  let start = 0;
  return Array.from(cuts, (cut, i) => {
    const chunk = bytes.subarray(start, cut);
    start = cut;
    if (i > 0 || carryBytes === 0) return chunk;
    new Uint8Array(carry).set(chunk, carryBytes);
    return new Uint8Array(carry, 0, carryBytes + chunk.length);
  });
}

/**
 * Whether chunk `i` has the id of an earlier new chunk in this batch. A 48-bit prefix of the id decides whether to
 * compare.
 */
function repeats(ids: Uint8Array, i: number, seen: Set<number>): boolean {
  const view = new DataView(ids.buffer, i * ID_BYTES, ID_BYTES);
  const prefix = view.getUint32(0) * 2 ** 16 + view.getUint16(4);
  if (!seen.has(prefix)) {
    seen.add(prefix);
    return false;
  }
  const id = ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
  for (let other = 0; other < i; other++) {
    if (id.every((byte, at) => byte === ids[other * ID_BYTES + at])) return true;
  }
  return false;
}

interface OpenTools {
  readonly sealer: Sealer;
  readonly decompressor: BlobDecompressor;
}

async function openBatch(request: OpenRequest, tools: OpenTools): Promise<void> {
  const { parts, table } = request;
  const blobsOfPart: number[][] = parts.map(() => []);
  for (let blob = 0; blob < table.length / OPEN_FIELDS.count; blob++) {
    blobsOfPart[field(table, blob, "part")]!.push(blob);
  }
  for (const [part, blobs] of blobsOfPart.entries()) await openPart(request, part, blobs, tools);
}

async function openPart(
  request: OpenRequest,
  part: number,
  blobs: readonly number[],
  { sealer, decompressor }: OpenTools,
): Promise<void> {
  const { parts, packs, ids, table, segment } = request;
  const target = new Uint8Array(segment);
  // Names are only made for errors: a stream has a hundred blobs per megabyte.
  const what = (blob: number) => `blob ${idOf(ids, blob)} in pack ${packs[part]}`;
  const pieces = blobs.map((blob) => ({ offset: field(table, blob, "offset"), length: field(table, blob, "length") }));
  await sealer.openEach(parts[part]!, pieces, (i) => what(blobs[i]!), (i, payload) => {
    const blob = blobs[i]!;
    const at = field(table, blob, "target");
    const uncompressedLength = field(table, blob, "uncompressedLength");
    try {
      if (uncompressedLength === 0) target.set(payload, at);
      else decompressor.decompressInto(payload, target, at, uncompressedLength);
      verify(target.subarray(at, at + (uncompressedLength || payload.length)), ids, blob);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      throw new IntegrityError(`Damaged ${what(blob)}: ${error.message}`, { cause: error });
    }
  });
  freeBuffer(parts[part]!);
}

function field(table: Uint32Array, blob: number, name: OpenField): number {
  return table[blob * OPEN_FIELDS.count + OPEN_FIELDS[name]]!;
}

function verify(plaintext: Uint8Array, ids: Uint8Array, blob: number): void {
  const digest = sha256Hex(plaintext);
  decodeHexInto(digest, DIGEST, 0);
  for (let i = 0; i < ID_BYTES; i++) {
    if (DIGEST[i] !== ids[blob * ID_BYTES + i]) throw new IntegrityError(`its content has the SHA-256 ${digest}`);
  }
}

const DIGEST = new Uint8Array(ID_BYTES);

function idOf(ids: Uint8Array, blob: number): string {
  return encodeHex(ids, blob * ID_BYTES, ID_BYTES);
}

function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}
