/** Digests: known answers, pieces, shared memory. */
import assert from "node:assert/strict";
import { encodeHex } from "../../src/base/hex.ts";
import { sha256, sha256Hex, StreamDigest } from "../../src/crypto/digest.ts";

const ABC = new TextEncoder().encode("abc");
const SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const MD5_OF_ABC = "900150983cd24fb0d6963f7d28e17f72";

Deno.test("SHA-256 of a buffer, in shared memory too", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5)).subarray(1, 4);
  shared.set(ABC);
  for (const bytes of [ABC, shared]) {
    assert.equal(encodeHex(sha256(bytes)), SHA256_OF_ABC);
    assert.equal(sha256Hex(bytes), SHA256_OF_ABC);
  }
  assert.equal(sha256Hex(new Uint8Array(0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

Deno.test("the result is the caller's own memory", () => {
  const first = sha256(ABC);
  first.fill(0);
  assert.equal(encodeHex(sha256(ABC)), SHA256_OF_ABC);
  assert.equal(first.buffer.byteLength, 32);
});

Deno.test("a stream's digests do not depend on its pieces nor on later changes of the buffer", () => {
  const digest = new StreamDigest({ md5: true });
  const buffer = new Uint8Array(new SharedArrayBuffer(1));
  for (const byte of ABC) {
    buffer[0] = byte;
    digest.update(buffer);
    buffer[0] = 0;
  }
  digest.update(new Uint8Array(0));
  assert.deepEqual(digest.digest(), { md5: MD5_OF_ABC, sha256: SHA256_OF_ABC });
});

Deno.test("a stream has no MD5 unless that was wanted", () => {
  const digest = new StreamDigest({ md5: false });
  digest.update(ABC);
  assert.deepEqual(digest.digest(), { md5: null, sha256: SHA256_OF_ABC });
});
