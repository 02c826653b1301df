/**
 * Makes text of unknown origin safe for a terminal. Names from repositories, stores, servers and the environment must
 * not control the terminal or imitate other names, and must have the width that they are counted with.
 */
import { cellsOf } from "./cells.ts";

/**
 * Control characters (C0, DEL, C1), format characters (bidirectional marks, embeddings, overrides and isolates,
 * zero-width characters, tags), line and paragraph separators, and lone surrogates, which also represent bytes that are
 * not UTF-8.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A space is the first character after the C0 control characters. */
const FIRST_BEYOND_C0 = " ";

/** Lone surrogates from one to the other stand for bytes that are not UTF-8. */
const FIRST_BYTE = 0xdc00;
const LAST_BYTE = 0xdcff;

/** Most text, and the lines of drawings: each character takes one cell. */
const PLAIN = /^[\x20-\x7e\u2500-\u257f]*$/;

/** More than any honest character takes in UTF-16: a letter can carry any number of marks and still take one cell. */
const MOST_UNITS_PER_CELL = 16;

const ELLIPSIS = "…";

/** An ellipsis with one character on either side. */
const LEAST_SHORTENED_COLUMNS = 3;

let segmenter: Intl.Segmenter | undefined;

/** The characters as a reader sees them. */
function graphemesOf(text: string): Intl.Segments {
  return (segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" })).segment(text);
}

/**
 * Escapes unprintable characters: as `\x1b` for those that JSON has already escaped, and for bytes of names that are not
 * UTF-8 (`byte_string.ts`); otherwise as in JSON, `\u202e`. So JSON text remains JSON with the same meaning. Applying it
 * twice changes nothing more.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const unit = character.charCodeAt(0);
    if (character < FIRST_BEYOND_C0) return `\\x${hexOf(unit, 2)}`;
    if (unit > FIRST_BYTE && unit <= LAST_BYTE) return `\\x${hexOf(unit - FIRST_BYTE, 2)}`;
    return Array.from({ length: character.length }, (_, i) => `\\u${hexOf(character.charCodeAt(i), 4)}`).join("");
  });
}

/** The width of printable text in terminal cells. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of graphemesOf(text)) cells += PLAIN.test(segment) ? segment.length : cellsOf(segment);
  return cells;
}

/** Cuts printable text to at most `columns` cells (1 or more). An ellipsis replaces the rest; no character is split. */
export function cutToWidth(text: string, columns: number): string {
  // The text beyond the limit is not examined, because a name may have megabytes.
  const head = text.slice(0, columns * MOST_UNITS_PER_CELL);
  if (head.length === text.length && widthOf(text) <= columns) return text;
  let kept = "";
  let cells = widthOf(ELLIPSIS);
  for (const { segment, index } of graphemesOf(head)) {
    cells += widthOf(segment);
    const mayBeHalf = index + segment.length === head.length && head.length < text.length;
    if (cells > columns || mayBeHalf) break;
    kept += segment;
  }
  return kept + ELLIPSIS;
}

/**
 * Shortens a printable name to at most `columns` cells (1 or more). The middle is left out, because most names, paths
 * above all, differ at their ends. Below 3 cells, only the beginning remains.
 */
export function shortenName(name: string, columns: number): string {
  if (widthOf(name) <= columns || columns < LEAST_SHORTENED_COLUMNS) return cutToWidth(name, columns);
  const tail = endOf(name, Math.floor((columns - widthOf(ELLIPSIS)) / 2));
  return cutToWidth(name, columns - widthOf(tail)) + tail;
}

/** The most columns that a path takes in a message. Most paths have fewer, and none of them has to be copied by hand. */
const MOST_PATH_COLUMNS = 200;

/** An absolute path in quotes, or anything without a space: a command line in quotes stays whole, to be copied. */
const LONG_PATH = new RegExp(`(?<=")/[^"]{${MOST_PATH_COLUMNS},}(?=")|[^\\s"]{${MOST_PATH_COLUMNS},}`, "gu");

/** More than any message of this program has. A plugin may say anything, and expressions as above fail for megabytes. */
const MOST_MESSAGE_CHARACTERS = 64 * 1024;

/** Shortens long paths in a message in the middle. A path may have thousands of bytes, and would hide what is said of it. */
export function shortenPaths(message: string): string {
  if (message.length < MOST_PATH_COLUMNS) return message;
  if (message.length > MOST_MESSAGE_CHARACTERS) return shortenPaths(message.slice(0, MOST_MESSAGE_CHARACTERS));
  return message.replace(LONG_PATH, (path) => shortenName(printable(path), MOST_PATH_COLUMNS));
}

/** The end of a longer text in at most `columns` cells. No character is split. */
function endOf(text: string, columns: number): string {
  const end = text.slice(-columns * MOST_UNITS_PER_CELL);
  let start = end.length;
  let cells = 0;
  for (const { segment, index } of [...graphemesOf(end)].reverse()) {
    cells += widthOf(segment);
    const mayBeHalf = index === 0 && end.length < text.length;
    if (cells > columns || mayBeHalf) break;
    start = index;
  }
  return end.slice(start);
}

/** Pads printable text with spaces to this width. Longer text stays unchanged. */
export function padToWidth(text: string, columns: number, align: "left" | "right"): string {
  const spaces = " ".repeat(Math.max(0, columns - widthOf(text)));
  return align === "left" ? text + spaces : spaces + text;
}

function hexOf(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, "0");
}
