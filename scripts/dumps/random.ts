/** Seeded pseudo-random numbers, so that a dump can be reproduced byte for byte. Not for secrets. */

/**
 * The generator xoroshiro64** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018): 64 bits of
 * state, 32 bits a draw. Re-seeding is cheap, so every row of a table can have its own sequence.
 */
export class Random {
  #s0 = 1;
  #s1 = 0;

  /** Starts the sequence that belongs to four integers. Equal integers give equal sequences. */
  seed(a: number, b = 0, c = 0, d = 0): this {
    this.#s0 = mix(mix(mix(mix(0x2545f491, a), b), c), d);
    // The state must not be all zero.
    this.#s1 = mix(mix(this.#s0, d), a) | 1;
    return this;
  }

  /** An integer from -2^31 to 2^31 - 1: 32 evenly distributed bits, in the form that is cheapest to draw. */
  bits(): number {
    const s0 = this.#s0;
    const s1 = this.#s1 ^ s0;
    const product = Math.imul(s0, 0x9e3779bb);
    this.#s0 = ((s0 << 26) | (s0 >>> 6)) ^ s1 ^ (s1 << 9);
    this.#s1 = (s1 << 13) | (s1 >>> 19);
    return Math.imul((product << 5) | (product >>> 27), 5);
  }

  /** An integer from 0 to `limit` - 1; `limit` is at most 2^31. */
  below(limit: number): number {
    return ((this.bits() >>> 0) * (limit / 2 ** 32)) | 0;
  }

  /** A number above 0 and at most 1. */
  fraction(): number {
    return ((this.bits() >>> 0) + 1) / 2 ** 32;
  }
}

/** Mixes the bits of `value` into `hash` (the finisher of MurmurHash3, by Austin Appleby). */
function mix(hash: number, value: number): number {
  let h = (hash + Math.imul(value, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
