/**
 * Converts UTF-16 text to bytes for a scanner of ASCII. A Windows shell converts dumps to UTF-16 when it writes them to
 * a file.
 */

/** Which byte of a character comes first. */
export type Utf16Order = "little-endian" | "big-endian";

/** The order given by a byte order mark, or null if the stream does not begin with one. */
export function utf16OrderOf(head: Uint8Array): Utf16Order | null {
  if (head[0] === 0xff && head[1] === 0xfe) return "little-endian";
  return head[0] === 0xfe && head[1] === 0xff ? "big-endian" : null;
}

/** Replaces every character beyond Latin-1. No dump line that matters contains one. */
const OTHER = 0xff;
const PIECE_CHARACTERS = 32_768;

/** Converts each character to one byte, however the stream is cut into pieces. */
export class Utf16Reader {
  readonly #order: Utf16Order;
  readonly #piece = new Uint8Array(PIECE_CHARACTERS);
  /** The first byte of a character whose second byte is still missing; -1 if there is none. */
  #half = -1;

  constructor(order: Utf16Order) {
    this.#order = order;
  }

  /** Passes the characters of the next bytes to `take`, in views that are valid only during the call. */
  push(bytes: Uint8Array, take: (characters: Uint8Array) => void): void {
    let count = 0;
    for (const byte of bytes) {
      if (this.#half < 0) {
        this.#half = byte;
        continue;
      }
      this.#piece[count++] = this.#order === "little-endian"
        ? character(this.#half, byte)
        : character(byte, this.#half);
      this.#half = -1;
      if (count === PIECE_CHARACTERS) {
        take(this.#piece);
        count = 0;
      }
    }
    if (count > 0) take(this.#piece.subarray(0, count));
  }

  /** Whether the stream ends within a character. */
  get isInsideCharacter(): boolean {
    return this.#half >= 0;
  }
}

function character(low: number, high: number): number {
  return high === 0 ? low : OTHER;
}
