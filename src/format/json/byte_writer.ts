/** A growing buffer, for writing large JSON files without building them as a string. */

import { freeBuffer } from "../../base/bytes.ts";

const DIGITS = new TextEncoder().encode("0123456789abcdef");
const encoder = new TextEncoder();

/** Appends text, hex digits and numbers to its own buffer. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `expectedBytes` is a guess at the final size; a wrong guess costs only copying. */
  constructor(expectedBytes = 1024) {
    this.#bytes = new Uint8Array(expectedBytes);
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#length;
  }

  /** Appends text that is all ASCII. */
  ascii(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = 0; i < text.length; i++) bytes[position++] = text.charCodeAt(i);
    this.#length = position;
  }

  /** Appends text in UTF-8. */
  utf8(text: string): void {
    this.#reserve(3 * text.length);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Appends bytes. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Appends `length` bytes of `source` from `offset` as lower-case hex digits. */
  hex(source: Uint8Array, offset = 0, length = source.length - offset): void {
    this.#reserve(2 * length);
    const bytes = this.#bytes;
    let position = this.#length;
    for (let i = offset; i < offset + length; i++) {
      const byte = source[i]!;
      bytes[position++] = DIGITS[byte >> 4]!;
      bytes[position++] = DIGITS[byte & 15]!;
    }
    this.#length = position;
  }

  /** The written bytes, in a buffer of exactly their size. The writer cannot be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    const written = this.#bytes.slice(0, this.#length);
    freeBuffer(this.#bytes);
    return written;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    freeBuffer(this.#bytes);
    this.#bytes = grown;
  }
}
