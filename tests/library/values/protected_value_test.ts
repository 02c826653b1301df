/** Values with passwords of their own: they come back, nothing altered does, and the bytes are as docs/format.md says. */
import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import { argon2id } from "hash-wasm";
import { IntegrityError, UsageError, WrongPasswordError } from "../../../src/base/errors.ts";
import { openEnvelope, ValueSealer } from "../../../src/library/values/protected_value.ts";
import { updateCrc32 } from "../../../src/codec/deflate.ts";
import { CHEAP_VALUE_KDF } from "../../helpers/world.ts";
import { bytesOf } from "../agent_fixture.ts";

const KEY = "app/config";
const PASSWORD = "correct horse";
const TEXT = JSON.stringify({ greeting: "hello ".repeat(40) });
const VALUE = { isJson: true, content: bytesOf(TEXT), isCompressed: true };
const GOLDEN = new URL("../../golden/format/value_envelope.golden", import.meta.url);
const mostBytes = 1_000_000;

const counting = (count: number) => Uint8Array.from({ length: count }, (_, i) => i);
const randomly = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const tools = { randomBytes: counting, valueKdf: CHEAP_VALUE_KDF };
const seal = (value = VALUE, key = KEY) => new ValueSealer(PASSWORD, tools).seal(key, value);
const open = (envelope: Uint8Array<ArrayBuffer>, password = PASSWORD, key = KEY) =>
  openEnvelope(envelope, { key, password, mostBytes });

/** A checksum that fits what was altered, as somebody would write it who wants to mislead. */
function withChecksum(envelope: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const end = envelope.length - 4;
  new DataView(envelope.buffer).setUint32(end, updateCrc32(envelope.subarray(0, end)));
  return envelope;
}

Deno.test("a value comes back, compressed or not, JSON or bytes, even an empty one", async () => {
  for (const isJson of [true, false]) {
    for (const isCompressed of [true, false]) {
      for (const content of [bytesOf(TEXT), bytesOf("1"), bytesOf("")]) {
        const opened = await open(await seal({ isJson, content, isCompressed }));
        assert.equal(opened.isJson, isJson);
        assert.deepEqual([...opened.content], [...content]);
      }
    }
  }
});

Deno.test("values of one sealer have nonces of their own, and those of two have other keys", async () => {
  const sealer = new ValueSealer(PASSWORD, { valueKdf: CHEAP_VALUE_KDF, randomBytes: randomly });
  const [one, same] = [await sealer.seal(KEY, VALUE), await sealer.seal(KEY, VALUE)];
  const other = await new ValueSealer(PASSWORD, { valueKdf: CHEAP_VALUE_KDF, randomBytes: randomly }).seal(KEY, VALUE);
  const salt = (envelope: Uint8Array) => envelope.slice(16, 32).toHex();
  const nonce = (envelope: Uint8Array) => envelope.slice(32, 44).toHex();
  assert.equal(salt(one), salt(same));
  assert.notEqual(salt(one), salt(other));
  assert.notEqual(nonce(one), nonce(same));
});

Deno.test("the bytes of an envelope are as they were", async () => {
  const envelope = await seal({ ...VALUE, isCompressed: false }); // Versions of zstd need not compress alike.
  if (Deno.args.includes("--update")) await Deno.writeFile(GOLDEN, envelope);
  const golden = await Deno.readFile(GOLDEN);
  assert.equal(envelope.toHex(), golden.toHex());
  assert.deepEqual([...(await open(golden)).content], [...bytesOf(TEXT)]);
});

Deno.test("whoever knows the password opens an envelope as docs/format.md tells", async () => {
  const envelope = await seal();
  const view = new DataView(envelope.buffer);
  const [header, sealed] = [envelope.subarray(0, 64), envelope.subarray(64, -4)];
  const derived = await argon2id({
    password: PASSWORD,
    salt: envelope.subarray(16, 32),
    memorySize: view.getUint32(12),
    iterations: view.getUint16(10),
    parallelism: view.getUint8(9),
    hashLength: 48,
    outputType: "binary",
  });
  assert.deepEqual([...derived.subarray(32)], [...envelope.subarray(44, 60)]);
  const cipher = createDecipheriv("aes-256-gcm", derived.subarray(0, 32), envelope.subarray(32, 44));
  cipher.setAAD(new Uint8Array([...header, ...bytesOf(KEY)]));
  cipher.setAuthTag(sealed.subarray(-16));
  const frame = new Uint8Array([...cipher.update(sealed.subarray(0, -16)), ...cipher.final()]);
  const content = zstdDecompressSync(frame);
  assert.equal(content.toString(), TEXT);
  assert.equal(view.getUint32(60), content.length);
  assert.equal(view.getUint8(8), 3);
});

Deno.test("another password is a wrong password, and no damage", async () => {
  await assert.rejects(open(await seal(), "correct house"), WrongPasswordError);
});

Deno.test("an altered envelope never opens, whatever its checksum says", async () => {
  const envelope = await seal();
  for (let bit = 0; bit < envelope.length * 8; bit += 8) {
    const altered = envelope.slice();
    altered[bit >> 3]! ^= 1 << (bit & 7);
    await assert.rejects(open(altered), IntegrityError, `bit ${bit}`);
    if (bit >= (envelope.length - 4) * 8) continue;
    await assert.rejects(
      open(withChecksum(altered)),
      (error) => error instanceof IntegrityError || error instanceof WrongPasswordError,
      `bit ${bit} with its checksum`,
    );
  }
});

Deno.test("an envelope that asks for too much is refused before anything is computed", async () => {
  const greedy = await seal();
  new DataView(greedy.buffer).setUint32(12, 2 ** 31);
  await assert.rejects(open(withChecksum(greedy)), /too much memory or time/);
});

Deno.test("the value of one key is not that of another", async () => {
  await assert.rejects(open(await seal(), PASSWORD, "app/other"), /belongs to another key/);
});

Deno.test("a content that is larger than allowed is not decompressed", async () => {
  const envelope = await seal({ isJson: false, content: new Uint8Array(mostBytes + 1), isCompressed: true });
  await assert.rejects(open(envelope), /more than the/);
});

Deno.test("an empty password is refused", async () => {
  assert.throws(() => new ValueSealer("", tools), UsageError);
  await assert.rejects(open(await seal(), ""), UsageError);
});
