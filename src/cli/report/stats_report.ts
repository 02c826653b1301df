/** What series and repositories take, as tables. */
import { formatSize } from "../../base/text/size.ts";
import { allBlobs, ratiosOf, type StorageSums, storedBytesOf } from "../../maintain/stats/storage_sums.ts";
import type { StatsReport } from "../../ops/stats/stats.ts";
import type { Output } from "../terminal/input_output.ts";
import { type Column, formatCount, writeLine, writeParagraph, writeTable } from "../terminal/write.ts";
import { selectedIn } from "./json/stats_json.ts";

const SERIES_COLUMNS: readonly Column[] = [
  { title: "SERIES", align: "left", kind: "name" },
  { title: "BACKUPS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "UNIQUE", align: "right" },
  { title: "STORED", align: "right" },
];

const MONTH_COLUMNS: readonly Column[] = [
  { title: "MONTH", align: "left" },
  { title: "BACKUPS", align: "right" },
  { title: "SIZE", align: "right" },
  { title: "NEW", align: "right" },
  { title: "STORED", align: "right" },
];

/** Writes the tables and the ratios. */
export async function writeStats(report: StatsReport, stdout: Output): Promise<void> {
  const { months } = report;
  if (report.series.length > 0) {
    await writeTable(stdout, SERIES_COLUMNS, seriesRows(report));
    await writeLine(stdout, "");
    await writeTable(
      stdout,
      MONTH_COLUMNS,
      months.map(({ month, backups, readBytes, addedBytes, storedBytes }) => [
        month,
        String(backups),
        ...[readBytes, addedBytes, storedBytes].map(formatSize),
      ]),
    );
    await writeLine(stdout, "");
    await writeParagraph(stdout, ratioText(report));
    const unrecorded = months.reduce((sum, month) => sum + month.unrecorded, 0);
    if (unrecorded > 0) {
      await writeParagraph(
        stdout,
        `The months lack numbers that other tools did not record for ${formatCount(unrecorded, "backup")}.`,
      );
    }
  }
  await writeParagraph(stdout, repositoryText(report));
}

/** A row for what each series has alone, and rows that make up the total. */
function seriesRows(report: StatsReport): string[][] {
  const { series, shared, sharedWithOthers, total } = report;
  const { backups, readBytes } = selectedIn(report);
  const row = (name: string, counts: readonly string[], sums: StorageSums) => [
    name,
    ...counts,
    formatSize(allBlobs(sums).plainBytes),
    formatSize(storedBytesOf(sums)),
  ];
  const sharedRow = (name: string, sums: StorageSums) => allBlobs(sums).blobs === 0 ? [] : [row(name, ["", ""], sums)];
  const hasShared = series.length > 1 || allBlobs(sharedWithOthers).blobs > 0;
  return [
    ...series.map(({ series, backups, readBytes, own }) => row(series, [String(backups), formatSize(readBytes)], own)),
    ...sharedRow("(shared)", shared),
    ...sharedRow("(shared with others)", sharedWithOthers),
    ...hasShared ? [row("(in all)", [String(backups), formatSize(readBytes)], total)] : [],
  ];
}

function ratioText({ total, ...report }: StatsReport): string {
  const { deduplication, compression, both } = ratiosOf(selectedIn({ total, ...report }).readBytes, total);
  const shown = [deduplication, compression, both].map((ratio) => ratio === null ? "-" : ratio.toFixed(2));
  return `Deduplication ${shown[0]} times compression ${shown[1]}: ${shown[2]} bytes backed up for each byte stored.`;
}

function repositoryText({ repository, backupsInAll }: StatsReport): string {
  const { packs, packBytes, used, unusedBytes, orphanPacks, orphanBytes, indexFiles, indexBytes } = repository;
  const waste = unusedBytes + orphanBytes;
  const orphans = orphanPacks > 0 ? `, and ${formatCount(orphanPacks, "pack")} in no index` : "";
  return `The repository has ${formatCount(backupsInAll, "backup")}, ${formatCount(allBlobs(used).blobs, "blob")} in ` +
    `${formatCount(packs, "pack")} of ${formatSize(packBytes)}${orphans}, and ${
      formatCount(indexFiles, "index file")
    } of ` +
    `${formatSize(indexBytes)}; a prune would free ${waste === 0 ? "nothing" : `up to ${formatSize(waste)}`}.`;
}
