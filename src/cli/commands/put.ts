/** `agent put`: backs up standard input, the output of commands, files and directories, or what an engine reads. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { parseLocalTime } from "../../base/text/local_time.ts";
import { isInFuture } from "../../base/clock.ts";
import { shortId } from "../../base/id.ts";
import { parseSize } from "../../base/text/size.ts";
import { parametersFor } from "../../chunker/parameters.ts";
import { RUN_TYPES } from "../../base/run_type.ts";
import { COMPRESSION_LEVELS } from "../../codec/compression.ts";
import { DEFAULT_FILE_NAME, parseNewSeries } from "../../format/manifest/series.ts";
import { GUARD_FORMATS } from "../../guard/guard.ts";
import { LEVEL_MODES, type LevelDecision, type LevelRules } from "../../policy/level/level.ts";
import { parseDays, parseLevel } from "../../policy/level/parse_level.ts";
import { parseMinOfParent } from "../../policy/shrinkage.ts";
import { put, type PutProgress, type PutRequest, type PutResult } from "../../ops/put.ts";
import type { ActionSession } from "../../library/events/events.ts";
import { putJson } from "../report/json/manifest_json.ts";
import { ownDirectories } from "../../library/opening/own_directories.ts";
import { cacheDirectory } from "../../store/cache/cache_place.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatTime, writeJson, writeLine, writeParagraph } from "../terminal/write.ts";
import { FileSteps, NOTHING_YET, streamStep } from "../put_steps.ts";
import { withProgress } from "../report/progress.ts";
import { collect, collectTags } from "../options/repeated_options.ts";
import { alsoRepositoryAccess, refuseWrongPlaces } from "../options/also_repository.ts";
import {
  DEFAULT_JOBS,
  isDryRun,
  MOST_JOBS,
  openInput,
  parseJobs,
  planInput,
  withAdviceOnPath,
} from "../options/put_input.ts";
import { PATH_OPTIONS } from "../options/put_paths.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { withSecondRepository } from "../options/second_repository.ts";
import { oneIsMissing, outcomeLines, putWarnings } from "../report/put_outcomes.ts";
import { problemLines, refuseToCallWhole, summaryLines } from "../report/put_summary.ts";
import { writeNote, writeWarning } from "../report/warning.ts";
import { performAction, reportDone } from "../../library/events/told_action.ts";

const EXAMPLES: HelpNotes = {
  about: [
    "Without a command, the stream comes from standard input. With a command after --, its exit code counts, too. " +
    "The stream is committed only if it is whole. Exit code 3: it was not whole, and nothing was committed.",
    "With --stream, each command is run by sh -c, and standard input is not read. All streams are committed together " +
    "if all commands exit with 0 and all guards find them whole. If one fails, the others are ended.",
    "A PATH is a file or a directory with everything in it. It is kept below the series by its absolute path, with all " +
    "metadata; links are kept and not followed. A file whose size, times and inode are those of the backup before is not " +
    "read again. A pattern of --exclude is a rule of gitignore: it matches at any depth, or from the root if it begins " +
    "with a slash. Exit code 6: committed, but what is named could not be read or changed meanwhile.",
    "A SOURCE is read by the engine that its scheme names. tar:PATH is a directory, read by GNU tar; behind a ? it has " +
    "the parameters exclude=PATTERN, dereference=none|soft|hard|all and one-file-system. Without options for levels, " +
    "its levels go to 6 and then begin again. mysql://USER@HOST/DATABASE is a database of MariaDB or MySQL, without " +
    "DATABASE all of them, with the parameters socket, defaults-file, databases, ignore, history=no, routines=no and " +
    "users=no. postgresql://USER@HOST/DATABASE is one of PostgreSQL, without DATABASE all of them, with " +
    "the parameters of libpq and databases, format=plain, schema, ignore and globals=no. sqlite:PATH is a database of " +
    "SQLite, with the parameter format=sql. tables:URL?table=NAME, with the URL of a database, are tables of it one by " +
    "one, with the parameters table, format=text and definitions. Exit code 6: committed, but some of the source could " +
    "not be read or changed meanwhile.",
    "A stream is compared with the streams of the same file name in earlier backups of the series and host. If one of " +
    "them was recognised further, the stream is refused, unless --guard names none or a format. A stream of less " +
    "than half the size of the newest of its format is committed with a warning and marked as shrunk; " +
    "--min-of-parent 50% refuses it instead.",
    "A backup continues the newest one of its series and host, unless a rule for levels says otherwise; of " +
    "several rules, the one with the lowest level wins. Days are counted from level 0 of the newest chain, with a " +
    "tolerance of five minutes. --max-level 0 and --always-level 0 set no rule.",
    "On a machine that has no index of a large repository yet, a backup of streams begins with the chunks that the one " +
    "before lists, while that index is made. At its end, each chunk that it did not store itself is looked up. Exit code " +
    "4: one of them is gone, and nothing was committed; with --no-parent the backup waits for the index and stores what " +
    "is missing.",
    "--also writes what is read into a second repository, too. If one of the two fails, the other one still gets its " +
    "backup, and the exit code is 6. A stream that is refused is committed in neither.",
    'The size "stored" is everything that the backup added to the repository: packs and index files with their ' +
    "headers, and so chunks, content lists, trees and the manifest. The snapshot, some hundred bytes, is not " +
    "counted.",
  ],
  examples: [
    ["mysqldump --single-transaction shop | agent put prod/shop"],
    ["agent put prod/shop -- mysqldump --single-transaction shop"],
    ["agent put all --stream a.sql='mysqldump a' --stream b.sql='mysqldump b'"],
    ["agent put prod/files 'tar:/srv/files?exclude=*.tmp&one-file-system'"],
    ["agent put prod/shop mysql://backup@localhost/shop", "a database of MariaDB or MySQL"],
    ["agent put prod/pg postgresql://backup@localhost/shop", "a database of PostgreSQL"],
    ["agent put prod/app sqlite:/srv/app.db", "a database of SQLite"],
    ["agent put prod/t 'tables:postgresql://localhost/gavo?table=myres.*'", "tables, each as a stream of its own"],
    ["agent put etc/host /etc /srv --exclude '*.tmp' --exclude /srv/cache/", "files and directories"],
    ["agent put etc/host /etc /srv --dry-run", "what that would read and store"],
    ["find /srv -name '*.conf' -print0 | agent put conf/host --files-from-raw -", "the files that a command names"],
    ["mysqldump shop | agent put prod/shop --also rest:https://backup.example/db1/", "into two repositories"],
    ["agent put prod/shop --max-level 6", "a full one after level 6"],
    ["agent put prod/shop --always-level 1 --restart-always-level 7", "level 1 on the same full one, for a week"],
    [
      "agent put prod/shop --run-type hourly --full-backup daily",
      "hourly ones on the newest full hourly, else daily one",
    ],
  ],
};

/** The command's specification. */
export function putSpecification() {
  const command = new Command("put")
    .description("back up standard input, the output of commands, or files and directories")
    .usage("[options] SERIES [PATH... | SOURCE | -- COMMAND ARG...]")
    .argument("<series>", "name under which backups follow each other, such as prod/shop")
    .argument("[source...]", "files and directories, or the URL of what an engine reads, such as tar:/srv/files")
    .option("--stream <name=command>", "a stream, and the command for sh -c that writes it; may be repeated", collect)
    .option("--jobs <n>", `how many streams are read at once, 1 to ${MOST_JOBS} (${DEFAULT_JOBS})`)
    .option("--filename <name>", `file name of the only stream in the backup (${DEFAULT_FILE_NAME})`)
    .option("--tag <tag>", "tag of the backup; may be repeated", collectTags)
    .option("--host <name>", "host the backup belongs to (this one)")
    .option(
      "--time <time>",
      "when the backup counts as started, such as 2026-08-30T04:00+02:00; without a zone it is this machine's (now)",
    )
    .addOption(new Option("--run-type <type>", "which run this is").choices(RUN_TYPES))
    .addOption(new Option("--level <level>", "full, or continue if possible").choices(LEVEL_MODES).default("auto"))
    .option("--max-level <n>", "a full one if the newest chain has reached level N")
    .option("--always-level <n>", "after level N, repeat it on the same backup of level N-1")
    .option(
      "--restart-always-level <days>",
      "a full one if the newest chain began this many days ago, such as 7 or 6.5",
    )
    .addOption(new Option("--full-backup <type>", "runs of this type and longer ones are full").choices(RUN_TYPES))
    .option("--explain", "say on standard error which rule decided the level")
    .option(
      "--guard <format>",
      "who judges whether the stream is whole; NAME=FORMAT for one of several streams; may be repeated: auto (the " +
        `default), none, ${GUARD_FORMATS.join(", ")}`,
      collect,
    )
    .option("--strict", "commit nothing if some of the source could not be read or changed meanwhile")
    .option("--min-size <size>", "refuse a shorter stream, such as 10M")
    .option("--min-of-parent <percent>", "refuse a stream below this share of the previous one, such as 50%, or off")
    .option("--allow-empty", "accept an empty stream")
    .option("--no-parent", "take no chunk on the word of the backup before")
    .option(
      "--chunk-size <size>",
      "mean size of chunks, 1K to 2M (as the series had it; in a new one 10K for dumps, 1M for files); another size " +
        "than before stores anew what is read",
    )
    .addOption(new Option("--compression <level>", "how hard to compress").choices(COMPRESSION_LEVELS).default("auto"))
    .addHelpText("after", helpNotes(EXAMPLES));
  return withSecondRepository(withRepositoryOptions(withOptions(command, PATH_OPTIONS)), "also");
}

