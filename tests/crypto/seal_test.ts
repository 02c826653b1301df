/** Sealing: known answers, agreement with its description, and refusal of everything that was changed. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { BugError, IntegrityError } from "../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import { deriveKey } from "../../src/crypto/kdf.ts";
import type { Piece } from "../../src/crypto/piece.ts";
import { type RandomBytes, systemRandomBytes } from "../../src/crypto/random.ts";
import { createSealer, SEAL_OVERHEAD_BYTES, type Sealer, type SealingKeys } from "../../src/crypto/seal.ts";
import { pseudorandomBytes } from "./pseudorandom.ts";
import { authenticate, sealReference } from "./seal_reference.ts";

/** The master key of `tests/golden/mini_repository`, and a text sealed with it. */
const KEYS: SealingKeys = {
  encrypt: decodeHex("393f956616050e0e935a381f02677b60152caf1bfb1d8d46af7ec7a1a393d6ae"),
  macK: decodeHex("cd64fe8131fd2433827d284ee6de5be3"),
  macR: decodeHex("69e8b8fd06b589e69c2176d995ada7f8"),
};
const NONCE = decodeHex("000102030405060708090a0b0c0d0e0f");
const HELLO = new TextEncoder().encode("hello");
const SEALED_HELLO = decodeHex("000102030405060708090a0b0c0d0e0f35398b5773811ca70ab218e4a625d1c1ae2a6bedc6");

/** Gives the listed values one after the other, and fails where another number of bytes is asked for. */
function scriptedRandom(...values: Uint8Array[]): RandomBytes {
  return (count) => {
    const value = values.shift();
    assert.equal(value?.length, count);
    return new Uint8Array(value!);
  };
}

/** Lays payloads of the given lengths out in a region, `gaps` whole blocks between them. */
function layOut(lengths: readonly number[], gaps: readonly number[] = []): Piece[] {
  let free = 0;
  return lengths.map((length, i) => {
    const offset = free + (gaps[i] ?? 0) * 16;
    free = offset + Math.ceil(length / 16) * 16;
    return { offset, length };
  });
}

function piecesOf(lengths: readonly number[]): Piece[] {
  let offset = 0;
  return lengths.map((length) => {
    offset += length;
    return { offset: offset - length, length };
  });
}

/** A batch of payloads of the given lengths, sealed under scripted nonces, with all that went in and came out. */
function sealedBatch(lengths: readonly number[], gaps: readonly number[] = [], seed = "batch") {
  const layout = layOut(lengths, gaps);
  const regionBytes = Math.max(0, ...layout.map(({ offset, length }) => Math.ceil((offset + length) / 16) * 16));
  const region = pseudorandomBytes(regionBytes, `region ${seed}`);
  const payloads = layout.map(({ offset, length }) => region.slice(offset, offset + length));
  const nonces = pseudorandomBytes(lengths.length * 16, `nonces ${seed}`);
  const sealer = createSealer(KEYS, scriptedRandom(nonces));
  const batch = sealer.sealBatch(region, layout);
  return { sealer, batch, layout, payloads, nonces, pieces: piecesOf(batch.lengths) };
}

Deno.test("the sealed bytes are restic's", () => {
  const sealer = createSealer(KEYS, scriptedRandom(NONCE));
  assert.equal(encodeHex(sealer.seal(HELLO)), encodeHex(SEALED_HELLO));
  assert.deepEqual(sealer.open(SEALED_HELLO, "hello"), HELLO);
});

