/** `agent check`: whether the repository holds what was written to it. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { formatDuration } from "../../base/text/duration.ts";
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import {
  check,
  type CheckFinding,
  type CheckPhase,
  type CheckProgress,
  type CheckReport,
  type CheckRequest,
} from "../../ops/check.ts";
import { parseSubset } from "../../policy/subset.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, writeJson, writeParagraph } from "../terminal/write.ts";
import { checkSummaryJson, findingJson } from "../report/json/check_json.ts";
import { READING_INDEXES, withProgress } from "../report/progress.ts";
import type { ProgressStep } from "../report/progress_wording.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";

const NOTE: HelpNotes = {
  about: [
    "Checks index, snapshots, trees, manifests and chains, that snapshots agree with their manifests, and that " +
    "every pack exists in its full size. Pack contents are read only with --read-data, or for some packs with " +
    "--read-data-subset: one of several groups that together are all packs, such as 1/7 on Mondays and 2/7 on " +
    "Tuesdays, or packs picked at random, such as 5% or 10G.",
    "--read-data also reads every different stream from end to end and compares its MD5 and SHA-256, which takes " +
    "as long as restoring them all; --read-data-subset 100% reads all packs, but no streams.",
    'Every finding is listed, with the "agent repair" that helps. Exit code 4 means that there are errors; notes ' +
    "are not errors.",
  ],
  examples: [
    ["agent check", "quick enough for every night"],
    ["agent check --read-data-subset 1/7", "a seventh of all bytes"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("check")
    .description("check that the repository holds what was written to it, and name the backups that damage affects")
    .option("--read-data", "also read every pack and every stream, and verify blobs and digests")
    .option("--read-data-subset <part>", "verify the blobs in a part of the packs: 1/7, 5% or 10G")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTE));
  return withRepositoryOptions(command);
}

type CheckCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function checkCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

/** Which packs to read. */
function readDataOf({ readData, readDataSubset }: CheckCommandOptions): CheckRequest["readData"] {
  if (readDataSubset === undefined) return readData ?? false;
  if (readData) throw new UsageError("Give --read-data or --read-data-subset, not both");
  return parseSubset(readDataSubset);
}

async function run(options: CheckCommandOptions, context: CliContext): Promise<void> {
  const readData = readDataOf(options);
  const { world, signal } = context;
  await withProgress({ command: "check" }, options, context, async (progress) => {
    const report = await check(repositoryAccess(options, context), { noLock: !options.lock, readData }, {
      world,
      signal,
      onProgress: (step) => progress.update(progressStep(step)),
    });
    await progress.end();
    if (options.json) await writeReportJson(report, context);
    else await writeReport(report, { options, seconds: progress.seconds }, context);
    refuseErrors(report);
  });
}

const STEPS: Readonly<Record<CheckPhase, Pick<ProgressStep, "phase" | "label" | "unit">>> = {
  index: { ...READING_INDEXES, unit: "indexes" },
  packs: { phase: "packs", label: { long: "looking for packs", short: "packs" }, unit: "packs" },
  data: { phase: "data", label: { long: "reading packs", short: "data" }, unit: "bytes" },
  streams: { phase: "streams", label: { long: "comparing streams", short: "streams" }, unit: "bytes" },
  trees: { phase: "trees", label: { long: "reading trees", short: "trees" }, unit: "trees" },
  backups: { phase: "backups", label: { long: "comparing manifests", short: "manifests" }, unit: "backups" },
};

function progressStep({ phase, done, total }: CheckProgress): ProgressStep {
  return { ...STEPS[phase], done, total };
}

/** Writes one object for each finding, then a summary. */
async function writeReportJson(report: CheckReport, { stdout }: CliContext): Promise<void> {
  for (const error of report.errors) await writeJson(stdout, findingJson("error", error));
  for (const note of report.notes) await writeJson(stdout, findingJson("note", note));
  await writeJson(stdout, checkSummaryJson(report));
}

async function writeReport(
  report: CheckReport,
  { options, seconds }: { options: CheckCommandOptions; seconds: number },
  { stdout }: CliContext,
): Promise<void> {
  for (const error of report.errors) await writeFinding("Error", error, stdout);
  if (options.quiet) return;
  for (const note of report.notes) await writeFinding("Note", note, stdout);
  if (report.errors.length === 0) await writeParagraph(stdout, okLine(report, seconds));
  else if (report.repairs.length > 0) await writeParagraph(stdout, repairLine(report));
}

async function writeFinding(severity: string, finding: CheckFinding, stdout: CliContext["stdout"]): Promise<void> {
  const { text, advice, backups, paths } = finding;
  await writeParagraph(stdout, `${severity}: ${text}`);
  for (const { series, id } of backups) await writeParagraph(stdout, `  hits ${series}@${shortId(id)}`);
  for (const path of paths) await writeParagraph(stdout, `  in ${path}`);
  await writeParagraph(stdout, `  to do: ${advice}`);
}

function okLine({ snapshots, packs, packBytes, blobs, ...report }: CheckReport, seconds: number): string {
  return `OK: ${formatCount(snapshots, "backup")}, ${formatCount(blobs, "blob")} in ${formatCount(packs, "pack")}, ` +
    `${formatSize(packBytes)}; ${formatDuration(seconds * 1000)}; ${readText({ packs, ...report })}`;
}

type ReadCounts = Pick<CheckReport, "packs" | "packsRead" | "packBytesRead" | "streamsRead" | "filesRead">;

function readText({ packs, packsRead, packBytesRead, streamsRead, filesRead }: ReadCounts): string {
  if (packsRead === 0) return "pack contents not read, --read-data does that";
  const streams = streamsRead === 0 ? "" : `, ${formatCount(streamsRead, "stream")} as the manifests say`;
  const files = filesRead === 0 ? "" : `, ${formatCount(filesRead, "file")} as their lists of digests say`;
  if (packsRead === packs) return `every blob read and verified${streams}${files}`;
  return `every blob in ${packsRead} of the packs, ${formatSize(packBytesRead)}, read and verified`;
}

/** Which repairs to run. After each of them, another check shows what remains. */
function repairLine({ repairs }: CheckReport): string {
  const commands = repairs.map((repair) => `"agent repair ${repair}"`).join(", then ");
  return `If no copy of the store has the damaged or missing files, ${commands} saves what can be saved`;
}

function refuseErrors({ errors }: CheckReport): void {
  if (errors.length === 0) return;
  const series = new Set(errors.flatMap(({ backups }) => backups.map(({ series }) => series)));
  const ids = new Set(errors.flatMap(({ backups }) => backups.map(({ id }) => id)));
  const hit = ids.size > 0 ? `; ${formatCount(ids.size, "backup")} of ${series.size} series hit` : "";
  throw new IntegrityError(
    `The repository has ${formatCount(errors.length, "error")}${hit}: the list above says what to do`,
  );
}
