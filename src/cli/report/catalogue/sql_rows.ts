/** Rows of SQL as text: values of SQLite in tables, JSON and CSV. */
import { encodeHex } from "../../../base/hex.ts";
import type { SqliteValue } from "../../../engine/sqlite/open_database.ts";

const NOTHING = "-";

/** A value in a table for people. */
export function cellOf(value: SqliteValue): string {
  return value === null ? NOTHING : textOf(value);
}

/** A row as a JSON object. */
export function jsonLine(columns: readonly string[], row: readonly SqliteValue[]): string {
  const fields = columns.map((name, i) => `${JSON.stringify(name)}:${jsonOf(row[i]!)}`);
  return `{${fields.join(",")}}`;
}

/**
 * A row of CSV without its end (RFC 4180). NULL is empty, and an empty text is in quotes. Texts that a spreadsheet would
 * take for formulas stay as they are.
 */
export function csvLine(row: readonly SqliteValue[]): string {
  return row.map((value) => {
    if (value === null) return "";
    const text = textOf(value);
    return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",");
}

/** Integers that programs would round, and numbers that JSON does not have, are texts. */
function jsonOf(value: SqliteValue): string {
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  return value === null ? "null" : JSON.stringify(textOf(value));
}

/** Bytes are written as SQL does. */
function textOf(value: Exclude<SqliteValue, null>): string {
  return value instanceof Uint8Array ? `x'${encodeHex(value)}'` : String(value);
}
