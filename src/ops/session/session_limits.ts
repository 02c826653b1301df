/** Limits for the content lists of a session's open streams, beyond which lists are stored in parts. */
import type { PartLimits } from "../../backup/content/content_list.ts";

/** The limit of all lists together, as a multiple of the limit of one list. */
const SHARE = 3;
/** One chunk in 4096 may end a part (`PartLimits`). A shorter part would hardly ever end at one of them. */
const SHORTEST_PART = 5000;

/**
 * Limits that all lists of a session share. As long as the lists hold few chunks together, each has the limits of a
 * single list. After that, every list that is long enough is stored in parts while its stream is read: in the same
 * parts as at its end or, if many lists are open, in shorter ones.
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

  /** Counts opened lists, or closed ones if negative. */
  countLists(change: number): void {
    this.#openLists += change;
  }

  /** Counts chunks that open lists hold in addition, or no longer hold if negative. */
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
