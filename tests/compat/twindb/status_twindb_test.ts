/** Our backups as TwinDB's status, and TwinDB's status as ours. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fc from "fast-check";
import type { Backup } from "../../../src/backup/backup.ts";
import { entriesOfBackups, statusOf } from "../../../src/backup/series_status.ts";
import { entriesOfTwinDb, type SourceOf, twinDbStatusOf } from "../../../src/compat/twindb/status_twindb.ts";
import { RUN_TYPES } from "../../../src/base/run_type.ts";
import { shortId } from "../../../src/base/id.ts";
import type { AgentSnapshotInfo } from "../../../src/format/manifest/agent_info.ts";
import { twinDbBinlogCopy, twinDbCopy } from "../../../src/compat/twindb/copy.ts";
import { TwinDbBinlogStatus, TwinDbStatus } from "../../../src/compat/twindb/status_file.ts";
import type { Rfc3339 } from "../../../src/format/time.ts";
import { backup, type BackupShape, manifestIdOf } from "../../backup/backups.ts";

function made(name: string, shape: BackupShape, info: Partial<AgentSnapshotInfo> = {}): Backup {
  const plain = backup(name, shape);
  return plain.info === null ? plain : { ...plain, info: { ...plain.info, ...info } };
}

const nowhere: SourceOf = () => undefined;

function exported(backups: readonly Backup[], host = "db1", sourceOf = nowhere): TwinDbStatus {
  return twinDbStatusOf(backups, host, sourceOf).twinDb;
}

/** What is left out of the backups of db1, as text. */
function leftOut(...backups: readonly Backup[]): string {
  return twinDbStatusOf(backups, "db1", nowhere).leftOut.map((some) => `${some.reason}: ${some.backups}`).join(", ");
}

const FULL = made("full", { time: "2026-03-01T04:00:00.5Z" }, {
  runType: "daily",
  finished: "2026-03-01T05:10:00+01:00" as Rfc3339,
});
const INCREMENT = made(
  "inc",
  { time: "2026-03-01T05:00:00Z", level: 1, parent: manifestIdOf("full"), base: manifestIdOf("full") },
  { runType: "hourly" },
);
const SECOND = made(
  "second",
  { time: "2026-03-01T06:00:00Z", level: 2, parent: manifestIdOf("inc"), base: manifestIdOf("full") },
  { runType: "hourly" },
);

Deno.test("a backup becomes a copy, with the key of its level 0", () => {
  const fullName = `prod_shop-2026-03-01_04_00_00-${shortId(manifestIdOf("full"))}.sql`;
  const status = exported([FULL, INCREMENT]);
  assert.equal(status.path, "db1/status");
  assert.deepEqual([...status], [
    twinDbCopy({
      host: "db1",
      runType: "daily",
      name: fullName,
      type: "full",
      lsn: 1,
      backupStarted: Date.UTC(2026, 2, 1, 4) / 1000,
      backupFinished: Date.UTC(2026, 2, 1, 4, 10) / 1000,
    }),
    twinDbCopy({
      host: "db1",
      runType: "hourly",
      name: `prod_shop-2026-03-01_05_00_00-${shortId(manifestIdOf("inc"))}.sql`,
      type: "incremental",
      parent: `db1/daily/mysql/${fullName}`,
      lsn: 2,
      backupStarted: Date.UTC(2026, 2, 1, 5) / 1000,
      backupFinished: Date.UTC(2026, 2, 1, 5) / 1000,
    }),
  ]);
  assert.equal(status.nextBackupType("daily", "hourly"), "incremental");
  assert.equal(status.candidateParent("hourly")?.name, fullName);
  assert.deepEqual([...TwinDbStatus.parse(status.serialize(), "db1")], [...status]);
});

Deno.test("only backups of the host are in it, each once", () => {
  const copy: Backup = { ...FULL, snapshotId: INCREMENT.snapshotId };
  const other = made("other", { host: "db2" });
  assert.equal(exported([FULL, copy, other]).length, 1);
  const later: Backup = { ...copy, started: "2026-03-01T05:30:00Z" as Rfc3339 };
  const copies = [...exported([FULL, INCREMENT, later])].map(({ runType, lsn }) => [runType, lsn]);
  assert.deepEqual(copies, [["hourly", 1], ["daily", 2]], "at its new time");
  assert.equal(exported([]).length, 0);
});

