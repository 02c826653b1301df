/**
 * A table of digests for one thread. A look-up takes a fraction of the time of one in an `IdTable` (base/id_table.ts),
 * which other threads read while it grows.
 *
 * Memory: the bytes kept of each id, or none for ids that spill (store/spill/record_list.ts), plus slots of 4 bytes that
 * are 3/8 to 3/4 full, 3/5 to 3/4 from three million ids on, or 3/4 full if there are as many ids as were expected.
 *
 * Digests are uniform, so their first four bytes serve as the hash: if it is a third of 2^32, a third of the slots lie
 * before that of the id. A slot holds the number of an entry; the bits that numbers leave free hold some of the next four
 * bytes of the id, so that nearly every look-up reads one id at most. If ids may spill, one more byte of each lies beside
 * its slot, since millions of ids leave few bits free, and to read an id from disk takes long.
 */
import { ID_BYTES } from "../../base/id.ts";
import { freeBuffer } from "../../base/bytes.ts";
import type { KEPT_ID_BYTES } from "../../base/id_table.ts";
import { invariant } from "../../base/errors.ts";
import { RecordList } from "../../store/spill/record_list.ts";
import type { Spill } from "../../store/spill/spill.ts";

const SEGMENT_ENTRIES = 1 << 14;
const LEAST_SLOTS = 1 << 12;
/** From so many slots on, the table grows by a quarter: twice as many would take too much memory. */
const MANY_SLOTS = 1 << 22;
/** With more ids, a slot has no bit left beside the number of an entry. */
const MOST_EXPECTED = 1 << 28;

/** Ids, numbered from 0 in the order in which they are added. */
export class UnsharedIdTable {
  readonly #idBytes: number;
  readonly #idWords: number;
  /** 0 if empty, else 1 more than the number of the entry, below the bits of its tag. */
  #slots = new Int32Array(LEAST_SLOTS);
  /** A byte of each slot's id; empty if ids cannot spill. */
  #marks = new Uint8Array(0);
  readonly #ids: RecordList<Int32Array<ArrayBuffer>>;
  readonly #spills: boolean;
  /** The entries that were found last in two runs of ids. */
  #found = -1;
  #foundBefore = -1;

