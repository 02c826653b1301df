/** What restic takes out of a backup makes it none: in every command, in the choice of the parent, and for retention. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { decodeHex } from "../../src/base/hex.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFailsAfterOutput, type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { concat, noise, sqlDump } from "../helpers/world.ts";

runAgentHere();

const HOUR = 3_600_000;
const FIRST = sqlDump(6_000, "shop");
/** Longer than a pack, so that one of its packs lacks the manifest. */
const SECOND = concat([FIRST.subarray(0, 200_000), noise(30_000_000, "second"), FIRST.subarray(200_000)]);
const WHOLE = ["--guard", "none"];

/** Two nights of `prod/shop`: the first 30 hours ago, the second an hour ago. */
async function twoNights(program: string): Promise<{ box: Sandbox; restic: Restic; ids: string[] }> {
  const box = await sandbox();
  const restic = await Restic.in(box, program);
  const at = (hoursAgo: number) => ["--time", new Date(Date.now() - hoursAgo * HOUR).toISOString()];
  const ids = [
    await box.put("prod/shop", FIRST, ...at(30), ...WHOLE),
    await box.put("prod/shop", SECOND, ...at(1), ...WHOLE),
  ];
  return { box, restic, ids };
}

/** The pack with the manifest of a backup. */
async function packOf(box: Sandbox, id: string): Promise<string> {
  const { files, store } = await box.open();
  const index = await loadIndex(files);
  await store.close();
  return index.packId(index.locate("data", decodeHex(id))!.pack);
}

/** What is to be told of a second night that is no backup any more. */
async function assertGutted(box: Sandbox, ids: readonly string[], damage: RegExp): Promise<void> {
  const rows = await box.json(["ls"]);
  deepEqual(rows.map(({ id, damage }) => [id, damage !== null]), [[ids[0], false], [ids[1], true]]);
  match(String(rows[1]!.damage), damage);
  const table = await box.agent(["ls"]);
  match(table.stdout, /none, damaged/);
  match(table.stderr, new RegExp(`warning: prod/shop@${ids[1]!.slice(0, 8)}: rewritten by another tool, and damaged`));

  const [status] = await box.json(["status"]);
  const [run] = status!.runs as JsonRow[];
  deepEqual([run!.id, run!.health, run!.broken, run!.next], [ids[0], "unjudged", 1, "full"]);
  const overdue = await box.agent(["status", "--expect", "prod/shop=26h"]);
  equal(overdue.exitCode, ExitCode.overdue);
  match(overdue.stdout, /^OVERDUE prod\/shop@.*\n(?:.*\n)*.* overdue, not judged, 1 newer broken$/m);
  await box.ok(["status", "--expect", "prod/shop=31h"]);

  const chain = await box.json(["chain", "prod/shop@" + ids[1]]);
  deepEqual(chain.map(({ state, fit }) => [state, fit]), [["ok", true], ["damaged", false]]);

  const before = new RegExp(`prod/shop@${ids[1]!.slice(0, 8)}.*the one before it is prod/shop@${ids[0]!.slice(0, 8)}`);
  for (const command of ["get", "verify", "show"]) {
    const { exitCode, stdout, stderr } = await box.agent([command, "prod/shop"]);
    deepEqual([exitCode, stdout], [ExitCode.integrity, ""], command);
    match(stderr, before);
  }
  const restored = await box.shell(`"$AGENT" get -q "$1" | md5sum`, `prod/shop@${ids[0]}`);
  equal(restored.exitCode, 0);
  assertFailsAfterOutput(await box.agent(["check"]), ExitCode.integrity, /./);
}

/** `forget --keep-last 1 --prune` removed the whole one once. */
async function assertRetentionKeepsTheWholeOne(box: Sandbox, ids: readonly string[]): Promise<void> {
  const [group] = await box.json(["forget", "--keep-last", "1", "--prune"]);
  deepEqual((group!.keep as JsonRow[]).map(({ id }) => id), [ids[1], ids[0]]);
  deepEqual((group!.reasons as JsonRow[]).map(({ matches }) => matches), [["last snapshot"], ["last good backup"]]);
  await box.ok(["verify", `prod/shop@${ids[0]}`]);
}

/** The next backup begins a new chain, and is the latest again. */
async function assertNextIsFull(box: Sandbox, ids: readonly string[]): Promise<void> {
  const next = await box.agent(["put", "prod/shop", "--json", ...WHOLE], { stdin: SECOND });
  equal(next.exitCode, 0);
  const [made] = next.stdout.trim().split("\n").map((line) => JSON.parse(line) as JsonRow);
  deepEqual([made!.level, made!.parent], [0, null]);
  match(JSON.stringify(made!.warnings), new RegExp(`the parent ${ids[1]!.slice(0, 8)} cannot be continued`));
  await box.ok(["verify", "prod/shop"]);
  await box.ok(["status", "--expect", "prod/shop=26h"]);
}

