/**
 * Rows of MariaDB and MySQL as text, as LOAD DATA reads them: a line a row, fields separated by tabs, `\N` for NULL, and
 * `\t`, `\n`, `\0` and `\\` for what would be mistaken. Texts are in the character set of their column, and binary values
 * are as they are. `\E` is the empty text that an enumeration has instead of a value that is none of its own.
 */
import { IntegrityError } from "../../../base/errors.ts";
import type { TableColumn } from "../definition.ts";

const TAB = 0x09;
const LINE_FEED = 0x0a;
const QUOTE = 0x27;
const OPENING = 0x28;
const CLOSING = 0x29;
const COMMA = 0x2c;
const ZERO = 0x30;
const ONE = 0x31;
const TWO = 0x32;
const NINE = 0x39;
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
  const bytes = new Uint8Array(2 * line.length + forms.length * MOST_MORE_BYTES + 2);
  let isLenient = false;
  let from = 0;
  let length = 0;
  for (const form of forms) {
    if (from > line.length) throw malformed(); // There are fewer fields.
    bytes[length++] = from === 0 ? OPENING : COMMA;
    const tab = line.indexOf(TAB, from);
    const to = tab < 0 ? line.length : tab;
    const mark = to === from + 2 && line[from] === BACKSLASH ? line[from + 1] : undefined;
    if (mark === N) {
      bytes.set(NULL_SQL, length);
      length += NULL_SQL.length;
    } else if (mark === E && form.isEnumeration) {
      bytes[length++] = ZERO;
      isLenient = true;
    } else length = WRITERS[form.kind]({ line, from, to, form }, bytes, length);
    from = to + 1;
  }
  if (from !== line.length + 1) throw malformed();
  bytes[length++] = CLOSING;
  return { bytes: bytes.subarray(0, length), isLenient };
}

/** Quotes, the comma, NULL, and the name of a character set, which has up to 16 letters. */
const MOST_MORE_BYTES = 32;
const NULL_SQL = new TextEncoder().encode("NULL");
const NULL = Uint8Array.of(BACKSLASH, N);
const NO_MEMBER = Uint8Array.of(BACKSLASH, E);

function isEnumeration({ type }: TableColumn): boolean {
  return /^enum\b/i.test(type);
}

/** A field of a line. */
interface Field {
  readonly line: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly form: LiteralForm;
}

/** Writes a field at a place, and returns the place behind it. */
type WriteField = (field: Field, bytes: Uint8Array, at: number) => number;

const WRITERS: Readonly<Record<LiteralForm["kind"], WriteField>> = {
  text: writeText,
  bits: writeBits,
  bytes: writeHex,
};

/** The escapes of the stream are those of SQL, too. */
function writeText({ line, from, to }: Field, bytes: Uint8Array, at: number): number {
  let length = at;
  bytes[length++] = QUOTE;
  for (let i = from; i < to; i++) {
    const byte = line[i]!;
    bytes[length++] = byte;
    if (byte === QUOTE) bytes[length++] = QUOTE;
    else if (byte === BACKSLASH) {
      const escape = line[++i]!;
      if (i >= to || MEANT[escape] === 0xff) throw malformed();
      bytes[length++] = escape;
    }
  }
  bytes[length++] = QUOTE;
  return length;
}

function writeBits({ line, from, to }: Field, bytes: Uint8Array, at: number): number {
  const digits = line.subarray(from, to);
  if (digits.length === 0 || digits.some((byte) => byte < ZERO || byte > NINE)) throw malformed();
  bytes.set(digits, at);
  return at + digits.length;
}

function writeHex({ line, from, to, form: { characterSet } }: Field, bytes: Uint8Array, at: number): number {
  const head = characterSet === null ? "X'" : `_${characterSet} X'`;
  let length = at + new TextEncoder().encodeInto(head, bytes.subarray(at)).written;
  for (let i = from; i < to; i++) {
    const isEscape = line[i] === BACKSLASH;
    if (isEscape && (++i >= to || MEANT[line[i]!] === 0xff)) throw malformed();
    const byte = isEscape ? MEANT[line[i]!]! : line[i]!;
    bytes[length++] = HEX[byte >> 4]!;
    bytes[length++] = HEX[byte & 15]!;
  }
  bytes[length++] = QUOTE;
  return length;
}

/** What a byte means behind a backslash; 0xff if nothing. */
const MEANT = new Uint8Array(256).fill(0xff);
MEANT[ZERO] = 0;
MEANT[BACKSLASH] = BACKSLASH;
MEANT[0x6e] = LINE_FEED; // n
MEANT[0x74] = TAB; // t

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

const HEX = new TextEncoder().encode("0123456789abcdef");
