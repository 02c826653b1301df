/**
 * Runs of entries of a stored tree that are the same by now. They are compared as text and passed on as text: in most
 * backups of files most entries are such, and even one object for each of them would take longer than the comparison.
 */
import { lowerHexDigit } from "../../base/hex.ts";
import { ID_BYTES } from "../../base/id.ts";
import { CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, QUOTE } from "../json/json_bytes.ts";
import type { Node } from "./node.ts";
import { CONTENT_KEY } from "./node_head.ts";
import { decodeNode } from "./tree.ts";

/** Entries that follow each other in the text of a tree. */
export interface SameRun {
  /** The text of the tree. */
  readonly text: Uint8Array;
  /** Where the node of each entry begins; at least one. */
  readonly starts: Uint32Array;
  /** Where the last node ends. */
  readonly end: number;
  /** Which of the entries are files. */
  readonly files: readonly number[];
}

/** What the content of an entry must be: that of no file, of an empty one, or of one with chunks. */
export type ContentKind = "none" | "empty" | "chunks";

/** Entries of one directory as they are by now, in order. */
export interface FoundHeads {
  /** Their heads, one behind the other. */
  readonly heads: Uint8Array;
  /** Where the head of each ends. */
  readonly headEnds: Uint32Array;
  /** The place of the first one that is compared. */
  readonly from: number;
  /** The place behind the last one that is compared. */
  readonly to: number;
  /** What the content of an entry must be. */
  readonly kindOf: (place: number) => ContentKind;
}

const encoder = new TextEncoder();
const NO_CONTENT = encoder.encode("null}");
const EMPTY_CONTENT = encoder.encode("[]}");

/** The head of an entry. */
export function headAt({ heads, headEnds }: Pick<FoundHeads, "heads" | "headEnds">, place: number): Uint8Array {
  return heads.subarray(place === 0 ? 0 : headEnds[place - 1], headEnds[place]);
}

/**
 * The longest run from the node at `at` on that has the heads of the first entries, exactly as this program writes them,
 * and only chunks that are held; null if there is none. An entry with a subtree or an error ends it.
 */
export function sameRunAt(
  text: Uint8Array,
  at: number,
  found: FoundHeads,
  holds: (id: Uint8Array) => boolean,
): SameRun | null {
  const { heads, headEnds, from, to, kindOf } = found;
  const starts = new Uint32Array(to - from);
  const files: number[] = [];
  let count = 0;
  let end = at;
  let headStart = from === 0 ? 0 : headEnds[from - 1]!;
  for (let place = from, next = at; place < to; place++) {
    const headEnd = headEnds[place]!;
    const contentAt = endOfSame(
      text,
      endOfSame(text, next, heads, headStart, headEnd),
      CONTENT_KEY,
      0,
      CONTENT_KEY.length,
    );
    headStart = headEnd;
    const kind = kindOf(place);
    const nodeEnd = contentAt < 0 ? -1 : endOfContent(text, contentAt, kind, holds);
    const isLast = text[nodeEnd] === CLOSE_ARRAY;
    if (nodeEnd < 0 || !isLast && text[nodeEnd] !== COMMA) break;
    if (kind !== "none") files.push(count);
    starts[count++] = next;
    end = nodeEnd;
    if (isLast) break;
    next = nodeEnd + 1;
  }
  return count === 0 ? null : { text, starts: starts.subarray(0, count), end, files };
}

/** Where the name of an entry of a run begins, as JSON writes it; a quote ends it. */
export function nameStart({ starts }: SameRun, entry: number): number {
  return starts[entry]! + NAME_OFFSET;
}

const NAME_OFFSET = '{"name":"'.length;

/** The node of an entry of a run. */
export function nodeOf({ text, starts, end }: SameRun, entry: number): Node {
  const next = entry + 1 < starts.length ? starts[entry + 1]! - 1 : end;
  return decodeNode(text.subarray(starts[entry], next), "a node that was compared");
}

/**
 * The position behind the bytes from `start` to `end`, if the text has them there; -1 otherwise, and for a negative
 * position.
 */
export function endOfSame(text: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  if (at < 0) return -1;
  const offset = at - start;
  for (let i = start; i < end; i++) if (text[offset + i] !== bytes[i]) return -1;
  return offset + end;
}

/** The position behind a node whose content begins there; -1 if it is not of that kind, or if a chunk is not held. */
function endOfContent(
  text: Uint8Array,
  at: number,
  kind: ContentKind,
  holds: (id: Uint8Array) => boolean,
): number {
  if (kind === "none") return endOfSame(text, at, NO_CONTENT, 0, NO_CONTENT.length);
  if (kind === "empty") return endOfSame(text, at, EMPTY_CONTENT, 0, EMPTY_CONTENT.length);
  if (text[at] !== OPEN_ARRAY) return -1;
  for (let position = at + 1;;) {
    if (text[position] !== QUOTE || !readId(text, position + 1) || text[position + ID_TEXT_BYTES] !== QUOTE) return -1;
    if (!holds(ID)) return -1;
    position += ID_TEXT_BYTES + 1;
    if (text[position] === CLOSE_ARRAY) return text[position + 1] === CLOSE_OBJECT ? position + 2 : -1;
    if (text[position++] !== COMMA) return -1;
  }
}

/** A quote and the digits. */
const ID_TEXT_BYTES = 2 * ID_BYTES + 1;
/** The id that was read last. */
const ID = new Uint8Array(ID_BYTES);

/** Reads an id in lower-case hex; false if it is none. */
function readId(text: Uint8Array, at: number): boolean {
  let both = 0;
  for (let i = 0; i < ID_BYTES; i++) {
    const byte = DIGITS[text[at + 2 * i]!]! << 4 | DIGITS[text[at + 2 * i + 1]!]!;
    both |= byte;
    ID[i] = byte;
  }
  return both >= 0;
}

/** The values of lower-case hex digits; negative for all other bytes. */
const DIGITS = Int8Array.from({ length: 256 }, (_, byte) => lowerHexDigit(byte));
