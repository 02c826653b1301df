/**
 * A table of digests in shared memory: one thread adds, any number of threads look up.
 *
 * Memory: 32 bytes an id in segments that never move, plus slots of 4 bytes that are 3/8 to 3/4 full: 37 to 43 bytes an
 * id in all. A table that only answers whether it holds an id can keep 20 of the 32 bytes, and takes 25 to 31. Digests
 * are uniform, so their first four bytes serve as the hash. An id is written before an atomic store publishes its slot,
 * so a reader that sees the slot also sees the id. A reader with an older view may miss an id, but never finds one that
 * was never there. Entries can be dropped again, and their memory is used for others; a reader may find one of them for a
 * moment longer, and may miss those that were added after them while they move to their new numbers.
 */
import { ID_BYTES } from "./id.ts";
import { invariant } from "./errors.ts";

const SEGMENT_ENTRIES = 1 << 13;
const LEAST_SLOTS = 1 << 12;

/**
 * Bytes of each id that a table of existence keeps. Two different chunks never agree in the first 160 bits of their
 * SHA-256 by chance, and finding two that do takes about 2^80 attempts.
 */
export const KEPT_ID_BYTES = 20;

/** What a reader in another thread needs. It can be sent by `postMessage`. */
export interface IdTableView {
  readonly idBytes: number;
  readonly slots: SharedArrayBuffer;
  readonly segments: readonly SharedArrayBuffer[];
}

/** Looks up ids. Made from a view, in any thread. */
export class IdTableReader {
  readonly #parts: TableParts;

  constructor({ idBytes, slots, segments }: IdTableView) {
    this.#parts = {
      idWords: idBytes / 4,
      slots: new Int32Array(slots),
      segments: segments.map((segment) => new Int32Array(segment)),
    };
  }

  /** The entry number of the id at `offset` in `bytes`, or -1. `bytes` may have any alignment. */
  find(bytes: Uint8Array, offset = 0): number {
    return findEntry(this.#parts, wordsOf(bytes, offset));
  }
}

/** The table itself. Only one thread holds it and adds to it. */
export class IdTable {
  readonly #idBytes: number;
  readonly #idWords: number;
  #slots = new Int32Array(new SharedArrayBuffer(LEAST_SLOTS * 4));
  readonly #segments: Int32Array<SharedArrayBuffer>[] = [];
  #size = 0;
  #generation = 0;

  /** `idBytes`: how many bytes of each id are kept: all, or `KEPT_ID_BYTES`. */
  constructor(idBytes: typeof ID_BYTES | typeof KEPT_ID_BYTES = ID_BYTES) {
    this.#idBytes = idBytes;
    this.#idWords = idBytes / 4;
  }

  /** How many ids there are. */
  get size(): number {
    return this.#size;
  }

  /** Grows whenever readers need a new view to see what was added. */
  get generation(): number {
    return this.#generation;
  }

