/** `agent __complete`, which completion scripts call: what it names, and that it never disturbs a prompt. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { writeLock } from "../e2e/foreign_lock.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { PASSWORD } from "../helpers/world.ts";

runAgentHere();

/** What the command prints, which has to succeed and be silent otherwise. */
async function names(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const { exitCode, stdout, stderr, questions } = await runInProcess(["__complete", ...args], { env });
  assert.deepEqual([exitCode, stderr, questions], [ExitCode.done, "", []], args.join(" "));
  return stdout.split("\n").slice(0, -1);
}

function variablesOf({ repo }: Sandbox) {
  return { AGENT_REPOSITORY: repo, AGENT_PASSWORD: PASSWORD };
}

Deno.test("series, tags and hosts are named once, ids with what tells them apart, the newest first", async () => {
  await using box = await sandbox();
  const first = await box.put("prod/shop", "1", "--host", "db1", "--tag", "nightly", "--time", "2026-08-01T04:00Z");
  const second = await box.put("prod/shop", "2", "--host", "db2", "--tag", "weekly,nightly");
  const other = await box.put("my series", "3", "--host", "db1");
  const env = variablesOf(box);
  assert.deepEqual(await names(["series"], env), ["my series", "prod/shop"]);
  assert.deepEqual(await names(["backups", "pro"], env), ["my series", "prod/shop"], "the shell chooses");
  assert.deepEqual(await names(["tags"], env), ["nightly", "weekly"]);
  assert.deepEqual(await names(["hosts"], env), ["db1", "db2"]);
  const ids = [first, second, other].map((id) => id.trim().slice(0, 8));
  const ofShop = await names(["backups", "prod/shop@"], env);
  assert.deepEqual(ofShop.map((line) => line.split("\t")[0]), [
    "prod/shop@latest",
    `prod/shop@${ids[1]}`,
    `prod/shop@${ids[0]}`,
  ]);
  assert.match(ofShop[2]!, /\t2026-08-01 .*db1$/);
  const ofAll = await names(["backups", "@"], env);
  assert.deepEqual(ofAll.map((line) => line.split("\t")[0]).sort(), ids.map((id) => `@${id}`).sort());
  assert.ok(ofAll.some((line) => line.endsWith(" my series")));
  assert.deepEqual(await names(["backups", "none@"], env), []);
  assert.deepEqual(await names(["series"], { ...env, AGENT_REPOSITORY: undefined }), []);
  assert.deepEqual(await names(["series", "x", "-r", box.repo], { AGENT_PASSWORD: PASSWORD }), [
    "my series",
    "prod/shop",
  ]);
});

Deno.test("no lock is waited for or taken, even one that excludes all others", async () => {
  await using box = await sandbox();
  await box.put("s", "1");
  await writeLock(box, { host: "elsewhere", pid: 1, ageMs: 0 });
  const locks = async () => (await Array.fromAsync(Deno.readDir(`${box.repo}/locks`))).length;
  const before = await locks();
  assert.deepEqual(await names(["series"], variablesOf(box)), ["s"]);
  assert.equal(await locks(), before);
});

Deno.test("nobody is asked for a password, and no command is run for one", async () => {
  await using box = await sandbox();
  await box.put("s", "1");
  const mark = box.join("ran");
  const command = `touch ${mark}; echo ${PASSWORD}`;
  const env = { AGENT_REPOSITORY: box.repo };
  assert.deepEqual(await names(["series"], env), []);
  assert.deepEqual(await names(["series"], { ...env, AGENT_PASSWORD_COMMAND: command }), []);
  assert.deepEqual(await names(["series"], { ...env, RESTIC_PASSWORD_COMMAND: command }), []);
  assert.deepEqual(await names(["series", "", "--password-command", command], env), []);
  assert.deepEqual(await names(["series"], { ...env, AGENT_PASSWORD: "wrong" }), []);
  await assert.rejects(Deno.stat(mark));
});

Deno.test("the command is in no help", async () => {
  for (const args of [["--help"], ["help"], ["completion", "--help"]]) {
    assert.doesNotMatch((await runInProcess(args)).stdout, /__complete/);
  }
});

Deno.test("what the catalogue knows is named without a password, and without a repository that of all", async () => {
  await using box = await sandbox();
  const env = { AGENT_CATALOGUE: box.join("state/catalogue.sqlite") };
  const shop = await box.ok(["put", "prod/shop", "--tag", "nightly", "--quiet"], { stdin: "1", env });
  await box.ok(["put", "etc/db1", "--quiet"], { stdin: "1", env });
  const here = { ...env, AGENT_REPOSITORY: box.repo };
  assert.deepEqual(await names(["series"], here), ["etc/db1", "prod/shop"]);
  assert.deepEqual(await names(["tags"], here), ["nightly"]);
  const ids = (await names(["backups", "prod/shop@"], here)).map((line) => line.split("\t")[0]);
  assert.deepEqual(ids, ["prod/shop@latest", `prod/shop@${shop.slice(0, 8)}`]);
  assert.deepEqual(await names(["series"], env), ["etc/db1", "prod/shop"]);
  assert.deepEqual(await names(["series"], { ...env, AGENT_REPOSITORY: box.join("other") }), []);
});
