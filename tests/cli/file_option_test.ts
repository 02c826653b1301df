/** `--file` takes a name as `agent files` prints it, in every command that has the option. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { Desk } from "./desk.ts";

const DUMP = "-- MySQL dump 10.13\n--\n-- Host: h    Database: shop\n" +
  "-- ------------------------------------------------------\n\n--\n-- Table structure for table `orders`\n--\n\n" +
  "CREATE TABLE `orders` (\n  `id` int\n);\n\n-- Dump completed\n";

Deno.test("a stream is chosen by the name that files prints, wherever --file is taken", async () => {
  await Desk.with(async (desk) => {
    await Deno.writeTextFile(join(desk.directory, "dump"), DUMP);
    const streams = ["--stream", `shop.sql=cat ${desk.directory}/dump`, "--stream", "notes=echo notes"];
    await desk.put("prod/shop", "", ...streams, "--guard", "none");
    const printed = (await desk.run(["files", "prod/shop"])).stdout.trim().split("\n");
    deepEqual(printed, ["/notes", "/shop.sql"]);
    const output = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await desk.run(args);
      equal(exitCode, ExitCode.done, stderr);
      return stdout;
    };
    equal(await output("get", "prod/shop", "--file", printed[0]!), "notes\n");
    equal(await output("get", "prod/shop", "--file", printed[1]!), DUMP);
    match(await output("get", "prod/shop", "--file", printed[0]!, "--archive", "tar"), /^[^\0]*notes\0.*notes\n/s);
    match(await output("get", "prod/shop", "--file", printed[1]!, "--table", "orders"), /CREATE TABLE `orders`/);
    match(await output("show", "prod/shop", "--tables", "--file", printed[1]!), /orders/);
    match(await output("url", "prod/shop", "--file", printed[0]!, "--expires", "1h"), /\/stream\/notes\?/);
    const table = ["--file", printed[1]!, "--table", "orders"];
    match(await output("url", "prod/shop", ...table, "--expires", "1h"), /\/table\/shop\.sql\/shop\.orders\?/);
  });
});

Deno.test("a part of a name that files prints is refused", async () => {
  await Desk.with(async (desk) => {
    await desk.put("prod/shop", "orders", "--guard", "none");
    const { exitCode, stderr } = await desk.run(["get", "prod/shop", "--file", "/dat"]);
    equal(exitCode, ExitCode.usage);
    match(stderr, /holds no file "\/dat"/);
  });
});
