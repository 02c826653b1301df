/** Guards: a stream that is not whole is never a backup, of whatever format it is. */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { sqlDump } from "../helpers/world.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const encoder = new TextEncoder();

/** A dump of a few lines between the first and the last lines of a tool. */
function dumpBetween(head: string, closing: string): Uint8Array {
  const rows = Array.from({ length: 200 }, (_, i) => `INSERT INTO t VALUES (${i}, 'row ${i}');`);
  return encoder.encode(`${head}\n${rows.join("\n")}\n${closing}\n`);
}

const MARIADB_DUMP = dumpBetween(
  "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4.2-MariaDB, for debian-linux-gnu (x86_64)\n--",
  "-- Dump completed on 2026-01-02  3:04:05",
);
const PG_DUMP = dumpBetween(
  "--\n-- PostgreSQL database dump\n--\n",
  "--\n-- PostgreSQL database dump complete\n--\n",
);
const SQLITE_DUMP = dumpBetween("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;", "COMMIT;");
const MYSQL_DUMP = sqlDump(200, "guard");

const STREAMS: readonly (readonly [format: string, whole: Uint8Array])[] = [
  ["mysqldump", MYSQL_DUMP],
  ["mariadb-dump", MARIADB_DUMP],
  ["pg_dump", PG_DUMP],
  ["sqlite", SQLITE_DUMP],
  ["gzip", gzipSync(MYSQL_DUMP)],
  ["zstd", zstdCompressSync(PG_DUMP)],
];

for (const [format, whole] of STREAMS) {
  Deno.test(`a truncated ${format} stream is refused with exit code 3, the whole one is recognised`, async () => {
    await using box = await sandbox();
    const [backup] = await box.json(["put", "s"], { stdin: whole });
    assert.equal(backup!["complete"], true);
    assert.match(String(backup!["guard"]), new RegExp(format));
    const before = await box.ok(["ls", "--json"]);
    const truncated = await box.agent(["put", "s"], { stdin: whole.subarray(0, whole.length - 40) });
    assertFails(
      truncated,
      ExitCode.source,
      new RegExp(`Refusing to back up "s": the .*${format}.* stream is not whole:`),
    );
    assert.equal(await box.ok(["ls", "--json"]), before, "nothing was committed");
    assert.deepEqual(await box.names("locks"), []);
  });
}

Deno.test("a whole gzip file around half a dump is refused, too", async () => {
  await using box = await sandbox();
  const half = gzipSync(MYSQL_DUMP.subarray(0, MYSQL_DUMP.length / 2));
  assertFails(await box.agent(["put", "s"], { stdin: half }), ExitCode.source, /not whole.*Dump completed/);
});

Deno.test("the half dump of a command that exits with 0 is refused", async () => {
  await using box = await sandbox();
  await box.file("half.sql", MYSQL_DUMP.subarray(0, 5000));
  assertFails(await box.agent(["put", "s", "--", "cat", "half.sql"]), ExitCode.source, /mysqldump stream is not whole/);
});

Deno.test("--guard none commits half a dump as it is", async () => {
  await using box = await sandbox();
  const half = MYSQL_DUMP.subarray(0, 5000);
  const [backup] = await box.json(["put", "s", "--guard", "none"], { stdin: half });
  assert.deepEqual([backup!["guard"], backup!["complete"]], ["none", null]);
  assert.equal(await box.ok(["get", "s", "-q"]), new TextDecoder().decode(half));
});

Deno.test("a format asked for by name is insisted on", async () => {
  await using box = await sandbox();
  const other = await box.agent(["put", "s", "--guard", "pg_dump"], { stdin: MYSQL_DUMP });
  assertFails(other, ExitCode.source, /pg_dump stream is not whole: does not begin like a pg_dump dump/);
  await box.put("s", MYSQL_DUMP, "--guard", "mysqldump");
});

Deno.test("a dump without its comments is committed, and the summary says that nobody judged it", async () => {
  await using box = await sandbox();
  const { exitCode, stderr } = await box.agent(["put", "s"], { stdin: "INSERT INTO t VALUES (1);\n" });
  assert.equal(exitCode, ExitCode.done);
  assert.match(stderr, /format not recognised, not judged/);
  const named = await box.agent(["put", "s", "--guard", "mysqldump"], { stdin: "INSERT INTO t VALUES (1);\n" });
  assertFails(named, ExitCode.source, /does not begin like a mysqldump dump/);
});

programTest({
  name: "streams of real tools: whole ones pass, cut ones do not",
  needs: ["bash", "tar", "gzip", "zstd", "sqlite3"],
  async fn() {
    await using box = await sandbox();
    await box.file("tree/a.txt", "a".repeat(30_000));
    await box.shell(`sqlite3 x.db "create table t(a); insert into t values (1), (2), (3)"`);
    // What tar pads its archive with is no loss, so that more than that is cut off.
    const tools = [
      ["tar c tree", 15_000],
      ["tar cz tree", 9],
      ["tar c tree | zstd -q", 9],
      ["sqlite3 x.db .dump", 9],
      ["sqlite3 x.db .dump | gzip", 9],
    ] as const;
    for (const [tool, cutBytes] of tools) {
      const [backup] = await box.json(["put", "s", "--", "bash", "-c", `set -o pipefail; ${tool}`]);
      assert.equal(backup!["complete"], true, tool);
      const cut = await box.shell(`set -o pipefail; (${tool}) | head -c -${cutBytes} >cut; "$AGENT" put s <cut`);
      assertFails(cut, ExitCode.source, /not whole/);
    }
    assert.equal((await box.json(["ls"])).length, tools.length);
  },
});
