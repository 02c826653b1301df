/** Key files and the master key inside: what restic could not open is refused, and no error shows a secret. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey } from "../../src/format/key_file.ts";
import { bytesOf, keyFile } from "./arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "./codec_checks.ts";
import { SAMPLE_KEY_FILE } from "./samples.ts";

const WHAT = "key 12345678";
const decode = (bytes: Uint8Array) => decodeKeyFile(bytes, WHAT);
const decodeText = (fields: object) =>
  decode(utf8(JSON.stringify({ ...JSON.parse(textOf(encodeKeyFile(SAMPLE_KEY_FILE))), ...fields })));

Deno.test("key files survive encoding", () => {
  checkProperty(fc.property(keyFile, (key) => assert.deepEqual(decode(encodeKeyFile(key)), key)));
});

Deno.test("damage of a key file is noticed or handled", () => {
  assertTruncationRefused(encodeKeyFile(SAMPLE_KEY_FILE), decode);
  assertFlipsHandled(encodeKeyFile(SAMPLE_KEY_FILE), decode);
});

Deno.test("what restic could not open is refused", () => {
  const cases: [object, RegExp][] = [
    [{ kdf: "argon2id" }, /"kdf"/],
    [{ salt: "AAAA" }, /64 bytes/],
    [{ salt: "*" }, /64 bytes/],
    [{ data: "A" }, /base64/],
    [{ N: 3 }, /scrypt/],
    [{ N: 1 }, /scrypt/],
    [{ N: 0 }, /scrypt/],
    [{ N: 0.5 }, /"N"/],
    [{ r: 0 }, /scrypt/],
    [{ p: 0 }, /scrypt/],
    [{ N: 2 ** 30 }, /scrypt/],
    [{ r: 2 ** 29, p: 2 }, /scrypt/],
    [{ created: "yesterday" }, /"created"/],
    [{ username: 5 }, /"username"/],
  ];
  for (const [fields, pattern] of cases) assert.throws(() => decodeText(fields), integrityError(WHAT, pattern));
});

Deno.test("the parameters that restic is known to take are taken", () => {
  for (const [N, r, p] of [[2, 1, 1], [1024, 8, 1], [65536, 8, 1], [32768, 8, 4]]) {
    assert.equal(decodeText({ N, r, p }).N, N);
  }
});

Deno.test("master keys survive encoding", () => {
  checkProperty(fc.property(bytesOf(32), bytesOf(16), bytesOf(16), (encrypt, macK, macR) => {
    const key = { encrypt, macK, macR };
    assert.deepEqual(decodeMasterKey(encodeMasterKey(key), "master key"), key);
  }));
});

Deno.test("damage of a master key is noticed, and no error shows any of it", () => {
  const secret = "c2VjcmV0c2VjcmV0c2VjcmV0";
  const key = { encrypt: new Uint8Array(32), macK: new Uint8Array(16), macR: new Uint8Array(16) };
  const decodeMaster = (bytes: Uint8Array) => decodeMasterKey(bytes, "master key");
  assertTruncationRefused(encodeMasterKey(key), decodeMaster);
  assertFlipsHandled(encodeMasterKey(key), decodeMaster);
  for (const text of [secret, `{"encrypt":"${secret}"}`, `{"mac":{"k":"${secret}","r":""},"encrypt":"${secret}"}`]) {
    assert.throws(() => decodeMaster(utf8(text)), (error) => {
      assert.ok(error instanceof IntegrityError);
      assert.ok(!Deno.inspect(error).includes(secret.slice(0, 8)));
      return true;
    });
  }
});