  /**
   * `idBytes`: how many bytes of each id are kept: all, or `KEPT_ID_BYTES`. With a `spill`, all methods throw what
   * `SpillFile.read` throws.
   */
  constructor(idBytes: typeof ID_BYTES | typeof KEPT_ID_BYTES = ID_BYTES, spill?: Spill) {
    this.#idBytes = idBytes;
    this.#idWords = idBytes / 4;
    const make = (count: number) => new Int32Array(count);
    this.#ids = new RecordList({ make, fields: this.#idWords, segmentRecords: SEGMENT_ENTRIES }, spill);
    this.#spills = spill !== undefined;
    if (this.#spills) this.#marks = new Uint8Array(LEAST_SLOTS);
  }

  /** How many ids there are. */
  get size(): number {
    return this.#ids.size;
  }

  /**
   * The number of the id at `offset` in `bytes`, or -1. Fastest for ids that are asked for in the order in which they
   * were added, even if that was in two runs: content lists name chunks as backups pack them, into two packs at a time.
   */
  find(bytes: Uint8Array, offset = 0): number {
    for (let run = 0; run < 2; run++) {
      const next = (run === 0 ? this.#found : this.#foundBefore) + 1;
      if (next === this.size || !this.#holds(next, bytes, offset)) continue;
      if (run === 0) return this.#found = next;
      this.#foundBefore = this.#found;
      return this.#found = next;
    }
    const entry = this.#search(bytes, offset);
    if (entry < 0) return -1;
    this.#foundBefore = this.#found;
    return this.#found = entry;
  }

  #search(bytes: Uint8Array, offset: number): number {
    const slots = this.#slots;
    const mask = maskOf(slots);
    const tag = wordAt(bytes, offset + 4);
    const marks = this.#marks;
    for (let at = firstSlot(slots, wordAt(bytes, offset));; at = at + 1 < slots.length ? at + 1 : 0) {
      const slot = slots[at]!;
      if (slot === 0) return -1;
      if (((slot ^ tag) & ~mask) !== 0) continue;
      if (marks.length !== 0 && marks[at] !== bytes[offset + MARK_AT]) continue;
      const entry = (slot & mask) - 1;
      if (this.#holds(entry, bytes, offset)) return entry;
    }
  }

  /** Adds an id and returns its number. An id that is already there keeps its number. */
  add(bytes: Uint8Array, offset = 0): number {
    const found = this.#search(bytes, offset);
    if (found >= 0) return found;
    if ((this.size + 1) * 4 > this.#slots.length * 3) this.#growSlots();
    const entry = this.size;
    const at = this.#ids.add();
    const { view } = this.#ids;
    for (let word = 0; word < this.#idWords; word++) view[at + word] = wordAt(bytes, offset + 4 * word);
    place(this.#slots, this.#marks, view, at, entry);
    return entry;
  }

  /** Copies the id of an entry to `target` at `offset`. Only for tables that keep whole ids. */
  copyId(entry: number, target: Uint8Array, offset = 0): void {
    invariant(this.#idBytes === ID_BYTES, "A table of existence does not know whole ids");
    invariant(entry >= 0 && entry < this.size, `No entry ${entry} in a table of ${this.size}`);
    const at = this.#ids.seek(entry);
    const { view } = this.#ids;
    for (let word = 0; word < this.#idWords; word++) {
      const value = view[at + word]!;
      target[offset + 4 * word] = value;
      target[offset + 4 * word + 1] = value >> 8;
      target[offset + 4 * word + 2] = value >> 16;
      target[offset + 4 * word + 3] = value >> 24;
    }
  }

  #holds(entry: number, bytes: Uint8Array, offset: number): boolean {
    const at = this.#ids.seek(entry);
    const { view } = this.#ids;
    for (let word = 0; word < this.#idWords; word++) {
      if (view[at + word] !== wordAt(bytes, offset + 4 * word)) return false;
    }
    return true;
  }

  /**
   * How many ids there will probably be. With that many, the slots are made once, and no more than these need. Other
   * numbers do no harm.
   */
  expect(count: number): void {
    const slots = Math.ceil(Math.min(count, MOST_EXPECTED) * 4 / 3) + 1;
    if (slots > this.#slots.length) this.#makeSlots(slots);
  }

  #growSlots(): void {
    const count = this.#slots.length;
    this.#makeSlots(count < MANY_SLOTS ? count * 2 : count + (count >>> 2));
  }

  #makeSlots(count: number): void {
    const slots = new Int32Array(count);
    const marks = new Uint8Array(this.#spills ? count : 0);
    for (let entry = 0; entry < this.size; entry++) {
      const at = this.#ids.seek(entry);
      place(slots, marks, this.#ids.view, at, entry);
    }
    freeBuffer(this.#slots);
    freeBuffer(this.#marks);
    this.#slots = slots;
    this.#marks = marks;
  }
}

/** Which byte of an id is its mark; those before it are the hash and the tag. */
const MARK_AT = 8;

/**
 * Puts an entry, whose id begins at `from` in `words`, into the first free slot. Fewer entries than slots leave the bits
 * above the mask for the tag.
 */
function place(slots: Int32Array, marks: Uint8Array, words: Int32Array, from: number, entry: number): void {
  const mask = maskOf(slots);
  let at = firstSlot(slots, words[from]!);
  while (slots[at] !== 0) at = at + 1 < slots.length ? at + 1 : 0;
  slots[at] = (words[from + 1]! & ~mask) | (entry + 1);
  if (marks.length !== 0) marks[at] = words[from + MARK_AT / 4]!;
}

/** The bits of a slot that hold the number of an entry. */
function maskOf(slots: Int32Array): number {
  return 0xffff_ffff >>> Math.clz32(slots.length - 1);
}

/** Where the search for an id begins. */
function firstSlot(slots: Int32Array, hash: number): number {
  return Math.floor((hash >>> 0) * slots.length / 2 ** 32);
}

/** Four bytes as a word; a view would need an aligned offset, and be garbage for each id. */
function wordAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
}
