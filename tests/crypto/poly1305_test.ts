/** Poly1305: the vectors of RFC 8439, and agreement with its definition whatever the lengths and the batches. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import type { Piece } from "../../src/crypto/piece.ts";
import { Poly1305 } from "../../src/crypto/poly1305.ts";
import { poly1305Reference } from "./poly1305_reference.ts";
import { pseudorandomBytes } from "./pseudorandom.ts";

function tagOf(r: Uint8Array, s: Uint8Array, message: Uint8Array): Uint8Array {
  const tags = s.slice();
  new Poly1305(r).tags(message, [{ offset: 0, length: message.length }], tags);
  return tags;
}

const text = (characters: string) => encodeHex(new TextEncoder().encode(characters));
const ZERO = "00".repeat(16);
const IETF = text(
  "Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or " +
    'RFC and any statement made within the context of an IETF activity is considered an "IETF Contribution". Such ' +
    "statements include oral statements in IETF sessions, as well as written and electronic communications made at any " +
    "time or place, which are addressed to",
);
const JABBERWOCKY = text(
  "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\nAll mimsy were the borogoves,\n" +
    "And the mome raths outgrabe.",
);

/** RFC 8439, sections 2.5.2 and A.3: r, s, message, tag. */
const VECTORS: readonly (readonly [string, string, string, string])[] = [
  [
    "85d6be7857556d337f4452fe42d506a8",
    "0103808afb0db2fd4abff6af4149f51b",
    text("Cryptographic Forum Research Group"),
    "a8061dc1305136c6c22b8baf0c0127a9",
  ],
  [ZERO, ZERO, "00".repeat(64), ZERO],
  [ZERO, "36e5f6b5c5e06070f0efca96227a863e", IETF, "36e5f6b5c5e06070f0efca96227a863e"],
  ["36e5f6b5c5e06070f0efca96227a863e", ZERO, IETF, "f3477e7cd95417af89a6b8794c310cf0"],
  [
    "1c9240a5eb55d38af333888604f6b5f0",
    "473917c1402b80099dca5cbc207075c0",
    JABBERWOCKY,
    "4541669a7eaaee61e708dc7cbcc5eb62",
  ],
  ["02" + "00".repeat(15), ZERO, "ff".repeat(16), "03" + "00".repeat(15)],
  ["02" + "00".repeat(15), "ff".repeat(16), "02" + "00".repeat(15), "03" + "00".repeat(15)],
  [
    "01" + "00".repeat(15),
    ZERO,
    "ff".repeat(16) + "f0" + "ff".repeat(15) + "11" + "00".repeat(15),
    "05" + "00".repeat(15),
  ],
  ["01" + "00".repeat(15), ZERO, "ff".repeat(16) + "fb" + "fe".repeat(15) + "01".repeat(16), ZERO],
  ["02" + "00".repeat(15), ZERO, "fd" + "ff".repeat(15), "fa" + "ff".repeat(15)],
  [
    "01000000000000000400000000000000",
    ZERO,
    "e33594d7505e43b900000000000000003394d7505e4379cd01000000000000000000000000000000000000000000000001000000000000000000000000000000",
    "14000000000000005500000000000000",
  ],
  [
    "01000000000000000400000000000000",
    ZERO,
    "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000",
    "13000000000000000000000000000000",
  ],
];

Deno.test("tags are those of RFC 8439", () => {
  for (const [r, s, message, tag] of VECTORS) {
    assert.equal(encodeHex(tagOf(decodeHex(r), decodeHex(s), decodeHex(message))), tag);
  }
});

Deno.test("every length up to some blocks gives the tag of the definition", () => {
  const [r, s] = [pseudorandomBytes(16, "r"), pseudorandomBytes(16, "s")];
  const message = pseudorandomBytes(300, "message");
  for (let length = 0; length <= message.length; length++) {
    const part = message.subarray(0, length);
    assert.deepEqual(tagOf(r, s, part), poly1305Reference(r, s, part), `${length} bytes`);
  }
});

Deno.test("extreme limbs do not overflow", () => {
  const extremes = [0x00, 0x01, 0x03, 0xfb, 0xfc, 0xff];
  const pieces = fc.array(fc.tuple(fc.constantFrom(...extremes), fc.integer({ min: 1, max: 40 })), { maxLength: 12 });
  const key = fc.oneof(
    fc.constant(new Uint8Array(16).fill(255)),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(...extremes), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(key, key, pieces, (r, s, runs) => {
      const message = Uint8Array.from(runs.flatMap(([byte, count]) => new Array<number>(count).fill(byte)));
      assert.deepEqual(tagOf(r, s, message), poly1305Reference(r, s, message));
    }),
    { seed: 1305, numRuns: 500 },
  );
});

Deno.test("four lanes that sum up to just about twice the modulus are reduced", () => {
  const one = Uint8Array.from({ length: 16 }, (_, i) => i === 0 ? 1 : 0);
  for (let last = 0xf0; last <= 0xff; last++) {
    const message = new Uint8Array(64).fill(0xff);
    message[48] = last;
    assert.deepEqual(tagOf(one, new Uint8Array(16), message), poly1305Reference(one, new Uint8Array(16), message));
  }
});

Deno.test("a batch gives each message its own tag, whatever its place, and reads shared memory", () => {
  const r = pseudorandomBytes(16, "batch r");
  const poly1305 = new Poly1305(r);
  const shared = new Uint8Array(new SharedArrayBuffer(20_000));
  shared.set(pseudorandomBytes(shared.length, "batch"));
  const piece = fc.record({ offset: fc.nat(10_000), length: fc.nat(700) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (messages) => {
      const masks = pseudorandomBytes(messages.length * 16, "masks");
      const tags = masks.slice();
      poly1305.tags(shared, messages, tags);
      messages.forEach(({ offset, length }, i) => {
        const expected = poly1305Reference(
          r,
          masks.subarray(i * 16, i * 16 + 16),
          shared.slice(offset, offset + length),
        );
        assert.deepEqual(tags.subarray(i * 16, i * 16 + 16), expected);
      });
    }),
    { seed: 1305, numRuns: 60 },
  );
});

Deno.test("batches of more messages or bytes than fit at once, and messages longer than the window", () => {
  const r = pseudorandomBytes(16, "large r");
  const bytes = pseudorandomBytes(4096, "large");
  const large = new Uint8Array(2.5 * 2 ** 20);
  for (let at = 0; at < large.length; at += bytes.length) large.set(bytes, at);
  const messages: Piece[] = [
    ...Array.from({ length: 5000 }, (_, i) => ({ offset: i, length: i % 7 })),
    { offset: 5, length: 2 ** 20 },
    { offset: 0, length: 2 ** 20 + 1 },
    { offset: 1, length: large.length - 1 },
    { offset: 2, length: 700_000 },
    { offset: 3, length: 700_001 },
  ];
  const tags = new Uint8Array(messages.length * 16);
  new Poly1305(r).tags(large, messages, tags);
  messages.forEach(({ offset, length }, i) => {
    if (i % 50 !== 0 && i < 5000) return;
    const expected = poly1305Reference(r, new Uint8Array(16), large.subarray(offset, offset + length));
    assert.deepEqual(tags.subarray(i * 16, i * 16 + 16), expected, `${offset}+${length}`);
  });
});
