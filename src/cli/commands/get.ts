/** `agent get`: restores a backup to standard output, a file or a directory. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { dirname, join } from "node:path";
import { AgentError, UsageError } from "../../base/errors.ts";
import type { TableChoice } from "../../backup/tables/dump_tables.ts";
import type { EngineTarget } from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";
import { TABLES_ENGINE } from "../../engine/tables/table_position.ts";
import type { BackupFile } from "../../backup/content/contents.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { isOfFiles } from "../../format/manifest/manifest.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import type { VerifiedStream } from "../../backup/content/read_verified.ts";
import { type FoundBackup, type OpenBackup, openFound, withFoundBackup } from "../../ops/restore/get.ts";
import { targetInDirectory } from "../../ops/restore/replay.ts";
import { ARCHIVE_FORMATS } from "../../ops/restore/archive.ts";
import type { Backup } from "../../backup/backup.ts";
import { parseSelector } from "../../backup/naming/selector.ts";
import type { ActionSession } from "../../library/events/events.ts";
import { runArchive } from "../archive_run.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { looksBinary } from "../terminal/binary.ts";
import { openOutputFile, type OutputFile, type OutputFileOptions } from "../../ops/restore/output_file.ts";
import { isStandardOutput, writeToReader } from "../standard_output.ts";
import { formatRate, writeJson, writeLine } from "../terminal/write.ts";
import { type Progress, withProgress } from "../report/progress.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { restoredBackupLine } from "../report/restored_backup.ts";
import { restoredJson } from "../report/json/streams_json.ts";
import { StreamCounter } from "../report/stream_counter.ts";
import { runRestore } from "../restore_run.ts";
import { makeFolders } from "../../ops/restore/make_folders.ts";
import { tablesUrl } from "../../library/restore/restored_tables.ts";
import { refuseForStreams, RESTORE_OPTIONS, restoreChoices } from "../options/restore_options.ts";
import { runReplay } from "../replay_run.ts";
import { TABLE_OPTIONS, tableChoice } from "../options/table_options.ts";
import { runTables } from "../tables_run.ts";
import { performAction } from "../../library/events/told_action.ts";

const EXAMPLES: HelpNotes = {
  about: [
    "SERIES[@SELECTOR] names the backup: @latest (the default), @ID or the beginning of an id, or a time, which " +
    "means the newest that began by then: @2026-08-30 (by the end of that day), @2026-08-30T12:00, or with a zone " +
    "@2026-08-30T12:00+02:00 or @2026-08-30T10:00Z. Times without a zone are in the zone of this machine. @ID " +
    "alone needs no series. If several hosts have backups of the series, the newest of all is chosen; name one of " +
    "another host by its id, which agent ls --host shows.",
    "What an engine with levels backed up, as tar:PATH, is replayed from level 0 on with --target or --into; then a " +
    "time, and @latest, mean the newest member of the chain whose level 0 is the newest.",
    "Files and directories, also those of restic's snapshots, come back with owners, modes, times, links and attributes. " +
    "A target that is not empty needs --overwrite or --if-exists: files there keep the chunks that are right, and only " +
    "the others are written. Exit code 6: what is named could not be restored, everything else was.",
    "--table, --skip-table, --schema-only and --data-only make a dump of some tables out of one of mysqldump, " +
    "mariadb-dump or pg_dump, and read only their chunks. Of a backup of tables:, --table and --skip-table choose what " +
    "--into loads. agent show --tables lists the tables.",
    "Every chunk is compared with its SHA-256 before it goes out, and each whole stream with SHA-256 and length in the " +
    "manifest; --md5 compares the MD5, too, as verify and check --read-data always do. A file given with -o gets its " +
    "name only if all of it was right. With standard output, look at the exit code: 4 means that the output must not " +
    "be used.",
  ],
  examples: [
    ["agent get prod/shop | mysql shop", "the latest"],
    ["agent get prod/shop@2026-08-30 -o shop.sql", "as of a day"],
    ["agent get prod/shop --into mysql://root@localhost/copy", "a dump into a running server"],
    ["agent get @1f2e3d4c --target /restore", "all streams, as files"],
    ["agent get @1f2e3d4c --archive tar | tar -xf - -C /restore", "all of it, also a tree that restic made"],
    ["agent get etc/host@2026-08-30 --target /restore", "files and directories as they were, below /restore/etc"],
    ["agent get etc/host /etc/ssh --target / --overwrite", "a directory back to its place"],
    ["agent get etc/host --target / --if-exists if-changed --dry-run", "what a restore would do, and why"],
    ["agent get prod/shop --table shop.orders | mysql shop", "one table out of a dump"],
    ["agent get prod/shop --table orders --into mysql://localhost/copy", "one table into a server"],
    ["agent get prod/app --into sqlite:/srv/app.db --overwrite", "a database in place of the old one"],
    ["agent get etc/host --file /etc/fstab", "one file to standard output"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("get")
    .description("restore a backup to standard output, a file or a directory")
    .usage("[options] SERIES[@SELECTOR] [PATH...]")
    .argument("<backup>", "which backup")
    .argument("[path...]", "with --target, what of a backup of files to restore: each PATH with all below it")
    .option("--file <path>", "which stream or file of the backup, if it holds several")
    .option("-o, --output <file>", "write to this file, device or pipe; - is standard output")
    .option(
      "--target <dir>",
      "restore into this directory: files with all metadata, streams by the engine that made them or as files",
    )
    .option(
      "--into <target>",
      "restore into this target: tar:/restore for a backup of tar:, the URL of a database, such as " +
        "mysql://root@localhost/shop, for one of it or a dump",
    )
    .option("--raw", "with --target, write the streams of an engine as files, those of all levels")
    .addOption(new Option("--archive <format>", "write the whole backup as an archive").choices(ARCHIVE_FORMATS))
    .option("--overwrite", "replace existing files, or what the target holds")
    .option("--md5", "compare the MD5 of each stream with the manifest, too, which takes a fifth more CPU")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(EXAMPLES));
  return withRepositoryOptions(withOptions(withOptions(withMatchOption(command), TABLE_OPTIONS), RESTORE_OPTIONS));
}

type GetOptions = OptionsOf<typeof specification>;

const NO_MD5_OF_TABLES = "--md5 is for whole streams, not for tables of one: leave it out";
const NO_MD5_OF_FILES =
  "--md5 is for whole streams: leave it out; agent verify compares the MD5 of each file of a backup of files";

/** The command, to be run in `context`. */
export function getCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, paths, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries([selector], all, context, async ([meant], asked) => {
      await run(await check(meant!, paths, all, asked), asked);
    });
  });
}

