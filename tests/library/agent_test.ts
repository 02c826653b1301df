/** What an agent tells about a repository and its backups, and what else it does to them. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { IntegrityError, InterruptedError, UsageError, WrongPasswordError } from "../../src/base/errors.ts";
import type { Agent } from "../../src/library/agent.ts";
import { builtInStores } from "../../src/store/built_in.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { fakeWorld, noise, sqlDump } from "../helpers/world.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "./agent_fixture.ts";

const PLAIN = { guard: "none" } as const;
const HOUR_MS = 3_600_000;

/** An agent with two backups of a stream, an hour apart. */
async function twoBackups() {
  const scene = await openTestAgent();
  await scene.agent.backup("prod/shop", sqlDump(20, "shop"));
  scene.world.clock.jump(HOUR_MS);
  await scene.agent.backup("prod/shop", sqlDump(30, "shop"));
  return scene;
}

/** A dump of a table as mysqldump writes it. */
const DUMP = [
  "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)",
  "--",
  "-- Host: localhost    Database: shop",
  "-- ------------------------------------------------------",
  "-- Server version\t8.0.36",
  "",
  "--",
  "-- Table structure for table `orders`",
  "--",
  "",
  "DROP TABLE IF EXISTS `orders`;",
  "CREATE TABLE `orders` (",
  "  `id` int NOT NULL",
  ");",
  "",
  "--",
  "-- Dumping data for table `orders`",
  "--",
  "",
  "INSERT INTO `orders` VALUES (1),(2);",
  "",
  "-- Dump completed on 2026-01-02  3:04:05",
  "",
].join("\n");

Deno.test("ls resolves to the backups of all series, or of those that are meant", async () => {
  await using agent = (await twoBackups()).agent;
  await agent.backup("etc/host", bytesOf("hosts"), { ...PLAIN, tags: ["weekly"] });
  assert.deepEqual((await agent.ls()).map(({ series }) => series), ["prod/shop", "prod/shop", "etc/host"]);
  assert.equal((await agent.ls("prod")).length, 2);
  assert.equal((await agent.ls({ series: "prod/shop", latest: 1 })).length, 1);
  assert.equal((await agent.ls({ tags: ["weekly"] })).length, 1);
  assert.deepEqual(await agent.ls("nothing"), []);
});

Deno.test("a snapshot that cannot be read is told, and the others are listed", async () => {
  const { agent: opened, store, problems } = await twoBackups();
  await using agent = opened;
  const [first] = await Array.fromAsync(store.list("snapshot"));
  const file = { kind: "snapshot", name: first!.name } as const;
  await store.remove(file);
  await store.put(file, [bytesOf("damaged")]);
  assert.equal((await agent.ls()).length, 1);
  assert.equal(problems.length, 1);
});

Deno.test("show, files, digests and listTables tell what a backup holds", async () => {
  await using directory = new TestDirectory();
  directory.write("site/index.html", "<h1>Shop</h1>");
  await using agent = (await twoBackups()).agent;
  const { backup, manifest, restored } = await agent.show("prod/shop");
  assert.deepEqual([backup.series, manifest?.files[0]?.guard?.format, restored], ["prod/shop", "mysqldump", null]);
  const [stream] = await agent.digests("prod/shop");
  assert.deepEqual([stream?.path, stream?.md5], ["prod/shop/data", hash("md5", sqlDump(30, "shop"))]);
  await agent.backup("prod/dump", bytesOf(DUMP));
  assert.deepEqual((await agent.listTables("prod/dump")).map(({ name, stream }) => [name, stream]), [
    ["orders", "prod/dump/data"],
  ]);
  const site = directory.at("site");
  await agent.backup("web/site", site);
  const paths = (await agent.files("web/site", { path: site })).map(({ path }) => path);
  assert.deepEqual(paths, [site, `${site}/index.html`]);
  assert.ok((await agent.files("web/site")).length > 2);
  assert.equal((await agent.digests("web/site"))[0]?.md5, hash("md5", "<h1>Shop</h1>"));
  await assert.rejects(agent.files("web/site", { path: "/nowhere" }), UsageError);
});

