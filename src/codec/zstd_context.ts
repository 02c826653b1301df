/**
 * zstd contexts that are reused.
 *
 * The public one-shot calls of `node:zlib` make a context for every call, which for inputs of 10 KB takes longer than
 * the compression. The streams of the same module hold a context in an internal handle (`ZlibHandle`). Since it is
 * internal, a self-test checks once whether it behaves as expected; if not, the slower public calls do the work, with
 * the same results.
 */
import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  zstdCompressSync,
  zstdDecompressSync,
  type ZstdOptions,
} from "node:zlib";
import { ZlibHandle } from "./zlib_handle.ts";
import { contentSizeBytes, frameEnd, writeContentSize } from "./zstd_frame.ts";

/** Compression parameters, keyed by the numbers of `constants.ZSTD_c_…`. */
export type ZstdParameters = Readonly<Record<number, number>>;

/** Compresses one input after the other with the same parameters. */
export interface CompressionContext {
  /**
   * Writes one frame, with its content size, to `output` from `offset` on. Returns its length, or 0 if `room` bytes are
   * too few; the bytes from `offset` to `offset + room` are then undefined.
   */
  compress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number;
}

/** Decompresses one input after the other. */
export interface DecompressionContext {
  /**
   * Decompresses the frames in `input` to `output` from `offset` on. Returns the length of the content, or -1 if `room`
   * bytes are too few. Throws whatever the decoder throws if `input` is damaged or cut off.
   */
  decompress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number;
}

/** Decompresses one input piece by piece. */
export interface PieceDecompression {
  /**
   * Writes the next bytes of the content to `output`, and returns how many: 0 at the end. Throws whatever the decoder
   * throws if the input is damaged or cut off, or if it takes more memory than decoders must have.
   */
  read(output: Uint8Array): number;
  /** Frees its memory. */
  close(): void;
}

/** Makes contexts. There are two implementations; `zstdContexts` chooses one. */
export interface ZstdContexts {
  compression(parameters: ZstdParameters): CompressionContext;
  decompression(): DecompressionContext;
  /** Absent if an input can only be decompressed as a whole. */
  readonly inPieces?: (input: Uint8Array) => PieceDecompression;
}

/** Tells the handle that its input is complete. */
const WHOLE = constants.ZSTD_e_end;

class HandleCompression implements CompressionContext {
  readonly #handle: ZlibHandle;

  constructor(parameters: ZstdParameters) {
    this.#handle = new ZlibHandle(createZstdCompress({ params: { ...parameters } }));
  }

  compress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number {
    const sizeBytes = contentSizeBytes(input.length);
    const frameAt = offset + sizeBytes;
    const frameRoom = room - sizeBytes;
    if (frameRoom <= 0) return 0;
    this.#handle.run(WHOLE, input, 0, output, frameAt, frameRoom);
    const written = frameRoom - this.#handle.roomLeft;
    if (this.#handle.inputLeft > 0 || written === frameRoom) {
      this.#handle.reset();
      return 0;
    }
    if (writeContentSize(output, offset, input.length)) return sizeBytes + written;
    output.copyWithin(offset, frameAt, frameAt + written);
    return written;
  }
}

class HandleDecompression implements DecompressionContext {
  readonly #handle = new ZlibHandle(createZstdDecompress());
  /**
   * Whether the handle is in the middle of a frame because an earlier call failed; it is then reset before the next
   * frame.
   */
  #isMidFrame = false;