  /** The view for readers. */
  get view(): IdTableView {
    const segments = this.#segments.map((segment) => segment.buffer);
    return { idBytes: this.#idBytes, slots: this.#slots.buffer, segments };
  }

  /** The entry number of an id, or -1. Entries are numbered from 0 in the order in which they were added. */
  find(bytes: Uint8Array, offset = 0): number {
    return findEntry(this.#parts, wordsOf(bytes, offset));
  }

  /** Adds an id and returns its entry number. An id that is already there keeps its number. */
  add(bytes: Uint8Array, offset = 0): number {
    const words = wordsOf(bytes, offset);
    const found = findEntry(this.#parts, words);
    if (found >= 0) return found;
    if ((this.#size + 1) * 4 > this.#slots.length * 3) this.#growSlots();
    const entry = this.#size++;
    const segment = (entry / SEGMENT_ENTRIES) | 0;
    if (segment === this.#segments.length) {
      this.#segments.push(new Int32Array(new SharedArrayBuffer(SEGMENT_ENTRIES * this.#idBytes)));
      this.#generation++;
    }
    const kept = words.subarray(0, this.#idWords);
    this.#segments[segment]!.set(kept, (entry % SEGMENT_ENTRIES) * this.#idWords);
    publish(this.#slots, words[0]!, entry);
    return entry;
  }

  /** What is kept of the ids of `count` entries from `from` on, 32 bytes each, which end with zeros then. */
  keptOf(from: number, count: number): Uint8Array<ArrayBuffer> {
    invariant(from >= 0 && from + count <= this.#size, `No ${count} entries from ${from} on in ${this.#size}`);
    const ids = new Uint8Array(count * ID_BYTES);
    for (let i = 0; i < count; i++) {
      const segment = this.#segments[((from + i) / SEGMENT_ENTRIES) | 0]!;
      const at = ((from + i) % SEGMENT_ENTRIES) * this.#idBytes;
      ids.set(new Uint8Array(segment.buffer, at, this.#idBytes), i * ID_BYTES);
    }
    return ids;
  }

  /** Drops `count` entries from `from` on. Those behind them get the numbers from `from` on; no memory is given back. */
  drop(from: number, count: number): void {
    const end = from + count;
    const moved = this.keptOf(end, this.#size - end);
    // An entry has its slot by those before it alone, so these stay where they are found.
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) if (slots[slot]! > from) Atomics.store(slots, slot, 0);
    this.#size = from;
    for (let at = 0; at < moved.length; at += ID_BYTES) this.add(moved, at);
  }

  /** Adds all ids of another table, which must keep as many bytes of each as this one. */
  addAll(other: IdTable): void {
    invariant(this.#idBytes === other.#idBytes, "Two tables keep different parts of ids");
    const id = new Uint8Array(ID_BYTES);
    for (let entry = 0; entry < other.#size; entry++) {
      const segment = other.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
      id.set(new Uint8Array(segment.buffer, (entry % SEGMENT_ENTRIES) * this.#idBytes, this.#idBytes));
      this.add(id);
    }
  }

  /** Copies the id of an entry to `target` at `offset`. Only for tables that keep whole ids. */
  copyId(entry: number, target: Uint8Array, offset = 0): void {
    invariant(this.#idBytes === ID_BYTES, "A table of existence does not know whole ids");
    invariant(entry >= 0 && entry < this.#size, `No entry ${entry} in a table of ${this.#size}`);
    const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
    target.set(new Uint8Array(segment.buffer, (entry % SEGMENT_ENTRIES) * ID_BYTES, ID_BYTES), offset);
  }

  #growSlots(): void {
    const slots = new Int32Array(new SharedArrayBuffer(this.#slots.length * 8));
    for (let entry = 0; entry < this.#size; entry++) {
      const segment = this.#segments[(entry / SEGMENT_ENTRIES) | 0]!;
      publish(slots, segment[(entry % SEGMENT_ENTRIES) * this.#idWords]!, entry);
    }
    this.#slots = slots;
    this.#generation++;
  }

  get #parts(): TableParts {
    return { idWords: this.#idWords, slots: this.#slots, segments: this.#segments };
  }
}

interface TableParts {
  readonly idWords: number;
  readonly slots: Int32Array;
  readonly segments: readonly Int32Array[];
}

/** The eight words of an id, in a scratch array that is valid until the next call. */
function wordsOf(bytes: Uint8Array, offset: number): Int32Array {
  for (let i = 0; i < ID_BYTES; i++) SCRATCH_BYTES[i] = bytes[offset + i]!; // A view would be garbage for each id.
  return SCRATCH_WORDS;
}

const SCRATCH_WORDS = new Int32Array(8);
const SCRATCH_BYTES = new Uint8Array(SCRATCH_WORDS.buffer);

function publish(slots: Int32Array, hash: number, entry: number): void {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  Atomics.store(slots, slot, entry + 1);
}

function findEntry({ idWords, slots, segments }: TableParts, words: Int32Array): number {
  const mask = slots.length - 1;
  for (let slot = words[0]! & mask;; slot = (slot + 1) & mask) {
    const entry = Atomics.load(slots, slot) - 1;
    if (entry < 0) return -1;
    const segment = segments[(entry / SEGMENT_ENTRIES) | 0];
    if (segment === undefined) continue;
    const base = (entry % SEGMENT_ENTRIES) * idWords;
    let same = true;
    for (let word = 0; word < idWords; word++) {
      if (segment[base + word] !== words[word]) {
        same = false;
        break;
      }
    }
    if (same) return entry;
  }
}