Deno.test("whatever of a chain is gone or left out, what is left is good when it is imported", () => {
  const shown = (...backups: readonly Backup[]) => {
    const status = TwinDbStatus.parse(exported(backups).serialize(), "db1");
    assert.deepEqual(entriesOfTwinDb(status).map(({ health }) => health()), [...status].map(() => "ok"));
    const fullKey = status.candidateParent("daily")?.key;
    return [...status].map(({ type, parent }) => parent === null ? type : `${type} ${parent === fullKey}`);
  };
  assert.deepEqual(shown(FULL, INCREMENT, SECOND), ["full", "incremental true", "incremental true"]);
  assert.deepEqual(shown(FULL, SECOND), ["full", "incremental true"], "the level 1 is gone");
  assert.deepEqual(shown(INCREMENT, SECOND), ["full", "full"], "the level 0 is gone");
  assert.deepEqual(shown(SECOND), ["full"]);
  const unjudged: Backup = { ...FULL, info: { ...FULL.info!, guard: "none", complete: null } };
  assert.deepEqual(shown(unjudged, INCREMENT), ["full"]);
});

const NAMES: readonly (readonly [info: Partial<AgentSnapshotInfo>, ending: string])[] = [
  [{ guard: "mysqldump" }, ".sql"],
  [{ guard: "mariadb-dump" }, ".sql"],
  [{ guard: "xbstream", engine: "mariabackup" }, ".xbstream"],
  [{ guard: "gzip+mysqldump" }, ".sql.gz"],
  [{ guard: "zstd+xbstream" }, ".xbstream.zst"],
  [{ guard: "gzip+zstd+mariadb-dump" }, ".sql.zst.gz"],
  [{ guard: "xz+mysqldump" }, ".sql.xz"],
  [{ guard: "bzip2+mysqldump" }, ".sql.bz2"],
  [{ guard: "lz4+xbstream" }, ".xbstream.lz4"],
];

for (const [info, ending] of NAMES) {
  Deno.test(`guard ${info.guard}, engine ${info.engine ?? "stream"}: "${ending}"`, () => {
    const [copy] = exported([made("x", { time: "2026-03-01T04:00:00Z" }, info)]);
    const id = shortId(manifestIdOf("x"));
    assert.equal(copy!.key, `db1/hourly/mysql/prod_shop-2026-03-01_04_00_00-${id}${ending}`);
    const isMariaDb = info.guard!.endsWith("mariadb-dump") || info.engine === "mariabackup";
    assert.equal(copy!.serverVendor, isMariaDb ? "mariadb" : "oracle");
  });
}

const LEFT_OUT: readonly (readonly [info: Partial<AgentSnapshotInfo>, reason: string])[] = [
  [{ guard: "pg_dump" }, "pg_dump"],
  [{ guard: "tar" }, "tar"],
  [{ guard: "gzip" }, "gzip"],
  [{ guard: "gzip+pg_dump" }, "gzip+pg_dump"],
  [{ guard: "xz" }, "xz"],
  [{ guard: "tar+mysqldump" }, "tar+mysqldump"],
  [{ guard: "toString+constructor" }, "toString+constructor"],
  [{ guard: "none", complete: null }, "not judged"],
  [{ guard: "none", complete: null, engine: "mysql" }, "not judged"],
  [{ guard: "mysqldump", complete: null }, "not judged"],
  [{ guard: "mysqldump", complete: false }, "broken"],
];

for (const [info, reason] of LEFT_OUT) {
  Deno.test(`guard ${info.guard}, whole: ${info.complete ?? "-"}: no copy of MySQL, ${reason}`, () => {
    assert.equal(leftOut(made("x", {}, info)), `${reason}: 1`);
  });
}

