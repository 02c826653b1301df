/** Names of series, of backups and of streams in them, and the paths they take in a snapshot's tree. */
import type { Brand } from "../../base/brand.ts";
import { UsageError } from "../../base/errors.ts";

/** A valid name of a series, such as `prod/shop`. */
export type SeriesName = string & Brand<"SeriesName">;
/** A valid name of a backup in its series, such as `2026-11-21.075342.zone1-0000000100`. */
export type BackupName = string & Brand<"BackupName">;
/** A valid path of a stream in a series: names joined by slashes. */
export type StreamPath = string & Brand<"StreamPath" | "StreamFileName">;
/** A valid name of a stream in a series: one path segment. */
export type StreamFileName = StreamPath & Brand<"StreamFileName">;

/** Longest name in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
/** Longest path of a stream in bytes of UTF-8; each of its names is at most `MAX_NAME_BYTES` long. */
const MAX_PATH_BYTES = 1024;
/** The file name of a stream where no other is given. */
export const DEFAULT_FILE_NAME = "data" as StreamFileName;

const SIDECAR_SUFFIX = ".manifest.json";
/** Longest last part of a series, so that the name of its manifest is one that filesystems take. */
const MAX_LAST_BYTES = MAX_NAME_BYTES - SIDECAR_SUFFIX.length;
const PART_DIGITS = 5;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\"]/;

/** `text` as the name of a series; throws `UsageError` that says what is wrong with it. */
export function parseSeries(text: string): SeriesName {
  const problem = seriesProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a series name: ${JSON.stringify(text)}: ${problem}; write for example prod/shop`);
  }
  return text as SeriesName;
}

/**
 * `text` as the name of a series that a backup is made in; throws `UsageError` that says what is wrong with it. Such that
 * only reads takes longer names, too: there may be backups of that name.
 */
export function parseNewSeries(text: string): SeriesName {
  const series = parseSeries(text);
  if (byteLength(sidecarPath(series.split("/").at(-1)!)) <= MAX_NAME_BYTES) return series;
  throw new UsageError(
    `Not a series name: ${JSON.stringify(text)}: its last part is longer than ${MAX_LAST_BYTES} bytes, and with ` +
      `"${SIDECAR_SUFFIX}" behind it no file name any more`,
  );
}

/** `text` as the file name of a stream; throws `UsageError` that says what is wrong with it. */
export function parseFileName(text: string): StreamFileName {
  const problem = text.includes("/") ? "a file name has no slash" : nameProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a file name: ${JSON.stringify(text)}: ${problem}; write for example shop.sql`);
  }
  return text as StreamFileName;
}

/** `text` as the path of a stream; throws `UsageError` that says what is wrong with it. */
export function parseStreamPath(text: string): StreamPath {
  const problem = pathProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a file name: ${JSON.stringify(text)}: ${problem}; write for example shop.sql`);
  }
  return text as StreamPath;
}

/** `text` as the name of a backup; throws `UsageError` that says what is wrong with it. */
export function parseBackupName(text: string): BackupName {
  const problem = backupNameProblem(text);
  if (problem !== null) {
    throw new UsageError(`Not a name of a backup: ${JSON.stringify(text)}: ${problem}; choose another`);
  }
  return text as BackupName;
}

/** What keeps `text` from being the name of a backup, or `null` where nothing does. */
export function backupNameProblem(text: string): string | null {
  return text.includes("/") ? "the name of a backup has no slash" : nameProblem(text);
}

/** What keeps `text` from being the name of a series, or `null` where nothing does. */
export function seriesProblem(text: string): string | null {
  const problem = nameProblem(text);
  if (problem !== null) return problem;
  if (text.includes("@")) return "an @ begins a selector, as in SERIES@latest";
  // Restored side by side, such a series would lie where another one's sidecar lies.
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
 * The path of a series' manifest in the snapshot's tree, without leading slash: next to its directory. Of the last segment
 * of a series it is the manifest's name there.
 */
export function sidecarPath(series: string): string {
  return series + SIDECAR_SUFFIX;
}

/** The name of part `number` (from 0) of a stream that is stored in parts; names sort in the order of the parts. */
export function partName(number: number): string {
  return String(number).padStart(PART_DIGITS, "0");
}

/** What is left of damaged backups lies below this name, where no backup is ever made. */
export const DAMAGED_SERIES_PREFIX = "damaged/";
