/** What does not fit its name is read twice, and no more often. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";
import { withVerification } from "../../src/store/verified.ts";
import { storeConformance } from "../conformance/store_suite.ts";
import { bytesOf } from "../conformance/stored_files.ts";

storeConformance("verified store", {
  create() {
    const store = withVerification(openMemoryStore());
    return Promise.resolve({ store, dispose: () => store.close() });
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
  { test: "foreign files are passed over", reason: "the files are in memory" },
]);

const CONTENT = bytesOf(1000);
const KINDS: readonly FileKind[] = ["key", "lock", "snapshot", "index", "pack"];

/** A store whose first `flips` answers have a wrong bit. */
function noisy(inner: BlobStore, flips: number): BlobStore {
  const get = inner.get.bind(inner);
  inner.get = async (...args) => {
    const bytes = await get(...args);
    if (flips-- > 0) bytes[0]! ^= 1;
    return bytes;
  };
  return inner;
}

async function readings(file: FileName, flips: number, range?: { offset: number; length: number }) {
  const inner = openMemoryStore();
  await inner.put(file, [CONTENT]);
  const counted = withFaults(noisy(inner, flips), () => undefined);
  const bytes = await withVerification(counted).get(file, range);
  return { isIntact: bytes.every((byte, i) => byte === CONTENT[i]), calls: counted.calls.length };
}

Deno.test("what is intact is read once, noise on the way passes, damage in the store is given as it is", async () => {
  for (const kind of KINDS) {
    const file = { kind, name: hash("sha256", CONTENT, "hex") };
    assert.deepEqual(await readings(file, 0), { isIntact: true, calls: 1 }, kind);
    assert.deepEqual(await readings(file, 1), { isIntact: true, calls: 2 }, kind);
    assert.deepEqual(await readings(file, 9), { isIntact: false, calls: 2 }, kind);
  }
});

Deno.test("the config and parts of files are read once whatever they are", async () => {
  assert.deepEqual(await readings({ kind: "config", name: "config" }, 1), { isIntact: false, calls: 1 });
  const pack = { kind: "pack", name: hash("sha256", CONTENT, "hex") } as const;
  assert.deepEqual(await readings(pack, 1, { offset: 0, length: 10 }), { isIntact: false, calls: 1 });
});
