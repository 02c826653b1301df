/**
 * Decompression of pushed bytes through the runtime's own zlib and zstd, synchronous and into one buffer that is used
 * again and again.
 *
 * The streams of `node:zlib` are not fit for judging: Deno's zstd stream throws a damaged block's error past every handler,
 * takes a truncated frame for whole, and ignores all frames after the first. So this drives the binding below them, one
 * compressed unit at a time, and leaves the container's structure (members, frames) to the caller.
 */
import { createInflateRaw, createZstdDecompress } from "node:zlib";
import { BugError, messageOf, SourceError } from "../base/errors.ts";

const OUTPUT_BYTES = 128 * 1024;
const NO_FLUSH = 0;

/** What is used of a `node:zlib` stream: not declared in its types, yet the same in Node.js and Deno for years. */
interface ZlibStream {
  readonly _handle: {
    onerror: (message: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void;
  };
  /** Room left in the output, bytes left of the input. */
  readonly _writeState: Uint32Array;
  reset(): void;
  close(): void;
}

/** One compressed unit after the other: a raw deflate stream, or a zstd frame. */
export class Decompressor {
  readonly #stream: ZlibStream;
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  #error: string | null = null;
  #closed = false;

  private constructor(stream: unknown) {
    this.#stream = stream as ZlibStream;
    if (typeof this.#stream._handle?.writeSync !== "function" || !(this.#stream._writeState instanceof Uint32Array)) {
      throw new BugError("This runtime's node:zlib has no synchronous binding; compressed streams cannot be judged");
    }
    this.#stream._handle.onerror = (message) => this.#error = message;
  }

  /** For raw deflate streams (RFC 1951). */
  static deflate(): Decompressor {
    return new Decompressor(createInflateRaw());
  }

  /** For zstd frames (RFC 8878); the binding verifies content size and checksum where a frame has them. */
  static zstd(): Decompressor {
    return new Decompressor(createZstdDecompress());
  }

  /**
   * Decompresses `input` and hands what comes out to `take`, in views that are valid only during the call. Returns how many
   * bytes of `input` were used: fewer than all where the unit has ended. Throws `SourceError` where the input is damaged.
   */
  write(input: Uint8Array, take: (output: Uint8Array) => void): number {
    let used = 0;
    let room: number;
    do {
      this.#step(input, used);
      room = this.#stream._writeState[0]!;
      used = input.length - this.#stream._writeState[1]!;
      if (room < OUTPUT_BYTES) take(this.#output.subarray(0, OUTPUT_BYTES - room));
    } while (room === 0);
    return used;
  }

  /** Makes ready for the next unit. */
  reset(): void {
    this.#error = null;
    this.#stream.reset();
  }

  /** Frees the native memory; safe to repeat. */
  close(): void {
    if (!this.#closed) this.#stream.close();
    this.#closed = true;
  }

  #step(input: Uint8Array, offset: number): void {
    try {
      const handle = this.#stream._handle;
      handle.writeSync(NO_FLUSH, input, offset, input.length - offset, this.#output, 0, OUTPUT_BYTES);
    } catch (thrown) {
      throw new SourceError(`the compressed data is damaged (${messageOf(thrown)})`, { cause: thrown });
    }
    if (this.#error !== null) throw new SourceError(`the compressed data is damaged (${this.#error})`);
  }
}
