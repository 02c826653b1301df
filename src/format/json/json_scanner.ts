/**
 * A strict pull scanner over the UTF-8 bytes of one JSON text, for files too large for `JSON.parse`: an index names
 * 50,000 blobs, a content list 200,000. It makes only the values that its caller asks for, and reads 64-bit integers
 * exactly.
 *
 * Objects and arrays are read in loops, and every value is either read or skipped:
 *
 *     for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
 *       switch (scanner.readKey()) { case "id": scanner.readHexInto(id, 0, 32); break; default: scanner.skipValue(); }
 *     }
 *
 * Every method throws an `IntegrityError` that names the text if what comes next is not what the method reads.
 */
import { damaged } from "../damage.ts";
import { type ExpectedText, standsAt } from "./expected_text.ts";
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./json_bytes.ts";
import type { KnownWords } from "./known_words.ts";

const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Deeper nesting than this is refused, long before it could exhaust the stack. */
const MAX_DEPTH = 500;
/** Strings up to this length are built from characters, which is faster than a call of the decoder. */
const SHORT_STRING = 48;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const NUMBER_BYTES = 64;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");

/** The value of each hex digit, and a negative number for every other byte. */
const NIBBLES = Int8Array.from({ length: 256 }, (_, byte) => {
  const value = /^[0-9a-fA-F]$/.test(String.fromCharCode(byte)) ? parseInt(String.fromCharCode(byte), 16) : -1;
  return value;
});

/** Reads one JSON text from beginning to end. The file's comment shows how. */
export class JsonScanner {
  #bytes: Uint8Array;
  #view: DataView;
  readonly #what: string;
  readonly #words: KnownWords;
  #position = 0;
  /** How many bytes of the text lie before `#bytes`. */
  #bytesBefore = 0;

