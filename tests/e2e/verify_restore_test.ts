/** `agent verify --restore` and databases of SQLite by URL: output, exit codes, and what others tell of the verdict. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ExitCode } from "../../src/base/errors.ts";
import { restoreTestMessage } from "../../src/cli/report/json/restore_test_json.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { assertFails, eventually, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import * as v from "valibot";
import { MARIADB_DUMP, runningBelow } from "../ops/restore/verify_restore_scene.ts";

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
  assert.match(await box.ok(["status"]), /ok, restored \d{4}-\d\d-\d\d, [\d.]+ s, 2 rows/);
  assert.match(await box.ok(["show", "prod/shop"]), /\ntrial +restored \d{4}-\d\d-\d\d, [\d.]+ s, 2 rows\n/);
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

programTest({
  name: "a restore on trial that is killed leaves no server, and the next one removes its data; Ctrl-C leaves nothing",
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  timeout: 180_000,
  async fn() {
    await using box = await sandbox();
    const folder = box.join("scratch");
    await Deno.mkdir(folder);
    for (const path of [box.join("."), folder]) await Deno.chmod(path, 0o711);
    const env = { TMPDIR: folder };
    const left = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
    await box.put("slow", MARIADB_DUMP("CREATE TABLE t (a INT);", "INSERT INTO t SELECT SLEEP(600);"), "-q");
    await box.put("quick", MARIADB_DUMP("CREATE TABLE t (a INT);"), "-q");
    const loading = async (signal: Deno.Signal) => {
      await using verify = box.start(["verify", "slow", "--restore", "scratch"], { env });
      await eventually(
        "the restore",
        () => runningBelow(folder).some(({ line }) => /database=/.test(line)) || undefined,
      );
      verify.kill(signal);
      return await verify.outcome();
    };
    await loading("SIGKILL");
    await eventually("the end of the server", () => runningBelow(folder).length === 0 || undefined);
    assert.equal(left().length, 1);
    assert.match(await box.ok(["verify", "quick", "--restore", "scratch"], { env }), /\nOK quick@/);
    assert.deepEqual(left(), []);
    assert.equal((await loading("SIGINT")).exitCode, ExitCode.interrupted);
    assert.deepEqual([left(), runningBelow(folder)], [[], []]);
    assert.deepEqual((await box.json(["ls", "restore-tests"])).map(({ series }) => series), ["restore-tests/quick"]);
  },
});

const reason = await whyNoSmallDisk();
const skipped = reason ? ` (skipped: ${reason})` : "";

Deno.test({
  name: `a full disk is no verdict on a database of SQLite, and nothing is left on it${skipped}`,
  ignore: reason !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(8 * 1024 * 1024);
    await using box = await sandbox();
    const database = new DatabaseSync(box.join("shop.db"));
    database.exec("CREATE TABLE t (a)");
    const insert = database.prepare("INSERT INTO t VALUES (randomblob(1000000))");
    for (let row = 0; row < 12; row++) insert.run();
    database.close();
    for (const format of ["file", "sql"]) {
      await box.ok(["put", format, `sqlite:${box.join("shop.db")}?format=${format}`, "-q"]);
      const full = await box.agent(["verify", format, "--restore", "scratch"], { env: { TMPDIR: disk.path } });
      assertFails(full, ExitCode.failed, /could not be tried: .*the disk of the server is full.*no verdict was kept/);
      assert.deepEqual([...Deno.readDirSync(disk.path)], []);
    }
    assertFails(await box.agent(["ls", "restore-tests"]), ExitCode.usage, /no backup of "restore-tests"/);
  },
});

programTest({
  name: `a disk on which no server can be made is no verdict on a dump of MariaDB${skipped}`,
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  async fn() {
    if (reason !== undefined) return;
    await using disk = await mountSmallDisk(30 * 1024 * 1024);
    await using box = await sandbox();
    await box.put("s", MARIADB_DUMP("CREATE TABLE t (a INT);"), "-q");
    const full = await box.agent(["verify", "s", "--restore", "scratch"], { env: { TMPDIR: disk.path } });
    assertFails(full, ExitCode.failed, /The scratch server could not be made: .*(?:space|full|28|Error)/i);
    assert.deepEqual([...Deno.readDirSync(disk.path)], []);
  },
});
