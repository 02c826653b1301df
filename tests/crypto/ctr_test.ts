/** CTR over counter blocks: the vectors of NIST, and agreement with the CTR of node:crypto wherever counters wrap. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { BugError } from "../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import { Ctr } from "../../src/crypto/ctr.ts";
import type { Piece } from "../../src/crypto/piece.ts";
import { pseudorandomBytes } from "./pseudorandom.ts";

const KEY = pseudorandomBytes(32, "key");
const LIMIT = 1n << 128n;
const KIB_64 = 65536;

function counterOf(number: bigint): Uint8Array<ArrayBuffer> {
  const hex = ((number + LIMIT) % LIMIT).toString(16).padStart(32, "0");
  return decodeHex(hex);
}

function ctrReference(nonce: Uint8Array, text: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-ctr", KEY, nonce);
  const enciphered = new Uint8Array(cipher.update(text));
  cipher.final();
  return enciphered;
}

/** A payload to be laid out: its length, how many whole blocks lie before it, and its nonce. */
interface Planned {
  readonly length: number;
  readonly gap: number;
  readonly nonce: bigint;
}

/** Lays payloads out, applies the keystream, and compares each of them and every whole block between them. */
function assertAgrees(ctr: Ctr, plan: readonly Planned[]): void {
  let free = 0;
  const payloads: Piece[] = plan.map(({ length, gap }) => {
    const offset = free + gap * 16;
    free = offset + Math.ceil(length / 16) * 16;
    return { offset, length };
  });
  const region = pseudorandomBytes(free + 32, `region ${free}`);
  const before = region.slice();
  const nonces = plan.map(({ nonce }) => counterOf(nonce));
  ctr.apply(region, payloads, Uint8Array.from(nonces.flatMap((nonce) => [...nonce])));
  let end = 0;
  payloads.forEach(({ offset, length }, i) => {
    assert.equal(encodeHex(region, end, offset - end), encodeHex(before, end, offset - end), `before payload ${i}`);
    const expected = ctrReference(nonces[i]!, before.subarray(offset, offset + length));
    assert.equal(Buffer.compare(region.subarray(offset, offset + length), expected), 0, `payload ${i}`);
    end = offset + Math.ceil(length / 16) * 16;
  });
  assert.deepEqual(region.subarray(end), before.subarray(end));
}

Deno.test("ctr: the vectors of NIST SP 800-38A, F.5.5 and F.5.6", () => {
  const ctr = new Ctr(decodeHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"));
  const nonce = decodeHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const plaintext = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
  const ciphertext = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" +
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6";
  const region = decodeHex(plaintext);
  ctr.apply(region, [{ offset: 0, length: 64 }], nonce);
  assert.equal(encodeHex(region), ciphertext);
  ctr.apply(region, [{ offset: 0, length: 64 }], nonce);
  assert.equal(encodeHex(region), plaintext);
});

Deno.test("ctr: payloads of any lengths, with gaps or without, are those of node:crypto", () => {
  const lengths = fc.oneof(fc.nat(70), fc.nat(20_000), fc.constantFrom(0, 1, 15, 16, 17, 65535, 65536, 65537, 131_073));
  const boundary = fc.constantFrom(1n << 32n, 1n << 64n, 1n << 96n, LIMIT);
  const nearBoundary = fc.tuple(boundary, fc.nat(5000)).map(([at, less]) => at - BigInt(less));
  const nonce = fc.oneof(fc.bigInt({ min: 0n, max: LIMIT - 1n }), nearBoundary);
  const planned = fc.record({ length: lengths, gap: fc.oneof(fc.constant(0), fc.nat(40)), nonce });
  const ctr = new Ctr(KEY);
  fc.assert(
    fc.property(fc.array(planned, { maxLength: 14 }), (plan) => assertAgrees(ctr, plan)),
    { seed: 11, numRuns: 80 },
  );
});

Deno.test("ctr: counters wrap at each of their words, in the middle of a slice and on its border", () => {
  const ctr = new Ctr(KEY);
  for (const boundary of [1n << 32n, 1n << 64n, 1n << 96n, LIMIT]) {
    for (const blocksBefore of [1, 2, 4095, 4096, 4097, 8191, 8192]) {
      const wraps = { length: 3 * KIB_64 + 5, gap: 0, nonce: boundary - BigInt(blocksBefore) };
      assertAgrees(ctr, [wraps]);
      assertAgrees(ctr, [{ length: 100, gap: 0, nonce: 1n }, wraps, { length: 100, gap: 0, nonce: 2n }]);
    }
  }
});

Deno.test("ctr: the keystream is AES of the nonce counted up, modulo 2^128", () => {
  const region = new Uint8Array(64);
  new Ctr(KEY).apply(region, [{ offset: 0, length: 64 }], counterOf(LIMIT - 2n));
  const aes = createCipheriv("aes-256-ecb", KEY, null);
  const keystream = [-2n, -1n, 0n, 1n].map((number) => encodeHex(new Uint8Array(aes.update(counterOf(number)))));
  aes.setAutoPadding(false);
  aes.final();
  assert.equal(encodeHex(region), keystream.join(""));
});

Deno.test("ctr: a call is complete, and leaves nothing behind for the next", () => {
  const ctr = new Ctr(KEY);
  for (const length of [0, 5, 70_000, 5, 16, 0, 33]) assertAgrees(ctr, [{ length, gap: 1, nonce: 7n }]);
  ctr.apply(new Uint8Array(0), [], new Uint8Array(0));
});

Deno.test("ctr: nonces and regions may lie anywhere in their buffers, as far as words allow", () => {
  const nonce = counterOf(1234567890123456789n);
  const nonces = new Uint8Array(19);
  nonces.set(nonce, 3);
  const region = new Uint8Array(52).fill(1).subarray(4);
  new Ctr(KEY).apply(region, [{ offset: 16, length: 20 }], nonces.subarray(3));
  assert.deepEqual(region.subarray(16, 36), ctrReference(nonce, new Uint8Array(20).fill(1)));
  assert.deepEqual(region.subarray(0, 16), new Uint8Array(16).fill(1));
});

Deno.test("ctr: regions that are no aligned whole blocks are refused", () => {
  const ctr = new Ctr(KEY);
  const payload = [{ offset: 0, length: 16 }];
  for (const byteOffset of [1, 2, 3]) {
    const region = new Uint8Array(40).subarray(byteOffset, byteOffset + 32);
    assert.throws(() => ctr.apply(region, payload, new Uint8Array(16)), BugError);
  }
  for (const length of [15, 17, 31]) {
    assert.throws(() => ctr.apply(new Uint8Array(length), payload, new Uint8Array(16)), BugError);
  }
});

Deno.test("ctr: the key is copied", () => {
  const key = KEY.slice();
  const ctr = new Ctr(key);
  key.fill(0);
  assertAgrees(ctr, [{ length: 100, gap: 0, nonce: 5n }]);
});