/** The values of its options. */
export type PutOptions = OptionsOf<typeof putSpecification>;

/** The command, to be run in `context`. */
export function putCommand(context: CliContext): CommandUnknownOpts {
  return putSpecification().action(async (series, sources, options, self) =>
    await runPut(await checkPut({ series, sources }, allOptions(self, options), context), context)
  );
}

/** A put whose options were all checked, and that was not begun. */
export interface CheckedPut extends Awaited<ReturnType<typeof checkPut>> {
  /** What was decided before and may surprise, one line each. */
  readonly decided?: readonly string[];
  /** Finds what else is to be told of the result, one line each. */
  readonly remarksOn?: (result: PutResult) => Promise<readonly string[]>;
}

/** Checks all options before anything is opened or started. */
export async function checkPut(
  given: { readonly series: string; readonly sources: readonly string[] },
  options: PutOptions,
  context: CliContext,
) {
  const series = parseSeriesOfPut(given.series);
  const input = await planInput(given.sources, options, context);
  const host = options.host ?? context.world.identity.hostname;
  if (options.host === "") throw new UsageError("Not a host: the name is empty; leave --host out for this machine");
  if (host === "") {
    throw new UsageError("This machine has no host name: say with --host to which one the backup belongs");
  }
  const chunkAverage = options.chunkSize === undefined ? undefined : parseSize(options.chunkSize);
  if (chunkAverage !== undefined) parametersFor(chunkAverage);
  // A dry run tells what the main repository would get.
  const also = isDryRun(input) ? undefined : alsoRepositoryAccess(options, context);
  const request: Omit<PutRequest, "input"> = {
    series,
    jobs: parseJobs(options.jobs),
    isStrict: options.strict ?? false,
    allowEmpty: options.allowEmpty ?? false,
    minSize: options.minSize === undefined ? 0 : parseSize(options.minSize),
    chunkAverage,
    compression: options.compression,
    tags: options.tag ?? [],
    host,
    runType: options.runType ?? null,
    time: options.time === undefined ? undefined : parseTime(options.time),
    levelRules: levelRules(options),
    also,
    ...(options.minOfParent === undefined ? {} : { minOfParent: parseMinOfParent(options.minOfParent) }),
  };
  return { request, input, options, access: repositoryAccess(options, context) };
}

