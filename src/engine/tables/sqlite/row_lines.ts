/**
 * Rows of SQLite as text, a JSON array a line. Each value says its type: `null`, `i` and an integer, `r` and a number,
 * `t` and a text, `x` and a blob in hexadecimal digits, `b` and the bytes of a text that is not UTF-8.
 */
import { IntegrityError } from "../../../base/errors.ts";
import { encodeHex } from "../../../base/hex.ts";

/** A value as SQLite has it. A text is given as its bytes. */
export type SqliteValue = null | bigint | number | { readonly text: Uint8Array } | Uint8Array;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The line of a row. */
export function rowLine(values: readonly SqliteValue[]): string {
  return `${JSON.stringify(values.map(encoded))}\n`;
}

/** The row of a line, without its line feed. Throws `IntegrityError` for anything else. */
export function parseRow(line: string, columns: number): SqliteValue[] {
  const values: unknown = jsonOf(line);
  if (!Array.isArray(values) || values.length !== columns) throw malformed();
  return values.map(decoded);
}

function encoded(value: SqliteValue): string | null {
  if (value === null) return null;
  if (typeof value === "bigint") return `i${value}`;
  if (typeof value === "number") return `r${Object.is(value, -0) ? "-0" : value}`;
  if (value instanceof Uint8Array) return `x${encodeHex(value)}`;
  try {
    return `t${utf8.decode(value.text)}`;
  } catch {
    return `b${encodeHex(value.text)}`;
  }
}

function decoded(value: unknown): SqliteValue {
  if (value === null) return null;
  if (typeof value !== "string") throw malformed();
  const rest = value.slice(1);
  if (value[0] === "t") return { text: new TextEncoder().encode(rest) };
  if (value[0] === "i" && /^-?[0-9]{1,19}$/.test(rest)) return BigInt(rest);
  if (value[0] === "r" && (rest === "Infinity" || rest === "-Infinity" || /^-?[0-9.e+-]+$/.test(rest))) {
    return Number(rest);
  }
  if (value[0] === "x") return bytesOf(rest);
  if (value[0] === "b") return { text: bytesOf(rest) };
  throw malformed();
}

function bytesOf(digits: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(digits)) throw malformed();
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function malformed(): IntegrityError {
  return new IntegrityError("a row is not in the form that tables of SQLite have");
}