  decompress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number {
    let total = 0;
    for (let at = 0; at < input.length;) {
      const end = frameEnd(input, at);
      const upToEnd = end === input.length ? input : input.subarray(0, end);
      if (this.#isMidFrame) this.#handle.reset();
      this.#isMidFrame = true;
      // The decoder holds back a byte of input while output is pending, so no input left means that all output was
      // written.
      this.#handle.run(WHOLE, upToEnd, at, output, offset + total, room - total);
      if (this.#handle.inputLeft > 0) return -1;
      this.#isMidFrame = false;
      total = room - this.#handle.roomLeft;
      at = end;
    }
    return total;
  }
}

/** Has a handle of its own, since others decompress between two pieces. */
class HandlePieces implements PieceDecompression {
  readonly #handle = new ZlibHandle(createZstdDecompress());
  readonly #input: Uint8Array;
  /** How far the input is read, and where the frame that is being read ends. */
  #at = 0;
  #end = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  read(output: Uint8Array): number {
    let written = 0;
    while (written < output.length && (this.#at < this.#end || this.#end < this.#input.length)) {
      if (this.#at === this.#end) this.#end = frameEnd(this.#input, this.#at);
      const frame = this.#input.subarray(0, this.#end);
      const room = output.length - written;
      this.#handle.run(WHOLE, frame, this.#at, output, written, room);
      const at = this.#end - this.#handle.inputLeft;
      if (at === this.#at && this.#handle.roomLeft === room) throw new Error("the decoder does not go on");
      written += room - this.#handle.roomLeft;
      this.#at = at;
    }
    return written;
  }

  close(): void {
    this.#handle.close();
  }
}

class OneShotCompression implements CompressionContext {
  readonly #parameters: ZstdParameters;

  constructor(parameters: ZstdParameters) {
    this.#parameters = parameters;
  }

  compress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number {
    const frame = compressOnce(input, this.#parameters);
    if (frame.length > room) return 0;
    output.set(frame, offset);
    return frame.length;
  }
}

class OneShotDecompression implements DecompressionContext {
  decompress(input: Uint8Array, output: Uint8Array, offset: number, room: number): number {
    let total = 0;
    for (const frame of frames(input)) {
      const content = decompressOnce(new Uint8Array(frame), room - total);
      if (content === undefined) return -1;
      output.set(content, offset + total);
      total += content.length;
    }
    return total;
  }
}

/** The frames in `input`, without copying. Throws `IntegrityError` if it holds anything else or is cut off. */
function* frames(input: Uint8Array): Generator<Uint8Array> {
  let at = 0;
  while (at < input.length) {
    const end = frameEnd(input, at);
    yield input.subarray(at, end);
    at = end;
  }
}

/** One frame with its content size, made with a context of its own. For large inputs, where that costs little. */
export function compressOnce(input: Uint8Array, parameters: ZstdParameters): Uint8Array<ArrayBuffer> {
  // The type declarations lack `pledgedSrcSize`, which both Node.js and Deno support.
  const options: ZstdOptions & { pledgedSrcSize: number } = {
    params: { ...parameters },
    pledgedSrcSize: input.length,
    chunkSize: largestFrameBytes(input.length),
  };
  const frame = zstdCompressSync(input.buffer instanceof ArrayBuffer ? input : new Uint8Array(input), options);
  return new Uint8Array(frame.buffer as ArrayBuffer, frame.byteOffset, frame.length);
}

/** The content of one frame, or `undefined` if it is longer than `room`. */
function decompressOnce(frame: Uint8Array, room: number): Uint8Array | undefined {
  try {
    const content = zstdDecompressSync(frame, { maxOutputLength: Math.max(room, 1), chunkSize: Math.max(room, 64) });
    return content.length > room ? undefined : content;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Most bytes that the frame of `inputLength` bytes can take, by zstd's own bound, and at least Node.js's smallest
 * buffer.
 */
function largestFrameBytes(inputLength: number): number {
  const margin = inputLength < 128 * 1024 ? (128 * 1024 - inputLength) >> 11 : 0;
  return Math.max(inputLength + (inputLength >> 8) + margin + 16, 64);
}

/** Contexts that use the internal handle of the streams. Making one throws if this runtime has no such handle. */
export const handleContexts: ZstdContexts = {
  compression: (parameters) => new HandleCompression(parameters),
  decompression: () => new HandleDecompression(),
  inPieces: (input) => new HandlePieces(input),
};

/** Contexts that use the public one-shot calls. */
export const oneShotContexts: ZstdContexts = {
  compression: (parameters) => new OneShotCompression(parameters),
  decompression: () => new OneShotDecompression(),
};

let chosen: ZstdContexts | undefined;

/** The fastest contexts that work in this runtime. */
export function zstdContexts(): ZstdContexts {
  chosen ??= behaves(handleContexts) ? handleContexts : oneShotContexts;
  return chosen;
}

/**
 * Whether contexts pass the self-test: two inputs in a row, too little room, damaged input, and a good input after
 * each.
 */
export function behaves(contexts: ZstdContexts): boolean {
  try {
    const compression = contexts.compression({ [constants.ZSTD_c_compressionLevel]: 3 });
    const decompression = contexts.decompression();
    const input = new TextEncoder().encode("a self-test of zstd, ".repeat(40) + "and of its end");
    const roundTrips = () => {
      const frame = new Uint8Array(largestFrameBytes(input.length));
      const frameBytes = compression.compress(input, frame, 4, frame.length - 4);
      const content = new Uint8Array(input.length + 1);
      const contentBytes = decompression.decompress(frame.subarray(4, 4 + frameBytes), content, 1, input.length);
      const byPublicCall = zstdDecompressSync(frame.subarray(4, 4 + frameBytes));
      return contentBytes === input.length && byPublicCall.equals(input) && byPublicCall.equals(content.subarray(1));
    };
    const refusesLittleRoom = () =>
      compression.compress(input, new Uint8Array(16), 0, 16) === 0 &&
      decompression.decompress(compressOnce(input, {}), new Uint8Array(16), 0, 16) === -1;
    const refusesDamage = () => {
      try {
        decompression.decompress(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0]), new Uint8Array(16), 0, 16);
        return false;
      } catch {
        return true;
      }
    };
    return roundTrips() && roundTrips() && refusesLittleRoom() && roundTrips() && refusesDamage() && roundTrips();
  } catch {
    // Any error here means that this runtime's handle behaves differently.
    return false;
  }
}
