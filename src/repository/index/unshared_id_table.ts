/**
 * A table of digests for one thread. A look-up takes a fraction of the time of one in an `IdTable` (base/id_table.ts),
 * which other threads read while it grows.
 *
 * Memory: the bytes kept of each id, in segments that never move, plus slots of 4 bytes that are 3/8 to 3/4 full, or
 * 3/4 full if there are as many ids as were expected. Digests are uniform, so their first four bytes serve as the hash:
 * if it is a third of 2^32, a third of the slots lie before that of the id. A slot holds the number of an entry; the bits
 * that numbers leave free hold some of the next four bytes of the id, so that nearly every look-up reads one id at most.
 */
import { ID_BYTES } from "../../base/id.ts";
import type { KEPT_ID_BYTES } from "../../base/id_table.ts";
import { invariant } from "../../base/errors.ts";

const SEGMENT_ENTRIES = 1 << 14;
const LEAST_SLOTS = 1 << 12;
/** With more ids, a slot has no bit left beside the number of an entry. */
const MOST_EXPECTED = 1 << 28;

/** Ids, numbered from 0 in the order in which they are added. */
export class UnsharedIdTable {
  readonly #idBytes: number;
  readonly #idWords: number;
  /** 0 if empty, else 1 more than the number of the entry, below the bits of its tag. */
  #slots = new Int32Array(LEAST_SLOTS);
  readonly #segments: Int32Array[] = [];
  #size = 0;
  /** The entries that were found last in two runs of ids. */
  #found = -1;
  #foundBefore = -1;

  /** `idBytes`: how many bytes of each id are kept: all, or `KEPT_ID_BYTES`. */
  constructor(idBytes: typeof ID_BYTES | typeof KEPT_ID_BYTES = ID_BYTES) {
    this.#idBytes = idBytes;
    this.#idWords = idBytes / 4;
  }

  /** How many ids there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * The number of the id at `offset` in `bytes`, or -1. Fastest for ids that are asked for in the order in which they
   * were added, even if that was in two runs: content lists name chunks as backups pack them, into two packs at a time.
   */
  find(bytes: Uint8Array, offset = 0): number {
    const hash = wordAt(bytes, offset);
    for (let run = 0; run < 2; run++) {
      const next = (run === 0 ? this.#found : this.#foundBefore) + 1;
      if (next === this.#size || this.#wordOf(next) !== hash || !this.#holds(next, bytes, offset)) continue;
      if (run === 0) return this.#found = next;
      this.#foundBefore = this.#found;
      return this.#found = next;
    }
    const entry = this.#search(bytes, offset);
    if (entry < 0) return -1;
    this.#foundBefore = this.#found;
    return this.#found = entry;
  }

  #wordOf(entry: number): number {
    return this.#segments[(entry / SEGMENT_ENTRIES) | 0]![(entry % SEGMENT_ENTRIES) * this.#idWords]!;
  }

  #search(bytes: Uint8Array, offset: number): number {
    const slots = this.#slots;
    const mask = maskOf(slots);
    const tag = wordAt(bytes, offset + 4);
    for (let at = firstSlot(slots, wordAt(bytes, offset));; at = at + 1 < slots.length ? at + 1 : 0) {
      const slot = slots[at]!;
      if (slot === 0) return -1;
      if (((slot ^ tag) & ~mask) !== 0) continue;
      const entry = (slot & mask) - 1;
      if (this.#holds(entry, bytes, offset)) return entry;
    }
  }

  /** Adds an id and returns its number. An id that is already there keeps its number. */
  add(bytes: Uint8Array, offset = 0): number {
    const found = this.#search(bytes, offset);
    if (found >= 0) return found;
    if ((this.#size + 1) * 4 > this.#slots.length * 3) this.#growSlots();
    const entry = this.#size++;
    const at = entry % SEGMENT_ENTRIES;
    if (at === 0) this.#segments.push(new Int32Array(SEGMENT_ENTRIES * this.#idWords));
    const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
    for (let word = 0; word < this.#idWords; word++) {
      segment[at * this.#idWords + word] = wordAt(bytes, offset + 4 * word);
    }
    place(this.#slots, wordAt(bytes, offset), wordAt(bytes, offset + 4), entry);
    return entry;
  }

  /** Copies the id of an entry to `target` at `offset`. Only for tables that keep whole ids. */
  copyId(entry: number, target: Uint8Array, offset = 0): void {
    invariant(this.#idBytes === ID_BYTES, "A table of existence does not know whole ids");
    invariant(entry >= 0 && entry < this.#size, `No entry ${entry} in a table of ${this.#size}`);
    const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
    const at = (entry % SEGMENT_ENTRIES) * this.#idWords;
    for (let word = 0; word < this.#idWords; word++) {
      const value = segment[at + word]!;
      target[offset + 4 * word] = value;
      target[offset + 4 * word + 1] = value >> 8;
      target[offset + 4 * word + 2] = value >> 16;
      target[offset + 4 * word + 3] = value >> 24;
    }
  }

  #holds(entry: number, bytes: Uint8Array, offset: number): boolean {
    const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
    const at = (entry % SEGMENT_ENTRIES) * this.#idWords;
    for (let word = 0; word < this.#idWords; word++) {
      if (segment[at + word] !== wordAt(bytes, offset + 4 * word)) return false;
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
    this.#makeSlots(this.#slots.length * 2);
  }

  #makeSlots(count: number): void {
    const slots = new Int32Array(count);
    for (let entry = 0; entry < this.#size; entry++) {
      const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
      const at = (entry % SEGMENT_ENTRIES) * this.#idWords;
      place(slots, segment[at]!, segment[at + 1]!, entry);
    }
    this.#slots = slots;
  }
}

/** Puts an entry into the first free slot. Fewer entries than slots leave the bits above the mask for the tag. */
function place(slots: Int32Array, hash: number, tag: number, entry: number): void {
  const mask = maskOf(slots);
  let at = firstSlot(slots, hash);
  while (slots[at] !== 0) at = at + 1 < slots.length ? at + 1 : 0;
  slots[at] = (tag & ~mask) | (entry + 1);
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
