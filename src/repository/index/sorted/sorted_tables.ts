/** Keeps the tables of a repository open that its readers use, until it is closed. */
import type { IndexRow } from "../index_files.ts";
import type { BuildTools } from "./build_table.ts";
import { dropSorted, openSorted, type SortedPlace } from "./open_sorted.ts";
import type { SortedIndex } from "./sorted_index.ts";

/** Mostly one table; a further one after it was extended. */
export class SortedTables implements AsyncDisposable {
  readonly #place: SortedPlace;
  readonly #tables = new Map<string, SortedIndex>();
  /** Those that stay open until the repository is closed, since readers have them. */
  readonly #handedOut = new WeakSet<SortedIndex>();
  #isClosed = false;

  constructor(place: SortedPlace) {
    this.#place = place;
  }

  /** As `openSorted`; whoever gets the same table shares it. */
  async open(
    listed: readonly IndexRow[],
    tools: Omit<BuildTools, "random">,
  ): Promise<SortedIndex | undefined> {
    const { random } = this.#place.cache;
    const opened = await openSorted(this.#place, listed, { ...tools, random }, (name) => this.#intact(name));
    if (opened === undefined || this.#handedOut.has(opened)) return this.#isClosed ? undefined : opened;
    // Another call may have opened it meanwhile.
    const intact = this.#intact(opened.name);
    if (this.#isClosed || intact !== undefined) {
      opened[Symbol.dispose]();
      return intact;
    }
    this.#tables.get(opened.name)?.[Symbol.dispose]();
    this.#tables.set(opened.name, opened);
    this.#handedOut.add(opened);
    return opened;
  }

  /** The open table of that name, unless damage was found in it. */
  #intact(name: string): SortedIndex | undefined {
    const table = this.#tables.get(name);
    return table?.isDamaged === false ? table : undefined;
  }

  /** Closes all tables, and empties the folder of one that turned out to be damaged. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const tables = [...this.#tables.values()];
    this.#tables.clear();
    for (const table of tables) table[Symbol.dispose]();
    if (tables.some(({ isDamaged }) => isDamaged)) await dropSorted(this.#place);
  }
}
