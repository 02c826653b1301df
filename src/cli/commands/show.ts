/** `agent show`: shows one backup, or checksum lists for `md5sum -c` and `sha256sum -c`. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, finishedOf } from "../../backup/backup.ts";
import { problemsOf } from "../../backup/snapshot_info.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { timestampToDate } from "../../format/time.ts";
import { digestLines } from "../../ops/restore/digest_lines.ts";
import { type FoundBackup, type OpenBackup, withBackup, withFoundBackup } from "../../ops/restore/get.ts";
import { type Checksum, writeChecksums } from "../report/files/checksum_lines.ts";
import { writeWarning } from "../report/warning.ts";
import { shownJson } from "../report/json/manifest_json.ts";
import { sumJson } from "../report/json/streams_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { formatCount, formatTime, writeJson, writeJsonLines, writeParagraph } from "../terminal/write.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { printTables } from "../tables_run.ts";
import { describeWholeness } from "../report/wholeness.ts";

/** The command's specification. */
function specification() {
  const command = new Command("show")
    .description("show one backup, or checksum lists of its streams or files")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--md5sums", "print what md5sum -c reads, run where agent get --target or restic restored the files")
    .option("--sha256sums", "print what sha256sum -c reads")
    .option("--tables", "list the tables of its dumps")
    .option("--file <path>", "with --tables, which stream of the backup");
  return withRepositoryOptions(command);
}

type ShowOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function showCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => run(selector, allOptions(self, options), context));
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
  await withBackup(repositoryAccess(options, context), request, context, async (open) => {
    if (options.json) return await writeJson(stdout, shownJson(open));
    const lines = open.manifest ? describe(open.backup, open.manifest) : describeForeign(open);
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
    if (manifest.tree === undefined) {
      return await write(
        manifest.files.map((file) => ({ path: `${manifest.series}/${file.path}`, sum: file[digest] })),
      );
    }
    let unknown = 0;
    for await (const lines of digestLines(found)) {
      const known = lines.flatMap(({ path, [digest]: sum }) => sum === null ? [] : [{ path, sum }]);
      unknown += lines.length - known.length;
      await write(known);
    }
    if (unknown > 0) await writeWarning(unknownSums(unknown), { json: json === true }, stderr);
  };
}

function unknownSums(files: number): string {
  const what = files === 1 ? "1 file is" : `${files} files are`;
  return `${what} left out, because nobody knows the digest: restic read it last; "agent put --force" reads all again`;
}

/** The width of the column of property names, including the gap. */
const NAME_COLUMNS = 10;

function describe(backup: Backup, manifest: Manifest): string[] {
  const { stats, engine, chunker } = manifest;
  const finished = finishedOf(backup);
  const { problems } = problemsOf(manifest);
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
    ["chunks", `${chunker.algorithm}, ${formatSize(chunker.average)} on average (${chunker.min} to ${chunker.max} B)`],
    ...manifest.tree === undefined ? [] : [["tree", treeText(manifest.tree)] as [string, string]],
    ["read", formatSize(stats.bytesRead)],
    ["new", `${formatSize(stats.bytesAdded)} in ${formatCount(stats.blobsNew, "chunk")}`],
    ["reused", formatCount(stats.blobsReused, "chunk")],
    ["stored", formatSize(backup.info?.stored ?? stats.bytesStored)],
    ...problems === undefined
      ? []
      : [["in part", `${formatCount(problems, "problem")} while its source was read`] as [string, string]],
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
  return rows.map(([name, value]) => `${name.padEnd(NAME_COLUMNS)}${value}`);
}

function treeText({ files, directories, others, bytes }: NonNullable<Manifest["tree"]>): string {
  const counts = [formatCount(files, "file"), directories === 1 ? "1 directory" : `${directories} directories`];
  return `${counts.join(", ")}, ${formatCount(others, "other")}; ${formatSize(bytes)}`;
}

function describeForeign({ backup, files }: OpenBackup): string[] {
  return [
    `${"snapshot".padEnd(NAME_COLUMNS)}${backup.snapshotId}`,
    `${"series".padEnd(NAME_COLUMNS)}${backup.series}`,
    `${"host".padEnd(NAME_COLUMNS)}${backup.host}`,
    `${"started".padEnd(NAME_COLUMNS)}${formatTime(timestampToDate(backup.started))}`,
    `${"made by".padEnd(NAME_COLUMNS)}${backup.snapshot.programVersion || "another tool"}, no manifest`,
    ...files.map(({ path, size }) => `${"file".padEnd(NAME_COLUMNS)}${path}  ${formatSize(size)}`),
  ];
}