programTest({
  name: "a backup whose stream restic rewrite excludes is none",
  needs: ["restic-newest"],
  fn: async (programs) => {
    const { box: opened, restic, ids } = await twoNights(programs["restic-newest"]);
    await using box = opened;
    const [, { id } = { id: "" }] = await restic.snapshots();
    await restic.ok(["rewrite", "--exclude", "/prod/shop/data", "--forget", id]);
    await assertGutted(box, ids, /"prod\/shop\/data" is there; the tree does not hold it/);
    await assertRetentionKeepsTheWholeOne(box, ids);
    await assertNextIsFull(box, ids);
  },
});

programTest({
  name: "a backup that restic repairs after a pack was lost is none",
  needs: ["restic-newest"],
  fn: async (programs) => {
    const { box: opened, restic, ids } = await twoNights(programs["restic-newest"]);
    await using box = opened;
    const withManifest = await packOf(box, ids[1]!);
    const [largest] = (await box.packs()).filter((path) => !path.endsWith(withManifest));
    await Deno.remove(largest!);
    await restic.repairIndex();
    await restic.ok(["repair", "snapshots", "--forget"]);
    await restic.check();
    const rows = await box.json(["ls"]);
    deepEqual(rows.map(({ id }) => id), ids, "the manifest was left as it was");
    await assertGutted(
      box,
      ids,
      /"prod\/shop\/data" has \d+ bytes in \d+ blobs; the tree holds \d+ bytes in \d+ blobs/,
    );
    await assertRetentionKeepsTheWholeOne(box, ids);
    await assertNextIsFull(box, ids);
  },
});

programTest({
  name: "what restic leaves of a backup beside it stands in nobody's way",
  needs: ["restic-newest"],
  fn: async (programs) => {
    const { box: opened, restic, ids } = await twoNights(programs["restic-newest"]);
    await using box = opened;
    await restic.ok(["rewrite", "--exclude", "/prod/shop/data"]);
    equal((await box.json(["ls"])).length, 4);
    await box.ok(["verify", "prod/shop"]);
    await box.ok(["verify", `prod/shop@${ids[0]}`]);
    await box.ok(["status", "--expect", "prod/shop=26h"]);
    const [next] = await box.json(["put", "prod/shop", ...WHOLE], { stdin: SECOND });
    deepEqual([next!.level, next!.parent], [2, ids[1]]);
    await box.ok(["forget", "--keep-last", "1", "--prune"]);
    await box.ok(["verify", "prod/shop"]);
  },
});

programTest({
  name: "a backup whose manifest restic excludes is one of another tool, and what nobody knows meets no expectation",
  needs: ["restic-newest"],
  fn: async (programs) => {
    const { box: opened, restic } = await twoNights(programs["restic-newest"]);
    await using box = opened;
    await restic.ok(["rewrite", "--exclude", "*.manifest.json", "--forget"]);
    deepEqual((await box.json(["ls"])).map(({ level, damage }) => [level, damage]), [[null, null], [null, null]]);
    const { exitCode, stdout, stderr } = await box.agent(["status", "--expect", "26h"]);
    equal(exitCode, ExitCode.overdue);
    match(stderr, /^Unknown backups.*--any$/m);
    match(stdout, /unknown$/m);
    await box.ok(["status", "--expect", "26h", "--any"]);
  },
});

programTest({
  name: "a time and a host that restic corrects are the backup's in every command",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs["restic-newest"]);
    await box.put("prod/shop", FIRST, "--time", "2026-03-01T04:00:00Z", "--host", "db1", ...WHOLE);
    const ahead = await box.put("prod/shop", SECOND, "--time", "2062-03-02T04:00:00Z", "--host", "wrong", ...WHOLE);
    const [, { id } = { id: "" }] = await restic.snapshots();
    await restic.ok(["rewrite", "--new-time", "2026-03-02 04:00:00", "--new-host", "db1", "--forget", id], {
      env: { TZ: "UTC" },
    });
    const [, row] = await box.json(["ls"]);
    deepEqual([row!.id, row!.host, row!.started, row!.finished], [ahead, "db1", "2026-03-02T04:00:00Z", null]);
    const UTC = { TZ: "UTC" };
    match(
      await box.ok(["show", "prod/shop"], { env: UTC }),
      /^host +db1\nstarted +2026-03-02 04:00:00 \+00:00\nfinished +-$/m,
    );
    await box.ok(["verify", "prod/shop@2026-03-02T04:00:00Z"]);
    const [status] = await box.json(["status"]);
    deepEqual((status!.runs as JsonRow[]).map(({ id, inFuture }) => [id, inFuture]), [[ahead, 0]]);
    const [group] = await box.json(["forget", "--keep-last", "1", "--dry-run"]);
    deepEqual([(group!.keep as JsonRow[]).map(({ id }) => id), group!.inFuture], [[ahead], []]);
    const [next] = await box.json(["put", "prod/shop", "--host", "db1", "--time", "2026-03-03T04:00:00Z", ...WHOLE], {
      stdin: SECOND,
    });
    deepEqual([next!.level, next!.parent, next!.warnings], [1, ahead, []]);
    await box.ok(["check", "--read-data"]);
    await box.ok(["chain", "prod/shop"]);
  },
});
