/** Values under keys, as programs keep them: bakthat's examples, any JSON value, bytes, passwords, versions and events. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError, VetoError, WrongPasswordError } from "../../../src/base/errors.ts";
import { KeyValue } from "../../../src/library/values/key_value.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

Deno.test("bakthat's examples: set, get, compress or not, a password, a default, delete", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);

  await kv.set("mykey", "myvalue");
  assert.equal(await kv.get("mykey"), "myvalue");
  await kv.set("mykey", { server: { port: 8080 }, list: [1, 2, null] }, { compress: false });
  assert.deepEqual(await kv.get("mykey"), { server: { port: 8080 }, list: [1, 2, null] });

  await kv.set("secret", { token: "hunter2" }, { password: "correct horse" });
  assert.deepEqual(await kv.get("secret", undefined, { password: "correct horse" }), { token: "hunter2" });

  assert.equal(await kv.get("absent"), undefined);
  assert.equal(await kv.get("absent", "a default"), "a default");
  assert.equal(await kv.get<null | string>("absent", null), null);

  assert.deepEqual((await agent.ls()).map(({ series }) => series).sort(), ["kv/mykey", "kv/mykey", "kv/secret"]);
  assert.equal((await kv.delete("mykey")).length, 2);
  assert.equal(await kv.get("mykey", "gone"), "gone");
  assert.deepEqual(await kv.delete("mykey"), []);
  assert.deepEqual((await kv.list()).map(({ key }) => key), ["secret"]);
});

Deno.test("any JSON value under any key comes back the same, and so do bytes", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const keys = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
  const values = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(-0, "\ud800", { ["__proto__"]: [-0] }),
    fc.uint8Array({ maxLength: 64 }),
  );
  const entries = fc.uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, minLength: 20, maxLength: 20 });
  for (const [i, some] of fc.sample(entries, { seed: 20_260_101, numRuns: 2 }).entries()) {
    await kv.setAll(some, { compress: i === 0, ...i === 1 && { password: "of their own" } });
    for (const [key, value] of some) {
      assert.deepEqual(await kv.get(key, undefined, i === 1 ? { password: "of their own" } : {}), value, key);
    }
  }
});

Deno.test("many values are one commit, given as a record, a map or pairs", async () => {
  const { agent, store } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const countOf = async (kind: "index" | "snapshot") => (await Array.fromAsync(store.list(kind))).length;

  await kv.setAll({ one: 1, two: [2], three: "drei" });
  assert.deepEqual([await countOf("index"), await countOf("snapshot")], [1, 3]);
  await kv.setAll(new Map([["four", 4]]));
  await kv.setAll([["five", bytesOf("five")]]);
  assert.deepEqual(await kv.setAll({}), []);
  assert.deepEqual((await kv.list()).map(({ key, versions }) => [key, versions]), [
    ["five", 1],
    ["four", 1],
    ["one", 1],
    ["three", 1],
    ["two", 1],
  ]);
  assert.deepEqual((await kv.list("t")).map(({ key }) => key), ["three", "two"]);
  assert.deepEqual(await kv.get("five"), bytesOf("five"));
  await assert.rejects(kv.setAll([["same", 1], ["same", 2]]), /given twice/);
});

Deno.test("setting again replaces, and earlier versions are read by time or id", async () => {
  const { agent, world } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const first = await kv.set("app/config", 1);
  const between = new Date(world.clock.now().getTime() + 1000);
  await world.clock.advance(60_000);
  const second = await kv.set("app/config", 2);

  assert.equal(await kv.get("app/config"), 2);
  assert.equal(await kv.get("app/config", 0, { at: between }), 1);
  assert.equal(await kv.get("app/config", 0, { at: first.id.slice(0, 8) }), 1);
  assert.deepEqual((await kv.history("app/config")).map(({ id }) => id), [first.id, second.id]);
  assert.deepEqual(await kv.history("app"), []);
  await assert.rejects(kv.get("app/config", 0, { at: "2020-01-01" }), UsageError);
});

Deno.test("a password is asked for if and only if the value has one", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const guarded = new KeyValue(agent, { password: "of all" });
  await kv.set("open", 1);
  await guarded.set("closed", { pin: 1234 });
  await guarded.set("other", bytesOf("other"), { password: "of its own", compress: false });

  assert.deepEqual(await guarded.get("closed"), { pin: 1234 });
  assert.deepEqual(await guarded.get("other", undefined, { password: "of its own" }), bytesOf("other"));
  await assert.rejects(kv.get("closed"), /"closed" has a password of its own: give that/);
  await assert.rejects(guarded.get("open"), /"open" has no password of its own/);
  await assert.rejects(guarded.get("other"), WrongPasswordError);
  await assert.rejects(kv.set("k", 1, { password: "" }), /Refusing an empty password/);
  assert.deepEqual((await kv.list()).map(({ key, fileName }) => [key, fileName]), [
    ["closed", "value.enc"],
    ["open", "value.json"],
    ["other", "value.enc"],
  ]);
  const stored = new Uint8Array(await new Response(agent.read("kv/closed")).arrayBuffer());
  assert.doesNotMatch(new TextDecoder().decode(stored), /1234/);
});

Deno.test("what is no JSON and what is no key is refused before anything is opened or told", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const heard = listenTo(agent);
  const kv = new KeyValue(agent);
  await assert.rejects(kv.set("k", { list: [1n] }), /at list\[0\]: a BigInt/);
  await assert.rejects(kv.setAll({ good: 1, bad: { since: new Date(0) } }), /at since: an object of Date/);
  for (const key of ["", "\ud800", "x".repeat(300)]) {
    await assert.rejects(kv.set(key, 1), UsageError);
    await assert.rejects(kv.get(key), UsageError);
    await assert.rejects(kv.delete(key), UsageError);
    await assert.rejects(kv.history(key), UsageError);
  }
  assert.deepEqual([heard, await kv.list()], [[], []]);
});

Deno.test("a value of 10 MB comes back, with and without a password", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const long = { text: "0123456789".repeat(1_000_000) };
  await kv.set("long", long);
  assert.equal((await kv.get<typeof long>("long"))?.text, long.text);
  await kv.set("long", long, { password: "of its own" });
  assert.equal((await kv.get<typeof long>("long", undefined, { password: "of its own" }))?.text, long.text);
});

Deno.test("each key has its own action: all are asked before anything is written, and all are told", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const heard = listenTo(agent);

  await kv.setAll({ "a/b": 1, "100%": 2 });
  assert.deepEqual(heard.map(({ event, series }) => [event, series]), [
    ["beforeBackup", "kv/a/b"],
    ["beforeBackup", "kv/100%25"],
    ["onBackup", "kv/a/b"],
    ["onBackup", "kv/100%25"],
  ]);
  assert.equal(heard[0]!.session, heard[2]!.session);
  assert.notEqual(heard[0]!.session, heard[1]!.session);

  heard.length = 0;
  await kv.get("a/b");
  await kv.get("absent");
  await kv.delete("a/b");
  await kv.delete("absent");
  assert.deepEqual(namesIn(heard), ["beforeRestore", "onRestore", "beforeDelete", "onDelete"]);

  heard.length = 0;
  agent.events.on("beforeBackup", ({ series }) => {
    if (series === "kv/second") throw new Error("not this one");
  });
  await assert.rejects(kv.setAll({ first: 1, second: 2 }), VetoError);
  assert.deepEqual(namesIn(heard), ["beforeBackup", "beforeBackup", "onError", "onError"]);
  assert.deepEqual((await kv.list()).map(({ key }) => key), ["100%"]);
});

Deno.test("a handler before a restore keeps a value from being read", async () => {
  const { agent } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  await kv.set("k", 1);
  agent.events.on("beforeRestore", () => {
    throw new Error("not today");
  });
  await assert.rejects(kv.get("k"), VetoError);
});

Deno.test("a URL gives the value that the key has at this moment, and lasts for so many seconds", async () => {
  const { agent, world } = await openTestAgent();
  await using _agent = agent;
  const kv = new KeyValue(agent);
  const first = await kv.set("app/config", { port: 1 });
  const url = new URL(await kv.getUrl("app/config", 60));
  await kv.set("app/config", { port: 2 });

  assert.deepEqual([url.origin, url.pathname], [
    "http://127.0.0.1:8088",
    `/${first.snapshotId}/value/value.json`,
  ]);
  const seconds = Number(url.searchParams.get("expires")) - world.clock.now().getTime() / 1000;
  assert.ok(seconds > 50 && seconds <= 61, String(seconds));
  const earlier = await kv.getUrl("app/config", 60, { at: first.id, gateway: "https://vault.example.org/kv/" });
  assert.ok(earlier.startsWith(`https://vault.example.org/kv/${first.snapshotId}/value/value.json?`), earlier);
  await assert.rejects(kv.getUrl("absent", 60), /There is no key "absent"/);
  await assert.rejects(kv.getUrl("app/config", 0), UsageError);
});
