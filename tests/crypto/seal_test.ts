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
import { authenticate, nonceAfter, sealReference } from "./seal_reference.ts";

/** RESTIC-FORMAT, section 21. */
const KEYS: SealingKeys = {
  encrypt: decodeHex("393f956616050e0e935a381f02677b60152caf1bfb1d8d46af7ec7a1a393d6ae"),
  macK: decodeHex("cd64fe8131fd2433827d284ee6de5be3"),
  macR: decodeHex("69e8b8fd06b589e69c2176d995ada7f8"),
};
const NONCE = decodeHex("000102030405060708090a0b0c0d0e0f");
const HELLO = new TextEncoder().encode("hello");
const SEALED_HELLO = decodeHex("000102030405060708090a0b0c0d0e0f35398b5773811ca70ab218e4a625d1c1ae2a6bedc6");

/** Gives the listed values one after the other. */
function scriptedRandom(...values: Uint8Array[]): RandomBytes {
  return () => new Uint8Array(values.shift()!);
}

/** Lays payloads of the given lengths out in a region, `gaps` whole blocks between them. */
function layOut(lengths: readonly number[], gaps: readonly number[] = []): Piece[] {
  let free = 0;
  return lengths.map((length, i) => {
    const offset = free + (gaps[i] ?? 0) * 16;
    free = offset + Math.max(16, Math.ceil(length / 16) * 16);
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

/** The run of the given payload lengths, sealed from `start` on, with its pieces and its payloads. */
async function sealedRun(lengths: number[], gaps: number[], start: Uint8Array) {
  const layout = layOut(lengths, gaps);
  const last = layout.at(-1);
  const region = pseudorandomBytes(last ? last.offset + last.length : 0, `region ${lengths}`);
  const sealer = createSealer(KEYS, scriptedRandom(start));
  const run = sealer.sealBatch(region, layout);
  const payloads = layout.map(({ offset, length }) => region.slice(offset, offset + length));
  return { sealer, run, layout, payloads, pieces: piecesOf(run.lengths) };
}

Deno.test("the sealed bytes are restic's", async () => {
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
  const userSealer = createSealer(await deriveKey("test", salt, { N: 1024, r: 8, p: 1 }), systemRandomBytes);
  const master = JSON.parse(new TextDecoder().decode(await userSealer.open(data, "the key file")));
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

Deno.test("AES-CTR gives the vector of NIST SP 800-38A, F.5.5", async () => {
  const keys = { ...KEYS, encrypt: decodeHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4") };
  const plaintext = decodeHex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
  );
  const sealer = createSealer(keys, scriptedRandom(decodeHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")));
  const sealed = sealer.seal(plaintext);
  assert.equal(
    encodeHex(sealed, 16, 64),
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5" +
      "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
  );
});

Deno.test("tags are Poly1305-AES: the vectors of Bernstein's paper", async () => {
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
    assert.equal((sealer.open(sealed, "vector")).length, message.length / 2);
  }
});

Deno.test("a run is, payload by payload, what its description says", async () => {
  const starts = [NONCE, decodeHex("ff".repeat(16)), decodeHex("ff".repeat(15) + "f0"), pseudorandomBytes(16, "start")];
  const parts = fc.array(fc.tuple(fc.oneof(fc.nat(40), fc.nat(3000)), fc.nat(5)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(parts, fc.constantFrom(...starts), async (shape, start) => {
      // A start of ff…ff puts the zero nonce at block 1, which is drawn anew; keep to one that is kept here.
      const lengths = shape.map(([length]) => length);
      const gaps = shape.map(([, gap]) => gap);
      const hitsZero = layOut(lengths, gaps).some(({ offset }) => nonceAfter(start, offset / 16).every((b) => b === 0));
      fc.pre(!hitsZero);
      const { sealer, run, layout, payloads, pieces } = await sealedRun(lengths, gaps, start);
      layout.forEach(({ offset, length }, i) => {
        const expected = sealReference(KEYS, nonceAfter(start, offset / 16), payloads[i]!);
        assert.equal(run.lengths[i], length + SEAL_OVERHEAD_BYTES);
        assert.deepEqual(run.bytes.slice(pieces[i]!.offset, pieces[i]!.offset + pieces[i]!.length), expected);
      });
      assert.equal(run.bytes.length, run.lengths.reduce((sum, length) => sum + length, 0));
      assert.deepEqual(sealer.openBatch(run.bytes, pieces, String), payloads);
    }),
    { seed: 7, numRuns: 60 },
  );
});

Deno.test("the counter wraps at 2^128 as everywhere else", async () => {
  const plaintext = pseudorandomBytes(100, "wrap");
  const sealer = createSealer(KEYS, scriptedRandom(decodeHex("ff".repeat(16))));
  const sealed = sealer.seal(plaintext);
  assert.deepEqual(sealed, sealReference(KEYS, decodeHex("ff".repeat(16)), plaintext));
  assert.deepEqual(sealer.open(sealed, "wrap"), plaintext);
});

Deno.test("no payload gets the zero nonce", async () => {
  const random = scriptedRandom(new Uint8Array(16), decodeHex("ff".repeat(16)), NONCE);
  const sealer = createSealer(KEYS, random);
  const run = sealer.sealBatch(new Uint8Array(32), layOut([16, 16]));
  assert.deepEqual(run.bytes.subarray(0, 16), NONCE);
});

Deno.test("payloads that would share counters are refused", async () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const region = new Uint8Array(64);
  const refused: Piece[][] = [
    [{ offset: 8, length: 8 }],
    [{ offset: 0, length: 17 }, { offset: 16, length: 8 }],
    [{ offset: 0, length: 0 }, { offset: 0, length: 8 }],
    [{ offset: 32, length: 8 }, { offset: 0, length: 8 }],
    [{ offset: 48, length: 17 }],
    [{ offset: 0, length: -1 }],
  ];
  for (const pieces of refused) await assert.rejects(sealer.sealBatch(region, pieces), BugError);
});

Deno.test("sealed blobs open from shared memory, in any order, whether or not their nonces follow each other", async () => {
  const { sealer, run, payloads } = await sealedRun([100, 0, 9000, 5, 33], [0, 3, 1, 5000, 0], NONCE);
  const foreign = [0, 1, 2].map((i) => pseudorandomBytes(1000 * i, `foreign ${i}`));
  const sealedForeign = foreign.map((text, i) => sealReference(KEYS, pseudorandomBytes(16, `nonce ${i}`), text));
  const all = [run.bytes, ...sealedForeign].flatMap((part) => [...part]);
  const shared = new Uint8Array(new SharedArrayBuffer(all.length + 10)).subarray(10);
  shared.set(all);
  const pieces = piecesOf([...run.lengths, ...sealedForeign.map(({ length }) => length)]);
  const texts = [...payloads, ...foreign];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(pieces.length - 1), { maxLength: 20 }), async (order) => {
      const opened = sealer.openBatch(shared, order.map((i) => pieces[i]!), String);
      assert.deepEqual(opened, order.map((i) => texts[i]!));
    }),
    { seed: 3, numRuns: 40 },
  );
});

Deno.test("large payloads, which take several calls, come out whole", async () => {
  const lengths = [700_000, 700_000, 30, 1_500_000];
  const { sealer, run, payloads, pieces } = await sealedRun(lengths, [], pseudorandomBytes(16, "large"));
  const opened = sealer.openBatch(run.bytes, pieces, String);
  opened.forEach((payload, i) => assert.equal(Buffer.compare(payload, payloads[i]!), 0));
});

Deno.test("every flipped bit and every truncation is refused", async () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  for (let bit = 0; bit < SEALED_HELLO.length * 8; bit++) {
    const flipped = SEALED_HELLO.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    await assert.rejects(sealer.open(flipped, "snapshot abc"), isIntegrityErrorOn("snapshot abc"), `bit ${bit}`);
  }
  for (let length = 0; length < SEALED_HELLO.length; length++) {
    await assert.rejects(
      sealer.open(SEALED_HELLO.slice(0, length), "snapshot abc"),
      isIntegrityErrorOn("snapshot abc"),
    );
  }
});

Deno.test("a zero nonce is refused though its tag is right", async () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  const sealed = authenticate(KEYS, new Uint8Array(16), HELLO);
  await assert.rejects(sealer.open(sealed, "lock x"), /Cannot open lock x: .*nonce is zero/);
});

Deno.test("one broken blob of a run: nothing is given, the first is named, all can be asked for", async () => {
  const { sealer, run, pieces } = await sealedRun([10, 20, 30, 40], [], NONCE);
  const broken = run.bytes.slice();
  broken[pieces[1]!.offset + 20]! ^= 1;
  broken[pieces[3]!.offset] = broken[pieces[3]!.offset]! ^ 0x80;
  const short = { offset: 5, length: 31 };
  await assert.rejects(sealer.openBatch(broken, pieces, (i) => `blob ${i}`), isIntegrityErrorOn("blob 1"));
  const indexes = sealer.brokenPieces(broken, [short, ...pieces]).map(({ index }) => index);
  assert.deepEqual(indexes, [0, 2, 4]);
});

Deno.test("another key does not open", async () => {
  const others: SealingKeys[] = [
    { ...KEYS, macK: pseudorandomBytes(16, "other k") },
    { ...KEYS, macR: pseudorandomBytes(16, "other r") },
  ];
  for (const keys of others) {
    const sealer: Sealer = createSealer(keys, systemRandomBytes);
    await assert.rejects(sealer.open(SEALED_HELLO, "x"), IntegrityError);
  }
});

Deno.test("keys of a wrong length or of zeros are refused", async () => {
  const refused: SealingKeys[] = [
    { ...KEYS, encrypt: KEYS.encrypt.subarray(1) },
    { ...KEYS, macK: KEYS.encrypt },
    { ...KEYS, macR: new Uint8Array(0) },
    { ...KEYS, encrypt: new Uint8Array(32) },
    { ...KEYS, macK: new Uint8Array(16) },
    { ...KEYS, macR: new Uint8Array(16) },
  ];
  for (const keys of refused) await assert.rejects(createSealer(keys, systemRandomBytes), IntegrityError);
});

Deno.test("nothing to seal or open is fine, an empty payload too", async () => {
  const sealer = createSealer(KEYS, systemRandomBytes);
  assert.deepEqual(sealer.sealBatch(new Uint8Array(0), []), { bytes: new Uint8Array(0), lengths: [] });
  assert.deepEqual(sealer.openBatch(new Uint8Array(0), [], String), []);
  assert.deepEqual(sealer.open(sealer.seal(new Uint8Array(0)), "empty"), new Uint8Array(0));
});

function isIntegrityErrorOn(what: string): (error: unknown) => boolean {
  return (error) => error instanceof IntegrityError && error.message.includes(what) && !error.message.includes("\n");
}
