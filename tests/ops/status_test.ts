/** Status of a repository: from snapshots alone, with expectations, and as TwinDB keeps it. */
import assert from "node:assert/strict";
import { IntegrityError, UsageError } from "../../src/base/errors.ts";
import { exportedStatus, importedStatus, status, type StatusReport } from "../../src/ops/status.ts";
import type { RunType } from "../../src/base/run_type.ts";
import { TwinDbBinlogStatus, TwinDbStatus } from "../../src/compat/twindb/status_file.ts";
import { twinDbBinlogCopy, twinDbCopy } from "../../src/compat/twindb/copy.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { parseExpectation } from "../../src/policy/expectation.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { ByteRange, FileKind, FileName, GetOptions } from "../../src/store/store.ts";
import { accessTo, fakeWorld, memoryRepository, namesOf, putBytes, sqlDump } from "../helpers/world.ts";

const HOUR = 3_600_000;

/** Notes of which kinds files are read. */
class NotingStore extends ForwardingStore {
  readonly kinds: FileKind[] = [];

  override get(file: FileName, range?: ByteRange, options?: GetOptions) {
    this.kinds.push(file.kind);
    return super.get(file, range, options);
  }
}

/** A full backup of yesterday, an incremental one on top of it an hour later, and another series of another host. */
async function twoHosts() {
  const world = fakeWorld("status");
  const { store, access, repository } = await memoryRepository(world);
  const dump = sqlDump(3, "shop");
  await putBytes(access, world, dump, { runType: "daily", guard: "auto" });
  await world.clock.advance(HOUR);
  await putBytes(access, world, dump, { runType: "hourly", guard: "auto" });
  await putBytes(access, world, dump, { series: parseSeries("wiki"), host: "db2" });
  await world.clock.advance(29 * HOUR);
  return { world, store, access, repository };
}

function lines({ rows }: StatusReport): unknown[] {
  return rows.flatMap(({ series, host, runs }) =>
    runs.map((
      { runType, latest, ageMs, next, health },
    ) => [series, host, runType, latest?.level ?? null, Math.round((ageMs ?? 0) / HOUR), next, health])
  );
}

Deno.test("the status of a repository comes from its snapshots alone, and nothing is locked", async () => {
  const { world, store } = await twoHosts();
  const noting = new NotingStore(store);
  const report = await status(accessTo(noting), {}, { world });
  assert.deepEqual(lines(report), [
    ["prod/shop", "db1", "hourly", 1, 29, "incremental", "ok"],
    ["prod/shop", "db1", "daily", 0, 30, "incremental", "ok"],
    ["wiki", "db2", null, 0, 29, "incremental", "unjudged"],
  ]);
  assert.deepEqual([report.verdicts, report.damaged], [[], []]);
  assert.deepEqual([...new Set(noting.kinds)].sort(), ["config", "key", "snapshot"]);
  assert.equal(noting.kinds.length, 1 + 1 + 3, "each snapshot once");
});

