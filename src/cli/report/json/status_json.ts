/** The status of backups in `--json` output, from a repository or from a status file of TwinDB Backup. */
import * as v from "valibot";
import type { RunStatus } from "../../../backup/series_status.ts";
import {
  SERVER_VENDORS,
  TWINDB_BACKUP_TYPES,
  type TwinDbBinlogCopy,
  type TwinDbCopy,
} from "../../../compat/twindb/copy.ts";
import { TwinDbStatus } from "../../../compat/twindb/status_file.ts";
import { formatTimestamp } from "../../../format/time.ts";
import type { ImportedStatus, StatusReport } from "../../../ops/status.ts";
import type { ExpectationVerdict } from "../../../policy/expectation.ts";
import { verdictField, verdictJson as restoredJson } from "./restore_test_json.ts";
import { bytes, count, flag, list, oneOf, orNull, seconds, text, textsByName, time } from "./json_fields.ts";

const NO_LATEST = "there is no good backup";
const NOT_WRITTEN = "it was not recorded";

const run = v.strictObject({
  runType: orNull(text("The run type."), "these backups have none"),
  id: orNull(text("The newest good backup."), NO_LATEST),
  started: orNull(time("When that backup began."), NO_LATEST),
  ageSeconds: orNull(seconds("Time since it began; negative if it began in the future."), NO_LATEST),
  level: orNull(count("Its level."), `${NO_LATEST}, or ${NOT_WRITTEN}`),
  size: orNull(bytes("The size of all its streams together."), `${NO_LATEST}, or ${NOT_WRITTEN}`),
  shrunk: orNull(flag("Whether a stream of it shrank."), `${NO_LATEST}, or it was not compared`),
  problems: orNull(
    count("How much of its source could not be read or changed meanwhile, in problems."),
    `${NO_LATEST}, or ${NOT_WRITTEN}`,
  ),
  next: oneOf(["full", "incremental"], "The kind of backup that the next run has to make."),
  health: oneOf(
    ["ok", "unjudged", "unknown", "empty", "broken"],
    "The health of the newest good backup or, if there is none, of the newest.",
  ),
  backups: count("The number of backups."),
  broken: count("How many broken backups are newer than the newest good one."),
  empty: count("How many newer backups hold no stream and no file."),
  unjudged: count("How many newer backups could not be judged, if others were judged whole."),
  inFuture: count("How many backups claim to have begun in the future."),
  restored: verdictField,
});

const verdict = v.strictObject({
  expected: text("The expectation as it was given."),
  limitSeconds: seconds("How old the newest backup may be."),
  ageSeconds: orNull(seconds("How old it is."), "there is no good backup"),
  overdue: flag("Whether the expectation is not met."),
});

const statusFields = {
  series: orNull(text("The series."), "an expectation covers every series, and there is none"),
  host: orNull(text("The host."), "no host has such a backup, and the expectation names no host"),
  runs: list(run, "The backups of each run type, the shortest interval first."),
  expectations: list(verdict, "The expectations that apply to these backups."),
};

/** The status of a series on a host. */
export const statusMessage = v.strictObject(statusFields);
type StatusMessage = v.InferOutput<typeof statusMessage>;

/**
 * The objects of a status: one for each series and host, with its expectations. If an expectation is about backups that
 * do not exist, it gets an object of its own, without runs. In that object, series or host is null if the expectation
 * names none.
 */
export function statusJson({ rows, verdicts }: StatusReport): StatusMessage[] {
  const isOf = (verdict: ExpectationVerdict, { series, host }: { readonly series: string; readonly host: string }) =>
    verdict.series === series && verdict.host === host;
  const known = rows.map((row): StatusMessage => ({
    series: row.series,
    host: row.host,
    runs: row.runs.map(runJson),
    expectations: verdicts.filter((verdict) => isOf(verdict, row)).map(verdictJson),
  }));
  const missing = verdicts.filter((verdict) => !rows.some((row) => isOf(verdict, row)));
  return [
    ...known,
    ...missing.map((verdict): StatusMessage => ({
      series: verdict.series,
      host: verdict.host,
      runs: [],
      expectations: [verdictJson(verdict)],
    })),
  ];
}

