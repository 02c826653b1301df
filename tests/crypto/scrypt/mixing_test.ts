/** Mixing on two threads, compared with the runtime's scrypt. */
import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { deriveKey, deriveKeyOn, SALT_BYTES, scryptBytes } from "../../../src/crypto/kdf.ts";
import { mixOnTwoThreads } from "../../../src/crypto/scrypt/mixing.ts";
import { startWorker } from "../../../src/base/thread.ts";

const PASSWORD = new TextEncoder().encode("pässword");
const SALT = new Uint8Array(SALT_BYTES).fill(7);

/** Mixes on two threads, and counts how many others were started. */
function countingMix(start: () => Worker = () => startWorker("mixing")) {
  const counts = { started: 0 };
  const mix = mixOnTwoThreads(() => {
    counts.started++;
    return start();
  });
  return { mix, counts };
}

for (const p of [1, 2, 3, 4, 5, 6, 9]) {
  Deno.test(`scrypt's bytes are those of the runtime on two threads, with p = ${p}`, async () => {
    const parameters = { N: 256, r: 8, p };
    const { mix, counts } = countingMix();
    const found = await scryptBytes(PASSWORD, SALT, parameters, 64, mix);
    assert.deepEqual(found, new Uint8Array(scryptSync(PASSWORD, SALT, 64, parameters)));
    assert.equal(counts.started, p > 2 ? 1 : 0, "one thread mixes two pieces side by side");
  });
}

for (const [log2N, started] of [[16, 1], [17, 0]] as const) {
  Deno.test(`two pieces of ${2 ** (log2N - 10)} MiB each are mixed ${started ? "on two threads" : "on one"}`, async () => {
    const parameters = { N: 2 ** log2N, r: 8, p: 2 };
    const { mix, counts } = countingMix();
    const found = await scryptBytes(PASSWORD, SALT, parameters, 64, mix);
    assert.deepEqual(found, new Uint8Array(scryptSync(PASSWORD, SALT, 64, { ...parameters, maxmem: 2 ** 29 })));
    assert.equal(counts.started, started);
  });
}

Deno.test("thousands of small pieces take one memory in each thread", async () => {
  const parameters = { N: 2, r: 1, p: 65536 };
  const { mix } = countingMix();
  const found = await scryptBytes(PASSWORD, SALT, parameters, 64, mix);
  assert.deepEqual(found, new Uint8Array(scryptSync(PASSWORD, SALT, 64, { ...parameters, maxmem: 2 ** 26 })));
});

Deno.test("a thread that cannot start leaves the mixing to this one", async () => {
  const { mix, counts } = countingMix(() => {
    throw new TypeError("no worker here");
  });
  const parameters = { N: 256, r: 8, p: 3 };
  const found = await scryptBytes(PASSWORD, SALT, parameters, 64, mix);
  assert.deepEqual(found, new Uint8Array(scryptSync(PASSWORD, SALT, 64, parameters)));
  assert.equal(counts.started, 1);
});

Deno.test("a thread that fails leaves the mixing to this one", async () => {
  const code = `self.onmessage = ({ data: { call } }) =>
    self.postMessage({ call, failure: { code: "failed", message: "there is no memory" } })`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { mix, counts } = countingMix(() => new Worker(url, { type: "module" }));
  const parameters = { N: 256, r: 8, p: 3 };
  const found = await scryptBytes(PASSWORD, SALT, parameters, 64, mix);
  assert.deepEqual(found, new Uint8Array(scryptSync(PASSWORD, SALT, 64, parameters)));
  assert.equal(counts.started, 1);
  URL.revokeObjectURL(url);
});

Deno.test("a key is the same on one thread and on two", async () => {
  const parameters = { N: 256, r: 8, p: 3 };
  const expected = await deriveKey(PASSWORD, SALT, parameters);
  for (const threads of [1, 2] as const) {
    assert.deepEqual(await deriveKeyOn(threads)(PASSWORD, SALT, parameters), expected);
  }
});
