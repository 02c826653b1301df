/** Sealed blobs opened in a thread: each to its place, verified, and damage named. */
import assert from "node:assert/strict";
import { sha256 } from "../../src/crypto/digest.ts";
import { createSealer } from "../../src/crypto/seal.ts";
import { compress } from "../../src/codec/compression.ts";
import { IntegrityError } from "../../src/base/errors.ts";
import { OPEN_FIELDS } from "../../src/pipeline/calls.ts";
import { startThreads } from "../../src/pipeline/threads.ts";
import { concat, noise, seededRandom } from "../helpers/world.ts";

const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
const sealer = createSealer(KEYS, seededRandom("open"));

interface StoredBlob {
  readonly part: number;
  readonly plaintext: Uint8Array;
  readonly compressed: boolean;
  readonly sealed: Uint8Array;
}

function stored(part: number, plaintext: Uint8Array, compressed: boolean): StoredBlob {
  const sealed = sealer.seal(compressed ? compress(plaintext, "auto") : plaintext);
  return { part, plaintext, compressed, sealed };
}

const BLOBS = [
  stored(0, noise(1000, "one"), false),
  stored(1, new Uint8Array(5000).fill(7), true),
  stored(0, noise(1, "two"), false),
  stored(1, noise(3000, "three"), true),
];

/** What may be wrong in a request. */
interface Wrong {
  readonly id?: Uint8Array;
  readonly uncompressedLength?: number;
  readonly flippedByte?: number;
}

/** Opens all blobs, the second one with what is wrong; two parts with 10 bytes of gap before each blob. */
async function opened({ id, uncompressedLength, flippedByte }: Wrong = {}): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [new Uint8Array(0), new Uint8Array(0)];
  const table = new Uint32Array(BLOBS.length * OPEN_FIELDS.count);
  let target = 5;
  for (const [i, blob] of BLOBS.entries()) {
    const offset = parts[blob.part]!.length + 10;
    const sealed = blob.sealed.slice();
    if (i === 1 && flippedByte !== undefined) sealed[flippedByte]! ^= 1;
    parts[blob.part] = concat([parts[blob.part]!, new Uint8Array(10), sealed]);
    const length = i === 1 && uncompressedLength !== undefined ? uncompressedLength : blob.plaintext.length;
    table.set([blob.part, offset, sealed.length, blob.compressed ? length : 0, target], i * OPEN_FIELDS.count);
    target += blob.plaintext.length;
  }
  const ids = concat(BLOBS.map(({ plaintext }, i) => (i === 1 && id) || sha256(plaintext)));
  const segment = new SharedArrayBuffer(20_000);
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "off");
  await threads.open({ parts, packs: ["pack zero", "pack one"], ids, table, segment });
  return new Uint8Array(segment).slice();
}

Deno.test("every blob goes to its place, whatever part it comes from", async () => {
  const plaintext = concat(BLOBS.map((blob) => blob.plaintext));
  const segment = await opened();
  assert.deepEqual(segment.slice(5, 5 + plaintext.length), plaintext);
  assert.ok(segment.subarray(0, 5).every((byte) => byte === 0));
  assert.ok(segment.subarray(5 + plaintext.length).every((byte) => byte === 0));
});

const DAMAGES: readonly [string, Wrong][] = [
  ["a flipped byte of the ciphertext", { flippedByte: 20 }],
  ["a flipped byte of the tag", { flippedByte: BLOBS[1]!.sealed.length - 1 }],
  ["a length that is too small", { uncompressedLength: 4999 }],
  ["a length that is too large", { uncompressedLength: 5001 }],
  ["content of another id", { id: noise(32, "another id") }],
];

for (const [name, wrong] of DAMAGES) {
  Deno.test(`${name} is damage, and blob and pack are named`, async () => {
    await assert.rejects(opened(wrong), (error) => {
      assert.ok(error instanceof IntegrityError);
      assert.ok(error.message.includes((wrong.id ?? sha256(BLOBS[1]!.plaintext)).toHex()), error.message);
      assert.match(error.message, /pack one/);
      return true;
    });
  });
}
