/** Status on the command line: tables and objects, exit code 5 where something is overdue, and TwinDB's status file. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { sqlDump } from "../helpers/world.ts";
import { assertFails, emptySandbox, jsonRows, type Outcome, type Sandbox, sandbox } from "../helpers/executable.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const HOUR = 3_600_000;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR).toISOString();
const FILE = /^\{"md5": "[0-9a-f]{32}", "status": "[\w+/=]+", "version": 1\}$/;
const GOLDEN = new URL("../golden/twindb/", import.meta.url).pathname;

/** `prod/shop` on db1, daily two days ago and hourly ten hours ago, and `wiki` on db2, an hour ago. */
async function backups(): Promise<{ box: Sandbox; daily: string; hourly: string }> {
  const box = await sandbox();
  const shop = ["--host", "db1", "--guard", "none"];
  const daily = await box.put("prod/shop", "full", "--run-type", "daily", "--time", hoursAgo(48.5), ...shop);
  const hourly = await box.put("prod/shop", "inc", "--run-type", "hourly", "--time", hoursAgo(10.5), ...shop);
  await box.put("wiki", "wiki", "--time", hoursAgo(1.5), "--host", "db2");
  return { box, daily, hourly };
}

/** Fails the test unless exactly that is told, and only once. */
function assertOverdue({ exitCode, stdout, stderr }: Outcome, line: RegExp): void {
  assert.match(stdout, line);
  assert.deepEqual([exitCode, stderr], [ExitCode.overdue, ""]);
}