function runJson(given: RunStatus): v.InferOutput<typeof run> {
  const { latest } = given;
  return {
    runType: given.runType,
    id: latest?.id ?? null,
    started: latest === null ? null : formatTimestamp(new Date(latest.startedMs)),
    ageSeconds: secondsOrNull(given.ageMs),
    level: latest?.level ?? null,
    size: latest?.size ?? null,
    shrunk: latest?.isShrunk ?? null,
    problems: latest?.problems ?? null,
    next: given.next,
    health: given.health,
    backups: given.backups,
    broken: given.broken,
    empty: given.empty,
    unjudged: given.unjudged,
    inFuture: given.inFuture,
    restored: restoredJson(given.restored),
  };
}

function verdictJson({ expectation, ageMs, isOverdue }: ExpectationVerdict): v.InferOutput<typeof verdict> {
  return {
    expected: expectation.text,
    limitSeconds: secondsOf(expectation.spanMs),
    ageSeconds: secondsOrNull(ageMs),
    overdue: isOverdue,
  };
}

const copy = v.strictObject({
  key: text("Its name in the status."),
  host: text("Its host."),
  runType: oneOf(["hourly", "daily", "weekly", "monthly", "yearly"], "Which run made it."),
  sourceType: text("What was backed up: `mysql`, `files`."),
  name: text("The file's name."),
  type: orNull(oneOf(TWINDB_BACKUP_TYPES, "Whether it is a full copy or needs its parent."), NOT_WRITTEN),
  parent: orNull(text("The key of the full copy that it needs."), "it needs none"),
  binlog: orNull(text("The binary log at the end of the backup."), NOT_WRITTEN),
  position: orNull(bytes("The position in that log."), NOT_WRITTEN),
  lsn: orNull(count("InnoDB's log sequence number at the end of the backup."), NOT_WRITTEN),
  galera: flag("Whether the server belonged to a cluster."),
  wsrepProviderVersion: orNull(text("The version of the cluster's provider."), NOT_WRITTEN),
  serverVendor: oneOf(SERVER_VENDORS, "The vendor of the server."),
  started: orNull(time("When it was begun."), NOT_WRITTEN),
  finished: orNull(time("When it was finished."), NOT_WRITTEN),
  config: textsByName("Configuration files of the server: the text of each by its path."),
});

const binlog = v.strictObject({
  key: text("Its name in the status."),
  host: text("Its host."),
  name: text("The log's name."),
  created: time("When it was created."),
});

/** The status of a series on a host, from a status file of TwinDB Backup. */
export const importedStatusMessage = v.strictObject({
  ...statusFields,
  copies: list(copy, "All copies of this series and host that the file lists, oldest first."),
});

/** The status of a series on a host, from a status file of TwinDB Backup about binary logs. */
export const importedBinlogsMessage = v.strictObject({
  ...statusFields,
  copies: list(binlog, "All binary logs of the host that the file lists, oldest first."),
});
type ImportedMessage = v.InferOutput<typeof importedStatusMessage> | v.InferOutput<typeof importedBinlogsMessage>;

/** The objects of `statusJson`, each with the copies of its series and host, oldest first. */
export function importedStatusJson(report: ImportedStatus): ImportedMessage[] {
  const { twinDb } = report;
  return statusJson(report).map(({ series, host, runs, expectations }) => {
    const row = { series, host, runs, expectations };
    if (twinDb instanceof TwinDbStatus) {
      const own = [...twinDb].filter((copy) => copy.sourceType === series && copy.host === host);
      return { ...row, copies: own.map(copyJson) };
    }
    const own = [...twinDb].filter((copy) => series === "binlog" && copy.host === host);
    return { ...row, copies: own.map(binlogJson) };
  });
}

function copyJson(given: TwinDbCopy): v.InferOutput<typeof copy> {
  return {
    key: given.key,
    host: given.host,
    runType: given.runType,
    sourceType: given.sourceType,
    name: given.name,
    type: given.type,
    parent: given.parent,
    binlog: given.binlog,
    position: given.position,
    lsn: given.lsn,
    galera: given.galera,
    wsrepProviderVersion: given.wsrepProviderVersion,
    serverVendor: given.serverVendor,
    started: timeOrNull(given.backupStarted),
    finished: timeOrNull(given.backupFinished),
    config: Object.fromEntries(given.config),
  };
}

function binlogJson({ key, host, name, createdAt }: TwinDbBinlogCopy): v.InferOutput<typeof binlog> {
  return { key, host, name, created: formatTimestamp(new Date(createdAt * 1000)) };
}

function timeOrNull(secondsSince1970: number | null): string | null {
  return secondsSince1970 === null ? null : formatTimestamp(new Date(secondsSince1970 * 1000));
}

function secondsOf(ms: number): number {
  return Math.round(ms / 1000);
}

function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : secondsOf(ms);
}
