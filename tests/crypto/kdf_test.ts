/** Key derivation: vectors of RFC 7914 and RFC 5869, and the bounds for parameters from key files. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { assertParameters, deriveKey, hkdf, NEW_KEY_PARAMETERS, scryptBytes } from "../../src/crypto/kdf.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("scrypt gives the vectors of RFC 7914", async () => {
  const vectors = [
    [
      "",
      "",
      { N: 16, r: 1, p: 1 },
      "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442" +
      "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
    ],
    [
      "password",
      "NaCl",
      { N: 1024, r: 8, p: 16 },
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
      "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    ],
    [
      "pleaseletmein",
      "SodiumChloride",
      { N: 16384, r: 8, p: 1 },
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ],
  ] as const;
  for (const [password, salt, parameters, key] of vectors) {
    assert.equal(encodeHex(await scryptBytes(bytes(password), bytes(salt), parameters, 64)), key);
  }
});

Deno.test("a derived key is scrypt's 64 bytes in three parts", async () => {
  const salt = new Uint8Array(64).fill(7);
  const parameters = { N: 2, r: 1, p: 1 };
  const { encrypt, macK, macR } = await deriveKey(bytes("pässword"), salt, parameters);
  const whole = await scryptBytes(bytes("pässword"), salt, parameters, 64);
  assert.deepEqual([encrypt.length, macK.length, macR.length], [32, 16, 16]);
  assert.deepEqual(new Uint8Array([...encrypt, ...macK, ...macR]), whole);
});

Deno.test("parameters that are wrong or ask for too much are refused before any work", async () => {
  const salt = new Uint8Array(64);
  const refused = [
    { N: 1, r: 8, p: 1 },
    { N: 0, r: 8, p: 1 },
    { N: -1024, r: 8, p: 1 },
    { N: 1000, r: 8, p: 1 },
    { N: 1024.5, r: 8, p: 1 },
    { N: NaN, r: 8, p: 1 },
    { N: Infinity, r: 8, p: 1 },
    { N: 1024, r: 0, p: 1 },
    { N: 1024, r: 8, p: 0 },
    { N: 1024, r: 1.5, p: 1 },
    { N: 1024, r: 8, p: 2 ** 30 },
    { N: 2 ** 19, r: 8, p: 1 },
    { N: 2 ** 15, r: 8, p: 65 },
    { N: 2, r: 1, p: 2 ** 17 + 1 },
    { N: 2 ** 20, r: 8, p: 1000 },
    { N: 2, r: 1, p: 2 ** 29 },
  ];
  for (const parameters of refused) {
    await assert.rejects(deriveKey(bytes("x"), salt, parameters), IntegrityError, JSON.stringify(parameters));
  }
  for (const length of [0, 32, 63, 65]) {
    await assert.rejects(deriveKey(bytes("x"), new Uint8Array(length), { N: 2, r: 1, p: 1 }), IntegrityError);
  }
});

Deno.test("parameters that restic writes are accepted", async () => {
  const salt = new Uint8Array(64);
  for (const parameters of [NEW_KEY_PARAMETERS, { N: 65536, r: 8, p: 1 }, { N: 1024, r: 8, p: 8 }]) {
    assert.equal((await deriveKey(bytes("x"), salt, parameters)).encrypt.length, 32);
  }
});

Deno.test("HKDF gives a vector of RFC 5869 and independent bytes for every label", () => {
  const expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
  const master = new Uint8Array(22).fill(0x0b);
  assert.equal(encodeHex(hkdf(master, "", 42)), expected);
  assert.notDeepEqual(hkdf(master, "one", 1024), hkdf(master, "two", 1024));
  assert.equal(hkdf(master, "one", 1024).length, 1024);
});

Deno.test("what restic measures on slow and fast machines is accepted", () => {
  for (const p of [1, 2, 5, 12, 27, 64]) assertParameters({ N: 32768, r: 8, p });
  for (const N of [1024, 16384, 65536, 262144]) assertParameters({ N, r: 8, p: 1 });
});
