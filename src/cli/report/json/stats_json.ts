/** What series and repositories take, in `--json` output. */
import * as v from "valibot";
import type { MonthStats } from "../../../maintain/stats/monthly_growth.ts";
import { allBlobs, ratiosOf, type StorageSums, storedBytesOf } from "../../../maintain/stats/storage_sums.ts";
import type { SeriesStats, StatsReport } from "../../../ops/stats/stats.ts";
import { always, bytes, count, object, orNull, text } from "./json_fields.ts";

const blobSums = (about: string) =>
  object({
    blobs: count("How many distinct ones."),
    plainBytes: bytes("Their plaintext."),
    sealedBytes: bytes("The blobs in packs, compressed and sealed, as `restic stats --mode raw-data` counts them."),
    headerBytes: bytes("Their entries in the headers of packs."),
  }, about);

const storage = (about: string) =>
  object({
    plainBytes: bytes("Plaintext of the blobs, each counted once."),
    storedBytes: bytes("What the blobs take in packs: `sealedBytes` and `headerBytes`."),
    data: blobSums("Chunks of streams and manifests."),
    trees: blobSums("Trees, which hold the content lists."),
  }, about);

function storageJson(sums: StorageSums) {
  const { data, tree } = sums;
  const { plainBytes } = allBlobs(sums);
  return { plainBytes, storedBytes: storedBytesOf(sums), data: { ...data }, trees: { ...tree } };
}

/** The selected backups of one series. */
export const seriesStatsMessage = v.strictObject({
  message_type: always("series", "The kind of message."),
  series: text("The series."),
  backups: count("How many of its backups are selected."),
  readBytes: bytes("All their streams and files, as they are restored."),
  own: storage("What only these backups use: removing them all and a prune would free that."),
});

/** Its JSON object. */
export function seriesStatsJson(
  { series, backups, readBytes, own }: SeriesStats,
): v.InferOutput<typeof seriesStatsMessage> {
  return { message_type: "series", series, backups, readBytes, own: storageJson(own) };
}

/** The selected backups of one month. */
export const monthStatsMessage = v.strictObject({
  message_type: always("month", "The kind of message."),
  month: text("The month in which they began, in UTC, as `2026-08`."),
  backups: count("How many."),
  readBytes: bytes("All their streams and files, as they are restored."),
  addedBytes: bytes("Plaintext of the chunks that no earlier backup had."),
  storedBytes: bytes("What they added to the repository: packs and index files."),
  unrecorded: count("Backups of other tools that did not record some of these numbers, which lack them."),
});

/** Its JSON object. */
export function monthStatsJson(stats: MonthStats): v.InferOutput<typeof monthStatsMessage> {
  return { message_type: "month", ...stats };
}

const EMPTY = "nothing is stored";

/** All selected backups, and the repository. */
export const statsSummaryMessage = v.strictObject({
  message_type: always("summary", "The kind of message."),
  backups: count("How many backups are selected."),
  readBytes: bytes("All their streams and files, as they are restored."),
  total: storage("What they use in all: every `own`, `shared` and `sharedWithOthers` together."),
  shared: storage("What several of the series use, and no backup that is not selected."),
  sharedWithOthers: storage("What they use and backups that are not selected use, too."),
  deduplication: orNull(count("Bytes read for each byte of plaintext."), EMPTY),
  compression: orNull(count("Bytes of plaintext for each stored byte."), EMPTY),
  ratio: orNull(count("Bytes read for each stored byte: the product of both."), EMPTY),
  repository: object({
    backups: count("All backups in the repository."),
    packs: count("Packs that the index lists and that exist."),
    packBytes: bytes("Their size."),
    used: storage("What backups use of them."),
    unusedBlobs: count("Blobs in them that no backup uses, and further copies of blobs."),
    unusedBytes: bytes("What these take: a prune would free that."),
    orphanPacks: count("Packs in no index."),
    orphanBytes: bytes("Their size."),
    indexFiles: count("Index files."),
    indexBytes: bytes("Their size."),
  }, "The whole repository, whatever is selected."),
});

/** Its JSON object. */
export function statsSummaryJson(report: StatsReport): v.InferOutput<typeof statsSummaryMessage> {
  const { total, shared, sharedWithOthers, repository: { used, ...counted }, backupsInAll } = report;
  const { backups, readBytes } = selectedIn(report);
  const { deduplication, compression, both } = ratiosOf(readBytes, total);
  const { packs, packBytes, ...others } = counted;
  return {
    message_type: "summary",
    backups,
    readBytes,
    total: storageJson(total),
    shared: storageJson(shared),
    sharedWithOthers: storageJson(sharedWithOthers),
    deduplication,
    compression,
    ratio: both,
    repository: { backups: backupsInAll, packs, packBytes, used: storageJson(used), ...others },
  };
}

/** The number of selected backups, and the bytes of all their streams. */
export function selectedIn({ series }: StatsReport): { readonly backups: number; readonly readBytes: number } {
  return series.reduce((sum, { backups, readBytes }) => ({
    backups: sum.backups + backups,
    readBytes: sum.readBytes + readBytes,
  }), { backups: 0, readBytes: 0 });
}
