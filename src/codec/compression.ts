/**
 * Compression of blobs and JSON files: zstd frames without checksum, which restic reads.
 *
 * The parameters depend on the input's size. Small inputs (chunks of database streams) use a reused context and
 * parameters chosen for their size; for large ones, the defaults of zstd's level do best. Measured on 10 KB pieces of a
 * mysqldump-like text and of Perl and Python sources, one thread of a slow 2-core machine: ratio of each, and MB/s:
 *
 *     fastest   1.75 / 3.22   280     level 1
 *     auto      1.78 / 3.34   260     level 3 by ZSTD_fast; by its usual ZSTD_dfast 1.79 / 3.41 at 130 and 190
 *     max       1.82            7     level 19
 *     (better: 3 and 7 % less than auto on other such texts, 80 MB/s, level 8)
 *     (public one-shot calls, level 3: 1.79 at 70)
 */
import { constants } from "node:zlib";
import { BugError, IntegrityError, messageOf } from "../base/errors.ts";
import { freeBuffer } from "../base/bytes.ts";
import {
  type CompressionContext,
  compressOnce,
  type DecompressionContext,
  oneShotContexts,
  type PieceDecompression,
  type ZstdContexts,
  zstdContexts,
  type ZstdParameters,
} from "./zstd_context.ts";

/** How hard to compress, in rising order. */
export const COMPRESSION_LEVELS = ["off", "fastest", "auto", "better", "max"] as const;
/**
 * How hard to compress: not at all, as fast as sensible, restic's default, harder than that, or as small as possible.
 * The names are those of restic 0.19.
 */
export type CompressionLevel = typeof COMPRESSION_LEVELS[number];

/**
 * How hard to compress texts that are mostly ids in hex, such as index files and lists of chunks. Nothing in them repeats
 * but the digits, so that looking harder finds matches that cost more than they save. Measured on an index of 256 KiB:
 * 79 KB in 0.7 ms, where `auto` takes 3.3 ms for 85 KB; on a list of 3 MiB: 1.63 MB in 12 ms, and 1.65 MB in 48 ms.
 */
export const IDS_COMPRESSION = "fastest" satisfies CompressionLevel;

/** Inputs up to this size count as small. They fit the window of the small parameters. */
const SMALL_BYTES = 128 * 1024;
const SMALL_WINDOW_LOG = 17;
/** 8 MiB: decoders need not accept more (RFC 8878, section 3.1.1.1.2). */
const LARGEST_WINDOW_LOG = 23;

const {
  ZSTD_c_compressionLevel: LEVEL,
  ZSTD_c_windowLog: WINDOW_LOG,
  ZSTD_c_hashLog: HASH_LOG,
  ZSTD_c_chainLog: CHAIN_LOG,
  ZSTD_c_minMatch: MIN_MATCH,
  ZSTD_c_strategy: STRATEGY,
  ZSTD_fast,
} = constants;

const SMALL_PARAMETERS: Readonly<Record<Exclude<CompressionLevel, "off">, ZstdParameters>> = {
  fastest: { [LEVEL]: 1, [WINDOW_LOG]: SMALL_WINDOW_LOG, [HASH_LOG]: 13 },
  auto: { [LEVEL]: 3, [WINDOW_LOG]: SMALL_WINDOW_LOG, [HASH_LOG]: 14, [MIN_MATCH]: 5, [STRATEGY]: ZSTD_fast },
  better: { [LEVEL]: 8, [WINDOW_LOG]: SMALL_WINDOW_LOG, [HASH_LOG]: 14, [CHAIN_LOG]: 15 },
  max: { [LEVEL]: 19, [WINDOW_LOG]: SMALL_WINDOW_LOG, [HASH_LOG]: 15, [CHAIN_LOG]: 16 },
};

/** A context that is kept has tables for inputs of any size: a few megabytes, but a hundred at the level of `max`. */
const LARGE_PARAMETERS: Readonly<Record<Exclude<CompressionLevel, "off">, ZstdParameters>> = {
  fastest: { [LEVEL]: 1 },
  auto: { [LEVEL]: 3 },
  better: { [LEVEL]: 7 },
  max: { [LEVEL]: 19, [WINDOW_LOG]: LARGEST_WINDOW_LOG },
};

/** Compresses chunks, one after the other. */
export class BlobCompressor {
  readonly #level: CompressionLevel;
  readonly #contexts: ZstdContexts;
  readonly #small: CompressionContext | undefined;
  /** Takes a few megabytes, so that it is made for the first large input. */
  #large: CompressionContext | undefined;

  /** `contexts`: how contexts are made; by default the fastest way that works in this runtime. */
  constructor(level: CompressionLevel, contexts: ZstdContexts = zstdContexts()) {
    this.#level = level;
    this.#contexts = contexts;
    this.#small = level === "off" ? undefined : contexts.compression(SMALL_PARAMETERS[level]);
  }

  /**
   * Writes `input` (shared memory is allowed) as one zstd frame with its content size to `output` from `offset` on.
   * Returns the frame's length in bytes, or 0 if the chunk should be stored uncompressed: the frame does not fit before
   * `offset + room`, the level is `off`, or `input` is empty, since restic accepts no compressed form of that. After 0
   * the bytes in that room are undefined.
   */
  compressInto(
    input: Uint8Array,
    output: Uint8Array,
    offset: number,
    room: number = output.length - offset,
  ): number {
    if (this.#level === "off" || this.#small === undefined || input.length === 0) return 0;
    if (input.length <= SMALL_BYTES) return this.#small.compress(input, output, offset, room);
    this.#large ??= this.#level === "max"
      ? oneShotContexts.compression(LARGE_PARAMETERS.max)
      : this.#contexts.compression(LARGE_PARAMETERS[this.#level]);
    return this.#large.compress(input, output, offset, room);
  }
}

/** Decompresses blobs of any size, one after the other. */
export class BlobDecompressor {
  readonly #context: DecompressionContext;

