/** Names of series, backups and streams, and their paths in a snapshot's tree. */
import type { Brand } from "../../base/brand.ts";
import { UsageError } from "../../base/errors.ts";

/** A valid name of a series, such as `prod/shop`. */
export type SeriesName = string & Brand<"SeriesName">;
/** A valid name of a backup in its series, such as `2026-11-21.075342.zone1-0000000100`. */
export type BackupName = string & Brand<"BackupName">;
/**
 * A valid path of a stream in a series: names joined by slashes. A name has at most 255 bytes of UTF-8, a path 1024. Names
 * are not empty, `.` or `..`, and have no control characters, backslashes and double quotes.
 */
export type StreamPath = string & Brand<"StreamPath" | "StreamFileName">;
/** A valid name of a stream in a series: one path segment. */
export type StreamFileName = StreamPath & Brand<"StreamFileName">;

/** Longest name in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
/** Longest path of a stream in bytes of UTF-8. Each name in it is at most `MAX_NAME_BYTES` long. */
const MAX_PATH_BYTES = 1024;
/** The file name of a stream if no other is given. */
export const DEFAULT_FILE_NAME = "data" as StreamFileName;

const SIDECAR_SUFFIX = ".manifest.json";
const DIGESTS_SUFFIX = ".digests";
const TABLES_SUFFIX = ".tables";
/** Longest last part of a series. With it, the name of the manifest is still short enough for filesystems. */
const MAX_LAST_BYTES = MAX_NAME_BYTES - SIDECAR_SUFFIX.length;
const PART_DIGITS = 5;
// deno-lint-ignore no-control-regex -- finding control characters is its purpose
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\"]/;

/** `text` as the name of a series. Throws a `UsageError` that says what is wrong with it. */
export function parseSeries(text: string): SeriesName {
  const problem = seriesProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a series name: ${JSON.stringify(text)}: ${problem}; write for example prod/shop`);
  }
  return text as SeriesName;
}

/**
 * `text` as the name of a series to back up to. Throws a `UsageError` that says what is wrong with it. Commands that
 * only read accept longer names (`parseSeries`), since backups with such names may exist.
 */
export function parseNewSeries(text: string): SeriesName {
  const series = parseSeries(text);
  for (const suffix of [DIGESTS_SUFFIX, TABLES_SUFFIX]) {
    if (!series.split("/").some((segment) => segment.endsWith(suffix))) continue;
    throw new UsageError(`Not a series name: ${JSON.stringify(text)}: names ending in ${suffix} are kept for lists`);
  }
  if (byteLength(sidecarPath(series.split("/").at(-1)!)) <= MAX_NAME_BYTES) return series;
  throw new UsageError(
    `Not a series name: ${JSON.stringify(text)}: its last part is longer than ${MAX_LAST_BYTES} bytes, ` +
      `too long for a file name once "${SIDECAR_SUFFIX}" is appended`,
  );
}

/** `text` as the file name of a stream. Throws a `UsageError` that says what is wrong with it. */
export function parseFileName(text: string): StreamFileName {
  const problem = text.includes("/") ? "a file name has no slash" : nameProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a file name: ${JSON.stringify(text)}: ${problem}; write for example shop.sql`);
  }
  return text as StreamFileName;
}

/** `text` as the path of a stream. Throws a `UsageError` that says what is wrong with it. */
export function parseStreamPath(text: string): StreamPath {
  const problem = pathProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a file name: ${JSON.stringify(text)}: ${problem}; write for example shop.sql`);
  }
  return text as StreamPath;
}

/** `text` as the name of a backup. Throws a `UsageError` that says what is wrong with it. */
export function parseBackupName(text: string): BackupName {
  const problem = backupNameProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a name of a backup: ${JSON.stringify(text)}: ${problem}; choose another`);
  }
  return text as BackupName;
}

/** Why `text` cannot be the name of a backup, or `null` if it can. */
export function backupNameProblem(text: string): string | null {
  return text.includes("/") ? "the name of a backup has no slash" : nameProblem(text);
}

/** Why `text` cannot be the name of a series, or `null` if it can. */
export function seriesProblem(text: string): string | null {
  const problem = nameProblem(text);
  if (problem !== null) return problem;
  if (text.includes("@")) return "an @ begins a selector, as in SERIES@latest";
  // When both are restored side by side, such a series would take the path of another series' manifest.
  if (text.split("/").some((segment) => segment.endsWith(SIDECAR_SUFFIX))) {
    return `names ending in ${SIDECAR_SUFFIX} are kept for manifests`;
  }
  return null;
}