Deno.test("a dump of some tables is restored into a file", async () => {
  await using directory = new TestDirectory();
  await using agent = (await openTestAgent()).agent;
  await agent.backup("prod/shop", bytesOf(DUMP));
  const to = directory.at("orders.sql");
  const { tables } = await agent.restore("prod/shop", { to, tables: { tables: ["orders"] } });
  assert.deepEqual(tables?.map(({ name }) => name), ["orders"]);
  assert.match(await Deno.readTextFile(to), /INSERT INTO `orders`/);
  await assert.rejects(agent.restore("prod/shop", { to, tables: { tables: ["order"] } }), UsageError);
});

Deno.test("verify reads a backup and its chain, and throws for damage", async () => {
  const { agent: opened, store } = await openTestAgent();
  await using agent = opened;
  await agent.backup("prod/shop", noise(5000, "shop"), PLAIN);
  const { streams, chain } = await agent.verify("prod/shop");
  assert.deepEqual([streams[0]?.file.size, chain?.length], [5000, 1]);
  assert.equal((await agent.verify("prod/shop", { chainOnly: true })).streams.length, 0);
  const packs = (await Array.fromAsync(store.list("pack"))).toSorted((a, b) => b.size - a.size);
  await store.remove({ kind: "pack", name: packs[0]!.name });
  const heard = listenTo(agent);
  await assert.rejects(agent.verify("prod/shop"), IntegrityError);
  assert.deepEqual(namesIn(heard), ["onError"]);
  assert.ok((await agent.check()).errors.length > 0);
});

Deno.test("check, chain, status, stats, diff and find report", async () => {
  await using directory = new TestDirectory();
  directory.write("site/index.html", "<h1>Shop</h1>");
  const { agent: opened } = await twoBackups();
  await using agent = opened;
  const phases = new Set<string>();
  const report = await agent.check({ readData: true, onProgress: ({ phase }) => phases.add(phase) });
  assert.deepEqual([report.errors, report.snapshots, phases.has("data")], [[], 2, true]);
  assert.equal((await agent.chain("prod/shop", { all: true })).members.length, 2);
  const { rows, verdicts } = await agent.status({ expectations: ["prod/shop=2h", "prod/shop:weekly=8d"] });
  assert.deepEqual([rows.length, verdicts.map(({ isOverdue }) => isOverdue)], [1, [false, true]]);
  await assert.rejects(agent.status({ expectations: ["prod/shop"] }), UsageError);
  assert.equal((await agent.stats("prod/shop")).series[0]?.backups, 2);
  assert.equal((await agent.stats()).backupsInAll, 2);
  const [older, newer] = await agent.ls();
  assert.deepEqual((await agent.diff(older!, newer!)).streams.map(({ state }) => state), ["differs"]);
  assert.deepEqual((await agent.diff(newer!)).a.id, older!.id);
  await agent.backup("web/site", directory.at("site"));
  assert.equal((await agent.find("*.html")).versions.length, 1);
  assert.equal((await agent.find(["*.txt"], { series: "web/site" })).versions.length, 0);
});

Deno.test("forget removes by a policy, and prune frees the space", async () => {
  const { agent: opened } = await twoBackups();
  await using agent = opened;
  const heard = listenTo(agent);
  const { groups } = await agent.forget({ rules: { counts: { last: 1 } }, filter: { series: ["prod/shop"] } });
  assert.equal(groups[0]?.remove.length, 1);
  assert.deepEqual(namesIn(heard), ["beforeRotateBackups", "onRotateBackups"]);
  await assert.rejects(agent.forget({ rules: {} }), UsageError);
  const dry = await agent.prune({ isDry: true });
  assert.equal(dry.applied, null);
  assert.notEqual((await agent.prune({ limits: { maxUnused: { percent: 0 } } })).applied, null);
  assert.deepEqual((await agent.check({ readData: true })).errors, []);
});

Deno.test("a hold protects a backup until it is released, and tags change", async () => {
  await using agent = (await twoBackups()).agent;
  const [older] = await agent.ls();
  await agent.hold(older!);
  await assert.rejects(agent.deleteBackup(`@${older!.id}`), UsageError);
  assert.equal((await agent.release(`@${older!.id}`)).isUnchanged, false);
  const change = { add: ["checked"], remove: [] };
  assert.equal((await agent.tag("prod/shop", change)).tagged.length, 1);
  assert.equal((await agent.tag({ series: ["prod/shop"] }, change, { isDry: true })).tagged.length, 2);
  assert.equal((await agent.ls({ tags: ["checked"] })).length, 1);
});

