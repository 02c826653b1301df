/**
 * Streams without structure, produced as fast as memory allows, for measuring what a tool does with bytes that never
 * repeat.
 */
import { Random } from "./random.ts";

/**
 * `random`: incompressible bytes. `letters`: four random bits in each byte, so 16 different letters, which compress to
 * half.
 */
export type NoiseKind = "random" | "letters";

const PIECE_BYTES = 1 << 20;

/** `bytes` bytes (Infinity: without end) in pieces of 1 MiB. Owns: each piece is the receiver's. */
export function* generateNoise(
  kind: NoiseKind,
  seed: number,
  bytes: number,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const source = new Random().seed(seed, 0x6e6f6973);
  for (let left = bytes; left > 0; left -= PIECE_BYTES) {
    const piece = new Uint32Array(PIECE_BYTES / 4);
    fill(piece, source.bits() | 1);
    if (kind === "letters") narrow(piece);
    yield new Uint8Array(piece.buffer, 0, Math.min(PIECE_BYTES, left));
  }
}

/** Marsaglia's xorshift32, from a state other than 0. Chosen only for its speed. */
function fill(words: Uint32Array, state: number): void {
  let s = state;
  for (let i = 0; i < words.length; i++) {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    words[i] = s;
  }
}

/** Turns every byte into one of the letters `@` to `O`. */
function narrow(words: Uint32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! & 0x0f0f0f0f) | 0x40404040;
}
