/** AES-256-GCM: a vector of its specification, and that nothing altered is opened. */
import assert from "node:assert/strict";
import { encodeHex } from "../../src/base/hex.ts";
import { gcmDecrypt, gcmEncrypt } from "../../src/crypto/gcm.ts";

const hex = (text: string) => Uint8Array.fromHex(text);

/** Test case 16 of the specification of GCM by McGrew and Viega. */
const VECTOR = {
  key: hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
  nonce: hex("cafebabefacedbaddecaf888"),
  additional: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
};
const PLAINTEXT = hex(
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
);
const SEALED = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
  "76fc6ece0f4e1768cddf8853bb2d551b";

Deno.test("GCM gives the vector of its specification", async () => {
  assert.equal(encodeHex(await gcmEncrypt(PLAINTEXT, VECTOR)), SEALED);
  assert.deepEqual(await gcmDecrypt(hex(SEALED), VECTOR), PLAINTEXT);
});

Deno.test("nothing altered is opened", async () => {
  const altered = hex(SEALED);
  altered[3]! ^= 1;
  assert.equal(await gcmDecrypt(altered, VECTOR), null);
  assert.equal(await gcmDecrypt(hex(SEALED).slice(0, 15), VECTOR), null);
  assert.equal(await gcmDecrypt(hex(SEALED), { ...VECTOR, additional: hex("00") }), null);
  assert.equal(await gcmDecrypt(hex(SEALED), { ...VECTOR, nonce: new Uint8Array(12) }), null);
});