Deno.test("of snapshots that the cache holds none is asked for again", async () => {
  const { world, store } = await twoHosts();
  const directory = await Deno.makeTempDir({ prefix: "agent-status-" });
  try {
    const noting = new NotingStore(store);
    const access = { ...accessTo(noting), cache: () => Promise.resolve({ directory, limitBytes: 2 ** 20 }) };
    const first = await status(access, {}, { world });
    noting.kinds.length = 0;
    const second = await status(access, {}, { world });
    assert.deepEqual(lines(second), lines(first));
    assert.deepEqual([...noting.kinds].sort(), ["config", "key"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("--host narrows the status, and the expectations that name no host", async () => {
  const { world, access } = await twoHosts();
  const expectations = ["29h30m", ":daily=29h30m", "wiki@db2=1d"].map(parseExpectation);
  const judged = async (host: string) => {
    const { rows, verdicts } = await status(access, { host, expectations }, { world });
    return [
      rows.map((row) => row.series),
      verdicts.map(({ series, host, isOverdue }) => `${series}@${host}${isOverdue ? "!" : ""}`),
    ];
  };
  assert.deepEqual(await judged("db1"), [["prod/shop"], ["prod/shop@db1", "prod/shop@db1!", "wiki@db2!"]]);
  assert.deepEqual(await judged("db2"), [["wiki"], ["wiki@db2", "wiki@db2!", "wiki@db2!"]]);
  assert.deepEqual(await judged("db3"), [[], ["null@db3!", "null@db3!", "wiki@db2!"]]);
});

Deno.test("what nobody knows to be good meets an expectation only where any will do, and an empty backup never", async () => {
  const world = fakeWorld("any");
  const { access, repository } = await memoryRepository(world);
  const { snapshot } = (await putBytes(access, world, sqlDump(3, "shop"))).backup;
  const before = await namesOf(repository.store, "snapshot");
  const overdue = async (any: boolean) => {
    const { verdicts } = await status(access, { expectations: [parseExpectation("26h")], any }, { world });
    return verdicts.map(({ isOverdue }) => isOverdue);
  };
  assert.deepEqual(await overdue(false), [false]);
  await saveSnapshot(repository.files, { ...snapshot, agent: { ...snapshot.agent!, files: 0 } });
  for (const name of before) await repository.files.remove("snapshot", name as never);
  assert.deepEqual([await overdue(false), await overdue(true)], [[true], [true]]);
  for (const name of await namesOf(repository.store, "snapshot")) {
    await repository.files.remove("snapshot", name as never);
  }
  await saveSnapshot(repository.files, { ...snapshot, agent: null });
  assert.deepEqual([await overdue(false), await overdue(true)], [[true], [false]]);
});

Deno.test("--full-backup tells what is next as put would do it", async () => {
  const { world, access } = await twoHosts();
  const next = async (fullBackup: "hourly" | "daily" | "weekly") =>
    (await status(access, { host: "db1", fullBackup }, { world })).rows[0]!.runs.map((run) => run.next);
  assert.deepEqual(await next("hourly"), ["full", "full"]);
  assert.deepEqual(await next("daily"), ["incremental", "full"]);
  assert.deepEqual(await next("weekly"), ["incremental", "incremental"]);
});

Deno.test("a clock that goes back puts all backups into the future, and nothing is taken for fresh", async () => {
  const { world, access } = await twoHosts();
  world.clock.jump(-100 * HOUR);
  const { rows, verdicts } = await status(access, { expectations: [parseExpectation("1000d")] }, { world });
  assert.deepEqual(verdicts.map(({ isOverdue, ageMs }) => [isOverdue, ageMs]), [[true, null], [true, null]]);
  assert.deepEqual(rows.flatMap(({ runs }) => runs.map(({ inFuture }) => inFuture)), [1, 1, 1]);
  assert.ok(rows.every(({ runs }) => runs.every(({ ageMs }) => ageMs! < 0)));
});

Deno.test("a snapshot that cannot be read is told, and the others all the same", async () => {
  const { world, store, access } = await twoHosts();
  const [first] = await namesOf(store, "snapshot");
  const bytes = await store.get({ kind: "snapshot", name: first! });
  bytes[20]! ^= 1;
  await store.remove({ kind: "snapshot", name: first! });
  await store.put({ kind: "snapshot", name: first! }, [bytes]);
  const { rows, damaged } = await status(access, {}, { world });
  assert.equal(rows.flatMap(({ runs }) => runs).length, 2);
  assert.ok(damaged.length === 1 && damaged[0]!.error instanceof IntegrityError);
  assert.equal((await exportedStatus(access, { host: "db1" }, { world })).damaged.length, 1);
});

Deno.test("TwinDB's status is that of one host, and TwinDB's rules find their way in it", async () => {
  const { world, access } = await twoHosts();
  await assert.rejects(exportedStatus(access, {}, { world }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /--host \(there are db1, db2\)/);
    return true;
  });
  const { twinDb } = await exportedStatus(access, { host: "db1" }, { world });
  const [daily, hourly, ...others] = twinDb;
  assert.equal(others.length, 0);
  assert.match(daily!.key, /^db1\/daily\/mysql\/prod_shop-2026-01-02_03_04_\d\d-[0-9a-f]{8}\.sql$/);
  assert.deepEqual([hourly!.type, hourly!.parent], ["incremental", daily!.key]);
  assert.equal(twinDb.candidateParent("hourly"), daily);
  assert.deepEqual([...TwinDbStatus.parse(twinDb.serialize(), "db1")], [...twinDb]);
  assert.deepEqual([...twinDb].map(({ lsn }) => lsn), [1, 2]);
  await assert.rejects(exportedStatus(access, { host: "db3" }, { world }), {
    code: "usage",
    message: /of the host "db3"; did you mean/,
  });
  await putBytes(access, world, new Uint8Array(10), { guard: "none" });
  const { leftOut, twinDb: same } = await exportedStatus(access, { host: "db1" }, { world });
  assert.deepEqual([leftOut, same.serialize()], [[{ reason: "not judged", backups: 1 }], twinDb.serialize()]);
});

Deno.test("a repository without backups gives an empty status of this host", async () => {
  const world = fakeWorld("empty");
  const { access } = await memoryRepository(world);
  assert.deepEqual((await status(access, {}, { world })).rows, []);
  const { twinDb } = await exportedStatus(access, {}, { world });
  assert.deepEqual([twinDb.length, twinDb.path], [0, "db1/status"]);
  const { verdicts } = await status(access, { expectations: [parseExpectation("26h")] }, { world });
  assert.equal(verdicts[0]!.isOverdue, true, "no backup at all is overdue");
});

Deno.test("manifests are read only of backups whose engine has a position", async () => {
  const world = fakeWorld("engines");
  const { store, access } = await memoryRepository(world);
  await putBytes(access, world, new Uint8Array(10));
  const noting = new NotingStore(store);
  await exportedStatus(accessTo(noting), {}, { world });
  assert.equal(noting.kinds.includes("pack"), false);
  const engine = { name: "mysql", version: "1", options: {} };
  await putBytes(access, world, sqlDump(3, "shop"), { engine, guard: "auto" });
  const { twinDb } = await exportedStatus(accessTo(noting), {}, { world });
  assert.equal(noting.kinds.includes("pack"), true);
  assert.deepEqual([...twinDb].map(({ sourceType, lsn }) => [sourceType, lsn]), [["mysql", 1]]);
});

Deno.test("what is no run type is refused, whatever the types of a program say", async () => {
  const { world, access } = await twoHosts();
  const unknown = "quarterly" as RunType;
  const text = new TwinDbStatus("m").serialize();
  for (
    const request of [{ fullBackup: unknown }, { expectations: [{ ...parseExpectation("1d"), runType: unknown }] }]
  ) {
    await assert.rejects(status(access, request, { world }), UsageError);
    assert.throws(() => importedStatus(text, request, world), UsageError);
  }
  const refused = (options: Parameters<typeof putBytes>[3]) =>
    assert.rejects(putBytes(access, world, sqlDump(3, "shop"), options), UsageError);
  await refused({ runType: unknown });
  await refused({ levelRules: { fullBackup: unknown } });
  assert.equal((await status(access, {}, { world })).rows.flatMap(({ runs }) => runs).length, 3);
});

Deno.test("a snapshot that restic rewrote keeps its level and run type", async () => {
  const { world, access, repository, store } = await twoHosts();
  const { rows } = await status(access, { host: "db2" }, { world });
  const { snapshots } = await loadSnapshots(repository.files);
  const wiki = snapshots.find(({ snapshot }) => snapshot.hostname === "db2")!;
  await saveSnapshot(repository.files, { ...wiki.snapshot, agent: null, original: wiki.id, tags: ["kept"] });
  await store.remove({ kind: "snapshot", name: wiki.id });
  const after = await status(access, { host: "db2" }, { world });
  assert.deepEqual(lines(after), lines({ ...after, rows }));
});

Deno.test("a status of TwinDB's is told as ours is, with what was expected, and written nowhere", () => {
  const world = fakeWorld("import");
  const now = world.clock.now().getTime() / 1000;
  const full = twinDbCopy({ host: "m", runType: "daily", name: "f", type: "full", backupStarted: now - 30 * 3600 });
  const text = new TwinDbStatus("m", [full]).serialize();
  const expectations = ["mysql=26h", "mysql@m=31h"].map(parseExpectation);
  const report = importedStatus(text, { expectations }, world);
  assert.deepEqual(lines(report), [["mysql", "m", "daily", 0, 30, "full", "ok"]]);
  assert.deepEqual(report.verdicts.map(({ isOverdue }) => isOverdue), [true, false]);
  assert.equal(report.twinDb.serialize(), text);
  assert.deepEqual(importedStatus(text, { host: "other" }, world).rows, []);
  assert.equal(importedStatus(text, { fullBackup: "weekly" }, world).rows[0]!.runs[0]!.next, "incremental");
  const logs = new TwinDbBinlogStatus("m", [twinDbBinlogCopy({ host: "m", name: "b", createdAt: now })]);
  assert.equal(importedStatus(logs.serialize(), {}, world).rows[0]!.series, "binlog");
});
