/**
 * The polynomial over GF(2) that a repository's config holds for restic's Rabin chunker (restic design document,
 * section Backups and Deduplication). This program cuts in another way, but restic refuses a repository with a
 * reducible polynomial. A polynomial is a bigint whose bit i is the coefficient of x^i.
 */
import { BugError } from "../base/errors.ts";

const LOW_BITS = (1n << 54n) - 1n;
const ALWAYS_SET = (1n << 53n) | 1n;
/**
 * About one in 27 odd polynomials is irreducible, so this many failures in a row mean that the source is not random.
 */
const MAX_TRIES = 10_000;

/**
 * A random irreducible polynomial of degree 53, as restic's chunker needs it, in lower-case hex digits.
 * `randomBytes(n)` returns n random bytes.
 */
export function randomPolynomial(randomBytes: (count: number) => Uint8Array): string {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const bytes = randomBytes(8);
    const random = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    const candidate = (random & LOW_BITS) | ALWAYS_SET;
    if (isIrreducible(candidate)) return candidate.toString(16);
  }
  throw new BugError("Cannot choose a polynomial: the random numbers are not random");
}

/** The polynomial of a hex text, or `null` if it is not one. */
export function parsePolynomial(hex: string): bigint | null {
  return /^[0-9a-fA-F]{1,16}$/.test(hex) ? BigInt(`0x${hex}`) : null;
}

/**
 * Whether the polynomial is irreducible, by Ben-Or's test: x^(2^i) - x is the product of all irreducible polynomials
 * whose degree divides i, so it must share no factor with `polynomial` for any i up to half of its degree.
 */
export function isIrreducible(polynomial: bigint): boolean {
  const degree = degreeOf(polynomial);
  if (degree < 1) return false;
  const x = remainder(2n, polynomial);
  let power = x;
  for (let i = 1; i <= degree >> 1; i++) {
    power = squareModulo(power, polynomial);
    if (greatestCommonDivisor(polynomial, power ^ x) !== 1n) return false;
  }
  return true;
}

/** The degree; -1 for the zero polynomial. */
function degreeOf(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

function remainder(dividend: bigint, divisor: bigint): bigint {
  const degree = degreeOf(divisor);
  let rest = dividend;
  for (let excess = degreeOf(rest) - degree; excess >= 0; excess = degreeOf(rest) - degree) {
    rest ^= divisor << BigInt(excess);
  }
  return rest;
}

/** Squaring over GF(2) only spreads the bits, since the cross terms cancel each other. */
function squareModulo(polynomial: bigint, modulus: bigint): bigint {
  const spread = polynomial.toString(2).split("").join("0");
  return remainder(BigInt(`0b${spread}`), modulus);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, remainder(a, b)];
  return a;
}