Deno.test("a key file and a config that stock restic accepts are opened", async () => {
  const salt = Buffer.from(
    "SvWoFKXgLG5OdsAaUyIg2ItcDDXbxwKxjB20kgS7EVP1r2TunSJ1JBPZ3Rhx1mPe77eqlKkLLtOhCI4anKGYog==",
    "base64",
  );
  assert.equal(salt.length, 64);
  const data = Buffer.from(
    "R03pcSC2XxdcKdwD7RTxSx4jy9KRQBtzugW2UOuNh6Yyc8Os0mfFAPmJYLw8nnqb9hB4TmXjpPUYyw6cJ3iPKYU56NiI1mL0zUB9xTE0StCB" +
      "QUcFrHsgfjXIJPd6OKCtSipYNgqBVUUSy6OJW3RzrKn4CmOpu12WPumTF2eXE1JsY2m/gbbkaM67ijXm53Xo1LzJn6wXoNQczAEjQTsD6w==",
    "base64",
  );
  const userSealer = createSealer(
    await deriveKey(new TextEncoder().encode("test"), salt, { N: 1024, r: 8, p: 1 }),
    systemRandomBytes,
  );
  const master = JSON.parse(new TextDecoder().decode(userSealer.open(data, "the key file")));
  const keys = {
    encrypt: Buffer.from(master.encrypt, "base64"),
    macK: Buffer.from(master.mac.k, "base64"),
    macR: Buffer.from(master.mac.r, "base64"),
  };
  const sealer = createSealer(keys, systemRandomBytes);
  const config = Buffer.from(
    "zfIu/UdWTxlbtk8gDYBUyQdAJs4QaiyWChpZRWKby0zqYPYUkHDTdir684TI2YLk/tYDqiZhpUtR82RekKVMWAuwhNdS5FegL/ToGhIgsUFeF0A4" +
      "+6V+KFrrelDIfnDfRsFFLhAPA5WCnohd+UWounxCN9gkedUixnND65NBJXWlB+fGrpXXSkAAHz6STVkfoqhGwe0BYx5QoeQ=",
    "base64",
  );
  assert.equal(JSON.parse(new TextDecoder().decode(sealer.open(config, "the config"))).version, 2);
});

Deno.test("tags are Poly1305-AES: the vectors of Bernstein's paper", () => {
  // Message, r, k, nonce, tag; from "The Poly1305-AES message-authentication code", appendix B.
  const vectors = [
    [
      "f3f6",
      "851fc40c3467ac0be05cc20404f3f700",
      "ec074c835580741701425b623235add6",
      "fb447350c4e868c52ac3275cf9d4327e",
      "f4c633c3044fc145f84f335cb81953de",
    ],
    [
      "",
      "a0f3080000f46400d0c7e9076c834403",
      "75deaa25c09f208e1dc4ce6b5cad3fbf",
      "61ee09218d29b0aaed7e154a2c5509cc",
      "dd3fab2251f11ac759f0887129cc2ee7",
    ],
    [
      "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
      "48443d0bb0d21109c89a100b5ce2c208",
      "6acb5f61a7176dd320c5c1eb2edcdc74",
      "ae212a55399729595dea458bc621ff0e",
      "0ee1c16bb73f0f4fd19881753c01cdbe",
    ],
    [
      "ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0" +
      "990c62e48b8018b2c3e4a0fa3134cb67fa83e158c994d961c4cb21095c1bf9",
      "12976a08c4426d0ce8a82407c4f48207",
      "e1a5668a4d5b66a5f68cc5424ed5982d",
      "9ae831e743978d3a23527c7128149e3a",
      "5154ad0d2cb26e01274fc51148491f1b",
    ],
  ] as const;
  for (const [message, r, k, nonce, tag] of vectors) {
    const sealer = createSealer(
      { encrypt: KEYS.encrypt, macK: decodeHex(k), macR: decodeHex(r) },
      systemRandomBytes,
    );
    const sealed = decodeHex(nonce + message + tag);
    assert.deepEqual(sealer.brokenPieces(sealed, [{ offset: 0, length: sealed.length }]), []);
    assert.equal(sealer.open(sealed, "vector").length, message.length / 2);
  }
});

Deno.test("a batch is, payload by payload, what its description says, and opens again", () => {
  const shape = fc.array(fc.tuple(fc.oneof(fc.nat(40), fc.nat(3000)), fc.nat(5)), { maxLength: 12 });
  fc.assert(
    fc.property(shape, fc.string(), (parts, seed) => {
      const lengths = parts.map(([length]) => length);
      const { sealer, batch, payloads, nonces, pieces } = sealedBatch(lengths, parts.map(([, gap]) => gap), seed);
      const expected = payloads.map((payload, i) => sealReference(KEYS, nonces.subarray(i * 16, i * 16 + 16), payload));
      assert.deepEqual(batch.lengths, lengths.map((length) => length + SEAL_OVERHEAD_BYTES));
      assert.equal(encodeHex(batch.bytes), expected.map((sealed) => encodeHex(sealed)).join(""));
      assert.deepEqual(sealer.openBatch(batch.bytes, pieces, String), payloads);
    }),
    { seed: 7, numRuns: 60 },
  );
});

