/** `agent show`: shows one backup, or checksum lists for `md5sum -c` and `sha256sum -c`. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { type Backup, finishedOf } from "../../backup/backup.ts";
import { problemsOf } from "../../backup/snapshot_info.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { timestampToDate } from "../../format/time.ts";
import { type OpenBackup, withBackup } from "../../ops/restore/get.ts";
import { shownJson } from "../report/json/manifest_json.ts";
import { sumJson } from "../report/json/streams_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { formatCount, formatTime, writeExact, writeJson, writeParagraph } from "../terminal/write.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { describeWholeness } from "../report/wholeness.ts";

/** The command's specification. */
function specification() {
  const command = new Command("show")
    .description("show one backup, or checksum lists of its streams")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--md5sums", "print what md5sum -c reads, for files restored with agent get --target or restic restore")
    .option("--sha256sums", "print what sha256sum -c reads");
  return withRepositoryOptions(command);
}

type ShowOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function showCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => run(selector, allOptions(self, options), context));
}

async function run(selector: string, options: ShowOptions, context: CliContext): Promise<void> {
  const { stdout } = context;
  if (options.md5sums && options.sha256sums) throw new UsageError("Give --md5sums or --sha256sums, not both");
  await withBackup(repositoryAccess(options, context), { selector, noLock: true }, context, async (open) => {
    if (options.md5sums) return await printSums(open, "md5", options, context);
    if (options.sha256sums) return await printSums(open, "sha256", options, context);
    if (options.json) return await writeJson(stdout, shownJson(open));
    const lines = open.manifest ? describe(open.backup, open.manifest) : describeForeign(open);
    for (const line of lines) await writeParagraph(stdout, line, " ".repeat(NAME_COLUMNS));
  });
}

/** Writes lines of `md5sum`: digest, two spaces, path. Special characters are escaped as GNU coreutils does it. */
async function printSums(
  { files }: OpenBackup,
  digest: "md5" | "sha256",
  options: ShowOptions,
  { stdout }: CliContext,
): Promise<void> {
  for (const { path, expected } of files) {
    if (expected === null) {
      throw new UsageError("This backup has no manifest, so nobody knows its checksums: agent verify computes them");
    }
    if (options.json) {
      await writeJson(stdout, sumJson(path, digest, expected[digest]));
      continue;
    }
    const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    await writeExact(stdout, `${escaped === path ? "" : "\\"}${expected[digest]}  ${escaped}\n`);
  }
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
