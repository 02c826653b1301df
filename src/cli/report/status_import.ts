/** What `--json` tells of a status file of TwinDB Backup: as of a repository, and every copy with all its fields. */
import { formatTimestamp } from "../../format/time.ts";
import type { TwinDbBinlogCopy, TwinDbCopy } from "../../compat/twindb/copy.ts";
import { TwinDbStatus } from "../../compat/twindb/status_file.ts";
import type { ImportedStatus } from "../../ops/status.ts";
import { statusJson } from "./status_text.ts";

/** The objects of `statusJson`, each with the copies of its series and host, oldest first. */
export function importedStatusJson(report: ImportedStatus): unknown[] {
  const copies = copiesOf(report);
  return statusJson(report).map((row) => ({
    ...row,
    copies: copies.filter(({ series, host }) => series === row.series && host === row.host).map(({ json }) => json),
  }));
}

/** Each copy with the series and host that its row names. */
function copiesOf({ twinDb }: ImportedStatus) {
  return twinDb instanceof TwinDbStatus
    ? [...twinDb].map((copy) => ({ series: copy.sourceType, host: copy.host, json: copyJson(copy) }))
    : [...twinDb].map((copy) => ({ series: "binlog", host: copy.host, json: binlogJson(copy) }));
}

function copyJson({ backupStarted, backupFinished, config, ...copy }: TwinDbCopy) {
  return {
    ...copy,
    started: timeOrNull(backupStarted),
    finished: timeOrNull(backupFinished),
    config: Object.fromEntries(config),
  };
}

function binlogJson({ createdAt, ...copy }: TwinDbBinlogCopy) {
  return { ...copy, created: formatTimestamp(new Date(createdAt * 1000)) };
}

function timeOrNull(seconds: number | null): string | null {
  return seconds === null ? null : formatTimestamp(new Date(seconds * 1000));
}
