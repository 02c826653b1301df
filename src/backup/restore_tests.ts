/**
 * Verdicts of restores on trial: small backups of their own series, each linked to the backup that was restored by that
 * one's id, which is a digest. What lists need is in the tags of the verdict, so that it is known without reading a pack.
 */
import { isOfRestoreTests, RESTORE_TESTS_PREFIX } from "../format/manifest/series.ts";
import { type Backup, startedMsOf } from "./backup.ts";

/** What came of a restore on trial. */
export interface RestoreVerdict {
  /** The id of the backup that was restored. */
  readonly of: string;
  /** Whether it was restored and met every check. */
  readonly hasPassed: boolean;
  /** When the restore began, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  /** How long restore and checks took, in milliseconds. */
  readonly tookMs: number;
  /** The rows of all tables. */
  readonly rows: number;
}

/** Where the verdicts of a series are. */
export function seriesOfTests(series: string): string {
  return RESTORE_TESTS_PREFIX + series;
}

/** The tags of a verdict. */
export function tagsOf({ of, hasPassed, tookMs, rows }: Omit<RestoreVerdict, "startedMs">): string[] {
  return [`backup:${of}`, hasPassed ? "restored" : "not-restored", `ms:${Math.round(tookMs)}`, `rows:${rows}`];
}

/** The newest verdict of each backup that has one, by the id of the backup. */
export function verdictsOf(backups: readonly Backup[]): ReadonlyMap<string, RestoreVerdict> {
  const found = new Map<string, RestoreVerdict>();
  for (const backup of backups) {
    const verdict = isOfRestoreTests(backup.series) ? verdictIn(backup) : null;
    const known = verdict && found.get(verdict.of);
    if (verdict !== null && (!known || known.startedMs <= verdict.startedMs)) found.set(verdict.of, verdict);
  }
  return found;
}

/** What a backup of the series of verdicts says; null for one whose tags somebody changed. */
export function verdictIn(backup: Backup): RestoreVerdict | null {
  const { tags } = backup.snapshot;
  const value = (name: string) => tags.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1);
  const [of, took, rows] = [value("backup"), value("ms"), value("rows")];
  const [hasPassed, hasFailed] = ["restored", "not-restored"].map((tag) => tags.includes(tag));
  if (!of || !took || !rows || !/^\d+$/.test(took) || !/^\d+$/.test(rows) || hasPassed === hasFailed) return null;
  return { of, hasPassed: hasPassed!, startedMs: startedMsOf(backup), tookMs: Number(took), rows: Number(rows) };
}
