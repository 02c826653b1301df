/** How long the content lists of a session's open streams may get before they are stored away in parts. */
import type { PartLimits } from "../../backup/content_list.ts";

/** What all lists may hold together, as a multiple of what one may. */
const SHARE = 3;
/** A part that is shorter would hardly ever end at the end that every 4096th chunk is (`PartLimits`). */
const SHORTEST_PART = 5000;

/**
 * Limits that all lists of a session share. As long as they hold little together they are those of a list alone. Then every
 * list that is long enough is stored in parts while its stream goes on: in the same ones that it would come to at its end,
 * or, where many are open, in shorter ones.
 */
export class SharedPartLimits implements PartLimits {
  readonly #alone: PartLimits;
  #openLists = 0;
  #heldChunks = 0;

  constructor(alone: PartLimits) {
    this.#alone = alone;
  }

  get single(): number {
    return this.#isOver ? this.least : this.#alone.single;
  }

  get least(): number {
    const { least } = this.#alone;
    return this.#isOver ? Math.min(least, Math.max(SHORTEST_PART, Math.floor(this.#shared / this.#openLists))) : least;
  }

  get most(): number {
    const { least, most } = this.#alone;
    return Math.ceil(this.least * most / least);
  }

  /** Counts lists that were opened, or, where it is negative, closed. */
  countLists(change: number): void {
    this.#openLists += change;
  }

  /** Counts chunks that open lists hold in addition, or, where it is negative, no more. */
  countHeld(change: number): void {
    this.#heldChunks += change;
  }

  get #shared(): number {
    return SHARE * this.#alone.single;
  }

  get #isOver(): boolean {
    return this.#heldChunks > this.#shared;
  }
}
