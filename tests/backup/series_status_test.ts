/** Status of backups: the newest good one of each run type, what is next, and backups that are broken or not yet made. */
import assert from "node:assert/strict";
import type { Backup } from "../../src/backup/backup.ts";
import { entriesOfBackups, type RunStatus, statusOf, type StatusRules } from "../../src/backup/series_status.ts";
import type { RunType } from "../../src/base/run_type.ts";
import type { AgentSnapshotInfo } from "../../src/format/manifest/agent_info.ts";
import { backup, type BackupShape, manifestIdOf } from "./backups.ts";

const HOUR = 3_600_000;
const NOW = "2026-03-02T12:00:00Z";

type Shape = BackupShape & Partial<Pick<AgentSnapshotInfo, "runType" | "complete" | "files">>;

function made(name: string, { runType = null, complete = true, files = 1, ...shape }: Shape): Backup {
  const plain = backup(name, shape);
  return plain.info === null ? plain : { ...plain, info: { ...plain.info, runType, complete, files } };
}

function at(hour: number): string {
  return new Date(Date.parse("2026-03-02T00:00:00Z") + hour * HOUR).toISOString();
}

function status(backups: readonly Backup[], rules: Partial<StatusRules> = {}) {
  return statusOf(entriesOfBackups(backups), { nowMs: Date.parse(NOW), fullBackup: undefined, ...rules });
}

/** The line of a run type in the status of backups that are all of one series and host. */
function runOf(backups: readonly Backup[], runType: string | null = null, fullBackup?: RunType): RunStatus {
  const [row, ...others] = status(backups, { fullBackup });
  assert.equal(others.length, 0);
  return row!.runs.find((run) => run.runType === runType)!;
}

Deno.test("every series on every host has its line, sorted, with a run type each, the shortest interval first", () => {
  const rows = status([
    made("1", { series: "wiki", time: at(1), runType: "weekly" }),
    made("2", { series: "shop", host: "db2", time: at(2) }),
    made("3", { series: "shop", host: "db1", time: at(3), runType: "yearly" }),
    made("4", { series: "shop", host: "db1", time: at(4) }),
    made("5", { series: "shop", host: "db1", time: at(5), runType: "quarterly" }),
    made("6", { series: "shop", host: "db1", time: at(6), runType: "hourly" }),
    made("7", { series: "shop", host: "db1", time: at(7), runType: "daily" }),
  ]);
  assert.deepEqual(rows.map(({ series, host, runs }) => [series, host, runs.map(({ runType }) => runType)]), [
    ["shop", "db1", ["hourly", "daily", "yearly", "quarterly", null]],
    ["shop", "db2", [null]],
    ["wiki", "db1", ["weekly"]],
  ]);
  assert.deepEqual(status([]), []);
});

Deno.test("the newest backup counts, by its time and not by its place in the list", () => {
  const run = runOf([made("new", { time: at(11) }), made("old", { time: at(3) })]);
  assert.equal(run.latest?.id, manifestIdOf("new"));
  assert.deepEqual([run.ageMs, run.backups, run.broken, run.inFuture, run.health], [HOUR, 2, 0, 0, "ok"]);
  assert.deepEqual([run.latest?.level, run.latest?.size], [0, 1000]);
});

Deno.test("a chain with members gone is good; one whose levels do not fit is broken, and an older backup counts", () => {
  const base = manifestIdOf("gone");
  const orphan = made("orphan", { level: 1, parent: base, base, time: at(9) });
  assert.equal(runOf([orphan]).health, "ok");
  const odd = made("odd", { level: 3, parent: manifestIdOf("orphan"), base, time: at(10) });
  const run = runOf([orphan, odd]);
  assert.deepEqual([run.latest?.id, run.health, run.broken], [manifestIdOf("orphan"), "ok", 1]);
});

Deno.test("a backup that a guard found incomplete is not good, and where no other is there is none", () => {
  const run = runOf([made("half", { time: at(9), complete: false })]);
  assert.deepEqual([run.latest, run.ageMs, run.health, run.broken, run.backups], [null, null, "broken", 1, 1]);
  assert.equal(runOf([made("unjudged", { time: at(9), complete: null })]).health, "unjudged");
});

Deno.test("backups of another tool count, and nobody knows their level", () => {
  const run = runOf([made("foreign", { isForeign: true, time: at(9) })]);
  assert.deepEqual([run.latest?.level, run.health, run.next], [null, "unknown", "full"]);
});