Deno.test("no two payloads of a batch, or of two batches, have nonces that are equal or count on", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const layout = layOut(Array.from({ length: 500 }, (_, i) => i % 40));
  const seen = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const { bytes, lengths } = sealer.sealBatch(new Uint8Array(500 * 48), layout);
    // The upper half of a counter stays the same over any number of blocks that a repository can have.
    for (const { offset } of piecesOf(lengths)) seen.add(encodeHex(bytes, offset, 8));
  }
  assert.equal(seen.size, 1000);
});

Deno.test("a zero nonce is drawn again until it is none, and only that one", () => {
  const others = pseudorandomBytes(32, "others");
  const drawn = new Uint8Array([...others.subarray(0, 16), ...new Uint8Array(16), ...others.subarray(16)]);
  const random = scriptedRandom(drawn, new Uint8Array(16), new Uint8Array(16), NONCE);
  const sealer = createSealer(KEYS, random);
  const { bytes, lengths } = sealer.sealBatch(new Uint8Array(48), layOut([16, 5, 16]));
  const nonces = piecesOf(lengths).map(({ offset }) => bytes.slice(offset, offset + 16));
  assert.deepEqual(nonces, [others.slice(0, 16), NONCE, others.slice(16)]);
});

Deno.test("what lies behind and between payloads is not in the output", () => {
  const layout = layOut([5, 17, 1], [1, 2, 0]);
  const sealed = [0x00, 0xff, 0x5a].map((filling) => {
    const region = new Uint8Array(160).fill(filling);
    for (const { offset, length } of layout) region.fill(7, offset, offset + length);
    const nonces = pseudorandomBytes(48, "padding");
    return encodeHex(createSealer(KEYS, scriptedRandom(nonces)).sealBatch(region, layout).bytes);
  });
  assert.equal(sealed[0]!.length, 2 * (5 + 17 + 1 + 3 * SEAL_OVERHEAD_BYTES));
  assert.equal(new Set(sealed).size, 1);
});

Deno.test("opening one blob gives a buffer of its own that is no longer than its whole blocks", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const opened = sealer.open(sealer.seal(HELLO), "hello");
  assert.deepEqual(opened, HELLO);
  assert.equal(opened.buffer.byteLength, 16);
});

Deno.test("payloads that would share blocks are refused", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const region = new Uint8Array(64);
  const refused: Piece[][] = [
    [{ offset: 8, length: 8 }],
    [{ offset: 0, length: 17 }, { offset: 16, length: 8 }],
    [{ offset: 32, length: 8 }, { offset: 0, length: 8 }],
    [{ offset: 48, length: 17 }],
    [{ offset: 0, length: -1 }],
  ];
  for (const pieces of refused) assert.throws(() => sealer.sealBatch(region, pieces), BugError);
});

Deno.test("sealed blobs open from shared memory, in any order, whoever wrote them and whatever lies between", () => {
  const { sealer, batch, payloads } = sealedBatch([100, 0, 9000, 5, 33], [0, 3, 1, 500, 0]);
  const foreign = [0, 1, 2].map((i) => pseudorandomBytes(1000 * i, `foreign ${i}`));
  const sealedForeign = foreign.map((text, i) => sealReference(KEYS, pseudorandomBytes(16, `nonce ${i}`), text));
  const blobs = [...piecesOf(batch.lengths).map(({ offset, length }) => batch.bytes.slice(offset, offset + length))]
    .concat(sealedForeign);
  const texts = [...payloads, ...foreign];
  const layout = piecesOf(blobs.map(({ length }) => length + 7));
  const shared = new Uint8Array(new SharedArrayBuffer(20_000)).subarray(10).fill(0xee);
  blobs.forEach((blob, i) => shared.set(blob, layout[i]!.offset + 7));
  const pieces = layout.map(({ offset, length }) => ({ offset: offset + 7, length: length - 7 }));
  const before = shared.slice();
  fc.assert(
    fc.property(fc.array(fc.nat(pieces.length - 1), { maxLength: 20 }), (order) => {
      const opened = sealer.openBatch(shared, order.map((i) => pieces[i]!), String);
      assert.deepEqual(opened, order.map((i) => texts[i]!));
    }),
    { seed: 3, numRuns: 40 },
  );
  assert.deepEqual(shared.slice(), before);
});

Deno.test("large payloads come out whole", () => {
  const { sealer, batch, payloads, pieces } = sealedBatch([700_000, 700_000, 30, 1_500_000]);
  const opened = sealer.openBatch(batch.bytes, pieces, String);
  opened.forEach((payload, i) => assert.equal(Buffer.compare(payload, payloads[i]!), 0));
});

