/**
 * The rows of a table whose keys are random, as those of UUIDs: some appear anywhere in it, some vanish, some change.
 * Pure arithmetic on seeds: no rows are stored.
 */
import { Random } from "./random.ts";

/** How such a table changes from one night to the next, as shares of the rows of the first night. */
export interface Turnover {
  readonly changed: number;
  /** New rows each night, for as many nights as they take to double the table. */
  readonly inserted: number;
  readonly deleted: number;
}

const LIVES = 0x6c697665;

/** What is known of the row in a place of the table. */
interface RowLife {
  /** The night on which the row appeared. */
  bornNight: number;
  /** The night on which it last changed, or else appeared. */
  changedNight: number;
}

/** Walks through the places of a table in the order of their keys, and tells which have a row on a night. */
export class RowLives {
  /** How many places there are: for each row of the first night, one more that may get a row later. */
  readonly places: number;
  readonly life: RowLife = { bornNight: 1, changedNight: 1 };
  readonly #random = new Random();

  constructor(
    readonly seed: number,
    rowsOnFirstNight: number,
    readonly night: number,
    readonly turnover: Turnover,
  ) {
    this.places = 2 * rowsOnFirstNight;
  }

  /** Whether the place has a row on this night. `life` then tells what is known of it. */
  isRow(place: number): boolean {
    const random = this.#random.seed(this.seed, LIVES, place);
    const isOfFirstNight = random.bits() < 0;
    const born = isOfFirstNight ? 1 : 1 + Math.ceil(random.fraction() / this.turnover.inserted);
    if (born > this.night || born + nightsUntil(random, this.turnover.deleted) <= this.night) return false;
    this.life.bornNight = this.life.changedNight = born;
    for (;;) {
      const next = this.life.changedNight + nightsUntil(random, this.turnover.changed);
      if (next > this.night) return true;
      this.life.changedNight = next;
    }
  }
}

/** How many nights pass, at least one, until something happens that happens with this share each night. */
function nightsUntil(random: Random, share: number): number {
  if (share >= 1) return 1;
  if (share <= 0) return Infinity;
  return 1 + Math.floor(Math.log(random.fraction()) / Math.log(1 - share));
}
