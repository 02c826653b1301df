/** The run of `agent get` if the engine that made the backup restores it: replay, and report. */
import { PartialError } from "../base/errors.ts";
import { formatDuration } from "../base/text/duration.ts";
import { formatSize } from "../base/text/size.ts";
import type { EngineTarget } from "../engine/engine.ts";
import type { Driven } from "../engine/engine_urls.ts";
import type { OpenBackup } from "../ops/restore/get.ts";
import type { ReplayResult } from "../ops/restore/replay.ts";
import type { CliContext } from "./context.ts";
import { replayedJson, restoredJson } from "./report/json/streams_json.ts";
import type { Progress } from "./report/progress.ts";
import { restoredBackupLine } from "./report/restored_backup.ts";
import { writeNote, writeWarning } from "./report/warning.ts";
import { formatCount, formatRate, writeJson, writeLine } from "./terminal/write.ts";

/** The most problems that are named one by one. */
const MOST_PROBLEMS = 20;

/** How a run is done and reported. */
interface ReplayRun {
  readonly options: {
    readonly overwrite?: boolean;
    readonly md5?: boolean;
    readonly json?: boolean;
    readonly quiet?: boolean;
  };
  readonly progress: Progress;
  readonly session: string;
}

/** Replays the backup and reports it. Throws `PartialError` if the target could not restore everything. */
export async function runReplay(
  open: OpenBackup,
  target: Driven<EngineTarget>,
  { options: { overwrite = false, md5 = false, json = false, quiet = false }, progress, session }: ReplayRun,
  { stdout, stderr, terminal }: CliContext,
): Promise<void> {
  const { backup } = open;
  const shown = quiet || json ? undefined : terminal;
  const result = await open.replay(target, {
    overwrite,
    md5,
    onStderr: shown && ((bytes) => shown.write(bytes)),
    onRestored: (stream) =>
      json && !target.engine.hasEntries ? writeJson(stdout, restoredJson(stream, backup, session)) : undefined,
  });
  await progress.end();
  if (json) await writeJson(stdout, replayedJson(result, open, session));
  else if (!quiet) {
    for (const note of result.notes) await writeNote(note, stderr);
    for (const line of summary(open, target, result, { seconds: progress.seconds, md5 })) {
      await writeLine(stderr, line);
    }
  }
  await refuseToCallWhole(result, { json }, stderr);
}

function summary(
  { backup }: OpenBackup,
  { name, engine }: Driven<EngineTarget>,
  { level, items, size }: ReplayResult,
  { seconds, md5 }: { readonly seconds: number; readonly md5: boolean },
): string[] {
  const levels = !engine.replays ? "" : level === 0 ? "level 0, " : `level 0 to ${level}, `;
  const entries = items === 1 ? "1 entry" : `${items} entries`;
  const counted = engine.hasEntries ? entries : formatCount(items, "stream");
  const rate = `${formatSize(size)} in ${formatDuration(seconds * 1000)}, ${formatRate(size, seconds)}`;
  return [
    restoredBackupLine(backup),
    `Replayed by ${name}: ${levels}${counted}, ${rate}; ${md5 ? "MD5 and SHA-256" : "SHA-256"} as in the manifest`,
  ];
}

/** Names what could not be restored, and throws `PartialError` if there is any. */
export async function refuseToCallWhole(
  { problems }: Pick<ReplayResult, "problems">,
  style: { readonly json: boolean },
  stderr: CliContext["stderr"],
): Promise<void> {
  if (problems.length === 0) return;
  for (const problem of problems.slice(0, MOST_PROBLEMS)) await writeWarning(`Not restored: ${problem}`, style, stderr);
  const more = problems.length > MOST_PROBLEMS
    ? `, the first ${MOST_PROBLEMS} of which are named above`
    : ", named above";
  throw new PartialError(
    `The backup was restored in part: ${
      formatCount(problems.length, "problem")
    }${more}; see whether you need what they name`,
  );
}
