/** Values under keys as tables: the keys with their newest versions, and the versions of one key. */
import { shortId } from "../../../base/id.ts";
import { formatSize } from "../../../base/text/size.ts";
import { type Backup, sizeOf } from "../../../backup/backup.ts";
import { timestampToDate } from "../../../format/time.ts";
import type { ListedValue } from "../../../ops/values/list_values.ts";
import type { Output } from "../../terminal/input_output.ts";
import { type Column, formatTime, writeTable } from "../../terminal/write.ts";
import { kindOfValue } from "../json/values/values_json.ts";

const KEY_COLUMNS: readonly Column[] = [
  { title: "KEY", align: "left", kind: "name" },
  { title: "KIND", align: "left" },
  { title: "SIZE", align: "right" },
  { title: "SET", align: "left" },
  { title: "VERSIONS", align: "right" },
];

/** Writes keys, each with its newest version. */
export function writeKeys(output: Output, values: readonly ListedValue[]): Promise<void> {
  return writeTable(output, KEY_COLUMNS, values.map(keyRow));
}

function keyRow(value: ListedValue): string[] {
  const { key, backup, versions } = value;
  return [key, kindOfValue(value) ?? "-", sizeText(backup), setText(backup), String(versions)];
}

const VERSION_COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SET", align: "left" },
  { title: "HOST", align: "left", kind: "name", tellsApart: true },
  { title: "SIZE", align: "right" },
  { title: "TAGS", align: "left", kind: "name" },
];

/** Writes the versions of a key. */
export function writeVersions(output: Output, versions: readonly Backup[]): Promise<void> {
  return writeTable(output, VERSION_COLUMNS, versions.map(versionRow));
}

function versionRow(backup: Backup): string[] {
  const { id, host, snapshot } = backup;
  return [shortId(id), setText(backup), host, sizeText(backup), snapshot.tags.join(",") || "-"];
}

function sizeText(backup: Backup): string {
  const size = sizeOf(backup);
  return size === null ? "-" : formatSize(size);
}

function setText({ started }: Backup): string {
  return formatTime(timestampToDate(started));
}