async function check(selector: string, paths: readonly string[], options: GetOptions, context: CliContext) {
  const tables = tableChoice(options);
  refuseTogether(options, tables !== null);
  if (options.md5 && tables !== null) throw new UsageError(NO_MD5_OF_TABLES);
  const choices = restoreChoices(paths, options);
  const { output, ...others } = options;
  const hasPlace = options.target !== undefined || options.into !== undefined;
  const toStandardOutput = output === undefined ? !hasPlace : isStandardOutput(output);
  if (toStandardOutput && context.stdout.isClosed?.()) {
    throw new UsageError("Standard output is closed, so nobody would get the stream: use -o FILE, or a pipe");
  }
  const chosen: GetOptions = output !== undefined && isStandardOutput(output) ? others : options;
  const into = options.into === undefined ? undefined : (await context.engines()).target(options.into);
  return { selector, into, choices, tables, options: chosen, access: repositoryAccess(options, context) };
}

/** Refuses options that exclude each other. */
function refuseTogether({ output, target, into, archive, raw, file }: GetOptions, hasTables: boolean): void {
  const places = [output !== undefined && "-o", target !== undefined && "--target", into !== undefined && "--into"];
  const [first, second] = places.filter((place) => place !== false);
  if (second !== undefined) throw new UsageError(`Give ${first} or ${second}, not both`);
  if (archive !== undefined && (target !== undefined || into !== undefined)) {
    throw new UsageError(`Give --archive or ${first}, not both: unpack an archive there, or restore files`);
  }
  if (raw && target === undefined) throw new UsageError("--raw writes files below a directory: name it with --target");
  if (into !== undefined && file !== undefined && !hasTables) {
    throw new UsageError("--into restores a whole backup: leave out --file, or restore that file with -o or --target");
  }
}