Deno.test("a backup of a server by URL is one copy, with its accounts, whether or not a guard can judge them", () => {
  const dump = { path: "dump.sql", guard: "mysqldump", size: 9, complete: true };
  const accounts = { path: "users.sql", guard: "none", size: 9, complete: null };
  const backup = (complete: boolean | null, streams: NonNullable<AgentSnapshotInfo["streams"]>) =>
    made("x", {}, { engine: "mysql", guard: "mysqldump", files: 2, complete, streams });
  assert.equal(exported([backup(true, [dump, { ...accounts, guard: "mysqldump", complete: true }])]).length, 1);
  assert.equal(exported([backup(null, [dump, accounts])]).length, 1);
  assert.equal(leftOut(backup(null, [{ ...dump, complete: null }, accounts])), "not judged: 1");
  assert.equal(leftOut(backup(false, [{ ...dump, complete: false }, accounts])), "broken: 1");
});

Deno.test("what is left out is counted by its reason, the most frequent first", () => {
  const isForeign = true;
  const circle = made("circle", { level: 2, parent: manifestIdOf("full"), base: manifestIdOf("full") });
  const tars = ["1", "2", "3"].map((name) => made(name, {}, { guard: "tar" }));
  const foreign = ["4", "5"].map((name) => made(name, { isForeign }));
  assert.equal(leftOut(FULL, circle, ...foreign, ...tars), "tar: 3, not judged: 2, broken: 1");
  assert.equal(leftOut(FULL, INCREMENT, made("other", { host: "db2", isForeign })), "");
});

Deno.test("several dumps behind one another are a copy where all of them are of MySQL", () => {
  const guards = ["gzip+mariadb-dump,mysqldump", "mysqldump,pg_dump"];
  const backups = guards.map((guard, i) => backup(`b${i}`, { info: { guard } }));
  const { twinDb, leftOut } = twinDbStatusOf(backups, "db1", () => undefined);
  assert.match([...twinDb].map(({ key }) => key).join(), /^db1\/hourly\/mysql\/prod_shop-.*\.sql\.gz$/);
  assert.deepEqual(leftOut, [{ reason: "mysqldump,pg_dump", backups: 1 }]);
});

Deno.test("run types of our own and odd hosts find their place", () => {
  const status = exported([made("y", { host: "a/b" }, { runType: "quarterly" })], "a/b");
  assert.equal(status.path, "a_b/status");
  assert.deepEqual([...status].map(({ host, runType, type }) => [host, runType, type]), [["a_b", "hourly", "full"]]);
  assert.deepEqual([...exported([made("z", { host: "" })], "")].map(({ host }) => host), ["_"]);
});

Deno.test("the first second of 1970 is no unknown time, and an end is not before its start", () => {
  const [copy] = exported([made("x", { time: "1970-01-01T00:00:00Z" })]);
  assert.deepEqual([copy!.backupStarted, copy!.backupFinished], [1, 1]);
  const [rewound] = exported([{ ...FULL, started: "2026-03-02T00:00:00Z" as Rfc3339 }]);
  assert.deepEqual([rewound!.backupStarted, rewound!.backupFinished], [
    Date.UTC(2026, 2, 2) / 1000,
    Date.UTC(2026, 2, 2) / 1000,
  ]);
});

Deno.test("the position in the source is the engine's, where it has that form", () => {
  const positions = (source: ReturnType<SourceOf>) => {
    const [copy] = exported([FULL], "db1", () => source);
    return [copy!.binlog, copy!.position, copy!.lsn];
  };
  assert.deepEqual(positions({ binlog: { file: "bin.7", position: 4 }, lsn: 99 }), ["bin.7", 4, 99]);
  assert.deepEqual(positions({}), [null, null, 1]);
  assert.deepEqual(positions({ binlog: [4], lsn: "99" }), [null, null, 1]);
  assert.deepEqual(positions({ binlog: { file: 7, position: 0.5 }, lsn: 2 ** 60 }), [null, null, 1]);
});

