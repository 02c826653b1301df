/**
 * Bounds how many ids of new data blobs a backup keeps in memory. Those that it noted first go elsewhere. The ids that
 * were in the table before the first one was noted are not new, and stay.
 */
import { freeBuffer } from "../../base/bytes.ts";
import { BackgroundWork } from "../../base/concurrency.ts";
import type { IdTable } from "../../base/id_table.ts";

/** Where ids go that are to leave memory. */
export interface IdSpill {
  /** Whether an id was surely taken; false if that cannot be told. Only its first `KEPT_ID_BYTES` bytes count. */
  has(id: Uint8Array, offset: number): boolean;
  /** Takes ids, 32 bytes each. Resolves once `has` knows them all; false if they must stay where they are. */
  take(ids: Uint8Array): Promise<boolean>;
}

/** How many ids stay in memory; tests pass less. */
export interface IdSpillLimits {
  /** With so many new ids, some of them begin to leave; not fewer than `atOnce`. */
  readonly most: number;
  /** So many leave at a time. While they do, as many new ones may come, and no more. */
  readonly atOnce: number;
}

/**
 * The ids of 1.3 GB in chunks of 10 KiB. In 4 MB of memory, they are known to sealing threads, too: those need not seal
 * what a stream repeats within this distance.
 */
const ID_SPILL_LIMITS: IdSpillLimits = { most: 1 << 17, atOnce: 1 << 16 };

/** The new ids of one backup. */
export class NotedIds {
  readonly #spill: IdSpill | undefined;
  readonly #limits: IdSpillLimits;
  readonly #moving = new BackgroundWork(1);
  #isMoving = false;
  /** Whether the spill takes no more. */
  #isFull: boolean;
  #table: IdTable | undefined;
  /** The number of the first new id in the table. */
  #first = 0;

  /** Without a `spill`, all ids stay in memory. */
  constructor(spill?: IdSpill, limits = ID_SPILL_LIMITS) {
    this.#spill = spill;
    this.#limits = limits;
    this.#isFull = spill === undefined;
  }

  /** Whether an id is in the table, or is surely one of those that have left it. */
  has(table: IdTable, id: Uint8Array, offset: number): boolean {
    return table.find(id, offset) >= 0 || this.#hasLeft(id, offset);
  }

  /** Adds an id to the table; returns whether it was new. One that has left comes back, since it is likely to come again. */
  note(table: IdTable, id: Uint8Array, offset: number): boolean {
    if (this.#table !== table) [this.#table, this.#first] = [table, table.size];
    const size = table.size;
    return table.add(id, offset) === size && !this.#hasLeft(id, offset);
  }

  #hasLeft(id: Uint8Array, offset: number): boolean {
    return this.#spill?.has(id, offset) === true;
  }

  /** As in `BlobRegister`. */
  makeRoom(table: IdTable): Promise<void> | undefined {
    if (this.#isFull || this.#table !== table) return undefined;
    const { most, atOnce } = this.#limits;
    const held = table.size - this.#first;
    if (held < most || this.#isMoving && held < most + atOnce) return undefined;
    return this.#moving.begin(() => this.#move(table));
  }

  /** Resolves once no id is on its way. Throws what went wrong there. */
  settle(): Promise<void> {
    return this.#moving.settle();
  }

  async #move(table: IdTable): Promise<void> {
    const { most, atOnce } = this.#limits;
    // Others may have waited for room, too, and made it meanwhile.
    if (this.#isFull || this.#table !== table || table.size - this.#first < most) return;
    this.#isMoving = true;
    try {
      const ids = table.keptOf(this.#first, atOnce);
      this.#isFull = !await this.#spill!.take(ids);
      freeBuffer(ids);
      // Another table may have taken its place, which knows them as well.
      if (!this.#isFull && this.#table === table) table.drop(this.#first, atOnce);
    } finally {
      this.#isMoving = false;
    }
  }
}
