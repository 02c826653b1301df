/** Writes the values of SQL rows as bytes. No strings are built, which makes producing a dump cheap. */

const encoder = new TextEncoder();

/** UTF-8 bytes of a text that is written repeatedly. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

const ZERO = 48;
const HEX = encode("0123456789abcdef");
const QUOTE = 39;
const BACKSLASH = 92;

/** The letter after the backslash, for each byte that mysql_real_escape_string escapes; 0 for all others. */
const ESCAPES = new Uint8Array(256);
for (const [byte, letter] of [[0, "0"], [10, "n"], [13, "r"], [26, "Z"], [34, '"'], [39, "'"], [92, "\\"]] as const) {
  ESCAPES[byte] = letter.charCodeAt(0);
}

/** Collects bytes in a buffer of fixed capacity. The caller ensures that they fit. */
export class RowWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(readonly capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** How many bytes were written since the last `take`. */
  get length(): number {
    return this.#length;
  }

  /** The bytes written so far. Owns: they are the caller's; the writer continues in a new buffer. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(this.capacity);
    this.#length = 0;
    return taken;
  }

  /** Writes one byte. */
  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  /** Writes bytes unchanged. Meant for a few; for many, `TypedArray.set` is cheaper. */
  raw(bytes: Uint8Array): void {
    this.slice(bytes, 0, bytes.length);
  }

  /** Writes `source` from `start` to `end` unchanged. */
  slice(source: Uint8Array, start: number, end: number): void {
    const target = this.#bytes;
    let length = this.#length;
    for (let i = start; i < end; i++) target[length++] = source[i]!;
    this.#length = length;
  }

  /** Inserts `bytes` at offset `at` of what was written, replacing `replaced` bytes there. */
  splice(at: number, replaced: number, bytes: Uint8Array): void {
    this.#bytes.copyWithin(at + bytes.length, at + replaced, this.#length);
    this.#bytes.set(bytes, at);
    this.#length += bytes.length - replaced;
  }

  /** Writes a non-negative integer below 2^31 in decimal. */
  integer(value: number): void {
    let digits = 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) digits++;
    this.digits(value, digits);
  }

  /** Writes the last `count` decimal digits of a non-negative integer below 2^31, with leading zeros. */
  digits(value: number, count: number): void {
    let rest = value;
    for (let i = this.#length + count - 1; i >= this.#length; i--) {
      const tenth = (rest / 10) | 0;
      this.#bytes[i] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += count;
  }

  /** Writes an amount in hundredths as DECIMAL(n,2): `-12345` becomes `-123.45`. */
  decimal(hundredths: number): void {
    const amount = Math.abs(hundredths);
    if (hundredths < 0) this.byte(45);
    this.integer((amount / 100) | 0);
    this.byte(46);
    this.digits(amount % 100, 2);
  }

  /** Writes 32 bits as eight hex digits. */
  hex(bits: number): void {
    for (let shift = 28; shift >= 0; shift -= 4) this.byte(HEX[(bits >>> shift) & 15]!);
  }

  /** Writes the lowest four bits as one hex digit. */
  hexDigit(bits: number): void {
    this.byte(HEX[bits & 15]!);
  }

  /** Writes one byte of a binary string, escaped as mysqldump does. */
  escaped(value: number): void {
    const letter = ESCAPES[value]!;
    if (letter !== 0) this.byte(BACKSLASH);
    this.byte(letter !== 0 ? letter : value);
  }

  /** Writes an opening or closing quotation mark. */
  quote(): void {
    this.byte(QUOTE);
  }
}
