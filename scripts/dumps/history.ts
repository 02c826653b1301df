/** What happened to each row of a table up to a given night. Pure arithmetic on seeds: no rows are stored. */
import { Random } from "./random.ts";

/** How a database changes from one night to the next. */
export interface Change {
  /** Share of the rows that are changed, chosen at random: 0.001 is one in a thousand. */
  readonly changed: number;
  /** Number of rows appended, as a share of the rows of the night before. */
  readonly appended: number;
}

/** The number of rows of a table on a night; the first night is 1. */
export function rowsOnNight(rowsOnFirstNight: number, night: number, change: Change): number {
  return Math.round(rowsOnFirstNight * (1 + change.appended) ** (night - 1));
}

/** Walks through the rows of one table in order, and tells when each appeared and when it last changed. */
export class RowHistory {
  /** The number of rows on the given night. */
  readonly rows: number;
  /** The row's number, from 0 on; -1 before the first `next`. */
  index = -1;
  /** The night on which the row appeared. */
  bornNight = 1;
  /** The night on which the row last changed, or else appeared. */
  changedNight = 1;
  readonly #rowsByNight: number[];
  readonly #changes: ChangedRows[];

  /** `seed` and `table` choose which rows change. The same two make the same choice on any night. */
  constructor(seed: number, table: number, rowsOnFirstNight: number, readonly night: number, change: Change) {
    this.#rowsByNight = Array.from({ length: night }, (_, i) => rowsOnNight(rowsOnFirstNight, i + 1, change));
    this.rows = this.#rowsByNight[night - 1]!;
    this.#changes = Array.from({ length: night - 1 }, (_, i) => {
      return new ChangedRows(new Random().seed(seed, table, i + 2, 0x6368616e), change.changed);
    });
  }

  /** Steps to the next row. Returns false after the last. */
  next(): boolean {
    if (++this.index >= this.rows) return false;
    while (this.index >= this.#rowsByNight[this.bornNight - 1]!) this.bornNight++;
    this.changedNight = this.bornNight;
    for (let i = 0; i < this.#changes.length; i++) {
      // The changes of night 2 come first. They affect rows that existed before that night.
      if (this.#changes[i]!.reach(this.index) && this.bornNight < i + 2) this.changedNight = i + 2;
    }
    return true;
  }
}

/** The rows that one night changed, in order. Each is found by drawing its distance from the one before. */
class ChangedRows {
  #nextRow = -1;

  constructor(readonly random: Random, readonly share: number) {
    this.#advance();
  }

  /** Whether the row was changed. Must be called for every row in order. */
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
