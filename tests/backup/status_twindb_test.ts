/** Our backups as TwinDB's status, and TwinDB's status as ours. */
import assert from "node:assert/strict";
import type { Backup } from "../../src/backup/backup.ts";
import { statusOf } from "../../src/backup/status.ts";
import { entriesOfTwinDb, type SourceOf, twinDbStatusOf } from "../../src/backup/status_twindb.ts";
import { shortId } from "../../src/base/id.ts";
import type { AgentSnapshotInfo } from "../../src/format/agent_info.ts";
import { twinDbBinlogCopy, twinDbCopy } from "../../src/format/twindb_copy.ts";
import { TwinDbBinlogStatus, TwinDbStatus } from "../../src/format/twindb_status.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { backup, type BackupShape, manifestIdOf } from "./backups.ts";

function made(name: string, shape: BackupShape, info: Partial<AgentSnapshotInfo> = {}): Backup {
  const plain = backup(name, shape);
  return plain.info === null ? plain : { ...plain, info: { ...plain.info, ...info } };
}

const nowhere: SourceOf = () => undefined;
const FULL = made("full", { time: "2026-03-01T04:00:00.5Z" }, {
  runType: "daily",
  finished: "2026-03-01T05:10:00+01:00" as Rfc3339,
});
const INCREMENT = made(
  "inc",
  { time: "2026-03-01T05:00:00Z", level: 1, parent: manifestIdOf("full"), base: manifestIdOf("full") },
  { runType: "hourly" },
);

Deno.test("a backup becomes a copy, with the key of the backup that it follows", () => {
  const fullName = `prod_shop-2026-03-01_04_00_00-${shortId(manifestIdOf("full"))}.sql`;
  const status = twinDbStatusOf([FULL, INCREMENT], "db1", nowhere);
  assert.equal(status.path, "db1/status");
  assert.deepEqual([...status], [
    twinDbCopy({
      host: "db1",
      runType: "daily",
      name: fullName,
      type: "full",
      backupStarted: Date.UTC(2026, 2, 1, 4) / 1000,
      backupFinished: Date.UTC(2026, 2, 1, 4, 10) / 1000,
    }),
    twinDbCopy({
      host: "db1",
      runType: "hourly",
      name: `prod_shop-2026-03-01_05_00_00-${shortId(manifestIdOf("inc"))}.sql`,
      type: "incremental",
      parent: `db1/daily/mysql/${fullName}`,
      backupStarted: Date.UTC(2026, 2, 1, 5) / 1000,
      backupFinished: Date.UTC(2026, 2, 1, 5) / 1000,
    }),
  ]);
  assert.equal(status.nextBackupType("daily", "hourly"), "incremental");
  assert.equal(status.candidateParent("hourly")?.name, fullName);
  assert.deepEqual([...TwinDbStatus.parse(status.serialize(), "db1")], [...status]);
});

Deno.test("only backups of the host are in it, each once, and a parent that is gone is not named", () => {
  const copy: Backup = { ...FULL, snapshotId: INCREMENT.snapshotId };
  const other = made("other", { host: "db2" });
  const status = twinDbStatusOf([FULL, copy, other], "db1", nowhere);
  assert.equal(status.length, 1);
  const [orphan] = twinDbStatusOf([INCREMENT], "db1", nowhere);
  assert.deepEqual([orphan!.type, orphan!.parent], ["incremental", null]);
  assert.equal(twinDbStatusOf([], "db1", nowhere).length, 0);
});

const NAMES: readonly (readonly [info: Partial<AgentSnapshotInfo>, sourceType: string, ending: string])[] = [
  [{ guard: "mysqldump" }, "mysql", ".sql"],
  [{ guard: "mariadb-dump" }, "mysql", ".sql"],
  [{ guard: "gzip+mysqldump" }, "mysql", ".sql.gz"],
  [{ guard: "zstd+xbstream" }, "mysql", ".xbstream.zst"],
  [{ guard: "none", engine: "mysql" }, "mysql", ""],
  [{ guard: "pg_dump" }, "files", ".sql"],
  [{ guard: "tar" }, "files", ".tar"],
  [{ guard: "gzip" }, "files", ".gz"],
  [{ guard: "none" }, "files", ""],
];

for (const [info, sourceType, ending] of NAMES) {
  Deno.test(`guard ${info.guard}, engine ${info.engine ?? "stream"}: ${sourceType}, "${ending}"`, () => {
    const [copy] = twinDbStatusOf([made("x", { time: "2026-03-01T04:00:00Z" }, info)], "db1", nowhere);
    const id = shortId(manifestIdOf("x"));
    assert.equal(copy!.key, `db1/hourly/${sourceType}/prod_shop-2026-03-01_04_00_00-${id}${ending}`);
    assert.equal(copy!.serverVendor, info.guard === "mariadb-dump" ? "mariadb" : "oracle");
  });
}

Deno.test("run types of our own, foreign snapshots and odd hosts find their place", () => {
  const status = twinDbStatusOf(
    [made("x", { host: "a/b", isForeign: true }), made("y", { host: "a/b" }, { runType: "quarterly" })],
    "a/b",
    nowhere,
  );
  assert.equal(status.path, "a_b/status");
  assert.deepEqual([...status].map(({ host, runType, type }) => [host, runType, type]), [
    ["a_b", "hourly", "full"],
    ["a_b", "hourly", "full"],
  ]);
  assert.deepEqual([...twinDbStatusOf([made("z", { host: "" })], "", nowhere)].map(({ host }) => host), ["_"]);
});

Deno.test("the position in the source is the engine's, where it has that form", () => {
  const positions = (source: ReturnType<SourceOf>) => {
    const [copy] = twinDbStatusOf([FULL], "db1", () => source);
    return [copy!.binlog, copy!.position, copy!.lsn];
  };
  assert.deepEqual(positions({ binlog: { file: "bin.7", position: 4 }, lsn: 99 }), ["bin.7", 4, 99]);
  assert.deepEqual(positions({}), [null, null, null]);
  assert.deepEqual(positions({ binlog: [4], lsn: "99" }), [null, null, null]);
  assert.deepEqual(positions({ binlog: { file: 7, position: 0.5 }, lsn: 2 ** 60 }), [null, null, null]);
});

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