  /** `contexts`: how contexts are made; by default the fastest way that works in this runtime. */
  constructor(contexts: ZstdContexts = zstdContexts()) {
    this.#context = contexts.decompression();
  }

  /**
   * Decompresses `input` (one or more zstd frames; shared memory is allowed) to `output` from `offset` on, and returns
   * `expectedLength`, the exact length that the content must have. `what` names the input in messages. Throws
   * `IntegrityError` if `input` is damaged, cut off, followed by anything else or of another length. A failure does not
   * affect the next call.
   */
  decompressInto(
    input: Uint8Array,
    output: Uint8Array,
    offset: number,
    expectedLength: number,
    what = "a blob",
  ): number {
    const written = this.#run(input, output, offset, expectedLength, what);
    if (written !== expectedLength) {
      const found = written < 0 ? "more" : `${written}`;
      throw new IntegrityError(`Cannot decompress ${what}: ${found} bytes came out instead of ${expectedLength}`);
    }
    return written;
  }

  /**
   * The content of `input`, if its length is unknown but at most `maxBytes`. Throws `IntegrityError` as
   * `decompressInto` does, and if the content is longer. Never allocates more than twice the memory that the content
   * and `input` need.
   */
  decompressUpTo(input: Uint8Array, maxBytes: number, what = "a file"): Uint8Array<ArrayBuffer> {
    let room = Math.min(firstRoom(input), maxBytes);
    while (true) {
      const output = new Uint8Array(room);
      const written = this.#run(input, output, 0, room, what);
      if (written >= 0) return output.subarray(0, written);
      if (room >= maxBytes) throw tooLong(what, maxBytes);
      freeBuffer(output);
      room = Math.min(room * 2, maxBytes);
    }
  }

  #run(input: Uint8Array, output: Uint8Array, offset: number, room: number, what: string): number {
    try {
      return this.#context.decompress(input, output, offset, room);
    } catch (error) {
      if (error instanceof BugError) throw error;
      throw new IntegrityError(`Cannot decompress ${what}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** The buffer size to try first for unknown content: text usually shrinks to a quarter. */
function firstRoom(input: Uint8Array): number {
  return Math.max(input.length * 4, 4096);
}

/** `bytes` as one zstd frame of its own, even if that is longer or `bytes` is empty. */
export function compress(bytes: Uint8Array, level: Exclude<CompressionLevel, "off">): Uint8Array<ArrayBuffer> {
  return compressOnce(bytes, (bytes.length <= SMALL_BYTES ? SMALL_PARAMETERS : LARGE_PARAMETERS)[level]);
}

/** So many bytes are decompressed at a time. */
const PIECE_BYTES = 1024 * 1024;

/**
 * The content of `bytes`, which are one or more zstd frames, in pieces. Throws `IntegrityError` if they are damaged, or
 * if the content has more than `maxBytes` bytes; the pieces before that are right as far as that is known. Where this
 * runtime or the frames do not allow pieces, the content comes as a whole. Owns: a piece is valid until the next one.
 */
export function* decompressInPieces(
  bytes: Uint8Array,
  maxBytes: number,
  what = "a file",
  contexts: ZstdContexts = zstdContexts(),
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const pieces = contexts.inPieces?.(bytes);
  const piece = new Uint8Array(Math.min(PIECE_BYTES, maxBytes + 1));
  let total = 0;
  try {
    for (;;) {
      const length = pieces === undefined ? -1 : nextLength(pieces, piece);
      if (length < 0 && total > 0) throw new IntegrityError(`Cannot decompress ${what}: the data is damaged`);
      if (length < 0) return yield new BlobDecompressor(contexts).decompressUpTo(bytes, maxBytes, what);
      if (length === 0) return;
      total += length;
      if (total > maxBytes) throw tooLong(what, maxBytes);
      yield piece.subarray(0, length);
    }
  } finally {
    pieces?.close();
    freeBuffer(piece);
  }
}

/** The length of the next piece; negative if it cannot be decompressed. */
function nextLength(pieces: PieceDecompression, piece: Uint8Array): number {
  try {
    return pieces.read(piece);
  } catch (error) {
    if (error instanceof BugError) throw error;
    // Whoever decompresses the whole finds out whether it is damaged.
    return -1;
  }
}

function tooLong(what: string, maxBytes: number): IntegrityError {
  return new IntegrityError(`Cannot decompress ${what}: it holds more than the ${maxBytes} bytes allowed`);
}

let shared: BlobDecompressor | undefined;

/**
 * The content of `bytes`, which are one or more zstd frames. Throws `IntegrityError` if they are damaged, or if the
 * content has more than `maxBytes` bytes or, unless that is undefined, not exactly `expectedLength`. `what` names them
 * in messages.
 */
export function decompress(
  bytes: Uint8Array,
  expectedLength: number | undefined,
  maxBytes: number,
  what = "a file",
): Uint8Array<ArrayBuffer> {
  shared ??= new BlobDecompressor();
  if (expectedLength === undefined) return shared.decompressUpTo(bytes, maxBytes, what);
  if (expectedLength > maxBytes) {
    throw new IntegrityError(
      `Refusing to decompress ${what}: ${expectedLength} bytes are more than the ${maxBytes} allowed`,
    );
  }
  const output = new Uint8Array(expectedLength);
  shared.decompressInto(bytes, output, 0, expectedLength, what);
  return output;
}
