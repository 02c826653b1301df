/**
 * Rows of MariaDB and MySQL as text, as LOAD DATA reads them: a line a row, fields separated by tabs, `\N` for NULL, and
 * `\t`, `\n`, `\0` and `\\` for what would be mistaken. Texts are in the character set of their column, and binary values
 * are as they are. `\E` is the empty text that an enumeration has instead of a value that is none of its own.
 */
import { equalBytes } from "../../../base/bytes.ts";
import { IntegrityError } from "../../../base/errors.ts";
import type { TableColumn } from "../definition.ts";

const TAB = 0x09;
const LINE_FEED = 0x0a;
const QUOTE = 0x27;
const ZERO = 0x30;
const ONE = 0x31;
const TWO = 0x32;
const E = 0x45;
const N = 0x4e;
const BACKSLASH = 0x5c;

/** How a value is written within a statement. */
export interface LiteralForm {
  /** `text`: in quotes, as the bytes are UTF-8 or ASCII; `bits`: as a number; `bytes`: in hexadecimal digits. */
  readonly kind: "text" | "bits" | "bytes";
  /** The name of the character set of bytes that are text; null for all else. */
  readonly characterSet: string | null;
  readonly isEnumeration: boolean;
}

/** The end of a column's type that tells its character set, which the server tells apart from the type. */
const CHARACTER_SET = / CHARACTER SET (\w+)$/;
const BINARY =
  /^(?:(?:var)?binary|(?:tiny|medium|long)?blob|geometry|geometrycollection|geomcollection|(?:multi)?(?:point|linestring|polygon)|vector)\b/i;
const UNICODE = /^utf8(?:mb3|mb4)?$/;

/** How the values of a column are written, by its type with the character set. */
export function literalForm(column: TableColumn): LiteralForm {
  const { type } = column;
  const own = CHARACTER_SET.exec(type)?.[1] ?? null;
  const characterSet = own !== null && UNICODE.test(own) ? null : own;
  const isBytes = characterSet !== null || own === null && BINARY.test(type);
  const kind = isBytes ? "bytes" : own === null && /^bit\b/i.test(type) ? "bits" : "text";
  return { kind, characterSet, isEnumeration: isEnumeration(column) };
}

/** What tells NULL apart, as SQL: 1 for NULL, 2 for what no enumeration has, and otherwise 0. */
export function markSql(column: TableColumn, name: string): string {
  return isEnumeration(column) ? `IF(${name} IS NULL, 1, 2 * (${name} + 0 = 0))` : `${name} IS NULL`;
}

/** A row of a stream, as it is printed behind the marks of its values (`markSql`). */
export function storedLine(line: Uint8Array): Uint8Array {
  const tab = line.indexOf(TAB);
  const marks = line.subarray(0, tab);
  const values = line.subarray(tab + 1);
  if (!marks.includes(ONE) && !marks.includes(TWO)) return values;
  const stored = new Uint8Array(values.length + marks.length * 2);
  let length = 0;
  for (const [at, field] of fieldsOf(values).entries()) {
    if (at > 0) stored[length++] = TAB;
    const value = marks[at] === ONE ? NULL : marks[at] === TWO ? NO_MEMBER : field;
    stored.set(value, length);
    length += value.length;
  }
  return stored.subarray(0, length);
}

/** A row as a statement has it, with parentheses. */
export interface RowLiteral {
  readonly bytes: Uint8Array;
  /** Whether the server takes it only without its strict mode. */
  readonly isLenient: boolean;
}

/** A line of a stream, without its line feed, as a part of INSERT. Throws `IntegrityError` if it is malformed. */
export function rowLiteral(line: Uint8Array, forms: readonly LiteralForm[]): RowLiteral {
  const fields = fieldsOf(line);
  if (fields.length !== forms.length) throw malformed();
  const text = new Bytes(line.length * 2 + forms.length * 8 + 16);
  let isLenient = false;
  for (const [at, field] of fields.entries()) {
    text.ascii(at === 0 ? "(" : ",");
    const form = forms[at]!;
    if (equalBytes(field, NULL)) text.ascii("NULL");
    else if (form.isEnumeration && equalBytes(field, NO_MEMBER)) {
      text.ascii("0");
      isLenient = true;
    } else addLiteral(text, field, form);
  }
  text.ascii(")");
  return { bytes: text.taken(), isLenient };
}

const NULL = Uint8Array.of(BACKSLASH, N);
const NO_MEMBER = Uint8Array.of(BACKSLASH, E);

function isEnumeration({ type }: TableColumn): boolean {
  return /^enum\b/i.test(type);
}

function addLiteral(text: Bytes, field: Uint8Array, form: LiteralForm): void {
  if (form.kind === "bits") {
    if (field.length === 0 || field.some((byte) => byte < ZERO || byte > ZERO + 9)) throw malformed();
    text.bytes(field);
  } else if (form.kind === "bytes") {
    text.ascii(form.characterSet === null ? "X'" : `_${form.characterSet} X'`);
    text.hex(unescaped(field));
    text.ascii("'");
  } else {
    text.ascii("'");
    addText(text, field);
    text.ascii("'");
  }
}

/** The escapes of the stream are those of SQL, too. */
function addText(text: Bytes, field: Uint8Array): void {
  if (!field.includes(QUOTE) && !field.includes(BACKSLASH)) return text.bytes(field);
  for (let at = 0; at < field.length; at++) {
    const byte = field[at]!;
    if (byte === QUOTE) text.ascii("''");
    else if (byte === BACKSLASH) {
      if (!(field[at + 1]! in ESCAPED)) throw malformed();
      text.bytes(field.subarray(at, at + 2));
      at++;
    } else text.byte(byte);
  }
}

/** What stands behind a backslash, and what it means. */
const ESCAPED: Readonly<Record<number, number>> = { 0x30: 0, 0x5c: BACKSLASH, 0x6e: LINE_FEED, 0x74: TAB };

function unescaped(field: Uint8Array): Uint8Array {
  if (!field.includes(BACKSLASH)) return field;
  const bytes = new Uint8Array(field.length);
  let length = 0;
  for (let at = 0; at < field.length; at++) {
    const isEscape = field[at] === BACKSLASH;
    const byte = isEscape ? ESCAPED[field[++at]!] : field[at]!;
    if (byte === undefined) throw malformed();
    bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}

function fieldsOf(line: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let from = 0;
  for (let tab = line.indexOf(TAB); tab >= 0; tab = line.indexOf(TAB, from)) {
    fields.push(line.subarray(from, tab));
    from = tab + 1;
  }
  fields.push(line.subarray(from));
  return fields;
}

function malformed(): IntegrityError {
  return new IntegrityError("a row is not in the form that tables of MariaDB have");
}

/** Bytes that grow. */
class Bytes {
  #bytes: Uint8Array;
  #length = 0;

  constructor(expected: number) {
    this.#bytes = new Uint8Array(expected);
  }

  ascii(text: string): void {
    this.#reserve(text.length);
    for (let at = 0; at < text.length; at++) this.#bytes[this.#length++] = text.charCodeAt(at);
  }

  byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  hex(bytes: Uint8Array): void {
    this.#reserve(bytes.length * 2);
    for (const byte of bytes) {
      this.#bytes[this.#length++] = HEX[byte >> 4]!;
      this.#bytes[this.#length++] = HEX[byte & 15]!;
    }
  }

  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

const HEX = new TextEncoder().encode("0123456789abcdef");
