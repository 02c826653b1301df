/** Which lines outside data may say something, by their first bytes: most are passed over without a look at the rest. */
import { byteSet } from "./byte_search.ts";

const DIGITS = "0123456789";
const CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i));

/** The first bytes of lines to stop at. */
export const LINE_STARTS = {
  any: byteSet(PRINTABLE + "\t\r\n", { beyondAscii: true }),
  /** Outside bodies of mysqldump: its rows and the inside of its statements begin with other bytes. */
  mysql: byteSet([...PRINTABLE].filter((character) => !` ()I\`'${DIGITS}`.includes(character)).join("")),
  foreign: byteSet(`-/.\\mps${CAPITALS}`),
  body: byteSet("Dd-B"),
  rows: byteSet("\\-"),
  insertsGoOn: byteSet("I\t"),
};

/** The same as `LINE_STARTS.insertsGoOn`, and no other bytes. */
export function goesOnInserting(byte: number): boolean {
  return byte === 0x49 || byte === 0x09;
}

const COLON = code(":");

/** Second bytes of lines that may matter, by the first one; any after those in `ALWAYS`. */
const SECOND: ReadonlyMap<number, readonly number[]> = new Map([
  ["-", "-"], // comments
  ["m", "yao"], // mysqldump, mariadb-dump, mongodump
  ["p", "g"], // pg_dump
  ["s", "q"], // sqlite3
  ["B", "E"], // BEGIN TRANSACTION;
  ["C", "O"], // COMMIT, COPY
  ["D", "E"], // DELIMITER
  ["I", "N"], // INSERT
  ["P", "R"], // PRAGMA
  ["R", "O"], // ROLLBACK
  ["U", "S"], // USE
  ["W", "aA"], // Warning
].map(([first, seconds]) => [code(first!), [...seconds!].map(code)]));
/** Paths of programs, psql's commands, MySQL's comments. */
const ALWAYS: ReadonlySet<number> = new Set([..."/.\\"].map(code));

/** Whether a line outside data that begins with these two bytes may be one that matters. */
export function mayMatter(first: number, second: number): boolean {
  if (ALWAYS.has(first)) return true;
  const isCapital = first >= 0x41 && first <= 0x5a;
  return (isCapital && second === COLON) || (SECOND.get(first)?.includes(second) ?? false);
}

function code(character: string): number {
  return character.charCodeAt(0);
}
