/** Raw deflate streams (RFC 1951) for archives, and the CRC-32 that goes with them. */
import { crc32, createDeflateRaw, deflateRawSync } from "node:zlib";

/**
 * On dumps, level 3 makes 5.8 bytes one at 240 MB/s; level 1 makes 3.9 one at 410, and level 6 takes twice the time of
 * 3 for the same.
 */
const LEVEL = 3;
const PIECE_BYTES = 128 * 1024;

/** The whole content, deflated. Shared memory is allowed. */
export function deflateWhole(content: Uint8Array): Uint8Array {
  return deflateRawSync(content, { level: LEVEL });
}

/** The CRC-32 of a content, or of the next piece of one that has the CRC-32 `before` so far. Shared memory is allowed. */
export function updateCrc32(content: Uint8Array, before = 0): number {
  return crc32(content, before);
}

/** Deflates one content that arrives in pieces. `close` frees its memory, whether it ended or not. */
export class Deflater {
  readonly #stream = createDeflateRaw({ level: LEVEL, chunkSize: PIECE_BYTES });
  #ready: Uint8Array[] = [];

  constructor() {
    this.#stream.on("data", (piece: Uint8Array) => this.#ready.push(piece));
  }

  /** Takes the next piece, which may change once the promise settles; returns what is deflated so far. */
  push(piece: Uint8Array): Promise<Uint8Array[]> {
    return this.#after((done) => this.#stream.write(piece, done));
  }

  /** The rest of the deflated content. */
  finish(): Promise<Uint8Array[]> {
    return this.#after((done) => {
      this.#stream.once("end", () => done(null));
      this.#stream.end();
    });
  }

  close(): void {
    this.#stream.destroy();
  }

  async #after(work: (done: (error?: Error | null) => void) => void): Promise<Uint8Array[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stream.once("error", reject);
    work((error) => error ? reject(error) : resolve());
    await promise;
    this.#stream.off("error", reject);
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }
}
