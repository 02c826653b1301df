/** `agent check`: whether the repository is what was written to it. */
import { Command } from "commander";
import { formatDuration } from "../../base/duration.ts";
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/size.ts";
import { check, type CheckFinding, type CheckProgress, type CheckReport } from "../../ops/check.ts";
import type { CliContext } from "../context.ts";
import { formatCount, printable, writeJson, writeLine } from "../output.ts";
import { ProgressLine } from "../progress.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

interface CheckCommandOptions extends RepositoryOptions {
  readonly readData?: boolean;
  readonly lock: boolean;
}

const NOTE = `
Checked are index, snapshots, trees, manifests and chains, and that every pack is there in its full size; what the packs
hold is read with --read-data only. Every finding is listed. Exit code 4: there are errors; notes are none.`;

/** The command's specification. */
export function checkCommand(context: CliContext): Command {
  const command = new Command("check")
    .description("check that the repository is what was written to it, and tell which backups are hit where it is not")
    .option("--read-data", "also read every pack and verify every blob")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", NOTE)
    .action((options: CheckCommandOptions, self: Command) => run({ ...self.parent?.opts(), ...options }, context));
  return withRepositoryOptions(command);
}

async function run(options: CheckCommandOptions, context: CliContext): Promise<void> {
  const { stderr, world, signal } = context;
  const progress = new ProgressLine(stderr, () => world.clock.monotonicMs(), { quiet: options.quiet ?? false });
  try {
    const report = await check(repositoryAccess(options, context), world, {
      signal,
      noLock: !options.lock,
      readData: options.readData ?? false,
      onProgress: (step) => progress.update(() => progressText(step)),
    });
    await progress.clear();
    if (options.json) await writeReportJson(report, context);
    else await writeReport(report, { options, seconds: progress.seconds }, context);
    refuseErrors(report);
  } finally {
    await progress.clear();
  }
}

function progressText({ phase, done, total }: CheckProgress): string {
  if (phase === "data") return `check: ${formatSize(done)} of ${formatSize(total)} of packs read`;
  return `check: ${phase}, ${done} of ${total}`;
}

/** One object a finding, then one that sums up. */
async function writeReportJson({ errors, notes, ...counts }: CheckReport, { stdout }: CliContext): Promise<void> {
  for (const error of errors) await writeJson(stdout, { message_type: "error", ...error });
  for (const note of notes) await writeJson(stdout, { message_type: "note", ...note });
  const ok = errors.length === 0;
  await writeJson(stdout, { message_type: "summary", ok, ...counts, errors: errors.length, notes: notes.length });
}

async function writeReport(
  report: CheckReport,
  { options, seconds }: { options: CheckCommandOptions; seconds: number },
  { stdout }: CliContext,
): Promise<void> {
  for (const error of report.errors) await writeFinding("Error", error, stdout);
  if (options.quiet) return;
  for (const note of report.notes) await writeFinding("Note", note, stdout);
  if (report.errors.length === 0) await writeLine(stdout, okLine(report, { options, seconds }));
}

async function writeFinding(severity: string, finding: CheckFinding, stdout: CliContext["stdout"]): Promise<void> {
  const { text, advice, backups, paths } = finding;
  await writeLine(stdout, printable(`${severity}: ${text}`));
  for (const { series, id } of backups) await writeLine(stdout, printable(`  hits ${series}@${shortId(id)}`));
  for (const path of paths) await writeLine(stdout, printable(`  in ${path}`));
  await writeLine(stdout, printable(`  to do: ${advice}`));
}

function okLine(
  { snapshots, packs, packBytes, blobs }: CheckReport,
  { options, seconds }: { options: CheckCommandOptions; seconds: number },
): string {
  const read = options.readData ? "every blob read and verified" : "pack contents not read, --read-data does that";
  return `OK: ${formatCount(snapshots, "backup")}, ${formatCount(blobs, "blob")} in ${formatCount(packs, "pack")}, ` +
    `${formatSize(packBytes)}; ${formatDuration(seconds * 1000)}; ${read}`;
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
