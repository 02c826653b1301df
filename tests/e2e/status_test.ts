/** Status on the command line: tables and objects, exit code 5 where something is overdue, and TwinDB's status file. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, assertFailsAfterOutput, emptySandbox, type Sandbox, sandbox } from "../helpers/executable.ts";

const HOUR = 3_600_000;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR).toISOString();
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

Deno.test("how current the backups are", async (test) => {
  const { box: opened, daily, hourly } = await backups();
  await using box = opened;

  await test.step("status is a table on standard output", async () => {
    const { exitCode, stdout, stderr } = await box.agent(["status"]);
    assert.deepEqual([exitCode, stderr], [ExitCode.done, ""]);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    assert.match(head!, /^SERIES +HOST +RUN +LATEST +AGE +LEVEL +SIZE +NEXT +HEALTH$/);
    assert.match(rows[0]!, /^prod\/shop +db1 +hourly +20\S+ \S+ +10 h 30 min +1 +3 B +incremental +ok$/);
    assert.match(rows[1]!, /^prod\/shop +db1 +daily +20\S+ \S+ +2 d( 1 h)? +0 +4 B +incremental +ok$/);
    assert.match(rows[2]!, /^wiki +db2 +- +20\S+ \S+ +1 h 30 min +0 +4 B +incremental +ok$/);
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
        [hourly, "hourly", 1, 3, "incremental", "ok"],
        [daily, "daily", 0, 4, "incremental", "ok"],
      ],
    );
    const [{ expected, limitSeconds, ageSeconds, overdue }] = expectations as [Record<string, unknown>];
    assert.deepEqual([expected, limitSeconds, overdue], ["prod/shop:hourly=11h", 11 * 3600, false]);
    assert.ok(Number(ageSeconds) >= 10.5 * 3600 && Number(ageSeconds) < 11 * 3600, String(ageSeconds));
  });

  await test.step("what is expected and there is OK; what is not is overdue, with exit code 5", async () => {
    const met = await box.agent(["status", "--expect", "prod/shop=26h", "--expect", "wiki@db2=2h"]);
    assert.deepEqual([met.exitCode, met.stdout.split("\n")[0]], [ExitCode.done, "OK 2 expectations met"]);
    const late = await box.agent([
      "status",
      "--expect",
      "prod/shop:daily=26h",
      "--expect",
      "wiki=1d",
      "--expect",
      "x=2d",
    ]);
    const line = /^OVERDUE prod\/shop@db1:daily 2 d( 1 h)? \(at most 1 d 2 h\); x no good backup \(at most 2 d\)$/;
    const [first, , hourlyRow, dailyRow] = late.stdout.split("\n");
    assert.match(first!, line);
    assert.match(hourlyRow!, / ok$/);
    assert.match(dailyRow!, / overdue, ok$/);
    assertFailsAfterOutput(late, ExitCode.overdue, new RegExp(`^agent: ${line.source.slice(1)}`, "m"));
  });

  await test.step("with --quiet only what is overdue is told, on standard error", async () => {
    const quiet = (...args: string[]) => box.agent(["status", "--quiet", ...args]);
    assert.deepEqual(await quiet("--expect", "3d"), { exitCode: ExitCode.done, stdout: "", stderr: "" });
    assertFails(
      await quiet("--expect", "2h"),
      ExitCode.overdue,
      /OVERDUE prod\/shop@db1 10 h 30 min \(at most 2 h\)\n/,
    );
    assertFails(await quiet("--expect", "@db3=2h"), ExitCode.overdue, /OVERDUE all series@db3 no good backup/);
    assert.match((await quiet()).stdout, /^SERIES/, "the table is what was asked for");
  });

  await test.step("a backup of the future is shown, and is no reason to be at ease", async () => {
    await box.put("wiki", "soon", "--time", hoursAgo(-3.5), "--host", "db9");
    const { exitCode, stdout, stderr } = await box.agent(["status", "--host", "db9"]);
    assert.equal(exitCode, ExitCode.done);
    assert.match(stdout, /^wiki +db9 .* in 3 h \d+ min .* ok, 1 in the future$/m);
    assert.equal(stderr, "Made in the future: 1 backup. Is a clock wrong, here or there?\n");
    const expected = await box.agent(["status", "-q", "--expect", "wiki@db9=1000d"]);
    assertFails(expected, ExitCode.overdue, /wiki@db9 no good backup/);
  });

  await test.step("--format twindb writes the status file of a host, which --import reads", async () => {
    assertFails(
      await box.agent(["status", "--format", "twindb"]),
      ExitCode.usage,
      /--host \(there are db1, db2, db9\)/,
    );
    const text = await box.ok(["status", "--format", "twindb", "--host", "db1"]);
    assert.match(text, /^\{"md5": "[0-9a-f]{32}", "status": "[\w+/=]+", "version": 1\}$/);
    const file = await box.file("status", text);
    const [row] = await box.json(["status", "--import", file], { env: { AGENT_REPOSITORY: undefined } });
    const { series, host, runs } = row as { [key: string]: unknown; runs: Record<string, unknown>[] };
    assert.deepEqual([series, host], ["files", "db1"]);
    assert.deepEqual(runs.map(({ runType, level, health }) => [runType, level, health]), [
      ["hourly", 1, "ok"],
      ["daily", 0, "ok"],
    ]);
    assert.match(String(runs[1]!["id"]), new RegExp(`^db1/daily/files/prod_shop-.*-${daily.slice(0, 8)}$`));
    assert.equal(await box.ok(["status", "--import", file, "--format", "twindb"]), text);
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
  const damaged = await box.file("damaged", (await Deno.readTextFile(`${GOLDEN}status.golden`)).replace("A", "B"));
  assertFails(await imported(damaged), ExitCode.integrity, /Damaged TwinDB status: its MD5/);
  assertFails(await imported(await box.file("empty", "")), ExitCode.integrity, /Damaged TwinDB status: it is empty/);
  assertFails(await imported(box.join("none")), ExitCode.failed, /There is no status file/);
});

Deno.test("status refuses what makes no sense", async () => {
  await using box = await emptySandbox();
  const refused = async (args: string[], message: RegExp) =>
    assertFails(await box.agent(["status", ...args]), ExitCode.usage, message);
  await Promise.all([
    refused(["--expect", "prod/shop"], /Not an expectation.*prod\/shop=26h/),
    refused(["--expect", "/shop=26h"], /Not an expectation.*slashes/),
    refused(["--format", "twindb", "--expect", "26h"], /without --expect/),
    refused(["--full-backup", "often"], /hourly, daily, weekly, monthly, yearly/),
  ]);
});