async function run(checked: Awaited<ReturnType<typeof check>>, context: CliContext): Promise<void> {
  const { series } = parseSelector(checked.selector);
  const action = { action: "Restore", series, isDry: checked.choices.dryRun } as const;
  await performAction(action, context, (session) => restoreBackup(checked, session, context), (backup) => backup);
}

/** Restores the backup, reports that and returns it. */
async function restoreBackup(
  { selector, into, choices, tables, options, access }: Awaited<ReturnType<typeof check>>,
  session: ActionSession,
  context: CliContext,
): Promise<Backup> {
  if (options.archive !== undefined) {
    return await runArchive({ selector, format: options.archive, session }, access, options, context);
  }
  const { world, signal } = context;
  const { id, begin } = session;
  return await withProgress({ command: "get", name: selector }, options, context, async (progress) => {
    const streams = new StreamCounter(progress);
    const { file, lock, md5 = false } = options;
    const request = { selector, noLock: !lock, file, judgesStreams: md5, opensHere: true };
    const reading = { world, signal, begin, onProgress: streams.take };
    return await withFoundBackup(access, request, reading, async (found) => {
      const run = { options, progress, session: id };
      const ofTables = await tablesTarget(found, { into: options.into, file: options.file, tables }, context);
      if (tables !== null && ofTables === null) {
        await runTables(found, { choice: tables, into, access, progress, session: id }, options, context);
        return found.backup;
      }
      const directory = treeTarget(found, options);
      if (directory !== null) {
        if (options.md5) throw new UsageError(NO_MD5_OF_FILES);
        await runRestore(found, { ...choices, directory }, run, context);
        return found.backup;
      }
      refuseForStreams(choices);
      const open = await openFound(found, request, reading);
      const target = ofTables ?? into ?? await engineTarget(open, options, context);
      if (target !== null) {
        await runReplay(open, target, run, context);
        return found.backup;
      }
      const files = await chosenFiles(open, options);
      streams.expect(files);
      const restored = await restore({ open, files }, options, context, progress);
      await progress.end();
      await report(restored, open, run, context);
      return found.backup;
    });
  });
}

/** The directory into which the tree of the backup is restored; null if it holds streams, or goes elsewhere. */
function treeTarget({ manifest }: FoundBackup, { target, raw, file }: GetOptions): string | null {
  if (target === undefined || file !== undefined) return null;
  if (raw && isOfFiles(manifest)) {
    throw new UsageError(
      "--raw is for the streams of an engine; this backup holds files and directories: leave it out",
    );
  }
  return !raw && (manifest === null || isOfFiles(manifest)) ? target : null;
}

/** The target of a backup of tables, which may be named without its engine; null for any other backup. */
async function tablesTarget(
  { manifest }: FoundBackup,
  { into, file, tables }: {
    readonly into: string | undefined;
    readonly file: string | undefined;
    readonly tables: TableChoice | null;
  },
  { engines }: CliContext,
): Promise<Driven<EngineTarget> | null> {
  if (manifest?.engine.name !== TABLES_ENGINE) return null;
  if (tables !== null && into === undefined) {
    throw new UsageError(
      "This is a backup of tables, whose rows are streams: load tables with --into, or name a --file",
    );
  }
  if (into === undefined) return null;
  if (file !== undefined) {
    throw new UsageError("--file is for dumps; of a backup of tables, name those that you want with --table");
  }
  const { tables: named = [], skipped = [], parts = "all" } = tables ?? {};
  if (parts !== "all") {
    throw new UsageError("A backup of tables restores whole tables: leave out --schema-only and --data-only");
  }
  return (await engines()).target(tablesUrl(into, { tables: named, skipped }));
}

