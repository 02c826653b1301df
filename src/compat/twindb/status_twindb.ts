/**
 * Converts backups to a status of TwinDB Backup, and such a status to the entries of `agent status`.
 *
 * A backup becomes the copy `<host>/<run type>/mysql/<series>-<time>-<id>`, with slashes in the series replaced by
 * underscores and the time in UTC. It is one copy, however many streams it has: the accounts beside a dump are a part of
 * it. A backup without a run type counts as hourly. TwinDB assumes that every copy in a
 * status is of MySQL, so a backup is included only if a guard recognised a stream of MySQL and judged it whole. The
 * parent of an incremental copy is its level 0, as in TwinDB. If this level 0 is not in the status, the backup
 * becomes a full copy. That is correct, because every backup can be restored alone.
 */
import { shortId } from "../../base/id.ts";
import { countedRunType, RUN_TYPES } from "../../base/run_type.ts";
import type { JsonObject, JsonValue } from "../../format/json/json_text.ts";
import { FILES_ENGINE } from "../../format/manifest/manifest.ts";
import { type TwinDbCopy, twinDbCopy } from "./copy.ts";
import { growingLsns } from "./loadable.ts";
import { type TwinDbBinlogStatus, TwinDbStatus } from "./status_file.ts";
import { type Rfc3339, timestampToDate } from "../../format/time.ts";
import { type Backup, compareAge, finishedOf } from "../../backup/backup.ts";
import { entriesOfBackups, type Health, type StatusEntry } from "../../backup/series_status.ts";

/** The position of a backup in its source (`Manifest.source`); undefined if it was not read. */
export type SourceOf = (backup: Backup) => JsonObject | undefined;

/** The status of a host, and the backups that it leaves out. */
export interface TwinDbSelection {
  /** The status. */
  readonly twinDb: TwinDbStatus;
  /** The backups that are left out, grouped by reason. */
  readonly leftOut: readonly LeftOut[];
}

/** Backups that a TwinDB status cannot hold. */
export interface LeftOut {
  /** The format of their streams, `files`, `not judged`, or `broken`. */
  readonly reason: string;
  /** The number of backups. */
  readonly backups: number;
}

/** File name endings of streams from MySQL and its relatives, by format. */
const MYSQL_ENDINGS: Readonly<Record<string, string>> = {
  mysqldump: ".sql",
  "mariadb-dump": ".sql",
  xbstream: ".xbstream",
};
/** File name endings of the containers around such a stream. */
const CONTAINER_ENDINGS: Readonly<Record<string, string>> = {
  gzip: ".gz",
  zstd: ".zst",
  xz: ".xz",
  bzip2: ".bz2",
  lz4: ".lz4",
};

/** The status of one host, made from the backups of that host. */
export function twinDbStatusOf(backups: readonly Backup[], host: string, sourceOf: SourceOf): TwinDbSelection {
  const oldestFirst = backups.filter((backup) => backup.host === host).sort((a, b) => compareAge(a, b) || byId(a, b));
  // A backup whose snapshot restic rewrote has the same id as the original. Only the newest of them is used.
  const newestById = new Map(oldestFirst.map((backup) => [backup.id, backup]));
  const distinct = oldestFirst.filter((backup) => newestById.get(backup.id) === backup);
  const healths = new Map(entriesOfBackups(distinct).map(({ id, health }) => [id, health]));
  const reasons = distinct.map((backup) => reasonToLeaveOut(backup, healths.get(backup.id)!));
  const chosen = distinct.filter((_, position) => reasons[position] === null);
  return {
    twinDb: new TwinDbStatus(withoutSlashes(host), inOrderOfFile(copiesOf(chosen, sourceOf))),
    leftOut: counted(reasons.filter((reason) => reason !== null)),
  };
}

function byId(a: Backup, b: Backup): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Why a backup is left out; null if it is a whole stream of MySQL. */
function reasonToLeaveOut(backup: Backup, health: () => Health): string | null {
  const formats = formatsOf(backup);
  const outer = formats.slice(0, -1);
  const isMysql = Object.hasOwn(MYSQL_ENDINGS, formats.at(-1)!) &&
    outer.every((format) => Object.hasOwn(CONTAINER_ENDINGS, format));
  if (backup.info?.engine === FILES_ENGINE) return FILES_ENGINE;
  if (!isMysql) return formats[0] === "none" ? NOT_JUDGED : formats.join("+");
  if (health() === "broken") return "broken";
  return backup.info?.complete === true || isWholeDump(backup) ? null : NOT_JUDGED;
}

/** Whether a backup by URL has a whole dump. Nobody can judge the accounts beside it where they are no dump. */
function isWholeDump({ info }: Backup): boolean {
  if (info?.engine !== MYSQL_ENGINE) return false;
  const dumps = (info.streams ?? []).filter(({ guard }) => Object.hasOwn(MYSQL_ENDINGS, guard));
  return dumps.length > 0 && dumps.every(({ complete }) => complete === true);
}

/** The name of the engine that dumps MariaDB and MySQL, in manifests. */
const MYSQL_ENGINE = "mysql";

const NOT_JUDGED = "not judged";