Deno.test("where a series has backups that were judged whole, others are not good, whatever their run type", () => {
  const judged = made("judged", { time: at(1), runType: "daily" });
  const unjudged = made("unjudged", { time: at(9), complete: null, runType: "daily" });
  const weekly = made("weekly", { time: at(8), complete: null, runType: "weekly" });
  const foreign = made("foreign", { time: at(10), isForeign: true });
  const of = (backups: readonly Backup[], runType: string | null) => {
    const { latest, health, unjudged, broken } = runOf(backups, runType);
    return [latest?.id, health, unjudged, broken];
  };
  const all = [judged, unjudged, weekly, foreign];
  assert.deepEqual(of(all, "daily"), [manifestIdOf("judged"), "ok", 1, 0]);
  assert.deepEqual(of(all, "weekly"), [undefined, "unjudged", 1, 0]);
  assert.deepEqual(of(all, null), [undefined, "unknown", 1, 0]);
  const others = [unjudged, weekly];
  assert.deepEqual(of(others, "daily"), [manifestIdOf("unjudged"), "unjudged", 0, 0]);
  assert.deepEqual(of(others, "weekly"), [manifestIdOf("weekly"), "unjudged", 0, 0]);
  const elsewhere = made("elsewhere", { time: at(2), host: "db2" });
  const [db1] = status([...others, elsewhere]);
  assert.equal(db1!.runs[0]!.latest?.id, manifestIdOf("unjudged"), "each host on its own");
});

Deno.test("a backup without any stream is not good, and neither is one that is damaged", () => {
  const good = made("good", { time: at(1) });
  const empty = made("empty", { time: at(9), complete: null, files: 0 });
  const damaged = { ...made("damaged", { time: at(10) }), damage: "its tree holds less" };
  const run = runOf([good, empty, damaged]);
  assert.deepEqual([run.latest?.id, run.empty, run.broken, run.unjudged], [manifestIdOf("good"), 1, 1, 0]);
  const none = runOf([empty]);
  assert.deepEqual([none.latest, none.health, none.empty], [null, "empty", 1]);
  const copyOf = (original: Backup) => ({ ...damaged.snapshot, original: original.snapshotId });
  const [beside] = status([made("damaged", { time: at(10) }), {
    ...damaged,
    snapshotId: empty.snapshotId,
    snapshot: copyOf(damaged),
  }]);
  assert.deepEqual(
    [beside!.runs[0]!.backups, beside!.runs[0]!.broken],
    [1, 0],
    "what is left of one beside it is no other",
  );
});

Deno.test("a backup of the future does not stand in the way of one that is there", () => {
  const past = made("past", { time: at(10) });
  const future = made("future", { time: at(20) });
  const run = runOf([past, future]);
  assert.deepEqual([run.latest?.id, run.ageMs, run.inFuture, run.backups], [manifestIdOf("past"), 2 * HOUR, 1, 2]);
  const onlyFuture = runOf([future]);
  assert.deepEqual([onlyFuture.latest?.id, onlyFuture.ageMs, onlyFuture.inFuture], [
    manifestIdOf("future"),
    -8 * HOUR,
    1,
  ]);
});

Deno.test("what is next: incremental once there is a backup, or by TwinDB's rule", () => {
  const weekly = made("w", { time: at(1), runType: "weekly" });
  const hourly = made("h", {
    time: at(2),
    runType: "hourly",
    level: 1,
    parent: manifestIdOf("w"),
    base: manifestIdOf("w"),
  });
  const both = [weekly, hourly];
  assert.equal(runOf(both, "weekly").next, "incremental");
  assert.equal(runOf(both, "weekly", "daily").next, "full");
  assert.equal(runOf(both, "hourly", "daily").next, "incremental", "it continues the weekly one");
  assert.equal(runOf(both, "hourly", "hourly").next, "full");
  assert.equal(runOf([hourly], "hourly", "daily").next, "full", "nothing full is there");
  const untyped = made("u", { time: at(3) });
  assert.equal(runOf([weekly, untyped], null, "hourly").next, "incremental", "the rule is about runs with a type");
});

Deno.test("what is broken is not continued, nor what is of the future where there is anything else", () => {
  const full = made("f", { time: at(1) });
  const broken = made("x", { level: 7, parent: manifestIdOf("f"), base: manifestIdOf("f"), time: at(2) });
  assert.equal(runOf([full, broken]).next, "full");
  const future = made("y", { level: 7, parent: manifestIdOf("f"), base: manifestIdOf("f"), time: at(30) });
  assert.equal(runOf([full, future]).next, "incremental");
});