Deno.test("a batch with long payloads is sealed as one with short ones", async () => {
  const lengths = fc.oneof(fc.nat(40), fc.integer({ min: 65_500, max: 65_570 }), fc.constant(131_073));
  const property = fc.asyncProperty(fc.array(lengths, { maxLength: 5 }), fc.array(fc.nat(2)), async (lengths, gaps) => {
    const { batch, layout, nonces } = sealedBatch(lengths, gaps);
    const regionBytes = Math.max(0, ...layout.map(({ offset, length }) => Math.ceil((offset + length) / 16) * 16));
    const sealer = createSealer(KEYS, scriptedRandom(nonces));
    const sealed = await sealer.sealLong(pseudorandomBytes(regionBytes, "region batch"), layout);
    assert.deepEqual(sealed.lengths, batch.lengths);
    assert.equal(Buffer.compare(sealed.bytes, batch.bytes), 0);
  });
  await fc.assert(property, { seed: 7, numRuns: 10 });
});

Deno.test("one after the other, blobs of any length open as they do together", async () => {
  const lengths = [0, 1, 15, 70, 65_503, 65_504, 65_505, 131_072, 300_001, 12, 60_000, 60_000, 60_000];
  const { sealer, batch, payloads, pieces } = sealedBatch(lengths);
  const before = batch.bytes.slice();
  const property = fc.asyncProperty(fc.array(fc.nat(pieces.length - 1), { maxLength: 30 }), async (order) => {
    const indexes: number[] = [];
    await sealer.openEach(batch.bytes, order.map((i) => pieces[i]!), String, (i, payload) => {
      assert.equal(Buffer.compare(payload, payloads[order[i]!]!), 0, `piece ${i}`);
      indexes.push(i);
    });
    assert.deepEqual(indexes, [...order.keys()]);
  });
  await fc.assert(property, { seed: 4, numRuns: 40 });
  assert.equal(Buffer.compare(batch.bytes, before), 0);
});

Deno.test("one after the other, the first broken blob is named, and neither it nor those behind it are given", async () => {
  const lengths = [10, 200_000, 20, 70_000, 30, 65_504];
  const { sealer, batch, pieces } = sealedBatch(lengths);
  const property = fc.asyncProperty(fc.nat(lengths.length - 1), fc.nat(), async (blob, bit) => {
    const { offset, length } = pieces[blob]!;
    const broken = batch.bytes.slice();
    broken[offset + (bit >> 3) % length]! ^= 1 << (bit & 7);
    const given: number[] = [];
    const opening = sealer.openEach(broken, pieces, (i) => `blob ${i}`, (i) => given.push(i));
    await assert.rejects(opening, isIntegrityErrorOn(`blob ${blob}`));
    assert.ok(given.every((i) => i < blob));
  });
  await fc.assert(property, { seed: 5, numRuns: 40 });
});

Deno.test("one after the other, a failure of whoever takes a blob ends the opening", async () => {
  const { sealer, batch, pieces } = sealedBatch([10, 200_000, 20]);
  for (const failing of [0, 1, 2]) {
    const opening = sealer.openEach(batch.bytes, pieces, String, (i) => {
      if (i === failing) throw new IntegrityError(`no room for ${i}`);
      assert.ok(i < failing);
    });
    await assert.rejects(opening, new IntegrityError(`no room for ${failing}`));
  }
});

Deno.test("with ciphers that are kept, everything is sealed and opened as without, also after a failure and after their end", async () => {
  const lengths = fc.array(fc.nat(200), { minLength: 1, maxLength: 5 });
  const property = fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 4 }), async (batches) => {
    const plain = createSealer(KEYS, systemRandomBytes);
    const sealer = createSealer(KEYS, systemRandomBytes);
    const goThrough = async () => {
      for (const [i, batch] of batches.entries()) {
        const { batch: { bytes }, payloads, pieces } = sealedBatch(batch, [], `kept ${i}`);
        assert.deepEqual(sealer.openBatch(bytes, pieces, String), payloads);
        assert.throws(() => sealer.open(bytes.subarray(1), "a part"), IntegrityError);
        assert.deepEqual(plain.open(sealer.seal(payloads[0]!), "sealed"), payloads[0]);
        const opened: Uint8Array[] = [];
        await sealer.openEach(bytes, pieces, String, (_, payload) => void opened.push(payload.slice()));
        assert.deepEqual(opened, payloads);
        assert.deepEqual(sealer.brokenPieces(bytes, pieces), []);
      }
    };
    const kept = sealer.keepCiphers();
    assert.throws(() => sealer.keepCiphers(), BugError);
    await goThrough();
    kept[Symbol.dispose]();
    await goThrough();
    using again = sealer.keepCiphers();
    kept[Symbol.dispose]();
    assert.throws(() => sealer.keepCiphers(), BugError, "who gave his up twice ends nobody else's");
    await goThrough();
    void again;
  });
  await fc.assert(property, { numRuns: 30 });
});