Deno.test("LSNs grow with time, whatever of them is known", () => {
  const hours = ["00", "01", "02", "03", "04"];
  const backups = hours.map((hour) => made(hour, { time: `2026-03-01T${hour}:00:00Z` }));
  const lsns = (...known: readonly (number | null)[]) => {
    const sources = new Map<string, { lsn: number | null }>(backups.map(({ id }, i) => [id, { lsn: known[i]! }]));
    return [...exported(backups.toReversed(), "db1", ({ id }) => sources.get(id))].map(({ lsn }) => lsn);
  };
  assert.deepEqual(lsns(null, null, null, null, null), [1, 2, 3, 4, 5]);
  assert.deepEqual(lsns(null, 9000, null, 9500, null), [1, 9000, 9001, 9500, 9501]);
  assert.deepEqual(lsns(90_000, 95_000, null, 9000, 9000), [8996, 8997, 8998, 8999, 9000], "a server was set up anew");
});

Deno.test("backups of one moment are read as they were written, in whatever order they are found", () => {
  const time = "2026-03-01T04:00:00Z";
  const backups = ["daily", "hourly", "daily", "hourly"].map((runType, i) => made(String(i), { time }, { runType }));
  const status = exported(backups);
  assert.deepEqual([...TwinDbStatus.parse(status.serialize(), "db1")], [...status]);
  assert.deepEqual([...status].map(({ runType }) => runType), ["hourly", "hourly", "daily", "daily"]);
  assert.equal(exported(backups.toReversed()).serialize(), status.serialize());
  assert.equal(status.candidateParent("daily"), status.latest);
});

const FORMATS = ["mysqldump", "gzip+mariadb-dump", "xbstream", "tar", "none"];

/** Backups of a year in a few series and on two hosts, in chains that may lack anything. */
const anyBackups = fc.array(
  fc.record({
    host: fc.constantFrom("db1", "db2"),
    series: fc.constantFrom("prod/shop", "wiki"),
    ms: fc.integer({ min: 0, max: 3_600_000 }).map((step) => Date.UTC(2026, 0, 1) + step * 7000),
    runType: fc.constantFrom(null, ...RUN_TYPES),
    guard: fc.constantFrom(...FORMATS),
    level: fc.nat({ max: 2 }),
    before: fc.nat({ max: 12 }),
    lsn: fc.option(fc.integer({ min: 1, max: 40 })),
    isGone: fc.boolean(),
  }),
  { maxLength: 14 },
);

Deno.test("any export is loaded as it was written, is good, and its newest copy is the newest backup", () => {
  fc.assert(
    fc.property(anyBackups, (shapes) => {
      const backups = shapes.map((shape, i) => {
        const of = (place: number) => manifestIdOf(String(Math.max(0, place)));
        const chain = shape.level === 0 ? {} : { parent: of(i - 1), base: of(i - shape.before) };
        const given = { host: shape.host, series: shape.series, level: shape.level, ...chain };
        const { guard, runType } = shape;
        const info = { guard, runType, complete: guard === "none" ? null : true };
        return made(String(i), { ...given, time: new Date(shape.ms).toISOString() }, info);
      }).filter((_, i) => !shapes[i]!.isGone);
      const sourceOf: SourceOf = ({ started }) => ({
        lsn: shapes.find(({ ms }) => new Date(ms).toISOString() === started)!.lsn,
      });
      const { twinDb, leftOut } = twinDbStatusOf(backups, "db1", sourceOf);
      assert.equal(twinDbStatusOf(backups.toReversed(), "db1", sourceOf).twinDb.serialize(), twinDb.serialize());

      const own = backups.filter(({ host }) => host === "db1");
      assert.equal(twinDb.length + leftOut.reduce((sum, some) => sum + some.backups, 0), own.length);
      const good = new Set(
        entriesOfBackups(own).filter(({ health }) => health() === "ok").map(({ id }) => id.slice(0, 8)),
      );
      assert.ok([...twinDb].every(({ name }) => good.has(/-([0-9a-f]{8})\./.exec(name)![1]!)));

      const read = TwinDbStatus.parse(twinDb.serialize(), "db1");
      assert.deepEqual([...read], [...twinDb]);
      assert.ok(entriesOfTwinDb(read).every(({ health }) => health() === "ok"));
      assertTwinDbCanAsk(twinDb.serialize());
      for (const runType of RUN_TYPES) {
        const full = read.ofRunType(runType).filter(({ type }) => type === "full");
        if (full.length > 0) assert.equal(read.candidateParent(runType), full.at(-1));
      }
    }),
    { seed: 20260303, numRuns: 400 },
  );
});

