/** Which store a repository URL means. */
import assert from "node:assert/strict";
import { BugError, UsageError } from "../../src/base/errors.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { builtInStores, openStore, parseStoreUrl, StoreRegistry } from "../../src/store/registry.ts";
import { countingRandom } from "./local_fixture.ts";

const dependencies = { random: countingRandom() };

Deno.test("paths and schemes are told apart at the first colon before any slash", () => {
  const urls: Readonly<Record<string, readonly [string, string]>> = {
    "/srv/backup": ["local", "/srv/backup"],
    "backup": ["local", "backup"],
    "local:/srv/backup": ["local", "/srv/backup"],
    "local:backup:daily": ["local", "backup:daily"],
    "./backup:daily": ["local", "./backup:daily"],
    "/srv/2026-01-01T00:00": ["local", "/srv/2026-01-01T00:00"],
    "rest:https://host:8000/shop/": ["rest", "https://host:8000/shop/"],
    "s3:https://host/bucket/prefix": ["s3", "https://host/bucket/prefix"],
    "REST:http://host/": ["rest", "http://host/"],
    "xyz:place": ["xyz", "place"],
  };
  for (const [text, [scheme, place]] of Object.entries(urls)) {
    assert.deepEqual(parseStoreUrl(text), { scheme, place }, text);
  }
});

Deno.test("a text without a place is wrong usage", () => {
  for (const text of ["", "local:", "rest:"]) assert.throws(() => parseStoreUrl(text), UsageError);
});

Deno.test("a path and local: open the same store", async () => {
  for (const text of ["/srv/backup/", "local:/srv/backup"]) {
    const store = await openStore(text, dependencies);
    assert.equal(store.location, "/srv/backup");
    await store.close();
  }
});

Deno.test("a known scheme whose store is missing and an unknown one are refused in different words", async () => {
  await assert.rejects(openStore("rest:http://u:secret@host/", dependencies), (thrown) => {
    return thrown instanceof UsageError && /not available/.test(thrown.message) && !/secret/.test(thrown.message);
  });
  await assert.rejects(openStore("s3:https://host/bucket", dependencies), UsageError);
  await assert.rejects(openStore("xyz:u:secret@host", dependencies), (thrown) => {
    return thrown instanceof UsageError && /"xyz".*local:/.test(thrown.message) && !/secret/.test(thrown.message);
  });
});

Deno.test("a program adds stores of its own", async () => {
  const registry = builtInStores();
  registry.register("xyz", (place) => openMemoryStore(place));
  assert.deepEqual(registry.schemes, ["local", "xyz"]);
  assert.equal((await registry.open("xyz:there", dependencies)).location, "there");
});

Deno.test("a scheme is registered once and has a proper name", () => {
  const registry = new StoreRegistry();
  registry.register("xyz", () => openMemoryStore());
  assert.throws(() => registry.register("xyz", () => openMemoryStore()), BugError);
  for (const scheme of ["", "XYZ", "a:b", "a/b", "1a"]) {
    assert.throws(() => registry.register(scheme, () => openMemoryStore()), BugError);
  }
});
