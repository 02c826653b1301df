/** Runs guards over bytes cut in different ways. */
import { strict as assert } from "node:assert";
import type { BuiltInGuardChoice, Verdict } from "../../src/guard/guard.ts";
import { createGuard } from "../../src/guard/formats.ts";

/** The verdict over `bytes`, pushed in pieces that end at the offsets `cuts` (ascending) and at the end. */
export async function judge(
  bytes: Uint8Array,
  choice: BuiltInGuardChoice = "auto",
  cuts: Iterable<number> = [],
): Promise<Verdict> {
  const guard = createGuard(choice);
  try {
    let start = 0;
    for (const cut of [...cuts, bytes.length]) {
      // A copy that is spoilt after the call: a guard that kept a view of it would judge differently.
      const piece = bytes.slice(start, cut);
      await guard.push(piece);
      piece.fill(0xa5);
      start = cut;
    }
    return await guard.finish();
  } finally {
    guard.dispose();
  }
}

/** Fails where any prefix of `bytes` shorter than `wholeFrom` is judged complete, or any from there on is not. */
export async function assertNoPrefixIsWhole(
  bytes: Uint8Array,
  wholeFrom = bytes.length,
  choice: BuiltInGuardChoice = "auto",
  cuts: Iterable<number> = Array.from({ length: bytes.length + 1 }, (_, cut) => cut),
): Promise<void> {
  for (const cut of cuts) {
    const { complete, reason } = await judge(bytes.subarray(0, cut), choice);
    assert.equal(complete === true, cut >= wholeFrom, `cut at ${cut} of ${bytes.length}: ${reason}`);
  }
}

/** The bytes of an ASCII or Latin-1 text. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** All parts one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** An unsigned number as `length` little-endian bytes. */
export function littleEndianBytes(value: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, rest = value; i < length; i++, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

/** Bytes that look random and are the same in every run. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
}