function pathProblem(text: string): string | null {
  const tooLong = text.split("/").find((name) => byteLength(name) > MAX_NAME_BYTES);
  if (tooLong !== undefined) return `a name in it is longer than ${MAX_NAME_BYTES} bytes`;
  return nameProblem(text, MAX_PATH_BYTES);
}

function nameProblem(text: string, maxBytes = MAX_NAME_BYTES): string | null {
  if (text === "") return "it is empty";
  if (!text.isWellFormed()) return "it is not valid Unicode";
  if (FORBIDDEN.test(text)) return "control characters, backslashes and double quotes are not allowed";
  if (byteLength(text) > maxBytes) return `it is longer than ${maxBytes} bytes`;
  const segments = text.split("/");
  if (segments.includes("")) return "slashes only go between names";
  if (segments.includes(".") || segments.includes("..")) return "`.` and `..` are not allowed";
  return null;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * The path of a series' manifest in the snapshot's tree, next to the series' directory and without leading slash. For
 * the last part of a series' name, it is the manifest's file name.
 */
export function sidecarPath(series: string): string {
  return series + SIDECAR_SUFFIX;
}

/** Whether a file of this name may be the manifest of a series. */
export function mayBeSidecar(name: string): boolean {
  return name.endsWith(SIDECAR_SUFFIX);
}

/** The path of the list of digests of a files backup, in the same way. */
export function digestListPath(series: string): string {
  return series + DIGESTS_SUFFIX;
}

/** The path of the list of tables of a backup of dumps, in the same way. */
export function tableListPath(series: string): string {
  return series + TABLES_SUFFIX;
}

/** The directory of a level's streams in a backup whose levels are replayed, below that of the series. */
export function levelDirectory(level: number): string {
  return `level-${level}`;
}

/** The level whose directory the path of a stream leads through; undefined if it leads through none. */
export function levelOfPath(path: string): number | undefined {
  const match = /^level-(0|[1-9]\d{0,8})\//.exec(path);
  return match === null ? undefined : Number(match[1]);
}

/** The name of the file that holds what an engine left for the next level. */
export const METADATA_FILE_NAME = "metadata" as StreamFileName;

/** The name of part `number` (from 0) of a stream that is stored in parts. Names sort in the order of the parts. */
export function partName(number: number): string {
  return String(number).padStart(PART_DIGITS, "0");
}

/** What can be saved of damaged backups is stored below this name, where no backup is ever made. */
export const DAMAGED_SERIES_PREFIX = "damaged/";

/** What came of restores on trial is stored below this name: for `prod/shop` as `restore-tests/prod/shop`. */
export const RESTORE_TESTS_PREFIX = "restore-tests/";

/** Values under keys are stored below this name, each key as a series of its own (`key_series.ts`). */
export const VALUES_PREFIX = "kv/";

/** The series of the records that say which signed URLs a gateway accepts. */
export const GATEWAY_SERIES = "gateway/generation" as SeriesName;

/**
 * What a series holds: backups of people's data, the values of a key, verdicts of restores on trial, or the records of
 * a gateway.
 */
export type SeriesKind = "backup" | "value" | "restoreTest" | "gateway";

/** What a series of this name holds. The names that the other kinds lie below belong to them, too. */
export function seriesKind(series: string): SeriesKind {
  const path = `${series}/`;
  if (path.startsWith(VALUES_PREFIX)) return "value";
  if (path.startsWith(RESTORE_TESTS_PREFIX)) return "restoreTest";
  return path.startsWith(`${GATEWAY_SERIES}/`) ? "gateway" : "backup";
}

/** Whether a series holds what the program keeps for itself, not what people keep: backups and values. */
export function isInternal(series: string): boolean {
  const kind = seriesKind(series);
  return kind !== "backup" && kind !== "value";
}

/** Whether a series holds what the program keeps for itself about restores, not what people back up. */
export function isOfRestoreTests(series: string): boolean {
  return seriesKind(series) === "restoreTest";
}

/** The series whose restores on trial another series tells about; null if it tells about none. */
export function testedSeriesOf(series: string): string | null {
  return series.startsWith(RESTORE_TESTS_PREFIX) ? series.slice(RESTORE_TESTS_PREFIX.length) : null;
}
