/**
 * Our backups as a status of TwinDB Backup, and a status of TwinDB's as entries of ours.
 *
 * A backup becomes the copy `<host>/<run type>/<source type>/<series>-<time>-<id>`, with the series' slashes as
 * underscores and the time in UTC. One without a run type counts as hourly. `parent` names the backup one level below
 * where that is still there.
 */
import { shortId } from "../base/id.ts";
import { countedRunType } from "../base/run_type.ts";
import type { JsonObject, JsonValue } from "../format/json_text.ts";
import { type TwinDbCopy, twinDbCopy } from "../format/twindb_copy.ts";
import { type TwinDbBinlogStatus, TwinDbStatus } from "../format/twindb_status.ts";
import { type Rfc3339, timestampToDate } from "../format/time.ts";
import type { Backup } from "./backup.ts";
import type { Health, StatusEntry } from "./status.ts";

/** What the manifest says of a backup's place in its source (`Manifest.source`); undefined where nobody looked. */
export type SourceOf = (backup: Backup) => JsonObject | undefined;

/** Formats of streams that come out of MySQL and its relatives, and the endings of their files. */
const MYSQL_FORMATS: readonly string[] = ["mysqldump", "mariadb-dump", "xbstream"];
const ENDINGS: Readonly<Record<string, string>> = {
  mysqldump: ".sql",
  "mariadb-dump": ".sql",
  pg_dump: ".sql",
  pg_dumpall: ".sql",
  sqlite: ".sql",
  xbstream: ".xbstream",
  tar: ".tar",
  gzip: ".gz",
  zstd: ".zst",
};
const MYSQL_ENGINES: readonly string[] = ["mysql", "mariabackup"];

/** The status of one host, of all backups that were made for it. */
export function twinDbStatusOf(backups: readonly Backup[], host: string, sourceOf: SourceOf): TwinDbStatus {
  const ofHost = backups.filter((backup) => backup.host === host);
  const byId = new Map<string, Backup>(ofHost.map((backup) => [backup.id, backup]));
  // A copy that restic rewrote has its original's id: one of them is enough.
  const copies = [...byId.values()].map((backup) => copyOf(backup, byId, sourceOf));
  return new TwinDbStatus(withoutSlashes(host), copies);
}

function copyOf(backup: Backup, byId: ReadonlyMap<string, Backup>, sourceOf: SourceOf): TwinDbCopy {
  const { info, snapshot, started } = backup;
  const parent = info?.parent ? byId.get(info.parent) : undefined;
  const source = sourceOf(backup) ?? {};
  const binlog = objectOrNull(source["binlog"]);
  return twinDbCopy({
    ...keyPartsOf(backup),
    type: (info?.level ?? 0) === 0 ? "full" : "incremental",
    parent: parent === undefined ? null : keyOf(parent),
    backupStarted: unixSeconds(started),
    backupFinished: unixSeconds(info?.finished ?? snapshot.summary?.backupEnd ?? started),
    binlog: textOrNull(binlog?.["file"]),
    position: integerOrNull(binlog?.["position"]),
    lsn: integerOrNull(source["lsn"]),
    serverVendor: formatsOf(backup).includes("mariadb-dump") || info?.engine === "mariabackup" ? "mariadb" : "oracle",
  });
}

function keyPartsOf(backup: Backup) {
  const { id, series, host, info, started } = backup;
  const formats = formatsOf(backup);
  const isMysql = formats.some((format) => MYSQL_FORMATS.includes(format)) ||
    MYSQL_ENGINES.includes(info?.engine ?? "");
  // 2026-03-01_04_00_00, as TwinDB names its files.
  const time = timestampToDate(started).toISOString().slice(0, 19).replace("T", "_").replaceAll(":", "_");
  const ending = formats.toReversed().map((format) => ENDINGS[format] ?? "").join("");
  return {
    host: withoutSlashes(host),
    runType: countedRunType(info?.runType ?? null),
    sourceType: isMysql ? "mysql" : "files",
    name: `${withoutSlashes(series)}-${time}-${shortId(id)}${ending}`,
  };
}

function keyOf(backup: Backup): string {
  return twinDbCopy(keyPartsOf(backup)).key;
}

/** What the guard recognised, the outermost first: `gzip+mysqldump` is a dump within gzip. */
function formatsOf({ info }: Backup): string[] {
  return info?.guard.split("+") ?? [];
}

/** Parts of a key have no slashes; a snapshot of another tool may even lack a host. */
function withoutSlashes(text: string): string {
  return text.replaceAll("/", "_") || "_";
}

function unixSeconds(time: Rfc3339): number {
  return Math.floor(timestampToDate(time).getTime() / 1000);
}

function objectOrNull(value: JsonValue | undefined): JsonObject | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as JsonObject : null;
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function integerOrNull(value: JsonValue | undefined): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

/** The copies of a status of TwinDB's; the source type stands for the series. */
export function entriesOfTwinDb(status: TwinDbStatus | TwinDbBinlogStatus): StatusEntry[] {
  if (status instanceof TwinDbStatus) return [...status].map((copy) => entryOfCopy(copy, status));
  return [...status].map(({ key, host, createdAt }) => ({
    id: key,
    series: "binlog",
    host,
    runType: null,
    startedMs: createdAt * 1000,
    level: null,
    size: null,
    health: () => "unknown",
  }));
}

function entryOfCopy(copy: TwinDbCopy, status: TwinDbStatus): StatusEntry {
  return {
    id: copy.key,
    series: copy.sourceType,
    host: copy.host,
    runType: copy.runType,
    startedMs: (copy.backupStarted ?? 0) * 1000,
    level: copy.type === null ? null : copy.type === "full" ? 0 : 1,
    size: null,
    health: () => healthOfCopy(copy, status),
  };
}

/** An incremental copy of TwinDB's is worth nothing without its full one. */
function healthOfCopy({ type, parent }: TwinDbCopy, status: TwinDbStatus): Health {
  if (type === null) return "unknown";
  if (type === "full") return "ok";
  const isThere = [...status].some((other) => other.type === "full" && parent?.endsWith(other.key));
  return isThere ? "ok" : "broken";
}