/** What TwinDB's classes ask of a file, told by the file alone (twindb/backup, modules `status` and `copy`). */
function assertTwinDbCanAsk(text: string): void {
  const { md5, status } = JSON.parse(text);
  assert.equal(hash("md5", status), md5);
  const content = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(status)));
  assert.deepEqual(Object.keys(content), [...RUN_TYPES]);
  const keys = new Map(
    RUN_TYPES.flatMap((runType) => Object.entries(content[runType]))
      .map(([key, copy]) => [key, copy as Record<string, unknown>]),
  );
  for (const [key, copy] of keys) {
    assert.deepEqual(key.split("/"), [copy["host"], copy["run_type"], "mysql", copy["name"]]);
    assert.ok(Number.isSafeInteger(copy["backup_started"]) && copy["backup_started"] !== 0);
    assert.ok(Number.isSafeInteger(copy["backup_finished"]) && copy["backup_finished"] !== 0);
    assert.ok(Number.isSafeInteger(copy["lsn"]));
    assert.deepEqual([copy["galera"], copy["wsrep_provider_version"], copy["config"]], [false, null, []]);
    assert.ok(["oracle", "mariadb"].includes(String(copy["server_vendor"])));
    if (copy["type"] === "full") assert.equal(copy["parent"], null);
    else assert.equal(keys.get(String(copy["parent"]))!["type"], "full");
  }
  const byTime = [...keys.values()].sort((a, b) => Number(a["backup_started"]) - Number(b["backup_started"]));
  const lsns = byTime.map((copy) => Number(copy["lsn"]));
  assert.deepEqual(lsns, [...new Set(lsns)].sort((a, b) => a - b), "growing");
}

Deno.test("TwinDB's copies are lines of a status; an incremental one without its full one is broken", () => {
  const host = "master1";
  const full = twinDbCopy({ host, runType: "daily", name: "f", type: "full", backupStarted: 100 });
  const hourly = (name: string, backupStarted: number, parent: string | null) =>
    twinDbCopy({ host, runType: "hourly", name, type: "incremental", parent, backupStarted });
  const status = new TwinDbStatus(host, [
    full,
    hourly("good", 200, `/backups/${full.key}`),
    hourly("lost", 300, "master1/daily/mysql/gone"),
    hourly("alone", 400, null),
    twinDbCopy({ host, runType: "weekly", sourceType: "files", name: "w", backupStarted: 50 }),
  ]);
  const rows = statusOf(entriesOfTwinDb(status), { nowMs: 500_000, fullBackup: "daily" });
  const lines = rows.flatMap(({ series, host, runs }) =>
    runs.map((
      { runType, latest, ageMs, health, broken, next },
    ) => [series, host, runType, latest?.id, latest?.level, ageMs, health, broken, next])
  );
  assert.deepEqual(lines, [
    ["files", host, "weekly", "master1/weekly/files/w", null, 450_000, "unknown", 0, "full"],
    ["mysql", host, "hourly", "master1/hourly/mysql/good", 1, 300_000, "ok", 2, "incremental"],
    ["mysql", host, "daily", full.key, 0, 400_000, "ok", 0, "full"],
  ]);
});

Deno.test("TwinDB's binary logs are a series of their own", () => {
  const status = new TwinDbBinlogStatus("m", [twinDbBinlogCopy({ host: "m", name: "bin.1", createdAt: 100 })]);
  const [row] = statusOf(entriesOfTwinDb(status), { nowMs: 160_000, fullBackup: undefined });
  assert.deepEqual([row!.series, row!.runs[0]!.ageMs, row!.runs[0]!.latest?.id], ["binlog", 60_000, "m/binlog/bin.1"]);
});
