/** `agent verify --restore` and databases of SQLite by URL: output, exit codes, and what others tell of the verdict. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ExitCode } from "../../src/base/errors.ts";
import { restoreTestMessage } from "../../src/cli/report/json/restore_test_json.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import * as v from "valibot";

Deno.test("a database of SQLite is backed up by URL, restored on trial, and its verdict is told", async () => {
  await using box = await sandbox();
  const database = new DatabaseSync(box.join("shop.db"));
  database.exec("CREATE TABLE orders (a); INSERT INTO orders VALUES (1), (2)");
  database.close();
  await box.ok(["put", "prod/shop", `sqlite:${box.join("shop.db")}`, "-q"]);
  await box.ok(["get", "prod/shop", "--into", `sqlite:${box.join("copy.db")}`]);
  assertFails(
    await box.agent(["get", "prod/shop", "--into", `sqlite:${box.join("copy.db")}`]),
    ExitCode.usage,
    /is there already: --overwrite replaces it/,
  );
  const query = ["--query", "SELECT count(*) FROM orders"];
  const verify = ["verify", "prod/shop", "--restore", "scratch"];
  assert.match(
    await box.ok([...verify, ...query, "--expect", "=2"]),
    /^orders: 2 rows\nSELECT count\(\*\) FROM orders: 2\nOK prod\/shop@[0-9a-f]{8}: restored into SQLite 3\.\S+ in .* s, 1 table, 2 rows\n$/,
  );
  assert.match(await box.ok(["status"]), /ok, restored \d{4}-\d\d-\d\d, \d\.\d s, 2 rows/);
  assert.match(await box.ok(["show", "prod/shop"]), /\ntrial +restored \d{4}-\d\d-\d\d, \d\.\d s, 2 rows\n/);
  const [row] = await box.json([...verify, ...query, "--expect", ">1"]);
  const told = v.parse(restoreTestMessage, row);
  assert.deepEqual([told.passed, told.rows, told.queries[0]!.value], [true, 2, "2"]);
  assert.doesNotMatch(await box.ok(["ls"]), /restore-tests/);
  assert.match(await box.ok(["ls", "restore-tests"]), /restore-tests\/prod\/shop/);
  assert.equal(JSON.parse(await box.ok(["get", "restore-tests/prod/shop", "-q"])).passed, true);
  assert.equal((await box.json(["status"])).length, 1);

  const unmet = await box.agent([...verify, ...query, "--expect", ">5"]);
  assert.equal(unmet.exitCode, ExitCode.integrity);
  assert.match(unmet.stderr, /did not pass its restore: SELECT count\(\*\) FROM orders: "2" instead of >5/);
  assert.match(await box.ok(["status"]), /ok, restore failed \d{4}-\d\d-\d\d/);
  assertFails(
    await box.agent([...verify, "--query", "no SQL", "--expect", "=1"]),
    ExitCode.failed,
    /could not be tried/,
  );
  assertFails(await box.agent([...verify, ...query]), ExitCode.usage, /Each --query needs one --expect/);
  assertFails(await box.agent(["verify", "prod/shop", ...query]), ExitCode.usage, /need --restore/);
  assertFails(await box.agent(["put", "restore-tests/x"], { stdin: "x" }), ExitCode.usage, /is reserved/);
});
