/** What happened to each row of a table up to a given night: pure arithmetic on seeds, no rows are kept. */
import { Random } from "./random.ts";

/** How a database changes from one night to the next. */
export interface Change {
  /** Share of the rows that are altered, chosen at random: 0.001 is one in a thousand. */
  readonly changed: number;
  /** Share of the rows that are appended, of those there were the night before. */
  readonly appended: number;
}

/** Rows of a table on a night, counted from night 1 on. */
export function rowsOnNight(rowsOnFirstNight: number, night: number, change: Change): number {
  return Math.round(rowsOnFirstNight * (1 + change.appended) ** (night - 1));
}

/** Walks through the rows of one table in order and tells of each when it came and when it last changed. */
export class RowHistory {
  /** Rows there are on the night in question. */
  readonly rows: number;
  /** The row's number, from 0 on; -1 before the first `next`. */
  index = -1;
  /** The night on which the row appeared. */
  bornNight = 1;
  /** The night on which the row last changed, or that on which it appeared. */
  changedNight = 1;
  readonly #rowsByNight: number[];
  readonly #changes: ChangedRows[];

  /** `seed` and `table` choose which rows change; the same two give the same choice at any night. */
  constructor(seed: number, table: number, rowsOnFirstNight: number, readonly night: number, change: Change) {
    this.#rowsByNight = Array.from({ length: night }, (_, i) => rowsOnNight(rowsOnFirstNight, i + 1, change));
    this.rows = this.#rowsByNight[night - 1]!;
    this.#changes = Array.from({ length: night - 1 }, (_, i) => {
      return new ChangedRows(new Random().seed(seed, table, i + 2, 0x6368616e), change.changed);
    });
  }

  /** Steps to the next row; false behind the last. */
  next(): boolean {
    if (++this.index >= this.rows) return false;
    while (this.index >= this.#rowsByNight[this.bornNight - 1]!) this.bornNight++;
    this.changedNight = this.bornNight;
    for (let i = 0; i < this.#changes.length; i++) {
      // The changes of night 2 come first; they concern rows that were there before that night.
      if (this.#changes[i]!.reach(this.index) && this.bornNight < i + 2) this.changedNight = i + 2;
    }
    return true;
  }
}

/** The rows that one night changed, in order, found by drawing the distance from each to the next. */
class ChangedRows {
  #nextRow = -1;

  constructor(readonly random: Random, readonly share: number) {
    this.#advance();
  }

  /** Whether the row is a changed one; to be asked of every row in order. */
  reach(index: number): boolean {
    if (index !== this.#nextRow) return false;
    this.#advance();
    return true;
  }

  #advance(): void {
    if (this.share >= 1) this.#nextRow++;
    else if (this.share <= 0) this.#nextRow = Infinity;
    else this.#nextRow += 1 + Math.floor(Math.log(this.random.fraction()) / Math.log(1 - this.share));
  }
}
