/** `agent show`: shows one backup, or checksum lists for `md5sum -c` and `sha256sum -c`. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, finishedOf } from "../../backup/backup.ts";
import { problemsOf } from "../../backup/snapshot_info.ts";
import { isOfFiles, type Manifest, type ManifestTree } from "../../format/manifest/manifest.ts";
import type { SnapshotSummary } from "../../format/snapshot.ts";
import { timestampToDate } from "../../format/time.ts";
import { digestLines } from "../../ops/restore/digest_lines.ts";
import { type FoundBackup, withFoundBackup } from "../../ops/restore/get.ts";
import { type FirstFiles, firstFiles } from "../../ops/trees/first_files.ts";
import { type Checksum, writeChecksums } from "../report/files/checksum_lines.ts";
import { entriesText } from "../report/files/entry_counts.ts";
import { positionRows } from "../report/position_rows.ts";
import { writeWarning } from "../report/warning.ts";
import { shownJson } from "../report/json/manifest_json.ts";
import { sumJson } from "../report/json/streams_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, formatTime, writeJson, writeJsonLines, writeParagraph } from "../terminal/write.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { printTables } from "../tables_run.ts";
import { verdictText } from "../report/restored_backup.ts";
import { describeWholeness } from "../report/wholeness.ts";

const NOTES: HelpNotes = {
  about: [
    "Of a stream, guard, digests and chunks are shown; of files and directories how many there are, how much of them was " +
    "read because it may have changed, and whether all of it could be. Of a snapshot that another tool made, the first " +
    "files are listed.",
  ],
  examples: [
    ["agent show prod/shop@2026-08-30"],
    ["agent show prod/shop --tables", "which tables agent get --table can restore"],
    ["agent show etc/host --md5sums | (cd /restore && md5sum -c)", "prove what was restored there"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("show")
    .description("show one backup, or checksum lists of its streams or files")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--md5sums", "print what md5sum -c reads, run where agent get --target or restic restored the files")
    .option("--sha256sums", "print what sha256sum -c reads")
    .option("--tables", "list its tables, or those of its dumps")
    .option("--file <path>", "with --tables, which stream of the backup")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withMatchOption(command));
}

type ShowOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function showCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries([selector], all, context, ([meant], asked) => run(meant!, all, asked));
  });
}

async function run(selector: string, options: ShowOptions, context: CliContext): Promise<void> {
  const { stdout } = context;
  const [first, second] = (["md5sums", "sha256sums", "tables"] as const).filter((name) => options[name]);
  if (second !== undefined) throw new UsageError(`Give --${first} or --${second}, not both`);
  if (options.file !== undefined && !options.tables) {
    throw new UsageError("--file chooses the stream whose tables are listed: give --tables");
  }
  const request = { selector, noLock: true };
  if (options.tables) {
    const access = repositoryAccess(options, context);
    return await withFoundBackup(access, request, context, (found) => printTables(found, access, options, context));
  }
  if (options.md5sums || options.sha256sums) {
    const print = printSums(options.md5sums ? "md5" : "sha256", options, context);
    return await withFoundBackup(repositoryAccess(options, context), request, context, print);
  }
  await withFoundBackup(repositoryAccess(options, context), request, context, async (found) => {
    if (options.json) return await writeJson(stdout, shownJson(found));
    const { backup, manifest } = found;
    const lines = manifest ? describe(found, manifest) : describeForeign(backup, await firstFiles(found, MOST_FILES));
    for (const line of lines) await writeParagraph(stdout, line, " ".repeat(NAME_COLUMNS));
  });
}

/** Prints the digests of all streams or files of a backup. */
function printSums(digest: "md5" | "sha256", { json }: ShowOptions, { stdout, stderr }: CliContext) {
  const write = (sums: readonly Checksum[]) =>
    json
      ? writeJsonLines(stdout, sums.map(({ path, sum }) => sumJson(path, digest, sum)))
      : writeChecksums(stdout, sums);
  return async (found: FoundBackup): Promise<void> => {
    const { manifest } = found;
    if (manifest === null) {
      throw new UsageError("This backup has no manifest, so nobody knows its checksums: agent verify computes them");
    }
    if (!isOfFiles(manifest)) {
      return await write(
        manifest.files.map((file) => ({ path: `${manifest.series}/${file.path}`, sum: file[digest] })),
      );
    }
    let unknown = 0;
    for await (const lines of digestLines({ backup: found.backup, manifest }, found)) {
      const known = lines.flatMap(({ path, [digest]: sum }) => sum === null ? [] : [{ path, sum }]);
      unknown += lines.length - known.length;
      await write(known);
    }
    if (unknown > 0) await writeWarning(unknownSums(unknown), { json: json === true }, stderr);
  };
}

function unknownSums(files: number): string {
  const [what, them] = files === 1 ? ["1 file is", "it"] : [`${files} files are`, "them"];
  return `${what} left out, because restic read ${them} last and keeps no digests: "agent put --force" reads all again`;
}

/** The width of the column of property names, including the gap. */
const NAME_COLUMNS = 10;

