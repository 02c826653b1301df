/** The envelope of a value with a password of its own: it survives encoding, and no damage of it goes unnoticed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { decodeEnvelope, encodeEnvelopeHeader, joinEnvelope } from "../../src/format/value_envelope.ts";
import { bytesOf } from "./arbitraries.ts";
import { assertTruncationRefused, checkProperty, integrityError } from "./codec_checks.ts";
import { SAMPLE_ENVELOPE } from "./samples.ts";

const WHAT = `value of "app/config"`;
const ENVELOPE = joinEnvelope(encodeEnvelopeHeader(SAMPLE_ENVELOPE.header), SAMPLE_ENVELOPE.ciphertext);
const decode = (bytes: Uint8Array<ArrayBuffer>) => decodeEnvelope(bytes, WHAT);

const header = fc.record({
  isJson: fc.boolean(),
  isCompressed: fc.boolean(),
  memoryKib: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  passes: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  lanes: fc.integer({ min: 0, max: 255 }),
  salt: bytesOf(16),
  nonce: bytesOf(12),
  check: bytesOf(16),
  contentBytes: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
}, { noNullPrototype: true });

Deno.test("envelopes survive encoding", () => {
  checkProperty(fc.property(header, fc.uint8Array({ minLength: 16, maxLength: 80 }), (header, ciphertext) => {
    const headerBytes = encodeEnvelopeHeader(header);
    const decoded = decode(joinEnvelope(headerBytes, ciphertext));
    assert.deepEqual(decoded.header, header);
    assert.deepEqual(decoded.headerBytes, headerBytes);
    assert.deepEqual([...decoded.ciphertext], [...ciphertext]);
  }));
});

Deno.test("damage of an envelope is always noticed", () => {
  assertTruncationRefused(ENVELOPE, decode);
  for (let bit = 0; bit < ENVELOPE.length * 8; bit++) {
    const flipped = ENVELOPE.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decode(flipped), IntegrityError, `bit ${bit}`);
  }
});

Deno.test("what a newer version may have written is refused", () => {
  const unknown = encodeEnvelopeHeader(SAMPLE_ENVELOPE.header);
  unknown[8]! |= 4;
  assert.throws(() => decode(joinEnvelope(unknown, SAMPLE_ENVELOPE.ciphertext)), integrityError(WHAT, /newer version/));
});
