/** The run of `agent get --archive`: a backup as a tar or zip archive, on standard output or in a file. */
import { PartialError, UsageError } from "../base/errors.ts";
import { shortId } from "../base/id.ts";
import { formatDuration } from "../base/text/duration.ts";
import { formatSize } from "../base/text/size.ts";
import { archive, type ArchiveFormat, type ArchiveProgress, type ArchiveResult } from "../ops/restore/archive.ts";
import type { Backup } from "../backup/backup.ts";
import type { ActionSession } from "../library/events/events.ts";
import type { RepositoryAccess } from "../ops/access.ts";
import type { StreamSink } from "../base/byte_source.ts";
import type { CliContext } from "./context.ts";
import { openOutputFile } from "../ops/restore/output_file.ts";
import { writeToReader } from "./standard_output.ts";
import { archiveJson } from "./report/json/streams_json.ts";
import { READING_INDEXES, withProgress } from "./report/progress.ts";
import type { ProgressStep } from "./report/progress_wording.ts";
import { writeWarning } from "./report/warning.ts";
import { formatCount, formatRate, formatTime, writeJson, writeLine } from "./terminal/write.ts";
import { quoteByteString } from "../format/byte_string.ts";

/** The options that a run uses. */
interface ArchiveRunOptions {
  /** Only this file of the backup. */
  readonly file?: string;
  /** The file to write; standard output if absent. */
  readonly output?: string;
  readonly overwrite?: boolean;
  readonly md5?: boolean;
  readonly lock?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What a run writes. */
interface ArchiveRunRequest {
  readonly selector: string;
  readonly format: ArchiveFormat;
  readonly session: ActionSession;
}

/**
 * Writes the archive and reports it; returns the backup that is in it. Throws `UsageError` if it would go to a terminal, and `PartialError` if the archive
 * is whole but for entries that its format cannot hold.
 */
export async function runArchive(
  { selector, format, session }: ArchiveRunRequest,
  access: RepositoryAccess,
  options: ArchiveRunOptions,
  context: CliContext,
): Promise<Backup> {
  const { world, signal, stdout, stderr } = context;
  if (options.output === undefined && stdout.isTerminal) {
    throw new UsageError("Refusing to write an archive to a terminal: use -o FILE, or a pipe");
  }
  const request = {
    selector,
    format,
    file: options.file,
    md5: options.md5,
    noLock: options.lock === false,
    judgesStreams: options.md5 === true,
    opensHere: true,
  };
  return await withProgress({ command: "get", name: selector }, options, context, async (progress) => {
    const result = await intoOutput(options, context, (sink) =>
      archive(access, request, sink, {
        world,
        signal,
        begin: session.begin,
        onProgress: (state) => progress.update(archiveStep(state)),
        onLeftOut: ({ path, reason }) =>
          void writeWarning(`Left out: ${quoteByteString(path)} ${reason}`, options, stderr),
      }));
    await progress.end();
    await report(result, { format, session: session.id }, progress.seconds, options, context);
    if (result.leftOut === 0) return result.backup;
    const named = formatCount(result.leftOut, "entry").replace("entrys", "entries");
    throw new PartialError(`The archive is whole but for ${named} that ${format} cannot hold, named above`);
  });
}

/** Writes to standard output, or to a file that appears only if `write` succeeds. */
async function intoOutput(
  { output, overwrite = false }: ArchiveRunOptions,
  { stdout }: CliContext,
  write: (sink: StreamSink) => Promise<ArchiveResult>,
): Promise<ArchiveResult> {
  if (output === undefined) return await write({ write: (bytes) => writeToReader(stdout, bytes) });
  const file = await openOutputFile(output, { overwrite, mayBeDevice: true });
  try {
    const result = await write(file);
    await file.keep();
    return result;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function archiveStep({ phase, bytesWritten, bytesTotal }: ArchiveProgress): ProgressStep {
  if (phase === "indexes") return READING_INDEXES;
  return { phase, unit: "bytes", done: bytesWritten, ...bytesTotal !== null && { total: bytesTotal } };
}

async function report(
  result: ArchiveResult,
  how: { readonly format: ArchiveFormat; readonly session: string },
  seconds: number,
  options: ArchiveRunOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const { backup, members, bytes, contentBytes, compared } = result;
  if (options.json) return await writeJson(options.output === undefined ? stderr : stdout, archiveJson(result, how));
  if (options.quiet) return;
  const when = formatTime(new Date(backup.started));
  await writeLine(stderr, `Backup ${shortId(backup.id)} of ${backup.host}, begun ${when}`);
  const what = `${how.format}: ${formatCount(members, "member")}, ${formatSize(bytes)} in ${
    formatDuration(seconds * 1000)
  }, ${formatRate(contentBytes, seconds)}`;
  const checked = compared > 0
    ? `${options.md5 ? "MD5 and SHA-256" : "SHA-256"} of ${formatCount(compared, "stream")} as in the manifest`
    : "every blob matches its id";
  await writeLine(stderr, `${what}; ${checked}`);
}