/** Groups the reasons, the most frequent first. */
function counted(reasons: readonly string[]): LeftOut[] {
  const byReason = Map.groupBy([...reasons].sort(), (reason) => reason);
  return [...byReason].map(([reason, { length }]) => ({ reason, backups: length }))
    .sort((a, b) => b.backups - a.backups);
}

/**
 * Sorts copies by run type, as the file does. Copies that began in the same second stay in this order, so the order is
 * the same after the file was written and read.
 */
function inOrderOfFile(copies: readonly TwinDbCopy[]): TwinDbCopy[] {
  return RUN_TYPES.flatMap((runType) => copies.filter((copy) => copy.runType === runType));
}

/** The copies of these backups, which are given oldest first. */
function copiesOf(backups: readonly Backup[], sourceOf: SourceOf): TwinDbCopy[] {
  const sources = backups.map((backup) => sourceOf(backup) ?? {});
  const lsns = growingLsns(sources.map((source) => integerOrNull(source["lsn"])));
  const fullOnes = new Map(backups.filter(({ info }) => info?.level === 0).map((backup) => [backup.id, backup]));
  return backups.map((backup, position) => {
    const base = backup.info?.level === 0 ? undefined : fullOnes.get(backup.info!.base!);
    return copyOf(backup, base, { source: sources[position]!, lsn: lsns[position]! });
  });
}

function copyOf(backup: Backup, base: Backup | undefined, place: { source: JsonObject; lsn: number }): TwinDbCopy {
  const { info, started } = backup;
  const binlog = objectOrNull(place.source["binlog"]);
  return twinDbCopy({
    ...keyPartsOf(backup),
    type: base === undefined ? "full" : "incremental",
    parent: base === undefined ? null : keyOf(base),
    backupStarted: unixSeconds(started),
    backupFinished: Math.max(unixSeconds(started), unixSeconds(finishedOf(backup) ?? started)),
    binlog: textOrNull(binlog?.["file"]),
    position: integerOrNull(binlog?.["position"]),
    lsn: place.lsn,
    serverVendor: formatsOf(backup).includes("mariadb-dump") || info?.engine === "mariabackup" ? "mariadb" : "oracle",
  });
}

function keyPartsOf(backup: Backup) {
  const { id, series, host, info, started } = backup;
  // 2026-03-01_04_00_00, as TwinDB names its files.
  const time = timestampToDate(started).toISOString().slice(0, 19).replace("T", "_").replaceAll(":", "_");
  const endings = formatsOf(backup).map((format) => MYSQL_ENDINGS[format] ?? CONTAINER_ENDINGS[format] ?? "");
  return {
    host: withoutSlashes(host),
    runType: countedRunType(info?.runType ?? null),
    sourceType: "mysql",
    name: `${withoutSlashes(series)}-${time}-${shortId(id)}${endings.reverse().join("")}`,
  };
}

function keyOf(backup: Backup): string {
  return twinDbCopy(keyPartsOf(backup)).key;
}

/**
 * The formats that the guard recognised, outermost first: `gzip+mysqldump` is a dump within gzip. Several dumps one
 * after the other, such as `mysqldump,mariadb-dump`, count as the first of them if all are of MySQL.
 */
function formatsOf({ info }: Backup): string[] {
  const formats = info?.guard.split("+") ?? ["none"];
  const dumps = formats.at(-1)!.split(",");
  return dumps.every((format) => Object.hasOwn(MYSQL_ENDINGS, format)) ? formats.with(-1, dumps[0]!) : formats;
}

/** A part of a key must not contain a slash or be empty. A snapshot of another tool may have no host. */
function withoutSlashes(text: string): string {
  return text.replaceAll("/", "_") || "_";
}

/** Whole seconds since 1970, but never zero: TwinDB reads zero as an unknown time. */
function unixSeconds(time: Rfc3339): number {
  return Math.floor(timestampToDate(time).getTime() / 1000) || 1;
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

/** The copies of a TwinDB status as entries; the source type becomes the series. */
export function entriesOfTwinDb(status: TwinDbStatus | TwinDbBinlogStatus): StatusEntry[] {
  if (status instanceof TwinDbStatus) {
    const fullKeys = new Set([...status].filter(({ type }) => type === "full").map(({ key }) => key));
    return [...status].map((copy) => entryOfCopy(copy, fullKeys));
  }
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

function entryOfCopy(copy: TwinDbCopy, fullKeys: ReadonlySet<string>): StatusEntry {
  return {
    id: copy.key,
    series: copy.sourceType,
    host: copy.host,
    runType: copy.runType,
    startedMs: (copy.backupStarted ?? 0) * 1000,
    level: copy.type === null ? null : copy.type === "full" ? 0 : 1,
    size: null,
    health: () => healthOfCopy(copy, fullKeys),
  };
}

/** An incremental TwinDB copy is useless without its full copy. `parent` may have more folders in front of the key. */
function healthOfCopy({ type, parent }: TwinDbCopy, fullKeys: ReadonlySet<string>): Health {
  if (type === null) return "unknown";
  if (type === "full") return "ok";
  const key = parent?.split("/").slice(-PARTS_OF_KEY).join("/");
  return key !== undefined && fullKeys.has(key) ? "ok" : "broken";
}

const PARTS_OF_KEY = 4;