function describe({ backup, restored }: FoundBackup, manifest: Manifest): string[] {
  const { stats, engine, chunker, source } = manifest;
  const finished = finishedOf(backup);
  const time = (text: Manifest["started"]) => formatTime(timestampToDate(text));
  const rows: [string, string][] = [
    ["backup", backup.id],
    ["snapshot", backup.snapshotId],
    ["series", manifest.series],
    ["host", backup.host],
    ["started", time(backup.started)],
    ["finished", finished === null ? "-" : time(finished)],
    ["level", String(manifest.level)],
    ["run type", manifest.runType ?? "-"],
    ["parent", manifest.parent ?? "-"],
    ["base", manifest.base ?? "-"],
    ["engine", `${engine.name} ${engine.version}`],
    ...positionRows(source),
    [
      "chunks",
      `${chunker.algorithm}, ${formatSize(chunker.average)} on average (${formatSize(chunker.min)} to ${
        formatSize(chunker.max)
      })`,
    ],
    ...manifest.tree === undefined ? streamRows(stats) : treeRows(manifest.tree, stats),
    ["stored", formatSize(backup.info?.stored ?? stats.bytesStored)],
    ...partRows(manifest),
    ...restored === null ? [] : [["trial", verdictText(restored)] as [string, string]],
    ["tags", backup.snapshot.tags.join(", ") || "-"],
    ...backup.damage === null ? [] : [["damaged", backup.damage] as [string, string]],
  ];
  for (const { path, size, md5, sha256, blobs, guard, shrunk } of manifest.files) {
    rows.push(["file", `${manifest.series}/${path}`]);
    rows.push(["  size", `${size < 1024 ? "" : `${size} B, `}${formatSize(size)} in ${formatCount(blobs, "chunk")}`]);
    if (shrunk) rows.push(["  shrunk", `from ${formatSize(shrunk.from)} of backup ${shortId(shrunk.of)}`]);
    rows.push([
      "  guard",
      guard === null ? "none" : `${guard.format}, ${describeWholeness(guard.format, guard.complete)}`,
    ]);
    rows.push(["  md5", md5], ["  sha256", sha256]);
  }
  return asLines(rows);
}

function streamRows(stats: Manifest["stats"]): [string, string][] {
  return [
    ["read", formatSize(stats.bytesRead)],
    ["new", newText(stats)],
    ["reused", formatCount(stats.blobsReused, "chunk")],
  ];
}

/** What a tree holds, and how much of that was read: what is unchanged was not. */
function treeRows({ files, directories, others, bytes }: ManifestTree, stats: Manifest["stats"]): [string, string][] {
  const isRead = stats.bytesRead > 0;
  return [
    ["tree", entriesText({ files, directories, others, bytes })],
    ["read", readText(stats.bytesRead, bytes)],
    ...isRead ? [["new", newText(stats)] as [string, string]] : [],
    ...stats.blobsReused > 0 ? [["reused", formatCount(stats.blobsReused, "chunk")] as [string, string]] : [],
  ];
}

function readText(bytesRead: number, bytes: number): string {
  if (bytesRead === bytes) return formatSize(bytes);
  return `${bytesRead > 0 ? formatSize(bytesRead) : "nothing"} of ${formatSize(bytes)}`;
}

/** Whether all of the source was read. Guards tell that of streams, in the rows of each. */
function partRows(manifest: Manifest): [string, string][] {
  const { problems } = problemsOf(manifest);
  if (problems !== undefined) return [["in part", `${formatCount(problems, "problem")} while its source was read`]];
  return manifest.tree === undefined ? [] : [["source", "all read"]];
}

function newText({ bytesAdded, blobsNew }: Manifest["stats"]): string {
  return `${formatSize(bytesAdded)} in ${formatCount(blobsNew, "chunk")}`;
}

/** The most files of a snapshot that are shown. */
const MOST_FILES = 10;

function describeForeign(backup: Backup, { files, hasMore }: FirstFiles): string[] {
  const { snapshotId, series, host, started, snapshot: { programVersion, summary } } = backup;
  const rows: [string, string][] = [
    ["snapshot", snapshotId],
    ["series", series],
    ["host", host],
    ["started", formatTime(timestampToDate(started))],
    ["made by", `${programVersion || "another tool"}, no manifest`],
    ...summary === null ? [] : [["size", recordedText(summary)] as [string, string]],
    ...files.map(({ path, node }): [string, string] => ["file", `${path}  ${formatSize(node.size)}`]),
    ...hasMore
      ? [["", `${moreText(summary)}; "agent files @${shortId(backup.id)}" lists all`] as [string, string]]
      : [],
  ];
  return asLines(rows);
}

function moreText(summary: SnapshotSummary | null): string {
  const more = (summary?.totalFilesProcessed ?? 0) - MOST_FILES;
  return more > 0 ? `and ${more} more` : "and more";
}

function recordedText({ totalFilesProcessed, totalBytesProcessed }: SnapshotSummary): string {
  return `${formatSize(totalBytesProcessed)} in ${formatCount(totalFilesProcessed, "file")}`;
}

function asLines(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([name, value]) => `${name.padEnd(NAME_COLUMNS)}${value}`);
}
