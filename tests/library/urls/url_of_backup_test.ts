/** Signed URLs as programs get them: what they name, for how long, at which gateway, and until when they are valid. */
import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { loadWholeIndex } from "../../../src/backup/whole_index.ts";
import { readSignedUrl, type UrlReading, type UrlTarget } from "../../../src/gateway/signed_url.ts";
import type { Agent } from "../../../src/library/agent.ts";
import { openAccess } from "../../../src/ops/access.ts";
import { UrlKeys } from "../../../src/ops/gateway/url_keys.ts";
import { setValues } from "../../../src/ops/values/set_values.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { accessTo, type FakeWorld, namesOf, noise } from "../../helpers/world.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

const PLAIN = { guard: "none" } as const;
const MINUTE = { seconds: 60 } as const;

/** A dump as mysqldump writes it, with two tables of databases if these are named. */
function dump(tables: readonly string[]): Uint8Array<ArrayBuffer> {
  const bodies = tables.map((name) =>
    [
      "--",
      `-- Table structure for table \`${name}\``,
      "--",
      "",
      `DROP TABLE IF EXISTS \`${name}\`;`,
      `CREATE TABLE \`${name}\` (\n  \`id\` int NOT NULL\n);`,
      "",
      "--",
      `-- Dumping data for table \`${name}\``,
      "--",
      "",
      `INSERT INTO \`${name}\` VALUES (1),(2);`,
      "",
    ].join("\n")
  );
  const head = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: localhost    Database: shop\n" +
    "-- ------------------------------------------------------\n-- Server version\t8.0.36\n\n";
  return bytesOf(`${head}${bodies.join("\n")}\n-- Dump completed on 2026-01-02  3:04:05\n`);
}

/** What a gateway makes of a URL that starts now. */
async function read(url: string, { store, world }: { readonly store: BlobStore; readonly world: FakeWorld }) {
  await using repository = await openAccess(accessTo(store), { world });
  const keys = new UrlKeys({ repository, openIndex: () => loadWholeIndex(repository), clock: world.clock });
  const { pathname, search } = new URL(url);
  return readSignedUrl(await keys.current(), { method: "GET", url: pathname + search }, world.clock.now().getTime());
}

/** What a URL names. */
function targetOf(reading: UrlReading): [kind: UrlTarget["kind"], path: string] {
  equal(reading.refusal, null);
  return [reading.target!.kind, reading.target!.path.join(" ")];
}

Deno.test("A URL names the only stream, the file or the table that is meant, or an archive of all", async () => {
  await using directory = new TestDirectory();
  directory.write("site/a/index.html", "<h1>Shop</h1>");
  const scene = await openTestAgent();
  await using agent = scene.agent;
  await agent.backup("prod/shop", dump(["orders", "items"]));
  await agent.backup("prod/all", { streams: { "x/one.sql": dump(["one"]), "two.sql": dump(["two"]) } });
  await agent.backup("web/site", directory.at("site"));
  const given = async (...[which, options]: [string, Omit<Parameters<Agent["getUrl"]>[1], "seconds">]) =>
    targetOf(await read(await agent.getUrl(which, { ...MINUTE, ...options }), scene));
  deepEqual(await given("prod/shop", {}), ["stream", "data"]);
  deepEqual(await given("prod/shop", { table: "orders" }), ["table", "data shop.orders"]);
  deepEqual(await given("prod/shop", { table: "o*" }), ["table", "data shop.orders"]);
  deepEqual(await given("prod/all", {}), ["backup", "backup.tar"]);
  deepEqual(await given("prod/all", { file: "one.sql" }), ["stream", "x one.sql"]);
  deepEqual(await given("prod/all", { file: "/prod/all/two.sql" }), ["stream", "two.sql"]);
  deepEqual(await given("prod/all", { table: "two" }), ["table", "two.sql shop.two"]);
  deepEqual(await given("web/site", {}), ["backup", "backup.tar"]);
  const file = directory.at("site/a/index.html");
  deepEqual(await given("web/site", { file }), ["stream", file.slice(1).split("/").join(" ")]);
  await rejects(given("prod/shop", { table: "*" }), /means 2 tables: .*orders/);
  await rejects(given("prod/shop", { table: "order" }), /orders/);
  await rejects(given("prod/shop", { file: "nothing" }), UsageError);
  await rejects(given("web/site", { file: directory.at("site") }), UsageError);
  await rejects(given("web/site", { table: "orders" }), UsageError);
  await rejects(given("prod/nothing", {}), UsageError);
});

