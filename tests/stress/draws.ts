/** What chance decides in a stress test: the same in every run with the same seed. */
import { seededRandom } from "../helpers/world.ts";

export class Draws {
  readonly #random: (lengthBytes: number) => Uint8Array;

  constructor(seed: string) {
    this.#random = seededRandom(seed);
  }

  /** From 0 to below 1. */
  fraction(): number {
    const bytes = this.#random(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / 2 ** 32;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** Whether something happens that happens so often, from 0 (never) to 1 (always). */
  happens(likelihood: number): boolean {
    return this.fraction() < likelihood;
  }

  pick<T>(choices: readonly [T, ...T[]]): T;
  pick<T>(choices: readonly T[]): T | undefined;
  pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(choices.length)];
  }
}
