/** `agent find`: in which backups a file is, and in which versions. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { parseLocalTime } from "../../base/text/local_time.ts";
import { formatSize } from "../../base/text/size.ts";
import type { FoundVersion } from "../../backup/trees/find_entries.ts";
import { type Rfc3339, timestampToDate } from "../../format/time.ts";
import { find, type FindResult } from "../../ops/trees/find.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { foundJson } from "../report/json/files/entry_json.ts";
import { READING_INDEXES, withProgress } from "../report/progress.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, formatTime, writeJsonLines, writeLine, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "A pattern without a slash is compared with names, one that begins with a slash with whole paths, and any other with " +
    "the ends of paths. * and ? stand for anything but a slash, ** for anything at all, [a-z] for one of these characters.",
    "Lists each version of an entry once, with the oldest and the newest backup that has it. The exit code is 0 even " +
    "if nothing is found.",
  ],
  examples: [
    ["agent find my.cnf", "every version of every file of this name"],
    ["agent find '/etc/**/*.conf' --series etc --since 2026-08-01"],
    ["agent find --blob 1f2e3d4c", "the files to which a chunk belongs"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("find")
    .description("find files and directories in backups, and in which versions")
    .usage("[options] PATTERN...")
    .argument("[patterns...]", "names or paths to find, with wildcards; in quotes, so that the shell leaves them")
    .option("-i, --ignore-case", "upper and lower case are the same")
    .option("--series <series>", "only backups of this series and those below it")
    .option("--host <name>", "only backups of this host")
    .option("--since <time>", "only backups that began then or later; a day means its beginning", timeParser("begin"))
    .option("--until <time>", "only backups that began by then; a day means its end", timeParser("end"))
    .option("--newest", "only the newest of these backups of each series and host")
    .option("--blob <id>", "also find files with this chunk; may be repeated", collect)
    .option("--tree <id>", "also find directories with this tree; may be repeated", collect)
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

function timeParser(dayMeans: "begin" | "end"): (text: string) => Date {
  return (text) => {
    const time = parseLocalTime(text, dayMeans);
    if (time instanceof Date) return time;
    throw new UsageError(`Not a time: "${text}"; write for example 2026-08-30 or 2026-08-30T12:00`);
  };
}

function collect(id: string, before: string[] | undefined): string[] {
  return [...before ?? [], id];
}

type FindCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function findCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((patterns, options, self) => run(patterns, allOptions(self, options), context));
}

async function run(globs: readonly string[], options: FindCommandOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const { series, host, since, until } = options;
  const request = {
    globs,
    ignoreCase: options.ignoreCase === true,
    blobs: options.blob ?? [],
    trees: options.tree ?? [],
    ...series !== undefined && { series },
    ...host !== undefined && { host },
    ...since !== undefined && { since },
    ...until !== undefined && { until },
    newest: options.newest === true,
    noLock: !options.lock,
  };
  await withProgress({ command: "find" }, options, context, async (progress) => {
    const result = await find(repositoryAccess(options, context), request, {
      world,
      signal,
      onProgress: (done, total) =>
        progress.update(total === 0 ? READING_INDEXES : { phase: "backups", unit: "backups", done, total }),
    });
    await progress.end();
    if (options.json) await writeJsonLines(stdout, result.versions.map(foundJson));
    else {
      await writeTable(stdout, COLUMNS, result.versions.map(row));
      if (!options.quiet && result.unknown === null) await writeLine(stderr, summary(result));
    }
    throwIfIncomplete(result);
  });
}

/** What cannot be read may hold what is looked for, so that the answer is no whole one. */
function throwIfIncomplete({ unreadable: [first, ...more], damaged, unknown }: FindResult): void {
  throwFirstDamage(damaged);
  if (unknown !== null) throw new UsageError(unknown);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  throw new IntegrityError(
    `The trees of ${first.backup.series}@${shortId(first.backup.id)}${others} cannot be read, so more may be there; ` +
      'run "agent check"',
    { cause: first.error },
  );
}

const COLUMNS: readonly Column[] = [
  { title: "PATH", align: "left", kind: "name" },
  { title: "SIZE", align: "right" },
  { title: "MODIFIED", align: "left", rank: 3 },
  { title: "SERIES", align: "left", kind: "name", rank: 1 },
  { title: "HOST", align: "left", kind: "name", rank: 4 },
  { title: "FIRST", align: "left" },
  { title: "BEGAN", align: "left", rank: 5 },
  { title: "LAST", align: "left" },
  { title: "BEGAN", align: "left", rank: 2 },
  { title: "BACKUPS", align: "right", rank: 6 },
];

function row({ path, node, first, last, backups }: FoundVersion): string[] {
  const time = (text: Rfc3339) => formatTime(timestampToDate(text));
  return [
    node.type === "dir" ? `${path}/` : path,
    node.type === "file" ? formatSize(node.size) : "-",
    time(node.mtime),
    first.series,
    first.host,
    shortId(first.id),
    time(first.started),
    shortId(last.id),
    time(last.started),
    String(backups),
  ];
}

function summary({ versions, searched }: FindResult): string {
  const paths = new Set(versions.map(({ path }) => path)).size;
  const where = formatCount(searched, "backup");
  if (paths === 0) return `Nothing found in ${where}`;
  return `${formatCount(versions.length, "version")} of ${formatCount(paths, "path")} in ${where}`;
}
