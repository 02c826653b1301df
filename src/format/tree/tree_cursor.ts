/**
 * Looks entries up in the text of a stored tree. Whoever asks gives the head that the entry has by now, so that an entry
 * that did not change is compared and not decoded, and what nobody asks for is passed over.
 */
import { lowerHexDigit } from "../../base/hex.ts";
import { asId, type BlobId, ID_BYTES } from "../../base/id.ts";
import { compareByteStrings } from "../byte_string.ts";
import { damaged } from "../damage.ts";
import { unquoteName } from "../json/go_json.ts";
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "../json/json_bytes.ts";
import type { Node } from "./node.ts";
import { CONTENT_KEY } from "./node_head.ts";
import { endOfSame, type FoundHeads, headAt, type SameRun, sameRunAt } from "./same_run.ts";
import { decodeNode, decodeTree, encodeTree, TREE_BEGINNING } from "./tree.ts";

/** An entry of a stored tree. What is asked of it is decoded then, and throws `IntegrityError` if it is damaged. */
export interface StoredEntry {
  /** Whether its head is the one that was asked with, and nothing went wrong when it was read. */
  readonly hasSameHead: boolean;
  /** The ids of the chunks of a file, 32 bytes each; null for everything else. */
  readonly content: Uint8Array | null;
  /** The tree of a directory. */
  readonly subtree: BlobId | null;
  /** All of it. */
  readonly node: Node;
}

/** What a tree lists of an entry besides its head. */
type Listed = Pick<StoredEntry, "content" | "subtree">;

/** Where the parts of a node are in the text of its tree. */
interface Parts {
  readonly contentAt: number;
  readonly contentEnd: number;
  /** The first digit of the subtree; -1 without one. */
  readonly subtreeAt: number;
  readonly end: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const NAME = encoder.encode('{"name":"');
const NULL = encoder.encode("null");
const SUBTREE = encoder.encode(',"subtree":"');
const ID_DIGITS = 64;

/** Finds entries whose names are asked for in ascending order. A name may be asked for again until the next one is. */
export class TreeCursor {
  readonly #what: string;
  #bytes: Uint8Array;
  #isRewritten = false;
  /** Where the current node begins; the end of the text if there are no more. */
  #at: number;
  /** Its end and its name, as far as they are known. */
  #end: number | undefined;
  #name: string | undefined;
  /** Whether the current node has the head that was asked with, and its parts if it has. */
  #hasHead = false;
  #parts: Parts = { contentAt: 0, contentEnd: 0, subtreeAt: -1, end: 0 };

