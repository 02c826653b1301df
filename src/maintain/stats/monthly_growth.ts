/** How a repository grew month by month, from what snapshots recorded. Pure: values in, values out. */
import { type Backup, sizeOf } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";

/** The backups of one month. Sizes are in bytes. */
export interface MonthStats {
  /** The month in which they began, in UTC: `2026-08`. */
  readonly month: string;
  /** How many backups. */
  readonly backups: number;
  /** Bytes of their streams. */
  readonly readBytes: number;
  /** Plaintext of the chunks that no earlier backup had. */
  readonly addedBytes: number;
  /** What they added to the store. */
  readonly storedBytes: number;
  /** Backups of other tools that did not record some of these numbers, which lack them. */
  readonly unrecorded: number;
}

/** The months that have backups, oldest first. Backups that were removed are in no month. */
export function monthlyGrowth(backups: readonly Backup[]): MonthStats[] {
  const months = Map.groupBy(
    backups,
    ({ started }) => timestampToDate(started).toISOString().slice(0, "2026-08".length),
  );
  return [...months].sort(([a], [b]) => a < b ? -1 : 1).map(([month, ofMonth]) => {
    const recorded = ofMonth.map(recordedBy);
    const total = (field: "read" | "added" | "stored") => recorded.reduce((sum, row) => sum + (row[field] ?? 0), 0);
    return {
      month,
      backups: ofMonth.length,
      readBytes: total("read"),
      addedBytes: total("added"),
      storedBytes: total("stored"),
      unrecorded: recorded.filter(({ read, added, stored }) =>
        read === null || added === null || stored === null
      ).length,
    };
  });
}

function recordedBy(backup: Backup) {
  const { info, snapshot: { summary } } = backup;
  return {
    read: sizeOf(backup),
    added: info?.added ?? summary?.dataAdded ?? null,
    stored: info?.stored ?? summary?.dataAddedPacked ?? null,
  };
}
