/** Levels on the command line: which rule decided, what is refused, how chains are drawn and verified. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, assertFailsAfterOutput, sandbox } from "../helpers/executable.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const UTC = { TZ: "UTC" };

Deno.test("put tells which rule decided the level, for people and for programs", async () => {
  await using box = await sandbox();
  await box.put("shop", "zero");
  await box.put("shop", "one", "--max-level", "0", "--always-level", "0");
  const explained = await box.agent(["put", "shop", "-q", "--max-level", "1", "--explain"], { stdin: "two" });
  assert.equal(
    explained.stderr,
    "level 0 by max-level: the newest chain has reached level 1, the highest allowed is 1\n",
  );
  const [row] = await box.json(["put", "shop", "--level", "full"], { stdin: "three" });
  assert.deepEqual([row!["level"], row!["warnings"]], [0, []]);
  const { rule, overruled } = row!["levelDecision"] as { rule: string; overruled: { rule: string; level: number }[] };
  assert.deepEqual([rule, overruled.map((other) => [other.rule, other.level])], ["level", [["newest", 1]]]);
});

Deno.test("numbers and intervals that make no sense are refused before anything is read", async () => {
  await using box = await sandbox();
  const refused = async (message: RegExp, ...options: string[]) =>
    assertFails(await box.agent(["put", "shop", ...options], { stdin: "x" }), ExitCode.usage, message);
  await refused(/Not a level: "-1"/, "--max-level", "-1");
  await refused(/Not a level: "1.5"/, "--always-level", "1.5");
  await refused(/Not a number of days: "0"/, "--restart-always-level", "0");
  await refused(/fortnightly.*hourly, daily/, "--run-type", "fortnightly");
  await refused(/sometimes/, "--level", "sometimes");
  await refused(/--run-type/, "--full-backup", "daily");
  assert.deepEqual(await box.names("snapshots"), []);
});

Deno.test("a series whose runs follow TwinDB's rules is drawn as trees, and verify walks its chain", async () => {
  await using box = await sandbox();
  const ids: string[] = [];
  for (const [hour, runType] of ["daily", "hourly", "hourly", "daily"].entries()) {
    const options = ["--run-type", runType, "--full-backup", "daily", "--time", `2026-03-01T0${hour}:00:00Z`];
    ids.push((await box.put("shop", `run ${hour}`, ...options)).slice(0, 8));
  }
  const [titles, ...lines] = (await box.ok(["chain", "shop", "--all"], { env: UTC })).trimEnd().split("\n");
  assert.ok(lines.every((line) => line.indexOf("  2026-") === titles!.indexOf("  STARTED")), "not in columns");
  const heads = lines.map((line) => line.replaceAll(/ {2,}/g, "  ").replace(/ {2}\d+ B.*/, ""));
  assert.deepEqual(heads, [
    `level 0  ${ids[0]}  2026-03-01 00:00:00 +00:00  daily`,
    `├─ level 1  ${ids[1]}  2026-03-01 01:00:00 +00:00  hourly`,
    `└─ level 1  ${ids[2]}  2026-03-01 02:00:00 +00:00  hourly`,
    `level 0  ${ids[3]}  2026-03-01 03:00:00 +00:00  daily`,
  ]);
  assert.ok(lines.every((line) => line.endsWith("  fit")));
  const rows = await box.json(["chain", "shop@2026-03-01T02:30Z"], { env: UTC });
  assert.deepEqual(rows.map(({ level, depth, fit, gone }) => [level, depth, fit, gone]), [
    [0, 0, true, false],
    [1, 1, true, false],
  ]);
  const verified = await box.ok(["verify", `shop@${ids[2]}`]);
  assert.match(verified, /^OK chain of shop: level 1, 2 manifests read and linked$/m);
});

Deno.test("a repository whose packs are damaged: a warning also with --quiet, and verify names the member", async () => {
  await using box = await sandbox();
  const first = await box.put("shop", "one");
  for (const pack of await box.packs()) await Deno.remove(pack);
  const { exitCode, stderr } = await box.agent(["put", "shop", "--quiet"], { stdin: "two" });
  assert.equal(exitCode, ExitCode.done, stderr);
  assert.match(
    stderr,
    new RegExp(`^agent: warning: the parent ${first.slice(0, 8)} cannot be continued: .*; this backup`),
  );
  const [latest] = await box.json(["ls", "shop"]).then((rows) => rows.slice(-1));
  assert.equal(latest!["level"], 0);
  const chain = await box.ok(["chain", "shop", "--all"]);
  assert.match(chain, /not fit for restore: Missing/);
  assertFailsAfterOutput(await box.agent(["verify", `@${first}`, "--chain"]), ExitCode.integrity, /Missing/);
});
