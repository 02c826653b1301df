/** Single tables out of dumps from pipes with the executable: what it lists, fetches, leaves out and refuses. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { ExitCode } from "../../src/base/errors.ts";
import { servingTest, startAgentServer, whyNoServer } from "../helpers/agent_server.ts";
import { assertFails, type Sandbox, sandbox } from "../helpers/executable.ts";
import { noise } from "../helpers/world.ts";
import { mysqlDump } from "../ops/restore/tables_fixture.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

/** Digits that shrink to half. */
function rows(count: number, seed: string): string[] {
  const digits = noise(60 * count, seed).toHex();
  return Array.from({ length: count }, (_, i) => digits.slice(i * 120, (i + 1) * 120));
}

/** A dump in which `orders` has one row in ten. */
function largeDump(): string {
  return mysqlDump({ before_it: rows(22_000, "b"), orders: rows(5_000, "o"), z_behind: rows(22_000, "z") });
}

const fetchedBytes = async (box: Sandbox) =>
  [...(await Deno.readTextFile(box.join("access.log"))).matchAll(/"GET [^"]*" \d+ (\d+)/g)]
    .reduce((sum, [, bytes]) => sum + Number(bytes), 0);

servingTest(
  "a table of a dump is fetched from a server without the rest, and the whole is fetched once without a list",
  await whyNoServer(),
  async () => {
    await using box = await sandbox();
    await using server = await startAgentServer(box, {}, ["--log", "access.log"]);
    const env = { AGENT_REPOSITORY: server.repository("shop"), XDG_CACHE_HOME: box.join("cache") };
    await box.ok(["init"], { env });
    const dump = largeDump();
    await box.ok(["put", "piped", "-q"], { stdin: dump, env });
    await box.ok(["put", "unjudged", "-q", "--guard", "none"], { stdin: dump, env });
    const limit = 5_000 * 150 * 1.1 + 1e6;
    const bytesOf = async (series: string) => {
      const before = await fetchedBytes(box);
      const text = await box.ok(["get", series, "--table", "shop.orders", "-q"], { env });
      assert.match(text, /CREATE TABLE `orders`/);
      assert.equal(text.match(/^INSERT INTO `orders`/gm)?.length, 5_000);
      assert.doesNotMatch(text, /`z_behind`|`before_it`/);
      return await fetchedBytes(box) - before;
    };
    const [listed, first, second] = [await bytesOf("piped"), await bytesOf("unjudged"), await bytesOf("unjudged")];
    assert.ok(listed <= limit && second <= limit, `${listed}, ${second}: at most ${limit}`);
    assert.ok(first > 3e6, `${first}`);
  },
);

Deno.test("tables are listed, chosen, left out and refused by name, and nothing damaged gets a name", async () => {
  await using box = await sandbox();
  const dump = mysqlDump({ orders: rows(20_000, "o"), "order items": ["2"], log: ["3"] });
  await box.put("shop", dump);
  const listing = await box.ok(["show", "shop", "--tables"]);
  assert.deepEqual(listing.match(/^shop +(?:orders|order items|log) +table /gm)?.length, 3, listing);
  await box.ok(["get", "shop", "--table", "log", "-o", box.join("log.sql"), "-q"]);
  assert.match(
    await Deno.readTextFile(box.join("log.sql")),
    /^-- MySQL dump[^]*INSERT INTO `log`[^]*-- Dump completed/,
  );
  const rest = await box.ok(["get", "shop", "--skip-table", "shop.order*", "-q"]);
  assert.deepEqual(rest.match(/CREATE TABLE `.*`/g), ["CREATE TABLE `log`"]);
  assert.doesNotMatch(await box.ok(["get", "shop", "--schema-only", "-q"]), /INSERT/);
  assert.doesNotMatch(await box.ok(["get", "shop", "--data-only", "--table", "log", "-q"]), /CREATE TABLE/);
  assertFails(
    await box.agent(["get", "shop", "--table", "lgo"]),
    ExitCode.usage,
    /no table "lgo"; did you mean "log"\?/,
  );

  await box.damageLargestPack();
  const damaged = await box.agent(["get", "shop", "--table", "orders", "-o", box.join("never.sql")]);
  assert.equal(damaged.exitCode, ExitCode.integrity, damaged.stderr);
  assert.throws(() => Deno.statSync(box.join("never.sql")), Deno.errors.NotFound);

  await box.put("zipped", gzipSync(dump));
  assertFails(await box.agent(["show", "zipped", "--tables"]), ExitCode.usage, /is compressed \(gzip\+mysqldump\)/);
  await box.put("lite", "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nCOMMIT;\n");
  const refused = await box.agent(["get", "lite", "--table", "t"]);
  assertFails(refused, ExitCode.usage, /of the format sqlite, and single tables come only out of dumps of mysqldump/);
  assert.equal(refused.stderr.trim().split("\n").length, 1, refused.stderr);
});
