/** Which backup a program means. */
import type { Backup } from "../../backup/backup.ts";
import { UsageError } from "../../base/errors.ts";

/**
 * A backup as a program names it: a series, a selector such as `prod/shop@2026-08-30` or `@1f2e3d4c`, or a backup that
 * `ls` gave.
 */
export type WhichBackup = string | Backup;

/** Which backup of a series. */
export interface AtOptions {
  /**
   * `latest` (the default), the beginning of an id, or a time, which means the newest that began by then: a `Date`, or a
   * text such as `2026-08-30` or `2026-08-30T12:00Z`.
   */
  readonly at?: string | Date;
}

/** The selector that means a backup. Throws `UsageError` if the backup is named twice. */
export function selectorOf(which: WhichBackup, at?: string | Date): string {
  const isWhole = typeof which !== "string" || which.includes("@");
  if (isWhole && at !== undefined) {
    throw new UsageError("The backup is named twice: leave out `at`, or name the series alone");
  }
  if (typeof which !== "string") return `@${which.snapshotId}`;
  if (at === undefined) return which;
  return `${which}@${typeof at === "string" ? at : at.toISOString()}`;
}

/** The series that a backup is of; null if only its id is known. */
export function seriesOf(which: WhichBackup): string | null {
  if (typeof which !== "string") return which.series;
  const at = which.lastIndexOf("@");
  return (at < 0 ? which : which.slice(0, at)) || null;
}
