/**
 * The body of an answer on its way out. The last byte is held back until all was verified, so that no client takes for
 * whole what proves damaged at its end: the length that was promised is not reached, or the end of the chunks is not
 * sent.
 */
import type { StreamSink } from "../base/byte_source.ts";
import { IntegrityError } from "../base/errors.ts";
import type { Exchange } from "../server/connection/exchange.ts";

/** The answer that a body belongs to. */
interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  /** The length of the body; null if that is known only at its end. */
  readonly bytes: number | null;
}

/** Bytes are sent in pieces of this size, so that a slow client can be told from one that is gone. */
const PIECE_BYTES = 256 * 1024;

/** One body; the answer begins with its first piece, so that what fails before is answered as a failure. */
export class AnswerBody implements StreamSink {
  readonly #exchange: Exchange;
  readonly #head: AnswerHead;
  readonly #piece: Uint8Array<ArrayBuffer>;
  #length = 0;
  #written = 0;
  #hasBegun = false;

  /** Nothing is sent yet. */
  constructor(exchange: Exchange, head: AnswerHead) {
    this.#exchange = exchange;
    this.#head = head;
    this.#piece = new Uint8Array(Math.max(1, Math.min(PIECE_BYTES, head.bytes ?? PIECE_BYTES)));
  }

  /** Takes the next bytes. Throws `ClientGone`, and `IntegrityError` if they are more than were promised. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#written += bytes.length;
    if (this.#head.bytes !== null && this.#written > this.#head.bytes) throw this.#wrongLength();
    for (let at = 0; at < bytes.length;) {
      if (this.#length === this.#piece.length) await this.#sendAllButOne();
      const taken = bytes.subarray(at, at + this.#piece.length - this.#length);
      this.#piece.set(taken, this.#length);
      this.#length += taken.length;
      at += taken.length;
    }
  }

  /** Sends the rest, after all was verified. Throws `ClientGone`, and `IntegrityError` if less came than was promised. */
  async finish(): Promise<void> {
    if (this.#head.bytes !== null && this.#written !== this.#head.bytes) throw this.#wrongLength();
    this.#begin();
    if (this.#length > 0) await this.#exchange.write(this.#piece.subarray(0, this.#length));
    await this.#exchange.end();
  }

  async #sendAllButOne(): Promise<void> {
    this.#begin();
    const last = this.#length - 1;
    if (last > 0) await this.#exchange.write(this.#piece.subarray(0, last));
    this.#piece[0] = this.#piece[last]!;
    this.#length = 1;
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { status, headers, bytes } = this.#head;
    this.#exchange.begin(status, { ...headers, ...bytes !== null && { "content-length": bytes } });
  }

  #wrongLength(): IntegrityError {
    return new IntegrityError(`What was read has ${this.#written} bytes where ${this.#head.bytes} were promised`);
  }
}
