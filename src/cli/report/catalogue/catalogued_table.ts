/** Backups of all repositories in the catalogue, as `agent search --catalogue` shows them. */
import { shortId } from "../../../base/id.ts";
import { formatSize } from "../../../base/text/size.ts";
import type { CataloguedBackup } from "../../catalogue/catalogued_backups.ts";
import type { CliContext } from "../../context.ts";
import { type Column, formatCount, formatTime, writeJsonLines, writeLine, writeTable } from "../../terminal/write.ts";
import { cataloguedBackupJson } from "../json/machine_json.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 2, tellsApart: true },
  { title: "STARTED", align: "left" },
  { title: "LEVEL", align: "right", rank: 4 },
  { title: "SIZE", align: "right", rank: 1 },
  { title: "TAGS", align: "left", kind: "name", rank: 3 },
  { title: "REPOSITORY", align: "left", kind: "name" },
];

/** Writes the backups in their order, or one JSON object for each, and a summary. */
export async function reportCatalogued(
  { found, total }: { readonly found: readonly CataloguedBackup[]; readonly total: number },
  options: { readonly json?: boolean; readonly quiet?: boolean },
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (options.json) return await writeJsonLines(stdout, found.map(cataloguedBackupJson));
  await writeTable(stdout, COLUMNS, found.map(row));
  if (!options.quiet) await writeLine(stderr, `${summary(found, total)}, as the catalogue of this machine knows them`);
}

function row({ id, series, host, started, level, size, tags, location }: CataloguedBackup): string[] {
  return [
    shortId(id),
    series,
    host,
    formatTime(started),
    level === null ? "-" : String(level),
    size === null ? "-" : formatSize(size),
    tags.join(",") || "-",
    location,
  ];
}

function summary(found: readonly CataloguedBackup[], total: number): string {
  if (found.length === 0) return `None of ${formatCount(total, "backup")} fits`;
  const repositories = new Set(found.map(({ repositoryId }) => repositoryId)).size;
  const where = repositories === 1 ? "one repository" : `${repositories} repositories`;
  return `${formatCount(found.length, "backup")} in ${where}`;
}