  /** `bytes` must not change while they are scanned. `what` names the text in errors. */
  constructor(bytes: Uint8Array, what: string, words: KnownWords) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#words = words;
  }

  /** The current position, for `seek`. */
  get position(): number {
    return this.#position;
  }

  /** Moves to an earlier `position`, or forward to the beginning of a value. */
  seek(position: number): void {
    this.#position = position;
  }

  /** Goes on in `bytes`, which begin with what comes next. Positions count from their beginning. */
  continueIn(bytes: Uint8Array): void {
    this.#bytesBefore += this.#position;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = 0;
  }

  /** The error for a problem near the current position. */
  failure(problem: string): Error {
    const [at, end] = [this.#position, this.#bytes.length].map((position) => this.#bytesBefore + position);
    return damaged(this.#what, `${problem} at byte ${at} of ${end}`);
  }

  /** Reads the beginning of an object. Returns whether it has a member. */
  enterObject(): boolean {
    this.#expect(OPEN_OBJECT, "expected an object");
    return !this.#take(CLOSE_OBJECT);
  }

  /** Reads what follows a member of an object. Returns whether another member follows. */
  moreInObject(): boolean {
    if (this.#take(COMMA)) return true;
    this.#expect(CLOSE_OBJECT, "expected a comma or the end of an object");
    return false;
  }

  /** Reads the beginning of an array. Returns whether it has an element. */
  enterArray(): boolean {
    this.#expect(OPEN_ARRAY, "expected an array");
    return !this.#take(CLOSE_ARRAY);
  }

  /** Reads what follows an element of an array. Returns whether another element follows. */
  moreInArray(): boolean {
    if (this.#take(COMMA)) return true;
    this.#expect(CLOSE_ARRAY, "expected a comma or the end of an array");
    return false;
  }

  /** Reads a member's name and its colon. */
  readKey(): string {
    const key = this.readWord();
    this.#expect(COLON, "expected a colon");
    return key;
  }

  /** Reads a string that is likely one of the known words. */
  readWord(): string {
    const start = this.#openString();
    const escaped = this.#passString();
    const end = this.#position - 1;
    return (escaped ? undefined : this.#words.find(this.#bytes, start, end)) ?? this.#text(start, end, escaped);
  }

  /** Reads a string. Escapes that form no character become U+FFFD. */
  readString(): string {
    const start = this.#openString();
    const escaped = this.#passString();
    return this.#text(start, this.#position - 1, escaped);
  }

  /** Reads a string of hex digits for `length` bytes, and writes the bytes to `target` from `offset`. */
  readHexInto(target: Uint8Array, offset: number, length: number): void {
    const bytes = this.#bytes;
    let position = this.#openString();
    const end = position + 2 * length;
    if (end >= bytes.length || bytes[end] !== QUOTE) throw this.failure(`expected ${2 * length} hex digits`);
    let seen = 0;
    while (position < end) {
      const byte = (NIBBLES[bytes[position]!]! << 4) | NIBBLES[bytes[position + 1]!]!;
      seen |= byte;
      target[offset++] = byte;
      position += 2;
    }
    if (seen < 0) throw this.failure(`expected ${2 * length} hex digits`);
    this.#position = end + 1;
  }

  /** Reads an integer from 0 to `maximum` (at most 2^53 - 1), written without sign, fraction or exponent. */
  readUint(maximum: number): number {
    const start = this.#passDigits();
    const bytes = this.#bytes;
    const end = this.#position;
    let value = 0;
    for (let i = start; i < end; i++) value = value * 10 + (bytes[i]! - ZERO);
    if (value > maximum) throw this.failure(`expected an integer of at most ${maximum}`);
    return value;
  }

  /** Reads an integer from 0 to 2^64 - 1 exactly. */
  readUint64(): bigint {
    const start = this.#passDigits();
    const value = this.#position - start > 20
      ? -1n
      : BigInt(latin1.decode(this.#bytes.subarray(start, this.#position)));
    if (value < 0n || value >= 2n ** 64n) throw this.failure("expected an integer below 2^64");
    return value;
  }

  /** Reads a `null` if one comes next. Returns whether it did. */
  takeNull(): boolean {
    this.#passSpace();
    if (this.#bytes[this.#position] !== 0x6e) return false;
    this.#passLiteral("null");
    return true;
  }

  /** Reads exactly this text, without any white space, if it comes next. Returns whether it did. */
  takeExactly(text: ExpectedText): boolean {
    if (!standsAt(this.#view, this.#position, text)) return false;
    this.#position += text.length;
    return true;
  }

  /** Reads any value and discards it. */
  skipValue(depth = 0): void {
    if (depth > MAX_DEPTH) throw this.failure("nested too deeply");
    this.#passSpace();
    switch (this.#bytes[this.#position]) {
      case OPEN_OBJECT:
        for (let more = this.enterObject(); more; more = this.moreInObject()) {
          this.#openString();
          this.#passString();
          this.#expect(COLON, "expected a colon");
          this.skipValue(depth + 1);
        }
        return;
      case OPEN_ARRAY:
        for (let more = this.enterArray(); more; more = this.moreInArray()) this.skipValue(depth + 1);
        return;
      case QUOTE:
        this.#position++;
        this.#passString();
        return;
      case 0x74:
        return this.#passLiteral("true");
      case 0x66:
        return this.#passLiteral("false");
      case 0x6e:
        return this.#passLiteral("null");
      default:
        return this.#passNumber();
    }
  }

  /** Reads any value and returns its JSON text. */
  readRaw(): string {
    this.#passSpace();
    const start = this.#position;
    this.skipValue();
    return this.#decode(start, this.#position);
  }

  /**
   * At most how many strings of `length` characters the array that begins here holds. For sizing a buffer ahead: exact
   * if they are written without white space.
   */
  mostStrings(length: number): number {
    const bytes = this.#bytes;
    const step = length + 3;
    let count = 0;
    let position = this.#position + 1;
    while (bytes[position] === QUOTE && bytes[position + length + 1] === QUOTE) {
      count++;
      if (bytes[position + length + 2] === CLOSE_ARRAY) return count;
      position += step;
    }
    const end = bytes.indexOf(CLOSE_ARRAY, this.#position);
    return Math.floor(((end < 0 ? bytes.length : end) - this.#position) / step);
  }

  /** Reads the end of the text: only white space may be left. */
  end(): void {
    this.#passSpace();
    if (this.#position !== this.#bytes.length) throw this.failure("unexpected text after the end");
  }

  #passSpace(): void {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#position++;
    }
  }

  #take(byte: number): boolean {
    this.#passSpace();
    if (this.#bytes[this.#position] !== byte) return false;
    this.#position++;
    return true;
  }

  #expect(byte: number, problem: string): void {
    if (!this.#take(byte)) throw this.failure(problem);
  }

  /** Reads a string's first quote. Returns the position after it. */
  #openString(): number {
    this.#expect(QUOTE, "expected a string");
    return this.#position;
  }

  /** Reads from a string's first quote past its last. Returns whether it contains escapes. */
  #passString(): boolean {
    const bytes = this.#bytes;
    let escaped = false;
    for (let position = this.#position; position < bytes.length; position++) {
      const byte = bytes[position]!;
      if (byte === QUOTE) {
        this.#position = position + 1;
        return escaped;
      }
      if (byte === BACKSLASH) {
        escaped = true;
        position += this.#escapeLength(position) - 1;
      } else if (byte < 0x20) break;
    }
    throw this.failure("unfinished string");
  }

  #escapeLength(position: number): number {
    const letter = String.fromCharCode(this.#bytes[position + 1] ?? 0);
    if ('"\\/bfnrt'.includes(letter)) return 2;
    let seen = letter === "u" ? 0 : -1;
    for (let i = 2; i < 6; i++) seen |= NIBBLES[this.#bytes[position + i] ?? 0]!;
    if (seen < 0) throw this.failure("unknown escape in a string");
    return 6;
  }

  #text(start: number, end: number, escaped: boolean): string {
    if (escaped) return (JSON.parse(this.#decode(start - 1, end + 1)) as string).toWellFormed();
    if (end - start > SHORT_STRING) return this.#decode(start, end);
    let text = "";
    for (let i = start; i < end; i++) {
      const byte = this.#bytes[i]!;
      if (byte >= 0x80) return this.#decode(start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #decode(start: number, end: number): string {
    try {
      return utf8.decode(this.#bytes.subarray(start, end));
    } catch {
      throw this.failure("text that is not UTF-8");
    }
  }

  /** Reads digits without a leading zero. Returns the position of the first. */
  #passDigits(): number {
    this.#passSpace();
    const bytes = this.#bytes;
    const start = this.#position;
    let end = start;
    while (bytes[end]! >= ZERO && bytes[end]! <= 0x39) end++;
    const next = bytes[end]! | 0x20;
    const isPlain = end > start && (bytes[start] !== ZERO || end === start + 1) && next !== 0x2e && next !== 0x65;
    if (!isPlain) throw this.failure("expected an integer of at least 0");
    this.#position = end;
    return start;
  }

  #passNumber(): void {
    const byte = this.#bytes[this.#position] ?? 0;
    if (byte !== MINUS && (byte < ZERO || byte > 0x39)) throw this.failure("expected a value");
    for (let window = NUMBER_BYTES;; window *= 2) {
      const text = latin1.decode(this.#bytes.subarray(this.#position, this.#position + window));
      NUMBER.lastIndex = 0;
      const length = NUMBER.exec(text)?.[0].length ?? 0;
      if (length === 0) throw this.failure("expected a value");
      if (length < text.length || text.length < window) {
        this.#position += length;
        return;
      }
    }
  }

  #passLiteral(literal: string): void {
    for (let i = 0; i < literal.length; i++) {
      if (this.#bytes[this.#position + i] !== literal.charCodeAt(i)) throw this.failure("expected a value");
    }
    this.#position += literal.length;
  }
}
