/**
 * The bytes of an archive on their way out: small pieces are collected, and everything is digested.
 *
 * The last byte is always held back until the archive is finished. Tar would take an archive that ends between two
 * members for a whole one; so whatever was written before a failure, or before the process was killed, ends within a
 * block, and tar refuses it.
 */
import { createSha256 } from "../../crypto/digest.ts";

/** Where the bytes go. */
interface ArchiveSink {
  /** Takes the next bytes, which are valid until the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
}

const COLLECTED_BYTES = 1024 * 1024;
/** Pieces from this size on are not collected: another call costs less than copying them. */
const LARGE_PIECE_BYTES = 256 * 1024;

/** An archive that is being written. */
export class ArchiveOutput {
  readonly #sink: ArchiveSink;
  readonly #digest = createSha256();
  readonly #collected = new Uint8Array(COLLECTED_BYTES);
  #length = 0;
  #bytes = 0;

  constructor(sink: ArchiveSink) {
    this.#sink = sink;
  }

  /** How many bytes the archive has so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends bytes. Returns a promise if some must be written first; only then may they change. */
  write(bytes: Uint8Array): void | Promise<void> {
    this.#bytes += bytes.length;
    if (bytes.length >= LARGE_PIECE_BYTES) return this.#writeLarge(bytes);
    if (this.#length + bytes.length > COLLECTED_BYTES) return this.#writeCollected().then(() => this.#collect(bytes));
    this.#collect(bytes);
  }

  /** Writes the rest; returns the SHA-256 of all bytes in lower-case hex. */
  async finish(): Promise<string> {
    await this.#send(this.#collected.subarray(0, this.#length));
    return this.#digest.digest("hex");
  }

  #collect(bytes: Uint8Array): void {
    this.#collected.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes all that is collected but the last byte. */
  async #writeCollected(): Promise<void> {
    await this.#send(this.#collected.subarray(0, this.#length - 1));
    this.#collected[0] = this.#collected[this.#length - 1]!;
    this.#length = 1;
  }

  async #writeLarge(bytes: Uint8Array): Promise<void> {
    if (this.#length > 0) await this.#send(this.#collected.subarray(0, this.#length));
    this.#length = 0;
    await this.#send(bytes.subarray(0, -1));
    this.#collect(bytes.subarray(-1));
  }

  #send(bytes: Uint8Array): Promise<void> {
    this.#digest.update(bytes);
    return this.#sink.write(bytes);
  }
}
