/** MD5 in WebAssembly: the answers of RFC 1321, and the runtime's MD5 for everything else. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Md5 } from "../../../src/crypto/md5/md5.ts";
import { pseudorandomBytes } from "../pseudorandom.ts";

/** More than a window of the module. */
const LONG = pseudorandomBytes(300_001, "md5");

function md5(pieces: readonly Uint8Array[]): string {
  const digest = new Md5();
  for (const piece of pieces) digest.update(piece);
  return digest.digest();
}

function expected(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

Deno.test("the answers of RFC 1321, appendix A.5", () => {
  const answers = {
    "": "d41d8cd98f00b204e9800998ecf8427e",
    "a": "0cc175b9c0f1b6a831c399e269772661",
    "abc": "900150983cd24fb0d6963f7d28e17f72",
    "message digest": "f96b697d7cb7938d525a2f31aaf161d0",
    "abcdefghijklmnopqrstuvwxyz": "c3fcd3d76192e4007dfb496cca67e13b",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": "d174ab98d277d9f5a5611c2c9f419d9f",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890":
      "57edf4a22be3c955ac49da2e2107b67a",
  };
  for (const [text, answer] of Object.entries(answers)) assert.equal(md5([new TextEncoder().encode(text)]), answer);
});

Deno.test("every length of up to four blocks has the runtime's MD5", () => {
  for (let length = 0; length <= 256; length++) {
    const bytes = LONG.subarray(0, length);
    assert.equal(md5([bytes]), expected(bytes), `${length} bytes`);
  }
});

Deno.test("neither pieces nor other streams of the thread change an MD5, in shared memory either", () => {
  const cuts = fc.array(fc.oneof(fc.nat(LONG.length), fc.nat(200)), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, fc.nat(LONG.length), fc.boolean(), (cuts, length, isShared) => {
      const bytes = isShared ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length);
      bytes.set(LONG.subarray(0, length));
      const places = [0, ...cuts.map((cut) => Math.min(cut, length)).sort((a, b) => a - b), length];
      const [digest, other] = [new Md5(), new Md5()];
      for (let i = 1; i < places.length; i++) {
        const piece = bytes.slice(places[i - 1], places[i]);
        digest.update(piece);
        piece.fill(0);
        other.update(LONG.subarray(0, 100));
      }
      assert.equal(digest.digest(), expected(LONG.subarray(0, length)));
    }),
    { numRuns: 200 },
  );
});

Deno.test("the length of a stream of more than 512 MiB is all in its MD5", () => {
  const mebibyte = new Uint8Array(2 ** 20);
  // Of md5sum.
  assert.equal(md5(Array.from({ length: 513 }, () => mebibyte)), "f3a8799d64129a6fd8a5aa56f199ac54");
});