/** Throws `UsageError`. Who is used to other programs names the PATHs at once. */
function parseSeriesOfPut(text: string) {
  if (/^(\.{0,2}\/|\.{1,2}$)/.test(text)) {
    const example = `agent put etc/host ${text}`;
    throw new UsageError(
      `Not a series name: ${JSON.stringify(text)}: it is a path; name a series before it: ${example}`,
    );
  }
  return parseNewSeries(text);
}

function levelRules(options: PutOptions): LevelRules {
  const { level, maxLevel, alwaysLevel, restartAlwaysLevel, fullBackup, runType } = options;
  if (fullBackup !== undefined && runType === undefined) {
    throw new UsageError("--full-backup depends on run types: say with --run-type which run this is");
  }
  return {
    mode: level,
    ...(maxLevel === undefined ? {} : { maxLevel: parseLevel(maxLevel) }),
    ...(alwaysLevel === undefined ? {} : { alwaysLevel: parseLevel(alwaysLevel) }),
    ...(restartAlwaysLevel === undefined ? {} : { restartAlwaysLevelDays: parseDays(restartAlwaysLevel) }),
    ...(fullBackup === undefined ? {} : { fullBackup }),
  };
}

/** Runs a put and reports it. */
export async function runPut(checked: CheckedPut, context: CliContext): Promise<void> {
  const { request: { series }, input } = checked;
  const action = { action: "Backup", series, isDry: isDryRun(input) } as const;
  await performAction(action, context, (session) => backUp(checked, session, context), ({ backup }) => backup);
}

