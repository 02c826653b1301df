/** Blobs of one repository, sealed for another one in a thread's code: every form, and what is damaged. */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { BlobCompressor, BlobDecompressor, compress, decompress } from "../../src/codec/compression.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { createSealer, type SealingKeys } from "../../src/crypto/seal.ts";
import { resealBlobs, type ResealedForm } from "../../src/pipeline/resealing.ts";
import { concat, noise } from "../helpers/world.ts";

function keysOf(seed: string): SealingKeys {
  return { encrypt: noise(32, `${seed} encrypt`), macK: noise(16, `${seed} k`), macR: noise(16, `${seed} r`) };
}

let drawn = 0;
const random = (count: number) => noise(count, `nonce ${drawn++}`);
const source = createSealer(keysOf("source"), random);
const target = createSealer(keysOf("target"), random);

interface Blob {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  readonly isCompressed: boolean;
}

/** A part of a pack with these blobs, and a gap before each of them. */
function requestOf(blobs: readonly Blob[]) {
  const sealed = blobs.map(({ plaintext, isCompressed }) =>
    source.seal(isCompressed ? compress(plaintext, "auto") : plaintext)
  );
  const gap = new Uint8Array(7);
  const offsets: number[] = [];
  let end = 0;
  for (const { length } of sealed) {
    offsets.push(end + gap.length);
    end += gap.length + length;
  }
  return {
    bytes: concat(sealed.flatMap((bytes) => [gap, bytes])),
    pack: "ab".repeat(32),
    ids: concat(blobs.map(({ plaintext }) => sha256(plaintext))),
    offsets: Uint32Array.from(offsets),
    lengths: Uint32Array.from(sealed, ({ length }) => length),
    uncompressedLengths: Uint32Array.from(blobs, ({ plaintext, isCompressed }) => isCompressed ? plaintext.length : 0),
  };
}

function reseal(request: ReturnType<typeof requestOf>, form: ResealedForm) {
  const scratch = new Uint8Array(1 << 20);
  const tools = { compressor: new BlobCompressor("auto"), decompressor: new BlobDecompressor() };
  return resealBlobs(request, { source, target, form, ...tools, scratch: () => scratch });
}

/** The blobs as the other repository opens them. */
function opened({ sealed, lengths, uncompressedLengths }: ReturnType<typeof reseal>): Blob[] {
  let offset = 0;
  return Array.from(lengths, (length, i) => {
    const payload = target.open(sealed.subarray(offset, offset += length), `blob ${i}`);
    const uncompressed = uncompressedLengths[i]!;
    if (uncompressed === 0) return { plaintext: payload, isCompressed: false };
    return { plaintext: decompress(payload, uncompressed, uncompressed), isCompressed: true };
  });
}

const blobs = fc.array(
  fc.record({
    plaintext: fc.oneof(
      fc.uint8Array({ maxLength: 3000 }).map((bytes) => new Uint8Array(bytes)),
      fc.nat(3000).map((length) => new Uint8Array(length).fill(65)),
    ),
    isCompressed: fc.boolean(),
  }).map(({ plaintext, isCompressed }) => ({ plaintext, isCompressed: isCompressed && plaintext.length > 0 })),
  { maxLength: 12 },
);

Deno.test("every blob has the same content in the other repository, compressed as its form says", () => {
  fc.assert(
    fc.property(blobs, (given) => {
      deepEqual(opened(reseal(requestOf(given), "kept")), given);
      const plain = given.map(({ plaintext }) => ({ plaintext, isCompressed: false }));
      deepEqual(opened(reseal(requestOf(given), "uncompressed")), plain);
      const smaller = opened(reseal(requestOf(given), "compressed"));
      deepEqual(smaller.map(({ plaintext }) => plaintext), given.map(({ plaintext }) => plaintext));
      for (const [i, { isCompressed }] of given.entries()) equal(isCompressed && !smaller[i]!.isCompressed, false);
    }),
    { seed: 12, numRuns: 60 },
  );
});

Deno.test("what compresses is compressed, and noise is not", () => {
  const given = [new Uint8Array(5000).fill(65), noise(5000, "noise")].map((plaintext) => ({
    plaintext,
    isCompressed: false,
  }));
  deepEqual(opened(reseal(requestOf(given), "compressed")).map(({ isCompressed }) => isCompressed), [true, false]);
});

Deno.test("a damaged blob, another blob and a wrong length are refused by name", () => {
  const given = [
    { plaintext: noise(500, "a"), isCompressed: false },
    { plaintext: new Uint8Array(500).fill(65), isCompressed: true },
  ];
  const refused = (change: (request: ReturnType<typeof requestOf>) => void, blob: number) => {
    const request = requestOf(given);
    const id = request.ids.slice(32 * blob, 32 * blob + 32).toHex();
    change(request);
    throws(() => reseal(request, "kept"), (error) => error instanceof IntegrityError && error.message.includes(id));
  };
  refused(({ bytes }) => bytes[40]! ^= 1, 0);
  refused(({ bytes }) => bytes[bytes.length - 1]! ^= 1, 1);
  refused(({ uncompressedLengths }) => uncompressedLengths[1]!--, 1);
  refused(({ uncompressedLengths }) => uncompressedLengths[0]! = 500, 0);
  const swapped = requestOf(given);
  swapped.ids.set(sha256(noise(1, "other")));
  throws(() => reseal(swapped, "kept"), /its content has the SHA-256/);
});
