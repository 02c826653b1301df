/** AES over whole blocks: the vectors of NIST, and agreement with node:crypto whatever the calls. */
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { BugError } from "../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import { BlockCipher } from "../../src/crypto/block_cipher.ts";
import { pseudorandomBytes } from "./pseudorandom.ts";

Deno.test("the examples of SP 800-38A, F.1.1 and F.1.5", () => {
  const plain = "6bc1bee22e409f96e93d7e117393172a" + "ae2d8a571e03ac9c9eb76fac45af8e51";
  const examples = {
    "2b7e151628aed2a6abf7158809cf4f3c": "3ad77bb40d7a3660a89ecaf32466ef97" + "f5d3d58503b9699de785895a96fdbaaf",
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": "f3eed1bdb5d2a03c064b5a7e3db181f8" +
      "591ccb10d410ed26dc5ba74a31362870",
  };
  for (const [key, expected] of Object.entries(examples)) {
    using cipher = new BlockCipher(decodeHex(key));
    assert.equal(encodeHex(cipher.encrypt(decodeHex(plain))), expected);
  }
});

Deno.test("each call encrypts its own blocks, however many they are and whatever was encrypted before", () => {
  const calls = fc.array(fc.record({ blocks: fc.nat(5000), offset: fc.nat(20) }), { maxLength: 6 });
  for (const keyBytes of [16, 32]) {
    const key = pseudorandomBytes(keyBytes, `key of ${keyBytes}`);
    const source = pseudorandomBytes(5000 * 16 + 20, "source");
    fc.assert(
      fc.property(calls, (plan) => {
        using cipher = new BlockCipher(key);
        for (const { blocks, offset } of plan) {
          const plaintext = source.subarray(offset, offset + blocks * 16);
          const reference = createCipheriv(`aes-${keyBytes * 8}-ecb`, key, null);
          reference.setAutoPadding(false);
          assert.ok(reference.update(plaintext).equals(cipher.encrypt(plaintext)));
          reference.final();
        }
      }),
      { numRuns: 20 },
    );
  }
});

Deno.test("half a block is refused", () => {
  using cipher = new BlockCipher(pseudorandomBytes(32, "key"));
  assert.throws(() => cipher.encrypt(new Uint8Array(24)), BugError);
});