/** Backs up and reports that. */
async function backUp(
  { request, input, options, access, decided: decidedBefore = [], remarksOn }: CheckedPut,
  session: ActionSession,
  context: CliContext,
): Promise<PutResult> {
  const { stderr, world, signal } = context;
  await warnOfFuture(request, options, context);
  if (request.also !== undefined) await refuseWrongPlaces(access, request.also);
  const how = commandOptions(options, context);
  const decided: string[] = [];
  const note = async (line: string) => {
    decided.push(line);
    if (!options.quiet && !options.json) await writeNote(line, stderr);
  };
  for (const line of decidedBefore) await note(line);
  const own = () =>
    ownDirectories([access, ...request.also ? [request.also] : []], {
      cache: cacheDirectory(options.cacheDir, context.env),
      directory: context.files?.directory ?? "/",
    });
  const isDry = isDryRun(input);
  const opened = await openInput(input, { ...how, own, note }, context);
  const files = input.kind === "files" ? new FileSteps() : undefined;
  let bytesRead = 0;
  const stepOf = (step: PutProgress) => files === undefined ? streamStep(step) : files.step(step);
  const subject = { command: "put", name: request.series, first: stepOf(NOTHING_YET) };
  return await withProgress(subject, options, context, async (progress) => {
    const onProgress = (step: PutProgress) => {
      bytesRead = step.bytesRead;
      progress.update(stepOf(step));
    };
    const { begin } = session;
    const tools = { world, signal, begin, onProgress, onStderr: how.tell, isDry, trustsParent: options.parent };
    const result = await put(access, { ...request, input: opened }, tools).catch(async (error) => {
      throw bytesRead > 0 || input.kind !== "stdin" ? error : await withAdviceOnPath(error, request.series, context);
    });
    const notes = [...result.notes, ...await remarksOn?.(result) ?? []];
    await progress.end();
    const told = { options, decided, notes, isDry, seconds: progress.seconds, session: session.id };
    await reportDone(session, result.backup, () => report(result, told, context));
    return result;
  });
}

/** How a put is reported. */
interface PutReport {
  readonly options: PutOptions;
  /** What was said before the put. */
  readonly decided: readonly string[];
  /** What is said about the backup, besides warnings. */
  readonly notes: readonly string[];
  readonly isDry: boolean;
  readonly seconds: number;
  readonly session: string;
}

