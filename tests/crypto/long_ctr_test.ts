/** Counter mode of long payloads: agreement with another implementation, whatever the counter. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { LongCtr } from "../../src/crypto/long_ctr.ts";
import { pseudorandomBytes } from "./pseudorandom.ts";

const KEY = pseudorandomBytes(32, "key");

Deno.test("a long payload is encrypted by counter mode, also where the counter overflows", async () => {
  const ctr = new LongCtr(KEY);
  const nonces = fc.tuple(fc.nat(16), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([high, nonce]) => nonce.map((byte, i) => i < high ? 0xff : byte));
  const property = fc.asyncProperty(nonces, fc.nat(100_000), fc.nat(15), async (nonce, length, offset) => {
    const payload = pseudorandomBytes(length + offset, "payload").subarray(offset);
    const before = payload.slice();
    const reference = createCipheriv("aes-256-ctr", KEY, nonce);
    const expected = Buffer.concat([reference.update(payload), reference.final()]);
    const result = await ctr.apply(payload, new Uint8Array(nonce));
    assert.equal(Buffer.compare(result, expected), 0);
    assert.equal(Buffer.compare(payload, before), 0);
  });
  await fc.assert(property, { seed: 6, numRuns: 60 });
});
