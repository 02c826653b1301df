/**
 * Backups by what their series hold. What concerns all backups concerns those of people's data: values under keys are
 * left out and said to be, and what the program keeps for itself is not mentioned.
 */
import { isInternal, seriesKind } from "../format/manifest/series.ts";

/** What tells the kind of a backup. */
interface OfSeries {
  readonly series: string;
}

/** Without what the program keeps for itself, which is no backup of anything: backups and values. */
export function withoutInternal<T extends OfSeries>(backups: readonly T[]): T[] {
  return backups.filter(({ series }) => !isInternal(series));
}

/** Only backups of people's data. */
export function onlyOfData<T extends OfSeries>(backups: readonly T[]): T[] {
  return backups.filter(({ series }) => seriesKind(series) === "backup");
}

/** The number of keys whose values are among these. */
export function keysAmong(backups: readonly OfSeries[]): number {
  return new Set(backups.map(({ series }) => series).filter((series) => seriesKind(series) === "value")).size;
}