Deno.test("how current the backups are", async (test) => {
  const { box: opened, daily, hourly } = await backups();
  await using box = opened;

  await test.step("status is a table on standard output", async () => {
    const { exitCode, stdout, stderr } = await box.agent(["status"]);
    assert.deepEqual([exitCode, stderr], [ExitCode.done, ""]);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    assert.match(head!, /^SERIES +HOST +RUN +LATEST +AGE +LEVEL +SIZE +NEXT +HEALTH$/);
    assert.match(
      rows[0]!,
      /^prod\/shop +db1 +hourly +20\S+ \S+ [+-]\d\d:\d\d +10 h 3\d min +1 +3 B +incremental +not judged$/,
    );
    assert.match(
      rows[1]!,
      /^prod\/shop +db1 +daily +20\S+ \S+ [+-]\d\d:\d\d +2 d( 1 h)? +0 +4 B +incremental +not judged$/,
    );
    assert.match(rows[2]!, /^wiki +db2 +- +20\S+ \S+ [+-]\d\d:\d\d +1 h 3\d min +0 +4 B +incremental +not judged$/);
    assert.equal(rows.length, 3);
  });

  await test.step("status --json is an object for each series and host", async () => {
    const [shop, ...others] = await box.json(["status", "--host", "db1", "--expect", "prod/shop:hourly=11h"]);
    assert.equal(others.length, 0);
    const { series, host, runs, expectations } = shop as { [key: string]: unknown; runs: Record<string, unknown>[] };
    assert.deepEqual([series, host], ["prod/shop", "db1"]);
    assert.deepEqual(
      runs.map(({ id, runType, level, size, next, health }) => [id, runType, level, size, next, health]),
      [
        [hourly, "hourly", 1, 3, "incremental", "unjudged"],
        [daily, "daily", 0, 4, "incremental", "unjudged"],
      ],
    );
    const [{ expected, limitSeconds, ageSeconds, overdue }] = expectations as [Record<string, unknown>];
    assert.deepEqual([expected, limitSeconds, overdue], ["prod/shop:hourly=11h", 11 * 3600, false]);
    assert.ok(Number(ageSeconds) >= 10.5 * 3600 && Number(ageSeconds) < 11 * 3600, String(ageSeconds));
  });

  await test.step("what is expected and there is OK; what is not is overdue, with exit code 5", async () => {
    const met = await box.agent(["status", "--expect", "prod/shop=26h", "--expect", "wiki@db2=2h"]);
    assert.equal(met.exitCode, ExitCode.done);
    const numbers = [
      "'prod/shop@db1'=3[78]\\d{3}s;;93600;0 'prod/shop@db1 size'=3B;;;0",
      "'wiki@db2'=5\\d{3}s;;7200;0 'wiki@db2 size'=4B;;;0",
    ];
    assert.match(met.stdout.split("\n")[0]!, new RegExp(`^OK 2 expectations met \\| ${numbers.join(" ")}$`));
    const late = await box.agent([
      "status",
      "--expect",
      "prod/shop:daily=26h",
      "--expect",
      "wiki=1d",
      "--expect",
      "x=2d",
    ]);
    const line = /^OVERDUE prod\/shop@db1:daily 2 d( 1 h)? \(at most 1 d 2 h\); x no good backup \(at most 2 d\) \| '/;
    const [first, , hourlyRow, dailyRow] = late.stdout.split("\n");
    assert.match(first!, line);
    assert.match(first!, / 'x'=U;;172800;0$/);
    assert.match(hourlyRow!, / not judged$/);
    assert.match(dailyRow!, / overdue, not judged$/);
    assert.deepEqual([late.exitCode, late.stderr], [ExitCode.overdue, ""], "it is told once");
  });

  await test.step("with --quiet only what is overdue is told, in one line on standard output", async () => {
    const quiet = (...args: string[]) => box.agent(["status", "--quiet", ...args]);
    assert.deepEqual(await quiet("--expect", "3d"), { exitCode: ExitCode.done, stdout: "", stderr: "" });
    assertOverdue(await quiet("--expect", "2h"), /^OVERDUE prod\/shop@db1 10 h 3\d min \(at most 2 h\) \| '.*\n$/);
    assertOverdue(
      await quiet("--expect", "@db3=2h"),
      /^OVERDUE all series@db3 no good backup \(at most 2 h\) \| 'all series@db3'=U;;7200;0\n$/,
    );
    const [row, ...others] = jsonRows((await quiet("--expect", "2h", "--json")).stderr);
    assert.deepEqual([row!["message_type"], row!["code"], others], ["exit_error", ExitCode.overdue, []]);
    assert.match((await quiet()).stdout, /^SERIES/, "the table is what was asked for");
  });

  await test.step("a backup of the future is shown, and is no reason to be at ease", async () => {
    await box.put("wiki", "soon", "--time", hoursAgo(-3.5), "--host", "db9");
    const { exitCode, stdout, stderr } = await box.agent(["status", "--host", "db9"]);
    assert.equal(exitCode, ExitCode.done);
    assert.match(stdout, /^wiki +db9 .* in 3 h \d+ min .* not judged, 1 in the future$/m);
    assert.equal(stderr, "Made in the future: 1 backup. Is a clock wrong, here or there?\n");
    const expected = await box.agent(["status", "-q", "--expect", "wiki@db9=1000d"]);
    assertOverdue(expected, /^OVERDUE wiki@db9 no good backup/);
  });

  await test.step("--format twindb writes the status file of a host, which --import reads", async () => {
    assertFails(
      await box.agent(["status", "--format", "twindb"]),
      ExitCode.usage,
      /--host \(there are db1, db2, db9\)/,
    );
    const twindb = (...args: string[]) => box.agent(["status", "--format", "twindb", "--host", "db1", ...args]);
    const nothing = await twindb();
    assert.match(nothing.stdout, FILE);
    const line = "Left out: 2 backups that are not whole streams of MySQL or MariaDB (not judged: 2)\n";
    assert.deepEqual([nothing.exitCode, nothing.stderr], [ExitCode.done, line]);
    assert.deepEqual(await twindb("--quiet"), { ...nothing, stderr: "" });

    const shop = ["--host", "db1", "--run-type"];
    const full = await box.put("mysql/shop", sqlDump(3, "shop"), ...shop, "daily", "--time", hoursAgo(20));
    await box.put("mysql/shop", sqlDump(4, "shop"), ...shop, "hourly", "--time", hoursAgo(10));
    const text = await box.ok(["status", "--format", "twindb", "--host", "db1"]);
    assert.match(text, FILE);
    const file = await box.file("status", text);
    const [row, ...others] = await box.json(["status", "--import", file], { env: { AGENT_REPOSITORY: undefined } });
    const { series, host, runs } = row as { [key: string]: unknown; runs: Record<string, unknown>[] };
    assert.deepEqual([series, host, others], ["mysql", "db1", []]);
    assert.deepEqual(runs.map(({ runType, level, health }) => [runType, level, health]), [
      ["hourly", 1, "ok"],
      ["daily", 0, "ok"],
    ]);
    assert.match(String(runs[1]!["id"]), new RegExp(`^db1/daily/mysql/mysql_shop-.*-${full.slice(0, 8)}\\.sql$`));
    assert.equal(await box.ok(["status", "--import", file, "--format", "twindb"]), text);
    await box.ok(["rm", `mysql/shop@${full}`]);
    const without = await box.ok(["status", "--format", "twindb", "--host", "db1"]);
    const orphaned = await box.ok(["status", "--import", "-"], { stdin: without });
    assert.match(orphaned, /^mysql +db1 +hourly .* 0 +- +incremental +ok$/m);
  });
});

Deno.test("TwinDB's status files of both versions are read without a repository; damaged ones are refused", async () => {
  await using box = await emptySandbox();
  const imported = (file: string, ...args: string[]) => box.agent(["status", "--import", file, ...args]);
  const [bare, current, logs] = await Promise.all([
    imported(`${GOLDEN}status-bare.golden`),
    imported(`${GOLDEN}status.golden`),
    imported(`${GOLDEN}binlog-status.golden`),
  ]);
  assert.match(current.stdout, /^mysql +db1\.example +hourly +.* +1 +- +incremental +ok$/m);
  assert.equal(bare.stdout.replaceAll(/\d+ d.*? h/g, ""), current.stdout.replaceAll(/\d+ d.*? h/g, ""));
  assert.match(logs.stdout, /^binlog +db1\.example +- /m);
  const rewritten = await imported(`${GOLDEN}status-bare.golden`, "--format", "twindb");
  assert.equal(rewritten.stdout, await Deno.readTextFile(`${GOLDEN}status.golden`));
  const piped = await box.agent(["status", "--import", "-"], {
    stdin: await Deno.readTextFile(`${GOLDEN}status.golden`),
  });
  assert.equal(piped.stdout, current.stdout);
  const damaged = await box.file("damaged", (await Deno.readTextFile(`${GOLDEN}status.golden`)).replace("A", "B"));
  assertFails(await imported(damaged), ExitCode.integrity, /Damaged TwinDB status: its MD5/);
  assertFails(await imported(await box.file("empty", "")), ExitCode.integrity, /Damaged TwinDB status: it is empty/);
  assertFails(await imported(box.join("none")), ExitCode.failed, /There is no status file/);
});

Deno.test("--import --json has every field of every copy", async () => {
  await using box = await emptySandbox();
  const imported = async (name: string) => (await box.json(["status", "--import", `${GOLDEN}${name}.golden`]))[0]!;
  const { copies, ...row } = await imported("status");
  assert.deepEqual(Object.keys(row), ["series", "host", "runs", "expectations"]);
  const [weekly, daily, hourly, ...others] = copies as Record<string, unknown>[];
  const host = "db1.example";
  assert.deepEqual(daily, {
    key: `${host}/daily/mysql/mysql-2026-03-02_04_00_00.xbstream.gz`,
    host,
    runType: "daily",
    sourceType: "mysql",
    name: "mysql-2026-03-02_04_00_00.xbstream.gz",
    type: "full",
    parent: null,
    started: "2026-03-02T04:00:00Z",
    finished: "2026-03-02T04:10:00Z",
    binlog: "mysql-bin.000007",
    position: 46855,
    lsn: 19903199,
    galera: true,
    wsrepProviderVersion: "25.3.37",
    serverVendor: "oracle",
    config: { "/etc/my.cnf": "[mysqld]\nserver_id=7\n# Größe: klein\n" },
  });
  assert.deepEqual(
    [weekly!["lsn"], hourly!["parent"], hourly!["type"], others],
    [null, daily!["key"], "incremental", []],
  );
  assert.deepEqual((await imported("binlog-status"))["copies"], [
    { key: `${host}/binlog/mysql-bin.000007`, host, name: "mysql-bin.000007", created: "2026-03-02T02:53:20Z" },
    { key: `${host}/binlog/mysql-bin.000008`, host, name: "mysql-bin.000008", created: "2026-03-02T04:00:01Z" },
  ]);
});

Deno.test("status refuses what makes no sense", async () => {
  await using box = await emptySandbox();
  const refused = async (args: string[], message: RegExp) =>
    assertFails(await box.agent(["status", ...args]), ExitCode.usage, message);
  await Promise.all([
    refused(["--expect", "prod/shop"], /Not an expectation.*prod\/shop=26h/),
    refused(["--expect", "/shop=26h"], /Not an expectation.*slashes/),
    refused(["--format", "twindb", "--expect", "26h"], /cannot be combined with --expect/),
    refused(["--full-backup", "often"], /hourly, daily, weekly, monthly, yearly/),
  ]);
});