  /** `what` names the tree in errors. Throws `IntegrityError` for what is no tree. */
  constructor(text: Uint8Array, what: string) {
    this.#what = what;
    this.#bytes = text;
    this.#at = TREE_BEGINNING.length;
    if (!holdsAt(text, 0, TREE_BEGINNING)) this.#rewrite();
    if (this.#bytes[this.#at] === CLOSE_ARRAY) this.#at = this.#bytes.length;
  }

  /** The entry of a name; undefined if there is none. `head` is its head by now, if it is known. */
  find(name: string, head: Uint8Array | null): StoredEntry | undefined {
    if (!this.#goTo(name, head)) return undefined;
    return this.#hasHead ? new SameEntry(this.#what, this.#bytes, this.#at, this.#parts) : this.#entry();
  }

  /** Whether the entry of a name has this head, content and subtree; undefined if there is none. */
  isSame(name: string, head: Uint8Array, { content, subtree }: Listed): boolean | undefined {
    if (!this.#goTo(name, head)) return undefined;
    if (!this.#hasHead) return false;
    const { contentAt, contentEnd, subtreeAt } = this.#parts;
    const bytes = this.#bytes;
    if (subtree === null ? subtreeAt >= 0 : subtreeAt < 0 || textAt(bytes, subtreeAt) !== subtree) return false;
    if (content === null || bytes[contentAt] !== OPEN_ARRAY) {
      return content === null && bytes[contentAt] !== OPEN_ARRAY;
    }
    return isContentAt(bytes, contentAt, contentEnd, content);
  }

  /**
   * The longest run of entries, from the first of those on, that are the same and follow each other here; null if the
   * first one, which has this name, is not. Its names have been asked for then.
   */
  sameRun(name: string, found: FoundHeads, holds: (id: Uint8Array) => boolean): SameRun | null {
    // Positions in a text that was rewritten mean nothing to anybody else.
    if (!this.#goTo(name, headAt(found, found.from)) || !this.#hasHead || this.#isRewritten) return null;
    const run = sameRunAt(this.#bytes, this.#at, found, holds);
    if (run !== null) this.passOver(run);
    return run;
  }

  /** Goes on behind a run of entries of the same tree. */
  passOver({ end }: Pick<SameRun, "end">): void {
    if (this.#isRewritten || end <= this.#at) return;
    this.#at = this.#bytes[end] === COMMA ? end + 1 : this.#bytes.length;
    this.#end = this.#name = undefined;
  }

  /** Goes to the node of a name, if there is one; `#hasHead` tells whether it has that head. */
  #goTo(name: string, head: Uint8Array | null): boolean {
    while (this.#at < this.#bytes.length) {
      this.#hasHead = head !== null && this.#takeParts(head);
      if (this.#hasHead) {
        this.#name = name;
        return true;
      }
      const order = compareByteStrings(this.#name ??= this.#readName(), name);
      if (order >= 0) return order === 0;
      this.#goOn();
    }
    return false;
  }

  /** Finds the parts of the current node, if it has that head and the usual end. */
  #takeParts(head: Uint8Array): boolean {
    const bytes = this.#bytes;
    const headEnd = this.#at + head.length;
    if (!holdsAt(bytes, this.#at, head) || !holdsAt(bytes, headEnd, CONTENT_KEY)) return false;
    const contentAt = headEnd + CONTENT_KEY.length;
    const contentEnd = endOfContent(bytes, contentAt);
    const hasSubtree = holdsAt(bytes, contentEnd, SUBTREE);
    const subtreeAt = hasSubtree ? contentEnd + SUBTREE.length : -1;
    const end = hasSubtree ? subtreeAt + ID_DIGITS + 1 : contentEnd;
    if (bytes[end] !== CLOSE_OBJECT) return false;
    this.#parts = { contentAt, contentEnd, subtreeAt, end: end + 1 };
    this.#end = end + 1;
    return true;
  }

  /** The current node, whatever its head is. */
  #entry(): StoredEntry {
    return new OtherEntry(this.#what, this.#bytes.subarray(this.#at, this.#end ??= endOfObject(this.#bytes, this.#at)));
  }

  /** Goes on to the next node. */
  #goOn(): void {
    const end = this.#end ??= endOfObject(this.#bytes, this.#at);
    this.#end = this.#name = undefined;
    this.#at = this.#bytes[end] === COMMA ? end + 1 : this.#bytes.length;
  }

  /** The name of the current node. A text that begins nodes in another way is rewritten, and looked through again. */
  #readName(): string {
    const bytes = this.#bytes;
    if (!holdsAt(bytes, this.#at, NAME)) {
      this.#rewrite();
      return this.#at < this.#bytes.length ? this.#readName() : "";
    }
    const start = this.#at + NAME.length;
    const end = endOfString(bytes, start);
    const name = unquoteName(stringIn(bytes.subarray(start, end), this.#what));
    if (name === null) throw damaged(this.#what, "a name that is not quoted as Go does");
    return name;
  }

  /** Takes the usual text of the same nodes in the place of one that another program wrote otherwise. */
  #rewrite(): void {
    if (this.#isRewritten) throw damaged(this.#what, "a node without a name");
    this.#isRewritten = true;
    const nodes = new Map(decodeTree(this.#bytes, this.#what).map((node) => [node.name, node]));
    this.#bytes = encodeTree([...nodes.values()]);
    this.#at = nodes.size === 0 ? this.#bytes.length : TREE_BEGINNING.length;
    this.#end = this.#name = undefined;
  }
}

/** An entry with the head that was asked with. */
class SameEntry implements StoredEntry {
  readonly hasSameHead = true;
  readonly #what: string;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #parts: Parts;
  #content: Uint8Array | undefined;

  constructor(what: string, bytes: Uint8Array, start: number, parts: Parts) {
    this.#what = what;
    this.#bytes = bytes;
    this.#start = start;
    this.#parts = parts;
  }

  get content(): Uint8Array | null {
    const { contentAt, contentEnd } = this.#parts;
    if (this.#bytes[contentAt] !== OPEN_ARRAY) return null;
    return this.#content ??= contentIn(this.#bytes, contentAt, contentEnd, this.#what);
  }

  get subtree(): BlobId | null {
    const { subtreeAt } = this.#parts;
    if (subtreeAt < 0) return null;
    const id = textAt(this.#bytes, subtreeAt);
    if (!/^[0-9a-f]{64}$/.test(id)) throw damaged(this.#what, "expected an id");
    return asId<BlobId>(id);
  }

  get node(): Node {
    return decodeNode(this.#bytes.subarray(this.#start, this.#parts.end), this.#what);
  }
}

/** Any other entry. */
class OtherEntry implements StoredEntry {
  readonly hasSameHead = false;
  readonly #what: string;
  readonly #text: Uint8Array;
  #node: Node | undefined;

  constructor(what: string, text: Uint8Array) {
    this.#what = what;
    this.#text = text;
  }

  get node(): Node {
    return this.#node ??= decodeNode(this.#text, this.#what);
  }

  get content(): Uint8Array | null {
    return this.node.content;
  }

  get subtree(): BlobId | null {
    return this.node.subtree;
  }
}

/** The value of a JSON string, given without its quotes. */
function stringIn(bytes: Uint8Array, what: string): string {
  try {
    const text = decoder.decode(bytes);
    return text.includes("\\") ? (JSON.parse(`"${text}"`) as string).toWellFormed() : text;
  } catch {
    throw damaged(what, "a name that is no JSON string in UTF-8");
  }
}

function holdsAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  return endOfSame(bytes, at, expected, 0, expected.length) >= 0;
}

/** The end of a content as Go writes it; -1 for anything else. */
function endOfContent(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== OPEN_ARRAY) return holdsAt(bytes, at, NULL) ? at + NULL.length : -1;
  let position = at + 1;
  while (bytes[position] === QUOTE) {
    position += ID_DIGITS + 2;
    if (bytes[position] === COMMA) position++;
  }
  return bytes[position] === CLOSE_ARRAY ? position + 1 : -1;
}

/** The ids in a content list, whose form `endOfContent` has checked but for the digits. */
function contentIn(bytes: Uint8Array, at: number, end: number, what: string): Uint8Array {
  const content = new Uint8Array(idsIn(at, end) * ID_BYTES);
  let position = at + FIRST_DIGIT;
  for (let i = 0; i < content.length; i++) {
    if (i > 0 && i % ID_BYTES === 0) position += BETWEEN_IDS;
    const byte = byteAt(bytes, position);
    if (byte < 0) throw damaged(what, "expected an id in hex");
    content[i] = byte;
    position += 2;
  }
  return content;
}

/** Whether a content list, whose form `endOfContent` has checked, has exactly these ids. */
function isContentAt(bytes: Uint8Array, at: number, end: number, content: Uint8Array): boolean {
  if (content.length !== idsIn(at, end) * ID_BYTES) return false;
  let position = at + FIRST_DIGIT;
  for (let i = 0; i < content.length; i++) {
    if (i > 0 && i % ID_BYTES === 0) position += BETWEEN_IDS;
    if (byteAt(bytes, position) !== content[i]) return false;
    position += 2;
  }
  return true;
}

/** Before the first digit there are a bracket and a quote, and between two ids a quote, a comma and a quote. */
const FIRST_DIGIT = 2;
const BETWEEN_IDS = 3;

function idsIn(at: number, end: number): number {
  return Math.floor((end - at - 1) / (ID_DIGITS + BETWEEN_IDS));
}

/** The byte that two lower-case hex digits mean; negative for anything else. */
function byteAt(bytes: Uint8Array, at: number): number {
  return lowerHexDigit(bytes[at]!) << 4 | lowerHexDigit(bytes[at + 1]!);
}

/** The digits of an id. */
function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + ID_DIGITS));
}

/** The position behind an object that begins there; the end of the text if it does not end. */
function endOfObject(bytes: Uint8Array, at: number): number {
  let depth = 0;
  for (let position = at; position < bytes.length; position++) {
    const byte = bytes[position]!;
    if (byte === QUOTE) position = endOfString(bytes, position + 1);
    else if (byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_OBJECT && --depth === 0) return position + 1;
  }
  return bytes.length;
}

/** The position of the quote that ends a string; the end of the text if there is none. */
function endOfString(bytes: Uint8Array, at: number): number {
  let position = at;
  while (position < bytes.length && bytes[position] !== QUOTE) position += bytes[position] === BACKSLASH ? 2 : 1;
  return Math.min(position, bytes.length);
}
