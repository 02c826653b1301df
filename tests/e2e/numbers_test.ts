/** Stats, diff and tag as commands: what they say, what they refuse, and how they stop. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, bulkNoise, eventually, sandbox } from "../helpers/executable.ts";
import { sqlDump, withRows } from "../helpers/world.ts";
import { writeLock } from "./foreign_lock.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const DUMP = sqlDump(3000, "shop");
const NEXT = withRows(DUMP, { at: 100_000, rows: 20, seed: "next" });

Deno.test("what series take, how backups differ, and which tags they have", async (test) => {
  await using box = await sandbox();
  const ids = [
    await box.put("prod/shop", DUMP, "--host", "db1", "--time", "2026-02-27T04:00:00Z"),
    await box.put("prod/shop", NEXT, "--host", "db1", "--time", "2026-03-01T04:00:00Z"),
    await box.put("prod/copy", DUMP, "--host", "db2", "--time", "2026-03-02T04:00:00Z"),
    await box.put("dev", bulkNoise(100_000, "dev"), "--host", "db1", "--time", "2026-03-03T04:00:00Z"),
  ];
  const fails = async (args: readonly string[], message: RegExp) =>
    assertFails(await box.agent(args), ExitCode.usage, message);

  await test.step("stats has a row for each series, what is shared, and the months", async () => {
    const { stdout, stderr } = await box.agent(["stats"]);
    const [series, months, text] = stdout.split("\n\n");
    assert.deepEqual(series!.split("\n").map((line) => line.split(/ {2,}/)[0]), [
      "SERIES",
      "dev",
      "prod/copy",
      "prod/shop",
      "(shared)",
      "(in all)",
    ]);
    assert.match(months!, /^MONTH +BACKUPS +SIZE +NEW +STORED\n2026-02 +1 .*\n2026-03 +3 .*$/);
    assert.match(
      text!,
      /^Deduplication [\d.]+ times compression [\d.]+: [\d.]+ bytes backed up .*\nThe repository has 4 backups/,
    );
    assert.equal(stderr, "");
    const narrow = await box.ok(["stats", "prod/copy"]);
    assert.match(narrow, /^prod\/copy +1 /m);
    assert.match(narrow, /^\(shared with others\) /m);
    const summary = (await box.json(["stats", "prod", "--host", "db1"])).at(-1)!;
    assert.deepEqual([summary.message_type, summary.backups, summary.readBytes], [
      "summary",
      2,
      DUMP.length + NEXT.length,
    ]);
    const [one] = await box.json(["stats", `@${ids[3]}`, "--no-lock"]);
    assert.deepEqual([one!.series, one!.backups, one!.readBytes], ["dev", 1, 100_000]);
  });

  await test.step("diff compares the newest with the one before it, or any two", async () => {
    const stdout = await box.ok(["diff", "prod/shop"]);
    assert.match(stdout, /^A: prod\/shop .* on db1\nB: prod\/shop .* on db1\nSTREAM +STATE .*\ndata +differs .* 1\n/);
    assert.match(stdout, /^1 stream changed, 0 the same: /m);
    assert.match(await box.ok(["diff", `@${ids[0]}`, "prod/copy"]), /\nNo difference: 1 stream of [\d.]+ KiB\n$/);
    const [stream, summary] = await box.json(["diff", "prod/shop"]);
    assert.deepEqual([stream!.state, stream!.sizeA, stream!.sizeB], ["differs", DUMP.length, NEXT.length]);
    assert.ok(Number(summary!.bytesOnlyInB) < 150_000 && Number(summary!.bytesInCommon) > 100_000);
  });

  await test.step("tag adds, removes and replaces tags", async () => {
    const tagsOf = async (...args: string[]) => (await box.json(["ls", ...args])).map(({ tags }) => tags);
    const dry = await box.agent(["tag", "prod/shop", "--add", "a,b", "-n"]);
    assert.match(dry.stdout, /^ID +SERIES +HOST +STARTED +TAGS +WOULD BE\n[0-9a-f]{8} .* a,b\n$/);
    assert.equal(dry.stderr, "Would change the tags of 1 backup\n");
    assert.deepEqual(await tagsOf("prod/shop"), [[], []]);
    const done = await box.agent(["tag", "prod/shop", `@${ids[0]}`, "--add", "a", "--add", "b"]);
    assert.deepEqual([done.stdout, done.stderr], ["", "Changed the tags of 2 backups\n"]);
    assert.deepEqual(await tagsOf("prod/shop"), [["a", "b"], ["a", "b"]]);
    const again = await box.agent(["tag", "prod/shop", "--add", "a"]);
    assert.match(again.stderr, /^prod\/shop [0-9a-f]{8} of .* already had the tags: a,b\n$/);
    await box.ok(["tag", "--all", "prod", "--remove", "a", "-q"]);
    assert.deepEqual(await tagsOf("prod"), [["b"], ["b"], []]);
    assert.deepEqual((await box.json(["ls"])).map(({ id }) => id), ids, "every backup keeps its id and its place");
    await box.ok(["tag", "--all", "--host", "db1", "--set", ""]);
    assert.deepEqual(await tagsOf(), [[], [], [], []]);
    await box.ok(["check"]);
  });

  await test.step("slips are refused, and the nearest name is told", async () => {
    for (const args of [["stats"], ["diff"], ["tag", "--add", "a"], ["tag", "--all", "--add", "a"]]) {
      await fails([...args, "prod/shpo"], /no backup of "prod\/shpo"; did you mean "prod\/shop"\?\n/);
    }
    for (const args of [["stats"], ["diff"], ["tag", "--set", "a"]]) {
      await fails([...args, "@00000000"], /There is no backup "@00000000"/);
    }
    await fails(["stats", "--host", "dbb1"], /did you mean "db1"/);
    await fails(["stats", "prod/shop@latest", "--host", "db1"], /without --host/);
    await fails(["diff"], /missing required argument/i);
    await fails(["diff", "dev"], /before that one: name the two/);
    await fails(["diff", "dev", "prod/shop", "prod/copy"], /Name two backups/);
    await fails(["tag", "--add", "a"], /Say which backups/);
    await fails(["tag", "prod/shop"], /Say which tags/);
    await fails(["tag", "prod/shop", "--add", ""], /Not a tag/);
    await fails(["tag", "prod/shop", "--add", "hold"], /"agent hold" and "agent release"/);
    await fails(["tag", "prod/shop", "--set", "a", "--add", "b"], /without --add and --remove/);
    await fails(["tag", "prod/shop", "--add", "a", "--remove", "a"], /both added and removed/);
    await fails(["tag", "prod/shop", "--host", "db1", "--add", "a"], /--host needs --all/);
  });
});

Deno.test("an empty repository has nothing to count, to compare or to tag", async () => {
  await using box = await sandbox();
  const { exitCode, stdout, stderr } = await box.agent(["stats"]);
  assert.deepEqual([exitCode, stderr], [
    ExitCode.done,
    'There is no backup in this repository yet: "agent put" makes one\n',
  ]);
  assert.match(stdout, /^The repository has 0 backups, 0 blobs in 0 packs/);
  assert.equal((await box.json(["stats"])).length, 1);
  for (const args of [["diff", "a", "b"], ["tag", "a", "--add", "b"], ["stats", "a@latest"]]) {
    assertFails(await box.agent(args), ExitCode.usage, /There is no backup in this repository yet/);
  }
  assert.equal((await box.agent(["tag", "--all", "--add", "b"])).exitCode, ExitCode.done);
});

Deno.test("behind a lock they fail, or wait until they are interrupted, and nothing is changed", async () => {
  await using box = await sandbox();
  await box.put("s", "one");
  await box.put("s", "two");
  const before = await box.json(["ls"]);
  await writeLock(box, { host: "elsewhere", pid: 1, ageMs: 0 });
  for (const args of [["stats"], ["diff", "s"], ["tag", "s", "--add", "a"]]) {
    assertFails(await box.agent(args), ExitCode.locked, /elsewhere/);
    await using waiting = box.start([...args, "--json", "--retry-lock", "1h"]);
    await eventually("it waits", () => waiting.stderrSoFar.includes('"progress"') || undefined);
    waiting.kill("SIGINT");
    assert.equal((await waiting.outcome()).exitCode, ExitCode.interrupted, args[0]);
  }
  assert.equal((await box.agent(["stats", "--no-lock"])).exitCode, ExitCode.done);
  assert.equal((await box.agent(["diff", "s", "--no-lock"])).exitCode, ExitCode.done);
  assert.deepEqual(await box.json(["ls"]), before);
});
