/** The run of `agent get --target` for a backup of files and directories: restore, and report. */
import { IntegrityError, PartialError } from "../base/errors.ts";
import { shortId } from "../base/id.ts";
import { formatDuration } from "../base/text/duration.ts";
import { formatSize } from "../base/text/size.ts";
import type { Decision } from "../ops/restore/files/decision.ts";
import { restoreFiles, totalBytesOf } from "../ops/restore/files/restore_files.ts";
import type { RestoreResult } from "../ops/restore/files/restore_tree.ts";
import type { FoundBackup } from "../ops/restore/get.ts";
import type { CliContext } from "./context.ts";
import type { RestoreChoices } from "./options/restore_options.ts";
import { plannedJson, restoredFilesJson } from "./report/json/files/restore_json.ts";
import type { Progress } from "./report/progress.ts";
import { writeNote, writeWarning } from "./report/warning.ts";
import { printable } from "./terminal/terminal_text.ts";
import { formatCount, formatRate, formatTime, writeJson, writeLine } from "./terminal/write.ts";

/** The most problems that are named one by one. */
const MOST_PROBLEMS = 1_000;

/** What is restored, and where. */
interface TreeRequest extends RestoreChoices {
  /** The target, a byte string. */
  readonly directory: string;
}

/** How a run is reported. */
interface RestoreRun {
  readonly options: { readonly json?: boolean; readonly quiet?: boolean };
  readonly progress: Progress;
  readonly session: string;
}

/** Restores the tree, or prints the plan. Throws `IntegrityError` or `PartialError` if some of it was not restored. */
export async function runRestore(
  found: FoundBackup,
  request: TreeRequest,
  { options, progress, session }: RestoreRun,
  context: CliContext,
): Promise<void> {
  const { stdout, stderr } = context;
  const { json = false, quiet = false } = options;
  const isPartial = request.paths.length + request.include.length + request.exclude.length > 0;
  const bytesTotal = isPartial ? null : totalBytesOf(found.backup);
  let named = 0;
  const result = await restoreFiles(found, {
    ...request,
    target: request.directory,
    onDecision: (path, decision) =>
      json ? writeJson(stdout, plannedJson(path, decision)) : tellDecision(path, decision, context),
    onProblem: ({ message }) => {
      if (++named <= MOST_PROBLEMS) void writeWarning(`Not restored: ${printable(message)}`, options, stderr);
    },
    onProgress: ({ bytes, files }) =>
      progress.update({
        phase: "files",
        unit: "bytes",
        done: bytes,
        files,
        ...bytesTotal !== null && { total: bytesTotal },
      }),
  });
  await progress.end();
  if (json) await writeJson(stdout, restoredFilesJson(found.backup, result, { dryRun: request.dryRun, session }));
  else if (!quiet) {
    for (const line of summary(found, request, result, progress.seconds)) {
      await writeLine(stderr, line);
    }
  }
  await tellLosses(result, options, stderr);
  refuseToCallWhole(result, request.dryRun);
}

/** A line of the plan. What is only kept needs no line. */
async function tellDecision(path: string, { action, reason }: Decision, { stdout }: CliContext): Promise<void> {
  if (action !== "keep") await writeLine(stdout, `${action.padEnd(7)} /${path}: ${reason}`);
}

function summary(
  { backup }: FoundBackup,
  { dryRun }: TreeRequest,
  { counts, files, bytesTotal, bytesWritten }: RestoreResult,
  seconds: number,
): string[] {
  const actions = Object.entries(counts).filter(([, count]) => count > 0)
    .map(([action, count]) => `${count} ${ACTION_NAMES[action as keyof typeof ACTION_NAMES]}`).join(", ");
  const head = `Backup ${shortId(backup.id)} of ${backup.host}, begun ${formatTime(new Date(backup.started))}`;
  if (dryRun) {
    return [head, `Nothing was changed. Entries would be: ${actions || "none"}; ${formatSize(bytesTotal)} in files`];
  }
  const rate = `${formatSize(bytesWritten)} of ${formatSize(bytesTotal)} written in ${
    formatDuration(seconds * 1000)
  }, ${formatRate(bytesWritten, seconds)}`;
  return [head, `${formatCount(files, "file")}, ${rate}; every blob matches its id`, `Entries: ${actions || "none"}`];
}

const ACTION_NAMES = {
  create: "created",
  update: "updated",
  keep: "kept",
  replace: "replaced",
  link: "linked",
  skip: "skipped",
  delete: "deleted",
};

async function tellLosses(
  { lacks, foreignOwners }: RestoreResult,
  style: { readonly json?: boolean; readonly quiet?: boolean },
  stderr: CliContext["stderr"],
): Promise<void> {
  for (const lack of lacks) await writeWarning(`This machine does not let agent keep: ${lack}`, style, stderr);
  if (foreignOwners === 0 || style.json || style.quiet) return;
  const entries = foreignOwners === 1 ? "1 entry belongs" : `${foreignOwners} entries belong`;
  await writeNote(`${entries} to you instead of the owners in the backup: only root may give files away`, stderr);
}

function refuseToCallWhole({ problems, damaged, lacks }: RestoreResult, dryRun: boolean): void {
  const done = dryRun ? "The backup can be restored in part" : "The backup was restored in part";
  if (damaged > 0) {
    const what = damaged === 1 ? "1 entry of it is" : `${damaged} entries of it are`;
    throw new IntegrityError(`${done}: ${what} damaged, named above; run "agent check"`);
  }
  if (problems === 0 && lacks.length === 0) return;
  const what = problems > 0
    ? `${formatCount(problems, "problem")}, named above`
    : "what this machine cannot keep, named above";
  throw new PartialError(`${done}: ${what}; see whether you need what they name`);
}