Deno.test("A URL of a key's series gives the value", async () => {
  const scene = await openTestAgent();
  await using agent = scene.agent;
  const value = { key: "app/config", fileName: "value.json", content: bytesOf("1"), compression: "off", options: {} };
  await setValues(accessTo(scene.store), [value as Parameters<typeof setValues>[1][0]], {
    world: scene.world,
    host: "db1",
  });
  const url = await agent.getUrl("kv/app/config", MINUTE);
  deepEqual(targetOf(await read(url, scene)), ["value", "value.json"]);
});

Deno.test("A URL ends when it was said, and stays with the backup that was the latest", async () => {
  const scene = await openTestAgent();
  await using agent = scene.agent;
  const { world } = scene;
  const first = await agent.backup("prod/shop", noise(100, "1"), PLAIN);
  const url = await agent.getUrl("prod/shop", MINUTE);
  world.clock.jump(30_000);
  const second = await agent.backup("prod/shop", noise(100, "2"), PLAIN);
  equal((await read(url, scene)).target?.snapshot, first.backup.snapshotId);
  const later = await agent.getUrl("prod/shop", MINUTE);
  equal((await read(later, scene)).target?.snapshot, second.backup.snapshotId);
  const back = await agent.getUrl(first.backup, MINUTE);
  equal((await read(back, scene)).target?.snapshot, first.backup.snapshotId);
  const { expiresMs } = (await read(url, scene)).target!;
  world.clock.jump(expiresMs - world.clock.now().getTime() - 1);
  equal((await read(url, scene)).refusal, null);
  world.clock.jump(1);
  equal((await read(url, scene)).refusal, "expired");
  world.clock.adjust(-1000);
  equal((await read(url, scene)).refusal, null);
  for (const seconds of [0, -1, NaN, Infinity, 1e12]) {
    await rejects(agent.getUrl("prod/shop", { seconds }), UsageError);
  }
});

Deno.test("The first URL begins a generation of keys; a revocation ends all URLs before it", async () => {
  const scene = await openTestAgent();
  await using agent = scene.agent;
  await agent.backup("prod/shop", noise(100, "1"), PLAIN);
  const heard = listenTo(agent);
  const url = await agent.getUrl("prod/shop", MINUTE);
  equal((await namesOf(scene.store, "snapshot")).length, 2);
  equal(await agent.getUrl("prod/shop", MINUTE), url);
  equal((await namesOf(scene.store, "snapshot")).length, 2);
  deepEqual({ ...await agent.revokeUrls(), backup: null }, { generation: 2, before: 1, backup: null });
  equal((await read(url, scene)).refusal, "signature");
  const another = await agent.getUrl("prod/shop", MINUTE);
  notEqual(another, url);
  equal((await read(another, scene)).refusal, null);
  deepEqual(namesIn(heard), []);
});

Deno.test("A URL leads to the gateway of the call, the agent or the environment", async () => {
  const begins = async (options: Parameters<typeof openTestAgent>[0], gateway?: string) => {
    await using agent = (await openTestAgent(options)).agent;
    await agent.backup("prod/shop", noise(100, "1"), PLAIN);
    const url = await agent.getUrl("prod/shop", { ...MINUTE, ...gateway !== undefined && { gateway } });
    return url.slice(0, url.search(/[0-9a-f]{64}\//));
  };
  equal(await begins({}), "http://127.0.0.1:8088/");
  equal(await begins({ environment: { AGENT_GATEWAY: "https://env.example" } }), "https://env.example/");
  const environment = { AGENT_GATEWAY: "https://env.example" };
  equal(await begins({ environment, gateway: "https://agent.example/dl" }), "https://agent.example/dl/");
  equal(
    await begins({ environment, gateway: "https://agent.example" }, "http://call.example:81"),
    "http://call.example:81/",
  );
  await rejects(begins({}, "call.example"), UsageError);
});
