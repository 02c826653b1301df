/** Which store a repository URL means. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";
import { BugError, UsageError } from "../../src/base/errors.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { builtInStores, openStore } from "../../src/store/built_in.ts";
import { parseStoreUrl, StoreRegistry } from "../../src/store/store_urls.ts";
import { countingRandom } from "./local_fixture.ts";

const dependencies = { random: countingRandom(), clock: systemClock };

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

Deno.test("rest: and s3: open stores on other machines, which are told apart from those on this one", async () => {
  const places = {
    "rest:http://user:secret@host:8000/shop/": "rest:http://user@host:8000/shop/",
    "s3:https://host/bucket/shop": "s3:https://host/bucket/shop",
  };
  for (const [text, location] of Object.entries(places)) {
    const store = await openStore(text, dependencies);
    assert.equal(store.location, location);
    assert.ok(builtInStores().isRemote(text));
    await store.close();
  }
  for (const text of ["/srv/backup", "local:rest:x", "xyz:place"]) assert.ok(!builtInStores().isRemote(text));
});

Deno.test("settings are checked by the store they are for", async () => {
  const open = async (text: string, setting: string, value: string) => {
    await (await openStore(text, { ...dependencies, settings: new Map([[setting, value]]) })).close();
  };
  await open("rest:http://host/", "rest.connections", "8");
  await open("rest:http://host/", "s3.region", "eu-west-1");
  for (const value of ["0", "-1", "many", "1000"]) {
    await assert.rejects(open("rest:http://host/", "rest.connections", value), UsageError, value);
  }
  await assert.rejects(open("rest:http://host/", "rest.colour", "red"), UsageError);
  await assert.rejects(open("s3:https://host/bucket", "s3.colour", "red"), UsageError);
});

Deno.test("an unknown scheme is refused without showing what follows it", async () => {
  await assert.rejects(openStore("xyz:u:secret@host", dependencies), (thrown) => {
    return thrown instanceof UsageError && /"xyz".*local:.*rest:.*s3:/.test(thrown.message) &&
      !/secret/.test(thrown.message);
  });
});

Deno.test("the scheme that is nearest to an unknown one is named", async () => {
  await assert.rejects(openStore("rets:http://host/", dependencies), /"rets"; did you mean "rest"\?; use local:/);
  await assert.rejects(openStore("ftp:host", dependencies), /"ftp"; use local:/);
});

Deno.test("a program adds stores of its own", async () => {
  const registry = builtInStores();
  registry.register("xyz", (place) => openMemoryStore(place));
  assert.deepEqual(registry.schemes, ["local", "rest", "s3", "xyz"]);
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

Deno.test("a registry that builds on another one leaves that as it is", async () => {
  const base = builtInStores();
  const registry = new StoreRegistry(base);
  registry.register("drawer", () => openMemoryStore(), { isRemote: true });
  base.register("shelf", () => openMemoryStore());
  base.onUnknown = (scheme) => new UsageError(`nobody knows ${scheme}`);
  await (await registry.open("shelf:x", dependencies)).close();
  await (await registry.open("drawer:x", dependencies)).close();
  assert.deepEqual([registry.isRemote("s3:https://host/b"), registry.isRemote("drawer:x")], [true, true]);
  assert.deepEqual([base.schemes.includes("drawer"), registry.schemes.includes("shelf")], [false, true]);
  assert.throws(() => registry.register("s3", () => openMemoryStore()), BugError);
  await assert.rejects(registry.open("xyz:x", dependencies), /nobody knows xyz/);
});
