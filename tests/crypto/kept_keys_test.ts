/** Derived keys that are kept: each is derived once, for the same password only, and forgotten at the end. */
import assert from "node:assert/strict";
import { type DeriveKey, deriveKey } from "../../src/crypto/kdf.ts";
import { KeptKeys } from "../../src/crypto/kept_keys.ts";

const CHEAP = { N: 2, r: 1, p: 1 };
const SALT = new Uint8Array(64).fill(1);
const bytes = (text: string) => new TextEncoder().encode(text);

function counted() {
  let derived = 0;
  const derive: DeriveKey = (...given) => {
    derived++;
    return deriveKey(...given);
  };
  return { kept: new KeptKeys(derive), derived: () => derived };
}

Deno.test("the same password, salt and cost are derived once, also by two at the same time", async () => {
  const { kept, derived } = counted();
  const keys = await Promise.all([kept.derive(bytes("a"), SALT, CHEAP), kept.derive(bytes("a"), SALT, CHEAP)]);
  keys.push(await kept.derive(bytes("a"), SALT, CHEAP));
  assert.equal(derived(), 1);
  for (const found of keys) assert.deepEqual(found, await deriveKey(bytes("a"), SALT, CHEAP));
});

Deno.test("another password, salt or cost is another key", async () => {
  const { kept } = counted();
  const others = [
    ["ab", SALT, CHEAP],
    ["a", new Uint8Array(64).fill(2), CHEAP],
    ["a", SALT, { N: 4, r: 1, p: 1 }],
    ["a", SALT, { N: 2, r: 2, p: 1 }],
    ["a", SALT, { N: 2, r: 1, p: 2 }],
  ] as const;
  await kept.derive(bytes("a"), SALT, CHEAP);
  for (const [password, salt, parameters] of others) {
    const expected = await deriveKey(bytes(password), salt, parameters);
    assert.deepEqual(await kept.derive(bytes(password), salt, parameters), expected);
  }
});

Deno.test("whoever overwrites the keys that it got harms no other", async () => {
  const { kept } = counted();
  const first = await kept.derive(bytes("a"), SALT, CHEAP);
  first.encrypt.fill(0);
  assert.deepEqual(await kept.derive(bytes("a"), SALT, CHEAP), await deriveKey(bytes("a"), SALT, CHEAP));
});

Deno.test("what fails is tried again, and the oldest keys give way", async () => {
  let derived = 0;
  const kept = new KeptKeys((...given) => {
    if (derived++ === 0) throw new RangeError("no memory");
    return deriveKey(...given);
  });
  await assert.rejects(kept.derive(bytes("a"), SALT, CHEAP), RangeError);
  for (let i = 0; i < 21; i++) await kept.derive(bytes(`${i}`), SALT, CHEAP);
  assert.equal(derived, 22);
  await kept.derive(bytes("20"), SALT, CHEAP);
  assert.equal(derived, 22);
  await kept.derive(bytes("0"), SALT, CHEAP);
  assert.equal(derived, 23);
});

Deno.test("nothing is kept after the end, and what was kept is overwritten", async () => {
  const made: Uint8Array[] = [];
  let derived = 0;
  const kept = new KeptKeys(async (...given) => {
    derived++;
    const keys = await deriveKey(...given);
    made.push(...Object.values(keys));
    return keys;
  });
  await kept.derive(bytes("a"), SALT, CHEAP);
  await kept.forget();
  assert.ok(made.every((key) => key.every((byte) => byte === 0)));
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await kept.derive(bytes("a"), SALT, CHEAP), await deriveKey(bytes("a"), SALT, CHEAP));
  }
  assert.equal(derived, 3);
});