/** Tells what came of a put. Throws `PartialError` if something is missing. */
async function report(
  result: PutResult,
  { options, decided, notes, isDry, seconds, session }: PutReport,
  { stdout, stderr }: CliContext,
): Promise<void> {
  // Warnings are written even with --quiet, because a problem with the parent does not go away by itself.
  const warnings = putWarnings(result);
  for (const warning of warnings) await writeWarning(warning, options, stderr);
  await writeDecision(result.decision, options, stderr);
  await tellId(result, () => {
    const told = { ...result, notes: [...decided, ...notes] };
    if (options.json) return writeJson(stdout, putJson(told, { session, seconds, warnings, isDry }));
    return isDry ? Promise.resolve() : writeLine(stdout, result.backup.id);
  });
  if (!options.quiet && !options.json) {
    for (const note of notes) await writeNote(note, stderr);
    const lines = [...summaryLines(result, { seconds, isDry }), ...outcomeLines(result)];
    for (const line of lines) await writeParagraph(stderr, line);
  }
  const missing = oneIsMissing(result);
  if (missing !== undefined) {
    for (const problem of result.problems) await writeWarning(problem, options, stderr);
    throw missing;
  }
  const named = options.json ? [] : problemLines(result);
  for (const problem of named) await writeWarning(problem, options, stderr);
  refuseToCallWhole(result, { isDry, named: named.length });
}

/** Writes the id of the backup. If that fails, as on a full disk, the error must say that the backup was committed. */
async function tellId({ backup: { series, id } }: PutResult, tell: () => Promise<void>): Promise<void> {
  try {
    await tell();
  } catch (error) {
    const what = `The backup ${series}@${shortId(id)} is committed, but its id could not be written`;
    throw new AgentError(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * What commands get. What they say goes through the terminal line, so that it does not mix with the progress. The only
 * command of a backup keeps this process's standard error where no progress is shown there.
 */
function commandOptions({ quiet, json, strict }: PutOptions, { terminal, stderr, withheldSecrets = [] }: CliContext) {
  const shown = quiet || json ? undefined : terminal;
  return {
    onStderr: shown && ((bytes: Uint8Array) => shown.write(bytes)),
    tell: (bytes: Uint8Array) => (shown ?? stderr).write(bytes),
    isStrict: strict ?? false,
    // No dump program needs a repository's password, but it may use AWS credentials to read from S3.
    withheld: withheldSecrets.filter((name) => name.startsWith("AWS_")),
  };
}

/** Explains the level, if that is wanted. */
async function writeDecision(decision: LevelDecision, options: PutOptions, stderr: Output): Promise<void> {
  const { level, rule, reason, overruled } = decision;
  if (!options.explain || options.json) return;
  await writeLine(stderr, `level ${level} by ${rule}: ${reason}`);
  for (const other of overruled) {
    await writeLine(stderr, `  not by ${other.rule}, level ${other.level}: ${other.reason}`);
  }
}

function parseTime(text: string): Date {
  const time = parseLocalTime(text, "begin");
  if (time === "never") throw new UsageError(`Not a time: "${text}": there is no such time in any calendar`);
  if (time !== "unknown") return time;
  throw new UsageError(`Not a time: "${text}"; write for example 2026-08-30T04:00, or 2026-08-30T04:00+02:00`);
}

/** Warns of a time in the future before an hour of dumping, because no policy would count the backup. */
async function warnOfFuture(
  { time }: Pick<PutRequest, "time">,
  options: PutOptions,
  context: CliContext,
): Promise<void> {
  const now = context.world.clock.now();
  if (time === undefined || !isInFuture(time.getTime(), now.getTime())) return;
  const message =
    `--time ${formatTime(time)} lies in the future (here it is ${formatTime(now)}): until then no policy ` +
    "and no status counts this backup";
  await writeWarning(message, options, context.stderr);
}
