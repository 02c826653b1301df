/** Copies in the cache that are damaged, or are not what their names say: none is ever given. */
import assert from "node:assert/strict";
import type { BlobStore } from "../../../src/store/store.ts";
import { bytesOf, fileOf } from "../../conformance/stored_files.ts";
import { filesBelow } from "../local_fixture.ts";
import { cacheFixture, CONTENT, keptFiles, PACK, PART, RANGE, SNAPSHOT } from "./cache_fixture.ts";

Deno.test("a damaged copy is noticed, dropped and read from the store again", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(SNAPSHOT, [CONTENT]);
  await fixture.remote.put(PACK, [CONTENT]);
  const readBoth = async (store: BlobStore) => {
    assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
    assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  };
  await readBoth(fixture.session().store);
  const damages: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.map((byte, i) => i === 50 ? byte ^ 1 : byte),
    (bytes) => bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte),
    (bytes) => bytes.subarray(0, bytes.length - 1),
    (bytes) => new Uint8Array([...bytes, 0]),
    () => new Uint8Array(10),
    () => new Uint8Array(0),
  ];
  for (const damage of damages) {
    for (const path of await keptFiles(fixture.folder)) {
      await Deno.writeFile(`${fixture.folder}/${path}`, damage(await Deno.readFile(`${fixture.folder}/${path}`)));
    }
    const { store, requests } = fixture.session();
    await readBoth(store);
    assert.deepEqual(requests(), ["get snapshot", "get pack"]);
    await readBoth(store);
    assert.equal(requests().length, 2, "the good copies are kept");
  }
});

Deno.test("damage in any byte of any kind of copy, and any other length, is found and read from the store again", async () => {
  await using fixture = await cacheFixture();
  const content = bytesOf(60, 5);
  const snapshot = fileOf("snapshot", content);
  const index = fileOf("index", content);
  const pack = fileOf("pack", content);
  const range = { offset: 10, length: 40 };
  for (const file of [snapshot, index, pack]) await fixture.remote.put(file, [content]);
  const readAll = async (store: BlobStore) => [
    await store.get(snapshot),
    await store.get(index),
    await store.get(pack, range, { keep: true }),
  ];
  const uncached = await readAll(fixture.remote);
  await readAll(fixture.session().store);
  const kept = (await keptFiles(fixture.folder)).map((path) => `${fixture.folder}/${path}`);
  assert.equal(kept.length, 3);
  for (const path of kept) {
    const whole = await Deno.readFile(path);
    const damages = [
      ...Array.from(whole, (_, at) => [0x01, 0x80].map((bit) => whole.map((byte, i) => i === at ? byte ^ bit : byte)))
        .flat(),
      ...Array.from(whole, (_, length) => whole.slice(0, length)),
      ...[1, 31, 32, 33, 5000].map((more) => new Uint8Array([...whole, ...bytesOf(more)])),
      new Uint8Array([...whole, ...whole]),
    ];
    for (const damaged of damages) {
      await Deno.writeFile(path, damaged);
      const { store, requests } = fixture.session();
      assert.deepEqual(await readAll(store), uncached);
      assert.equal(requests().length, 1);
      assert.deepEqual(await Deno.readFile(path), whole, "a good copy takes its place");
    }
    // A length that none was written with, such as a sparse file of a terabyte, is not read into memory.
    await Deno.truncate(path, 2 ** 40);
    assert.deepEqual(await readAll(fixture.session().store), uncached);
  }
  assert.deepEqual(fixture.problems, []);
});

Deno.test("what is no file is passed over, and a good copy takes its place if it can be removed", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(SNAPSHOT, [CONTENT]);
  assert.deepEqual(await fixture.session().store.get(SNAPSHOT), CONTENT);
  const [kept] = await keptFiles(fixture.folder);
  const path = `${fixture.folder}/${kept}`;
  const whole = await Deno.readFile(path);
  await Deno.rename(path, `${fixture.folder}/moved`);
  const places: readonly (() => Promise<unknown>)[] = [
    // Whoever opens it for reading waits until somebody writes.
    () => new Deno.Command("mkfifo", { args: [path] }).output(),
    () => Deno.symlink(`${fixture.folder}/moved`, path),
    () => Deno.mkdir(path),
  ];
  for (const place of places) {
    await place();
    const { store, requests } = fixture.session();
    assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
    assert.deepEqual(requests(), ["get snapshot"]);
    assert.deepEqual(await Deno.readFile(path), whole);
    await Deno.remove(path);
  }
});

Deno.test("a file that is not what its name says is given as it is, and never kept", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(SNAPSHOT, [bytesOf(7)]);
  const { store, requests } = fixture.session();
  for (const _ of [1, 2]) assert.deepEqual(await store.get(SNAPSHOT), bytesOf(7));
  assert.equal(requests().length, 2);
  assert.deepEqual(await filesBelow(fixture.directory).catch(() => []), []);
});
