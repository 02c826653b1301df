/** Keys of ids and encrypted places in tables of this machine. */
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { decryptValues, encryptValues, KeyedIds, tableKeys } from "../../src/crypto/table_keys.ts";
import { noise } from "../helpers/world.ts";

const KEYS = { encrypt: noise(32, "encrypt"), macK: noise(16, "k"), macR: noise(16, "r") };

Deno.test("the key of an id is the last block of AES-256-CBC, alone or among many", () => {
  const key = noise(32, "key");
  using keyed = new KeyedIds(key);
  const ids = noise(32 * 500, "ids");
  const all = keyed.ofAll(ids);
  for (const i of [0, 1, 1, 499, 250, 0]) {
    const id = ids.subarray(i * 32, (i + 1) * 32);
    const cipher = createCipheriv("aes-256-cbc", key, new Uint8Array(16));
    const block = new Uint32Array(new Uint8Array(cipher.update(id).subarray(16)).buffer);
    cipher.final();
    assert.deepEqual(keyed.of(ids, i * 32).slice(), block);
    assert.deepEqual(all.slice(i * 4, i * 4 + 4), block);
  }
  assert.equal(keyed.ofAll(new Uint8Array(0)).length, 0);
});

Deno.test("values come back under their own keys only", () => {
  const secret = noise(32, "places");
  const keys = new KeyedIds(noise(32, "key")).ofAll(noise(32 * 10, "ids"));
  const values = Uint32Array.from({ length: 40 }, (_, i) => i % 4);
  const encrypted = encryptValues(secret, values, keys);
  assert.deepEqual(decryptValues(secret, encrypted, keys), values);
  assert.deepEqual(decryptValues(secret, encrypted.subarray(4, 8), keys.subarray(4, 8)), values.slice(4, 8));
  assert.notDeepEqual(decryptValues(secret, encrypted.subarray(4, 8), keys.subarray(0, 4)), values.slice(4, 8));
  const blocks = new Set(Array.from({ length: 10 }, (_, i) => encrypted.subarray(i * 4, i * 4 + 4).join()));
  assert.equal(blocks.size, 10, "equal values look different");
});

Deno.test("another salt or another key makes another table", () => {
  const made = [
    tableKeys(KEYS, noise(32, "salt")),
    tableKeys(KEYS, noise(32, "other salt")),
    tableKeys({ ...KEYS, macR: noise(16, "other") }, noise(32, "salt")),
  ].flatMap(({ ids, places, digests }) => [ids, places, digests].map((key) => key.toHex()));
  assert.equal(new Set(made).size, 9);
  assert.deepEqual(tableKeys(KEYS, noise(32, "salt")).ids.toHex(), made[0]);
});