Deno.test("backups are copied from another agent's repository", async () => {
  await using from = (await twoBackups()).agent;
  await using to = (await openTestAgent({ world: fakeWorld("second") })).agent;
  assert.equal((await to.copy(from, { isDry: true })).copied.length, 2);
  assert.equal((await to.copy(from, { names: ["prod/shop@latest"] })).copied.length, 1);
  assert.equal((await to.ls()).length, 1);
  await assert.rejects(to.copy(to), UsageError);
});

Deno.test("passwords are added, changed and removed, and the agent goes on with the changed one", async () => {
  const { agent: opened, store } = await openTestAgent();
  await using agent = opened;
  const added = await agent.keys.add("another");
  assert.equal((await agent.keys.list()).length, 2);
  await agent.keys.change("changed");
  assert.deepEqual(await agent.ls(), []);
  await using old = (await openTestAgent({ store })).agent;
  await assert.rejects(old.ls(), WrongPasswordError);
  assert.equal(await agent.keys.remove(added.slice(0, 8)), added);
  await using another = (await openTestAgent({ store, password: "another" })).agent;
  await assert.rejects(another.ls(), WrongPasswordError);
});

Deno.test("a folder is served over HTTP until the agent ends", async () => {
  await using directory = new TestDirectory();
  const { agent: host } = await openTestAgent();
  const served = directory.at("served");
  const server = await host.serve({ path: served, listen: "127.0.0.1:0", authentication: { method: "none" } });
  const { url } = server.places[0]!;
  {
    await using agent = (await openTestAgent({ repository: `rest:${url}shop/` })).agent;
    await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
    assert.equal(await new Response(agent.read("prod/shop")).text(), "orders");
  }
  await host.close();
  await assert.rejects(fetch(`${url}healthz`));
  await assert.rejects(host.serve({ path: served }), UsageError);
});

Deno.test("a signal ends a server, and one that is aborted already lets none begin", async () => {
  await using directory = new TestDirectory();
  await using agent = (await openTestAgent()).agent;
  const request = { path: directory.path, listen: "127.0.0.1:0", authentication: { method: "none" } } as const;
  await assert.rejects(agent.serve(request, { signal: AbortSignal.abort() }), InterruptedError);
  const stop = new AbortController();
  const { url } = (await agent.serve(request, { signal: stop.signal })).places[0]!;
  const answers = () => fetch(`${url}healthz`).then((answer) => answer.text()).then(() => true, () => false);
  assert.ok(await answers());
  stop.abort();
  while (await answers()); // Nobody tells when it has ended.
});

Deno.test("what makes no sense to a server is refused", async () => {
  await using agent = (await openTestAgent()).agent;
  await assert.rejects(agent.serve({ path: "" }), UsageError);
  await assert.rejects(agent.serve({ path: "/nowhere", listen: "somewhere" }), UsageError);
  await using served = new TestDirectory();
  const open = { path: served.path, listen: ":0", authentication: { method: "none" } } as const;
  await assert.rejects(agent.serve(open), UsageError);
});

Deno.test("the index of a dump file is parsed, and what is no dump file is refused", async () => {
  await using agent = (await openTestAgent()).agent;
  const [entry] = agent.tables.parseIndex("table_000.dump myres.main");
  assert.deepEqual(entry?.member, "table_000.dump");
  assert.throws(() => agent.tables.parseIndex("one word more"), IntegrityError);
  await assert.rejects(agent.tables.list("/nowhere/dump.tar.gz"), UsageError);
  await assert.rejects(agent.tables.list(new Blob(["no dump"]).stream()), IntegrityError);
  await assert.rejects(agent.tables.create("ftp://somewhere", ["t"], "/nowhere/dump"), UsageError);
});

