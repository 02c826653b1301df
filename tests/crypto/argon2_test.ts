/** Argon2id: vectors of its reference implementation, and the bounds for parameters from repositories. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { argon2Bytes, assertArgon2Parameters, NEW_VALUE_PARAMETERS } from "../../src/crypto/argon2.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("Argon2id gives the vectors of the reference implementation", async () => {
  const vectors = [
    [{ memoryKib: 256, passes: 2, lanes: 1 }, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"],
    [{ memoryKib: 256, passes: 2, lanes: 2 }, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"],
  ] as const;
  for (const [parameters, key] of vectors) {
    assert.equal(encodeHex(await argon2Bytes(bytes("password"), bytes("somesalt"), parameters, 32)), key);
  }
});

Deno.test("parameters that make no sense or ask for too much are refused before anything is computed", async () => {
  const good = NEW_VALUE_PARAMETERS;
  assertArgon2Parameters(good);
  for (
    const wrong of [
      { ...good, passes: 0 },
      { ...good, lanes: 0 },
      { ...good, memoryKib: 7 },
      { ...good, lanes: 17 },
      { ...good, memoryKib: 256 * 1024 + 1, passes: 1 },
      { ...good, memoryKib: 2 ** 32 - 1 },
      { ...good, passes: 17 },
      { memoryKib: 8, passes: 65_535, lanes: 2 },
    ]
  ) {
    assert.throws(() => assertArgon2Parameters(wrong), IntegrityError);
    await assert.rejects(argon2Bytes(bytes("password"), bytes("somesalt"), wrong, 32), IntegrityError);
  }
});
