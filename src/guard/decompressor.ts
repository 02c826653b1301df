/**
 * Decompresses pushed bytes with the runtime's own zlib and zstd. It works synchronously and reuses one output buffer.
 *
 * The streams of `node:zlib` cannot be used for judging: Deno's zstd stream throws the error of a damaged block past
 * every handler, accepts a truncated frame as whole, and ignores all frames after the first. So this class uses the
 * binding below them, one compressed unit at a time, and leaves the container's structure (members, frames) to the
 * caller.
 */
import { constants, createInflateRaw, createZstdDecompress } from "node:zlib";
import { BugError, messageOf, SourceError } from "../base/errors.ts";
import { ZlibHandle } from "../codec/zlib_handle.ts";

const OUTPUT_BYTES = 128 * 1024;

/** Decompresses one unit after another. A unit is a raw deflate stream or a zstd frame. */
export class Decompressor {
  readonly #handle: ZlibHandle;
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  #closed = false;

  private constructor(stream: object) {
    try {
      this.#handle = new ZlibHandle(stream);
    } catch (cause) {
      throw new BugError("This runtime's node:zlib has no synchronous handle; compressed streams cannot be judged", {
        cause,
      });
    }
  }

  /** For raw deflate streams (RFC 1951). */
  static deflate(): Decompressor {
    return new Decompressor(createInflateRaw());
  }

  /** For zstd frames (RFC 8878). The binding verifies content size and checksum if a frame has them. */
  static zstd(): Decompressor {
    return new Decompressor(createZstdDecompress());
  }

  /**
   * Decompresses `input` and passes the output to `take`, in views that are valid only during the call. Returns how
   * many bytes of `input` were used: all of them, unless the unit ended before. Throws `SourceError` if the input is
   * damaged.
   */
  write(input: Uint8Array, take: (output: Uint8Array) => void): number {
    let used = 0;
    let room: number;
    do {
      this.#step(input, used);
      room = this.#handle.roomLeft;
      used = input.length - this.#handle.inputLeft;
      if (room < OUTPUT_BYTES) take(this.#output.subarray(0, OUTPUT_BYTES - room));
    } while (room === 0);
    return used;
  }

  /** Prepares for the next unit. */
  reset(): void {
    this.#handle.reset();
  }

  /** Frees the native memory. May be called more than once. */
  close(): void {
    if (!this.#closed) this.#handle.close();
    this.#closed = true;
  }

  #step(input: Uint8Array, offset: number): void {
    try {
      this.#handle.run(constants.Z_NO_FLUSH, input, offset, this.#output, 0, OUTPUT_BYTES);
    } catch (thrown) {
      throw new SourceError(`the compressed data is damaged (${messageOf(thrown)})`, { cause: thrown });
    }
  }
}
