/** What the catalogue keeps of a backup: its row, and those of its tags, streams and tables. */
import { type Backup, finishedOf, sizeOf } from "../backup/backup.ts";
import { tablesOf } from "../backup/tables/dump_tables.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { seriesKind } from "../format/manifest/series.ts";
import type { StreamPieces } from "../format/table_list.ts";
import { type Rfc3339, timestampToDate } from "../format/time.ts";

/** What only the files of a backup say, which takes reading packs. */
export interface BackupDetails {
  /** Null for a backup that another tool made. */
  readonly manifest: Pick<Manifest, "files"> | null;
  /** The pieces of its dumps; empty if none is known. */
  readonly tables: readonly StreamPieces[];
}

/** A value that SQLite stores. */
type Stored = string | number | null;

/** The columns of `backups` that the backup itself decides. */
type BackupRow = Readonly<Record<typeof BACKUP_COLUMNS[number], Stored>>;

/** Their names. */
export const BACKUP_COLUMNS = [
  "backup_id",
  "snapshot_id",
  "series",
  "kind",
  "host",
  "level",
  "parent",
  "base",
  "run_type",
  "started",
  "finished",
  "engine",
  "size",
  "added",
  "stored",
  "complete",
  "problems",
  "damage",
] as const;

/** The row of a backup. */
export function rowOf(backup: Backup): BackupRow {
  const { info } = backup;
  return {
    backup_id: backup.id,
    snapshot_id: backup.snapshotId,
    series: textOf(backup.series),
    kind: seriesKind(backup.series),
    host: textOf(backup.host),
    level: info?.level ?? null,
    parent: info?.parent ?? null,
    base: info?.base ?? null,
    run_type: info?.runType ?? null,
    started: utcOf(backup.started),
    finished: utcOrNull(finishedOf(backup)),
    engine: info?.engine ?? null,
    size: sizeOf(backup),
    added: info?.added ?? null,
    stored: info?.stored ?? null,
    complete: flagOf(info?.complete),
    problems: info === null ? null : info.problems ?? 0,
    damage: backup.damage,
  };
}

/** The tags of a backup, in their order. */
export function tagsOf({ snapshot }: Backup): string[] {
  return snapshot.tags.map(textOf);
}

/** Rows of `files`: path, size, md5, sha256, format, complete. */
export function fileRows({ manifest }: BackupDetails): Stored[][] {
  return (manifest?.files ?? []).map(({ path, size, md5, sha256, guard }) => [
    textOf(path),
    size,
    md5,
    sha256,
    guard?.format ?? null,
    flagOf(guard?.complete),
  ]);
}

/** Rows of `tables`: path, kind, database, schema, name, data_bytes, structure_bytes. */
export function tableRows({ tables }: BackupDetails): Stored[][] {
  return tables.flatMap(({ path, pieces }) =>
    tablesOf(pieces).map(({ kind, database, schema, name, dataBytes, structureBytes }) => [
      textOf(path),
      kind,
      database === null ? null : textOf(database),
      schema === null ? null : textOf(schema),
      textOf(name),
      dataBytes,
      structureBytes,
    ])
  );
}

/** Text that SQLite can keep: bytes that are not UTF-8 become U+FFFD. */
export function textOf(text: string): string {
  return text.toWellFormed();
}

/** A time in UTC to the millisecond. All have the same length, so that they sort as texts. */
function utcOf(time: Rfc3339): string {
  return timestampToDate(time).toISOString();
}

function utcOrNull(time: Rfc3339 | null): string | null {
  return time === null ? null : utcOf(time);
}

function flagOf(flag: boolean | null | undefined): number | null {
  return flag === null || flag === undefined ? null : Number(flag);
}
