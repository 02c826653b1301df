/**
 * Text of unknown origin on its way to a terminal: names from repositories, stores, servers and the environment can neither
 * play with the terminal nor pass for other names, and take the cells they are counted for.
 */
import stringWidth from "string-width";

/**
 * Control characters (C0, DEL, C1), format characters (bidirectional marks, embeddings, overrides and isolates, zero-width
 * ones, tags), line and paragraph separators, and halves of surrogate pairs, which also stand for bytes that are not UTF-8.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A space is the first character that is no control character of C0. */
const FIRST_BEYOND_C0 = " ";

/** Of what most text consists; each character takes one cell. */
const PLAIN = /^[\x20-\x7e]*$/;

/** What no honest character takes in UTF-16: a letter can carry any number of marks and still count as one cell. */
const MOST_UNITS_PER_CELL = 16;

const ELLIPSIS = "…";

/** An ellipsis with a character on either side. */
const LEAST_SHORTENED_COLUMNS = 3;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * The text with its unprintable characters as escapes: `\x1b` where JSON has escaped them already, else as in JSON,
 * `\u202e`. So JSON text may be given, too: it stays JSON and says the same. Given twice it does not change any more.
 */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) =>
      character < FIRST_BEYOND_C0
        ? `\\x${hexOf(character.charCodeAt(0), 2)}`
        : Array.from({ length: character.length }, (_, i) => `\\u${hexOf(character.charCodeAt(i), 4)}`).join(""),
  );
}

/** How many cells of a terminal printable text takes. */
export function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** Printable text in at most so many cells (1 or more); what does not fit gives way to an ellipsis, never half a character. */
export function cutToWidth(text: string, columns: number): string {
  // What is beyond the limit is never looked at: a name may have megabytes.
  const head = text.slice(0, columns * MOST_UNITS_PER_CELL);
  if (head.length === text.length && widthOf(text) <= columns) return text;
  let kept = "";
  let cells = widthOf(ELLIPSIS);
  for (const { segment, index } of graphemes.segment(head)) {
    cells += widthOf(segment);
    const mayBeHalf = index + segment.length === head.length && head.length < text.length;
    if (cells > columns || mayBeHalf) break;
    kept += segment;
  }
  return kept + ELLIPSIS;
}

/**
 * A printable name in at most so many cells (1 or more): its middle gives way, for most names, paths above all, differ at
 * their ends. With less than 3 cells only its beginning is left.
 */
export function shortenName(name: string, columns: number): string {
  if (widthOf(name) <= columns || columns < LEAST_SHORTENED_COLUMNS) return cutToWidth(name, columns);
  const tail = endOf(name, Math.floor((columns - widthOf(ELLIPSIS)) / 2));
  return cutToWidth(name, columns - widthOf(tail)) + tail;
}

/** The end of longer text in at most so many cells, without half a character. */
function endOf(text: string, columns: number): string {
  const end = text.slice(-columns * MOST_UNITS_PER_CELL);
  let start = end.length;
  let cells = 0;
  for (const { segment, index } of [...graphemes.segment(end)].reverse()) {
    cells += widthOf(segment);
    const mayBeHalf = index === 0 && end.length < text.length;
    if (cells > columns || mayBeHalf) break;
    start = index;
  }
  return end.slice(start);
}

/** Printable text with spaces beside it, so that it takes so many cells; longer text stays as it is. */
export function padToWidth(text: string, columns: number, align: "left" | "right"): string {
  const spaces = " ".repeat(Math.max(0, columns - widthOf(text)));
  return align === "left" ? text + spaces : spaces + text;
}

function hexOf(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, "0");
}
