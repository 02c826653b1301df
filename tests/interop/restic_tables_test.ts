/** restic on backups with a list of tables: it checks, restores, copies and prunes them, and the tables still come out. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { runAgentHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";

runAgentHere();

/** A dump of two tables. */
function dumpOf(rows: number): string {
  const table = (name: string) =>
    `--\n-- Table structure for table \`${name}\`\n--\n\nCREATE TABLE \`${name}\` (\n  \`v\` text\n);\n\n` +
    `--\n-- Dumping data for table \`${name}\`\n--\n\n` +
    Array.from({ length: rows }, (_, i) => `INSERT INTO \`${name}\` VALUES ('${name} ${i}');\n`).join("");
  return "-- MySQL dump 10.13\n--\n-- Host: h    Database: shop\n" +
    `-- ------------------------------------------------------\n\n${table("items")}${table("orders")}` +
    "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed on 2026-11-29 10:00:00\n";
}

resticTest("restic checks, restores and prunes backups with lists of tables", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", dumpOf(1000));
  await box.put("prod/shop", dumpOf(1200));
  await restic.check();
  await restic.ok(["restore", "latest", "--target", box.join("restored")]);
  equal(await Deno.readTextFile(box.join("restored/prod/shop/data")), dumpOf(1200));
  match(await Deno.readTextFile(box.join("restored/prod/shop.tables")), /^agent-tables\/1\nstream\tdata\nhead\t/);
  await restic.ok(["forget", "--keep-last", "1", "--prune"]);
  await restic.check();
  const tables = await box.json(["show", "prod/shop", "--tables"]);
  deepEqual(tables.map(({ database, name, kind }) => `${database}.${name} ${kind}`), [
    "shop.items table",
    "shop.orders table",
  ]);
  const orders = await box.ok(["get", "prod/shop", "--table", "shop.orders", "--quiet"]);
  match(orders, /'orders 1199'/);
  equal(orders.includes("items"), false);
  await box.ok(["get", "prod/shop", "--skip-table", "items", "-o", box.join("orders.sql")]);
  equal(await Deno.readTextFile(box.join("orders.sql")), orders);
  equal((await box.agent(["get", "prod/shop", "--table", "oders"])).exitCode, 2);
  equal((await box.agent(["get", "prod/shop", "--table", "orders", "--target", box.join("x")])).exitCode, 2);
  await box.ok(["check", "--read-data"]);
  await box.ok(["verify", "prod/shop"]);
  // What restic backs up has no list: the stream is read, and what is learned is kept.
  await restic.ok(["backup", box.join("restored/prod/shop/data")]);
  const [foreign] = (await box.json(["ls"])).filter(({ series }) => series !== "prod/shop");
  const again = await box.ok(["get", `@${foreign!["id"]}`, "--table", "shop.orders", "--quiet"]);
  equal(again, orders);
  await rejects(Deno.stat(box.join("x")));
});
