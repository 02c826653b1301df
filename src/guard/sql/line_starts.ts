/**
 * Decides by their first bytes which lines outside data may matter. Most lines are skipped without reading the rest.
 */
import { byteSet } from "./byte_search.ts";
import { MESSAGE_BEGINNINGS } from "./producer_messages.ts";

const DIGITS = "0123456789";
const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));

/** Beginnings of headers, and of the lines before them. */
const DUMP_BEGINNINGS = ["--", "/*", "PR", "BE"];
/**
 * Beginnings of lines that matter within a dump: ALTER, COMMIT, COPY, CREATE, DELIMITER, DROP, INSERT, ROLLBACK, SET,
 * UPDATE, USE, psql's commands.
 */
const STATEMENT_BEGINNINGS = ["AL", "CO", "CR", "DE", "de", "DR", "IN", "RO", "SE", "UP", "US", "\\"];

/** One entry for each pair of bytes, the first one in the high half: 1 if a line that matters may begin with them. */
const MATTERS = new Uint8Array(65_536);
for (const text of [...DUMP_BEGINNINGS, ...STATEMENT_BEGINNINGS, ...MESSAGE_BEGINNINGS]) {
  const first = text.charCodeAt(0) << 8;
  if (text.length === 1) MATTERS.fill(1, first, first + 256);
  else MATTERS[first | text.charCodeAt(1)] = 1;
}

/** The first bytes of lines to stop at. */
export const LINE_STARTS = {
  any: byteSet(`${PRINTABLE}\0\n\x1f`, { beyondAscii: true }),
  /** For dumps of mysqldump, outside of bodies: their rows and INSERT statements begin with other bytes. */
  mysql: byteSet([...PRINTABLE].filter((character) => !`(I'${DIGITS}`.includes(character)).join("")),
  foreign: byteSet([...DUMP_BEGINNINGS, ...MESSAGE_BEGINNINGS].map((text) => text[0]).join("")),
  body: byteSet("Dd-B"),
  rows: byteSet("\\-p"),
  insertsGoOn: byteSet("I\t"),
};

/** Exactly the bytes of `LINE_STARTS.insertsGoOn`, which as a set may contain more. */
export function goesOnInserting(byte: number): boolean {
  return byte === 0x49 || byte === 0x09;
}

/** Whether a line outside data that begins with these two bytes may matter. */
export function mayMatter(first: number, second: number): boolean {
  return MATTERS[(first << 8) | second] === 1;
}
