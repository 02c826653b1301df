/** Status files of TwinDB Backup in all their forms (`twindb/README.md`): read, and written again as TwinDB writes them. */
import assert from "node:assert/strict";
import type { Backup } from "../../src/backup/backup.ts";
import { twinDbStatusOf } from "../../src/compat/twindb/status_twindb.ts";
import type { RunType } from "../../src/base/run_type.ts";
import { TwinDbBinlogStatus, TwinDbStatus } from "../../src/compat/twindb/status_file.ts";
import { twinDbBinlogCopy, twinDbCopy } from "../../src/compat/twindb/copy.ts";
import { backup, manifestIdOf } from "../backup/backups.ts";

const HOST = "db1.example";
const golden = (name: string) => Deno.readTextFile(new URL(`./twindb/${name}.golden`, import.meta.url));

const WEEKLY = twinDbCopy({
  host: HOST,
  runType: "weekly",
  name: "mysql-2026-03-01_00_00_00.xbstream.gz",
  type: "full",
  backupStarted: 1772323200,
  backupFinished: 1772323900,
});
const DAILY = twinDbCopy({
  host: HOST,
  runType: "daily",
  name: "mysql-2026-03-02_04_00_00.xbstream.gz",
  type: "full",
  backupStarted: 1772424000,
  backupFinished: 1772424600,
  binlog: "mysql-bin.000007",
  position: 46855,
  lsn: 19903199,
  wsrepProviderVersion: "25.3.37",
  config: new Map([["/etc/my.cnf", "[mysqld]\nserver_id=7\n# Größe: klein\n"]]),
});
const HOURLY = twinDbCopy({
  host: HOST,
  runType: "hourly",
  name: "mysql-2026-03-02_05_00_00.xbstream.gz",
  type: "incremental",
  parent: DAILY.key,
  backupStarted: 1772427600,
  backupFinished: 1772427660,
  binlog: "mysql-bin.000008",
  position: 1204,
  lsn: 19903207,
});
const COPIES = [WEEKLY, DAILY, HOURLY];

Deno.test("a status of version 1 is read, and written again to the byte", async () => {
  const text = await golden("status");
  const status = TwinDbStatus.parse(text, HOST);
  assert.deepEqual([...status], COPIES);
  assert.equal(status.serialize(), text);
  assert.equal(new TwinDbStatus(HOST, COPIES).serialize(), text);
  assert.equal(status.md5, JSON.parse(text).md5);
});

Deno.test("a status of the older form is read, and written as version 1", async () => {
  const status = TwinDbStatus.parse(await golden("status-bare"), HOST);
  assert.deepEqual([...status], COPIES);
  assert.equal(status.serialize(), await golden("status"));
});

Deno.test("a status of binary logs is read, and written again to the byte", async () => {
  const text = await golden("binlog-status");
  const status = TwinDbBinlogStatus.parse(text, HOST);
  assert.deepEqual([...status], [
    twinDbBinlogCopy({ host: HOST, name: "mysql-bin.000007", createdAt: 1772420000 }),
    twinDbBinlogCopy({ host: HOST, name: "mysql-bin.000008", createdAt: 1772424001 }),
  ]);
  assert.equal(status.serialize(), text);
});

/** Of hour `hour`; those of level 1 continue `base`. */
function made(hour: number, runType: RunType, guard: string, base?: string): Backup {
  const time = `2026-03-01T${String(hour).padStart(2, "0")}:00:00Z`;
  const id = base === undefined ? null : manifestIdOf(base);
  const plain = backup(`hour ${hour}`, { host: HOST, time, level: id === null ? 0 : 1, parent: id, base: id });
  return { ...plain, info: { ...plain.info!, runType, guard } };
}

Deno.test("backups of ours are exported to the byte as TwinDB would write them", async () => {
  const backups = [
    made(1, "weekly", "zstd+xbstream"),
    made(2, "daily", "mysqldump"),
    made(3, "hourly", "gzip+mariadb-dump", "hour 2"),
    made(4, "hourly", "mysqldump", "gone"),
    made(5, "hourly", "tar"),
    made(6, "daily", "xbstream"),
  ];
  const sources = new Map<string, number>([[manifestIdOf("hour 2"), 19903199], [manifestIdOf("hour 6"), 19903199]]);
  const { twinDb, leftOut } = twinDbStatusOf(backups, HOST, ({ id }) => ({
    lsn: sources.get(id) ?? null,
    binlog: { file: "mysql-bin.000007", position: 4 },
  }));
  const text = await golden("exported");
  assert.equal(twinDb.serialize(), text);
  assert.deepEqual(leftOut, [{ reason: "tar", backups: 1 }]);
  assert.deepEqual([...TwinDbStatus.parse(text, HOST)], [...twinDb]);
  assert.deepEqual([...twinDb].map(({ lsn }) => lsn), [1, 19903196, 19903197, 19903198, 19903199]);
});