/** The target that restores the backup into the directory of `--target`; null if files are written. */
async function engineTarget({ manifest }: OpenBackup, { target, raw, file }: GetOptions, { engines }: CliContext) {
  if (target === undefined || raw || file !== undefined) return null;
  return targetInDirectory(manifest, target, await engines());
}

/** With `--target`, all files unless one is named. */
async function chosenFiles(open: OpenBackup, { target, file }: GetOptions): Promise<readonly BackupFile[]> {
  return target !== undefined && file === undefined ? open.files : [await open.find(file)];
}

async function restore(
  { open, files }: { readonly open: OpenBackup; readonly files: readonly BackupFile[] },
  options: GetOptions,
  context: CliContext,
  progress: Progress,
): Promise<VerifiedStream[]> {
  const { target, overwrite = false, md5 } = options;
  if (target === undefined) {
    const file = files[0]!;
    if (options.output === undefined) return [await open.read(file, standardOutput(context, progress), { md5 })];
    return [await intoFile(options.output, { overwrite, mayBeDevice: true }, (sink) => open.read(file, sink, { md5 }))];
  }
  const restored: VerifiedStream[] = [];
  for (const file of files) {
    const path = join(target, writablePath(file.path));
    await makeFolders(dirname(path));
    restored.push(await intoFile(path, { overwrite }, (sink) => open.read(file, sink, { md5 })));
  }
  return restored;
}

/** The path, if a file can have it. Names that are not UTF-8 would be changed, and two of them might become equal. */
function writablePath(path: string): string {
  if (path.isWellFormed()) return path;
  throw new AgentError(`Cannot restore ${quoteByteString(path)} here: its name is not valid UTF-8; restic restores it`);
}

/**
 * Writes to standard output. On a terminal it refuses binary data, and ends the progress line before the first byte.
 * Throws `AgentError` if the reader goes away early.
 */
function standardOutput({ stdout }: CliContext, progress: Progress): StreamSink {
  return {
    async write(bytes) {
      if (stdout.isTerminal && looksBinary(bytes)) {
        throw new UsageError("Refusing to write binary data to a terminal: use -o FILE, or a pipe");
      }
      if (stdout.isTerminal) await progress.end();
      await writeToReader(stdout, bytes);
    },
  };
}

/** Writes a file that appears only if `read` succeeds. */
async function intoFile(
  path: string,
  options: OutputFileOptions,
  read: (sink: StreamSink) => Promise<VerifiedStream>,
): Promise<VerifiedStream> {
  const file: OutputFile = await openOutputFile(path, options);
  try {
    const verified = await read(file);
    await file.keep();
    return verified;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** How a run is reported. */
interface GetRun {
  readonly options: GetOptions;
  readonly progress: Progress;
  readonly session: string;
}

async function report(
  restored: readonly VerifiedStream[],
  { backup }: OpenBackup,
  { options, progress: { seconds }, session }: GetRun,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const toStdout = options.output === undefined && options.target === undefined;
  if (!options.json && !options.quiet) await writeLine(stderr, restoredBackupLine(backup));
  for (const stream of restored) {
    const { file, summary: { size, md5 } } = stream;
    if (options.json) await writeJson(toStdout ? stderr : stdout, restoredJson(stream, backup, session));
    else if (!options.quiet) {
      const checked = file.expected
        ? `${md5 === null ? "SHA-256" : "MD5 and SHA-256"} as in the manifest`
        : "every blob matches its id, no manifest to compare with";
      const what = `${file.path}: ${formatSize(size)} in ${formatDuration(seconds * 1000)}, ${
        formatRate(size, seconds)
      }`;
      await writeLine(stderr, `${what}; ${checked}`);
    }
  }
}
