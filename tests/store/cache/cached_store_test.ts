/** The cached store: what is kept, for how long, and when the store behind it is asked. */
import assert from "node:assert/strict";
import { NotFoundError, TemporaryError } from "../../../src/base/errors.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import { storeConformance } from "../../conformance/store_suite.ts";
import { bytesOf, fileOf, listing } from "../../conformance/stored_files.ts";
import { filesBelow } from "../local_fixture.ts";
import { cacheFixture, CONTENT, PACK, PART, RANGE, SNAPSHOT } from "./cache_fixture.ts";

storeConformance("cached store", {
  async create() {
    const fixture = await cacheFixture();
    const { store } = fixture.session();
    return { store, dispose: () => store.close().then(() => fixture[Symbol.asyncDispose]()) };
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
  { test: "foreign files are passed over", reason: "the files are in memory" },
]);

Deno.test("snapshots and indexes are read from the store once", async () => {
  await using fixture = await cacheFixture();
  for (const kind of ["snapshot", "index"] as const) {
    const file = fileOf(kind, CONTENT);
    await fixture.remote.put(file, [CONTENT]);
    const first = fixture.session();
    assert.deepEqual(await first.store.get(file), CONTENT);
    assert.deepEqual(first.requests(), [`get ${kind}`]);
    const second = fixture.session();
    const bytes = await second.store.get(file);
    assert.deepEqual(bytes, CONTENT);
    assert.equal(bytes.buffer.byteLength, CONTENT.length, "the buffer is the caller's alone");
    assert.deepEqual(second.requests(), []);
  }
});

Deno.test("config, keys, locks, packs and parts that nobody wants to keep are read every time", async () => {
  await using fixture = await cacheFixture();
  for (const kind of ["config", "key", "lock", "pack"] as const) {
    const file = fileOf(kind, CONTENT);
    await fixture.remote.put(file, [CONTENT]);
    const { store, requests } = fixture.session();
    await store.get(file, undefined, { keep: true });
    await store.get(file, RANGE);
    await store.get(file, { offset: 5 }, { keep: true });
    await store.get(file, RANGE);
    assert.equal(requests().length, 4);
    await store.close();
  }
  assert.deepEqual(await filesBelow(fixture.directory).catch(() => []), []);
});

Deno.test("parts of packs are kept where the caller wants it, each range for itself", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(PACK, [CONTENT]);
  const { store, requests } = fixture.session();
  for (const _ of [1, 2]) {
    assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
    assert.deepEqual(await store.get(PACK, { offset: 100, length: 20 }, { keep: true }), CONTENT.subarray(100, 120));
  }
  assert.equal(requests().length, 2);
  assert.deepEqual(await store.get(PACK, RANGE), PART);
  assert.equal(requests().length, 3, "who does not ask for a copy gets none");
});

Deno.test("what was put is there already; what was not put is not", async () => {
  await using fixture = await cacheFixture();
  const { store, requests } = fixture.session();
  await store.put(SNAPSHOT, [CONTENT.subarray(0, 10), CONTENT.subarray(10)]);
  assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
  assert.deepEqual(requests(), ["put snapshot"]);
  const other = fileOf("index", bytesOf(5));
  const full = withFaults(fixture.remote, () => ({ type: "tear" }));
  await assert.rejects(fixture.session(full).store.put(other, [bytesOf(5)]), TemporaryError);
  await assert.rejects(store.get(other), NotFoundError);
});

Deno.test("a removed file is gone; one that others removed is gone after the next listing", async () => {
  await using fixture = await cacheFixture();
  const { store } = fixture.session();
  const files = [1, 2, 3].map((seed) => [fileOf("snapshot", bytesOf(10, seed)), bytesOf(10, seed)] as const);
  for (const [file, bytes] of files) await store.put(file, [bytes]);
  const [[first], [second], [third]] = files as [typeof files[0], typeof files[0], typeof files[0]];
  await store.remove(first);
  await assert.rejects(store.get(first), NotFoundError);
  await fixture.remote.remove(second);
  for await (const _ of store.list("snapshot")) break;
  assert.equal((await store.get(second)).length, 10, "a listing that was left early proves nothing");
  await listing(store, "snapshot");
  await assert.rejects(store.get(second), NotFoundError);
  const after = fixture.session();
  assert.equal((await after.store.get(third)).length, 10);
  assert.deepEqual(after.requests(), []);
});

Deno.test("a listing that fails drops nothing", async () => {
  await using fixture = await cacheFixture();
  await fixture.session().store.put(SNAPSHOT, [CONTENT]);
  const broken = openMemoryStore();
  broken.list = async function* () {
    yield { name: SNAPSHOT.name.replace(/./g, "0"), size: 1 };
    await Promise.reject(new TemporaryError("broken"));
  };
  const { store, requests } = fixture.session(broken);
  await assert.rejects(listing(store, "snapshot"), TemporaryError);
  assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
  assert.deepEqual(requests(), ["list snapshot"]);
});

Deno.test("a fresh reading passes the copy by and takes its place", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(PACK, [bytesOf(1000, 2)]);
  const { store, requests } = fixture.session();
  await store.get(PACK, RANGE, { keep: true });
  await fixture.remote.remove(PACK);
  await fixture.remote.put(PACK, [CONTENT]);
  assert.notDeepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  assert.deepEqual(await store.get(PACK, RANGE, { keep: true, fresh: true }), PART);
  assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  assert.equal(requests().length, 2);
});
