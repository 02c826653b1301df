/** What `put` tells people about the backup that it made. */
import { PartialError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import type { ManifestFile } from "../../format/manifest/manifest.ts";
import { levelOfPath } from "../../format/manifest/series.ts";
import type { EntryChanges, PutResult, TreeCounts } from "../../ops/put.ts";
import { totalOf } from "../../ops/session/tree/tree_counts.ts";
import { formatCount, formatRate } from "../terminal/write.ts";
import { entriesText } from "./files/entry_counts.ts";
import { describeWholeness } from "./wholeness.ts";

/**
 * With less new data, trees and indexes are a large part of what is stored, and a ratio says little about compression.
 */
const LEAST_BYTES_OF_RATIO = 1024 * 1024;
/** The smallest share that one decimal can tell. */
const LEAST_PERCENT = 0.1;
/** If there are more streams, the others are counted. */
const MOST_STREAMS = 10;
/** How many problems an error names. If there are more, each gets a line of its own. */
const MOST_PROBLEMS = 3;
/** The most problems that get a line. */
const MOST_PROBLEM_LINES = 1_000;

/** How long a put took, and whether it was a dry run. */
interface PutRun {
  readonly seconds: number;
  readonly isDry: boolean;
}

/** A summary of the backup. Each line fits a terminal, unless names are long. */
export function summaryLines(result: PutResult, { seconds, isDry }: PutRun): string[] {
  const { backup, manifest } = result;
  const own = ownStreams(result);
  const only = own.length === 1 ? own[0] : undefined;
  const what = result.tree !== undefined
    ? treeText(result.tree)
    : only === undefined
    ? counted(own.length, manifest.files.length)
    : verdictOf(only);
  const id = isDry ? "would be" : shortId(backup.id);
  return [
    `${manifest.series} level ${manifest.level} ${id}: ${what}; ${formatDuration(seconds * 1000)}`,
    ...result.tree === undefined ? [] : [changesLine(result.tree)],
    ...only === undefined ? streamLines(own) : [],
    `  ${amountsText(result, { seconds, isDry })}`,
  ];
}

/** What was read, what of it is new, and what that takes in the repository. */
function amountsText({ backup, manifest: { stats }, tree }: PutResult, { seconds, isDry }: PutRun): string {
  const { bytesRead, bytesAdded } = stats;
  const bytesStored = backup.info!.stored;
  const hasRatio = bytesAdded >= LEAST_BYTES_OF_RATIO && bytesAdded > bytesStored;
  const ratio = hasRatio ? `, ${(bytesAdded / bytesStored).toFixed(2)}:1` : "";
  const stored = `${formatSize(bytesStored)} ${isDry ? "would be stored" : "stored"}${ratio}`;
  if (tree !== undefined && bytesRead === 0) return `nothing had to be read, ${stored}`;
  const added = `${formatSize(bytesAdded)} new${shareText(bytesAdded, bytesRead)}`;
  // Most of the time of a tree goes into looking at it, so that the rate of a few bytes says nothing.
  const hasRate = tree === undefined || bytesRead >= LEAST_BYTES_OF_RATIO;
  const rate = hasRate ? `; ${formatRate(bytesRead, seconds)}` : "";
  return `${formatSize(bytesRead)} read, ${added}, ${stored}${rate}`;
}

/**
 * Which part of what was read is new. Nothing is said of no part, nor of more than all of it: files that could not be
 * read to their end leave chunks, too.
 */
function shareText(bytesAdded: number, bytesRead: number): string {
  if (bytesAdded === 0 || bytesAdded > bytesRead) return "";
  const percent = bytesAdded / bytesRead * 100;
  return percent < LEAST_PERCENT ? ` (less than ${LEAST_PERCENT} %)` : ` (${percent.toFixed(1)} %)`;
}

function treeText({ files, directories, others, bytes }: TreeCounts): string {
  return entriesText({ files: totalOf(files), directories: totalOf(directories), others, bytes });
}

function changesLine({ files, directories }: TreeCounts): string {
  const text = (changes: EntryChanges) => {
    const told = (["new", "changed", "unmodified"] as const).filter((kind) => changes[kind] > 0);
    return told.map((kind) => `${changes[kind]} ${kind}`).join(", ") || "none";
  };
  return `  files: ${text(files)}; directories: ${text(directories)}`;
}

/** The streams of this level: without those of lower levels, and without what no guard judges. */
function ownStreams({ manifest: { files, level } }: PutResult): readonly ManifestFile[] {
  return files.filter(({ path, guard }) => guard !== null && (levelOfPath(path) ?? level) === level);
}

function counted(streams: number, files: number): string {
  return streams === 0 ? formatCount(files, "file") : formatCount(streams, "stream");
}

function streamLines(streams: readonly ManifestFile[]): string[] {
  const shown = streams.slice(0, MOST_STREAMS);
  const more = streams.length - shown.length;
  return [
    ...shown.map((stream) => `  ${stream.path}: ${verdictOf(stream)}; ${formatSize(stream.size)}`),
    ...more > 0 ? [`  and ${more} more`] : [],
  ];
}

function verdictOf({ guard }: ManifestFile): string {
  const { format, complete } = guard!;
  return complete === null ? "format not recognised, not judged" : `${format}, ${describeWholeness(format, complete)}`;
}

/** What of the source could not be read as it was, one line each, if it is more than `refuseToCallWhole` can name. */
export function problemLines({ problems, problemCount }: PutResult): readonly string[] {
  return problemCount <= MOST_PROBLEMS ? [] : problems.slice(0, MOST_PROBLEM_LINES);
}

/**
 * Throws `PartialError` if the source had problems, after the backup was reported. `named`: how many of `problemLines`
 * were told before.
 */
export function refuseToCallWhole(
  { backup, problems, problemCount }: PutResult,
  { isDry, named }: { readonly isDry: boolean; readonly named: number },
): void {
  if (problemCount === 0) return;
  const parts = `${formatCount(problemCount, "part")} of its source`;
  const [verb, it, was] = problemCount === 1 ? ["is", "it", "was"] : ["are", "they", "were"];
  const names = named > 0 ? namedAbove(named, problemCount) : firstOf(problems, problemCount);
  throw new PartialError(
    isDry
      ? `${parts} would not be in the backup of "${backup.series}" as ${it} ${verb}${names}`
      : `The backup ${backup.series}@${shortId(backup.id)} is committed, but ${parts} ${verb} not in it as ${it} ` +
        `${was}${names}; --strict refuses such a backup`,
  );
}

function namedAbove(named: number, count: number): string {
  return named >= count ? ", named above" : `, of which ${named} are named above`;
}

function firstOf(problems: readonly string[], count: number): string {
  const more = count > MOST_PROBLEMS ? ` / and ${count - MOST_PROBLEMS} more` : "";
  return `: ${problems.slice(0, MOST_PROBLEMS).join(" / ")}${more}`;
}
