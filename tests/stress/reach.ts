/** How far a command goes, learned from runs that mostly are stopped on the way. */
import type { Draws } from "./draws.ts";

/** By how much it is thought longer after each run that was stopped; one that gets to its end tells its true length. */
const GROWTH = 1.07;

export class Reach {
  #length: number;

  /** Begins with a guess, in whatever unit. */
  constructor(guess: number) {
    this.#length = guess;
  }

  /** About its length. */
  get length(): number {
    return this.#length;
  }

  /** A place on the way, from 0 on. */
  draw(draws: Draws): number {
    return draws.fraction() * this.#length;
  }

  /** A run was stopped at a place that was drawn. */
  stopped(): void {
    this.#length *= GROWTH;
  }

  /** A run came to its end. */
  ended(length: number): void {
    this.#length = Math.max(1, length);
  }
}