/** Every call that only needs a signal. */
const CALLS: readonly (readonly [name: string, call: (agent: Agent, signal: AbortSignal) => Promise<unknown>])[] = [
  ["ls", (agent, signal) => agent.ls({}, { signal })],
  ["show", (agent, signal) => agent.show("prod/shop", { signal })],
  ["files", (agent, signal) => agent.files("prod/shop", { signal })],
  ["digests", (agent, signal) => agent.digests("prod/shop", { signal })],
  ["listTables", (agent, signal) => agent.listTables("prod/shop", { signal })],
  ["verify", (agent, signal) => agent.verify("prod/shop", { signal })],
  ["tryRestore", (agent, signal) => agent.tryRestore("prod/shop", { signal })],
  ["check", (agent, signal) => agent.check({ signal })],
  ["chain", (agent, signal) => agent.chain("prod/shop", { signal })],
  ["status", (agent, signal) => agent.status({ signal })],
  ["find", (agent, signal) => agent.find("*", { signal })],
  ["diff", (agent, signal) => agent.diff("prod/shop", null, { signal })],
  ["stats", (agent, signal) => agent.stats(null, { signal })],
  ["deleteBackup", (agent, signal) => agent.deleteBackup("prod/shop", { signal })],
  ["deleteOlderThan", (agent, signal) => agent.deleteOlderThan("prod/shop", "1D", { signal })],
  ["rotateBackups", (agent, signal) => agent.rotateBackups("prod/shop", { signal })],
  ["forget", (agent, signal) => agent.forget({ rules: { counts: { last: 1 } } }, { signal })],
  ["prune", (agent, signal) => agent.prune({ signal })],
  ["tag", (agent, signal) => agent.tag("prod/shop", { set: ["a"] }, { signal })],
  ["hold", (agent, signal) => agent.hold("prod/shop", { signal })],
  ["release", (agent, signal) => agent.release("prod/shop", { signal })],
  ["unlock", (agent, signal) => agent.unlock({ signal })],
  ["keys.list", (agent, signal) => agent.keys.list({ signal })],
];

for (const [name, call] of CALLS) {
  Deno.test(`${name} is stopped by a signal, which onError tells once`, async () => {
    await using agent = (await openTestAgent()).agent;
    const heard = listenTo(agent);
    await assert.rejects(call(agent, AbortSignal.abort()), InterruptedError);
    assert.deepEqual(namesIn(heard), ["onError"]);
    assert.equal(heard[0]!.error instanceof InterruptedError, true);
  });
}

Deno.test("locks that were left behind are removed", async () => {
  await using agent = (await openTestAgent()).agent;
  assert.deepEqual(await agent.unlock(), []);
});

Deno.test("an agent shows its registries, to which a program adds its own", async () => {
  const stores = builtInStores();
  await using agent = (await openTestAgent()).agent;
  assert.equal(agent.stores.schemes.includes("memory"), true);
  assert.equal(stores.schemes.includes("memory"), false);
  assert.notEqual(agent.engines.get("mysql"), undefined);
});

Deno.test("a call after the password was changed, or its key removed, by others opens nothing with it", async () => {
  const { agent: opened, store } = await openTestAgent();
  await using agent = opened;
  await using other = (await openTestAgent({ store, init: false })).agent;
  await other.ls();
  await agent.keys.change("another password");
  await assert.rejects(other.ls(), WrongPasswordError);
  assert.deepEqual(await agent.ls(), []);
  const keyId = await agent.keys.add("a third one");
  await using third = (await openTestAgent({ store, init: false, password: "a third one" })).agent;
  await third.ls();
  await agent.keys.remove(keyId);
  await assert.rejects(third.ls(), WrongPasswordError);
  assert.deepEqual(await agent.ls(), []);
});

Deno.test("a password file and the key files are read for every call", async () => {
  await using directory = new TestDirectory();
  directory.write("password", "one");
  const passwordFile = directory.at("password");
  const { agent: opened, store } = await openTestAgent({ passwordFile });
  await using agent = opened;
  await agent.keys.add("two");
  directory.write("password", "wrong");
  await assert.rejects(agent.ls(), WrongPasswordError);
  directory.write("password", "two");
  assert.deepEqual(await agent.ls(), []);
  for await (const { name } of store.list("key")) await store.remove({ kind: "key", name });
  await assert.rejects(agent.ls(), /no key file/);
});