Deno.test("what was begun with ciphers that are kept goes on when they end", async () => {
  const { sealer, batch: { bytes }, payloads, pieces } = sealedBatch([70_000, 100, 70_000, 5]);
  const kept = sealer.keepCiphers();
  const opened: Uint8Array[] = [];
  const opening = sealer.openEach(bytes, pieces, String, (_, payload) => void opened.push(payload.slice()));
  kept[Symbol.dispose]();
  await opening;
  assert.deepEqual(opened, payloads);
});

Deno.test("every flipped bit and every truncation is refused", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  for (let bit = 0; bit < SEALED_HELLO.length * 8; bit++) {
    const flipped = SEALED_HELLO.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => sealer.open(flipped, "snapshot abc"), isIntegrityErrorOn("snapshot abc"), `bit ${bit}`);
  }
  for (let length = 0; length < SEALED_HELLO.length; length++) {
    const truncated = SEALED_HELLO.slice(0, length);
    assert.throws(() => sealer.open(truncated, "snapshot abc"), isIntegrityErrorOn("snapshot abc"));
  }
});

Deno.test("a zero nonce is refused though its tag is right", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const sealed = authenticate(KEYS, new Uint8Array(16), HELLO);
  assert.throws(() => sealer.open(sealed, "lock x"), /Cannot open lock x: .*nonce is zero/);
});

Deno.test("one broken blob of a batch: nothing is given, the first is named, all can be asked for", () => {
  const { sealer, batch, pieces } = sealedBatch([10, 20, 30, 40]);
  const broken = batch.bytes.slice();
  broken[pieces[1]!.offset + 20]! ^= 1;
  broken[pieces[3]!.offset] = broken[pieces[3]!.offset]! ^ 0x80;
  const short = { offset: 5, length: 31 };
  assert.throws(() => sealer.openBatch(broken, pieces, (i) => `blob ${i}`), isIntegrityErrorOn("blob 1"));
  const indexes = sealer.brokenPieces(broken, [short, ...pieces]).map(({ index }) => index);
  assert.deepEqual(indexes, [0, 2, 4]);
});

Deno.test("another key does not open", () => {
  const others: SealingKeys[] = [
    { ...KEYS, macK: pseudorandomBytes(16, "other k") },
    { ...KEYS, macR: pseudorandomBytes(16, "other r") },
  ];
  for (const keys of others) {
    const sealer: Sealer = createSealer(keys, systemRandomBytes);
    assert.throws(() => sealer.open(SEALED_HELLO, "x"), IntegrityError);
  }
});

Deno.test("keys of a wrong length or of zeros are refused", () => {
  const refused: SealingKeys[] = [
    { ...KEYS, encrypt: KEYS.encrypt.subarray(1) },
    { ...KEYS, macK: KEYS.encrypt },
    { ...KEYS, macR: new Uint8Array(0) },
    { ...KEYS, encrypt: new Uint8Array(32) },
    { ...KEYS, macK: new Uint8Array(16) },
    { ...KEYS, macR: new Uint8Array(16) },
  ];
  for (const keys of refused) assert.throws(() => createSealer(keys, systemRandomBytes), IntegrityError);
});

Deno.test("nothing to seal or open is fine, an empty payload too", () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  assert.deepEqual(sealer.sealBatch(new Uint8Array(0), []), { bytes: new Uint8Array(0), lengths: [] });
  assert.deepEqual(sealer.openBatch(new Uint8Array(0), [], String), []);
  assert.deepEqual(sealer.open(sealer.seal(new Uint8Array(0)), "empty"), new Uint8Array(0));
});

function isIntegrityErrorOn(what: string): (error: unknown) => boolean {
  return (error) => error instanceof IntegrityError && error.message.includes(what) && !error.message.includes("\n");
}
