/** What every codec owes: checks that its test runs on values and on damaged text. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";

const SEED = 20_260_101;

/** Runs a property on the same values every time. */
export function checkProperty<T extends [unknown, ...unknown[]]>(
  property: fc.IPropertyWithHooks<T>,
  numRuns = 200,
): void {
  fc.assert(property, { seed: SEED, numRuns });
}

/** Every part of the text that ends too early must be refused, but for white space missing at its end. */
export function assertTruncationRefused(bytes: Uint8Array, decode: (bytes: Uint8Array<ArrayBuffer>) => unknown): void {
  const end = bytes.findLastIndex((byte) => byte !== 0x0a) + 1;
  for (let length = 0; length < end; length++) {
    assert.throws(() => decode(bytes.slice(0, length)), IntegrityError, `the first ${length} bytes were taken`);
  }
}

/**
 * Every text with one flipped bit must be refused, or read as some value: then no other error comes out. (That the value
 * is another one cannot be seen here; that is what sealing and digests are for.)
 */
export function assertFlipsHandled(bytes: Uint8Array, decode: (bytes: Uint8Array<ArrayBuffer>) => unknown): void {
  const flipped = new Uint8Array(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      decode(flipped);
    } catch (error) {
      assert.ok(error instanceof IntegrityError, `bit ${bit}: ${error}`);
      assert.ok(!error.message.includes("\n"), `bit ${bit}: the message has more than one line`);
    }
    flipped[bit >> 3]! ^= 1 << (bit & 7);
  }
}

/** Bytes of UTF-8 text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Text of UTF-8 bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** `IntegrityError` whose message names the thing and matches. */
export function integrityError(what: string, pattern: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof IntegrityError, String(error));
    assert.match(error.message, new RegExp(`^Damaged ${what}: `));
    assert.match(error.message, pattern);
    return true;
  };
}
