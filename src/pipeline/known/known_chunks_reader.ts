/** Looks known chunks up in a sealing thread. */
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { IdTableReader } from "../../base/id_table.ts";
import { KeyedIds } from "../../crypto/table_keys.ts";
import { KEY_WORDS } from "../../store/sorted/row_layout.ts";
import { OpenRuns, type SortedIdsView } from "../../store/sorted/sorted_ids.ts";
import type { KnownChunksView } from "./known_chunks.ts";

/** What it misses is sealed in vain, and dropped by the thread that stores chunks. */
export class KnownChunksReader {
  readonly #table: IdTableReader;
  readonly #stored: StoredReader | null;

  /** Takes over the open files of `previous`, which must not be used any more, or closes them. */
  constructor({ table, stored }: KnownChunksView, previous?: KnownChunksReader) {
    this.#table = new IdTableReader(table);
    const before = previous === undefined ? null : previous.#stored;
    if (before !== null && stored !== null && before.name === nameOf(stored)) {
      this.#stored = before;
      return;
    }
    before?.[Symbol.dispose]();
    this.#stored = stored && new StoredReader(stored);
  }

  /** Whether every look-up on disk was answered so far. */
  get seesDisk(): boolean {
    return this.#stored !== null && this.#stored.isWhole;
  }

  /** Whether the chunk is known in memory whose id lies in `ids` from `offset` on. */
  isInMemory(ids: Uint8Array, offset: number): boolean {
    return this.#table.find(ids, offset) >= 0;
  }

  /** Those of the chunks, given by their positions in `ids`, that are not known on disk. */
  notOnDisk(ids: Uint8Array, positions: readonly number[]): readonly number[] {
    const stored = this.#stored;
    if (stored === null || positions.length === 0) return positions;
    const asked = new Uint8Array(positions.length * ID_BYTES);
    positions.forEach((position, i) => {
      asked.set(ids.subarray(position * ID_BYTES, (position + 1) * ID_BYTES), i * ID_BYTES);
    });
    const isStored = stored.has(asked);
    return positions.filter((_, i) => !isStored(i));
  }
}

/** What is known on disk, opened in this thread. */
class StoredReader implements Disposable {
  readonly name: string;
  readonly #runs: OpenRuns;
  readonly #keyed: KeyedIds;

  constructor(view: SortedIdsView) {
    this.name = nameOf(view);
    this.#runs = OpenRuns.ofViews(view.runs);
    this.#keyed = new KeyedIds(view.idSecret);
  }

  /** Whether every look-up was answered so far. */
  get isWhole(): boolean {
    return this.#runs.isWhole;
  }

  /** Tells of each id by its position whether it is surely known. */
  has(ids: Uint8Array): (position: number) => boolean {
    const keys = this.#keyed.ofAll(ids);
    return (position) => {
      try {
        return this.#runs.has(keys, position * KEY_WORDS);
      } catch (error) {
        // The thread that stores chunks asks again, and can do more about it.
        if (!(error instanceof IntegrityError)) throw error;
        return false;
      }
    };
  }

  [Symbol.dispose](): void {
    this.#runs[Symbol.dispose]();
    this.#keyed[Symbol.dispose]();
  }
}

function nameOf({ runs }: SortedIdsView): string {
  return runs.map(({ name }) => name).join();
}
