/** UTF-16 text as bytes that a scanner of ASCII can read: what a Windows shell makes of a dump that goes through a file. */

/** Which half of a character comes first. */
export type Utf16Order = "little-endian" | "big-endian";

/** The order that a byte order mark tells, or null where the stream does not begin with one. */
export function utf16OrderOf(head: Uint8Array): Utf16Order | null {
  if (head[0] === 0xff && head[1] === 0xfe) return "little-endian";
  return head[0] === 0xfe && head[1] === 0xff ? "big-endian" : null;
}

/** Stands for every character beyond Latin-1: no line of a dump that matters holds one. */
const OTHER = 0xff;
const PIECE_CHARACTERS = 32_768;

/** Makes a byte of each character, whatever pieces the stream comes in. */
export class Utf16Reader {
  readonly #order: Utf16Order;
  readonly #piece = new Uint8Array(PIECE_CHARACTERS);
  /** The first half of a character whose second is still to come; -1 where there is none. */
  #half = -1;

  constructor(order: Utf16Order) {
    this.#order = order;
  }

  /** Hands the characters of the next bytes to `take`, in views that are valid only during the call. */
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
