/** `agent diff`: how the streams or the trees of two backups differ. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import type { Backup } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";
import { diff, type DiffRequest, type DiffResult, type StreamDifference } from "../../ops/stats/diff.ts";
import type { CliContext } from "../context.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { diffSummaryJson, streamDifferenceJson } from "../report/json/files/diff_json.ts";
import { changeJson, treeSummaryJson } from "../report/json/files/entry_json.ts";
import { DIFFERENCE_TITLES, differenceLine, sumLines } from "../report/files/tree_diff_report.ts";
import type { TreeSums } from "../../ops/stats/tree_summer.ts";
import { READING_INDEXES, withProgress } from "../report/progress.ts";
import { writeWarning } from "../report/warning.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { Output } from "../terminal/input_output.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import {
  type Column,
  formatCount,
  formatTime,
  writeJsonLines,
  writeParagraph,
  writePrintableLines,
  writeTable,
} from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "With one backup, it is compared with the one before it of the same series and host. Lists every stream that " +
    "differs, the bytes of the chunks that both have or only one has, and in how many places they differ. A chunk is " +
    "the least that is compared: one changed byte counts as one chunk.",
    "Backups of files are compared entry by entry: + only in B, - only in A, T another type, M other content, U only " +
    "other metadata. Directories that are the same are not read.",
    "No data is read, only content lists. The exit code is 0 whether the backups differ or not.",
  ],
  examples: [
    ["agent diff prod/shop", "what the newest backup changed"],
    ["agent diff prod/shop@2026-08-30 prod/shop"],
    ["agent diff etc/host --metadata", "which files the newest backup changed, owners and modes included"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("diff")
    .description("show how the streams or the files of two backups differ")
    .usage("[options] SERIES[@SELECTOR] [SERIES[@SELECTOR]]")
    .argument("<backups...>", "the backups A and B, or only B; see agent get --help")
    .option("--metadata", "also list files and directories of which only the metadata differ")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withMatchOption(command));
}

type DiffCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function diffCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((names, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries(names, all, context, (meant, asked) => run(meant, all, asked));
  });
}

function selectorsOf([a, b, ...more]: readonly string[]): DiffRequest["selectors"] {
  if (more.length > 0) throw new UsageError("Name two backups to compare, or one to compare it with the one before it");
  return b === undefined ? [a!] : [a!, b];
}

async function run(names: readonly string[], options: DiffCommandOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const request = { selectors: selectorsOf(names), metadata: options.metadata === true, noLock: !options.lock };
  let hasTitles = false;
  await withProgress({ command: "diff" }, options, context, async (progress) => {
    const result = await diff(repositoryAccess(options, context), request, {
      world,
      signal,
      onProgress: (done, total) =>
        progress.update(
          total === 0 ? READING_INDEXES : { phase: "streams", unit: "files", done, total },
        ),
      onEntries: async (entries) => {
        await progress.end();
        if (options.json) return await writeJsonLines(stdout, entries.map(changeJson));
        const titles = hasTitles || entries.length === 0 ? [] : [DIFFERENCE_TITLES];
        hasTitles ||= entries.length > 0;
        await writePrintableLines(stdout, [...titles, ...entries.map(differenceLine)]);
      },
    });
    await progress.end();
    if (result.trees !== null) return await reportTrees(result, result.trees, options, stdout);
    if (result.isCutAlike === false) await writeWarning(CUT_DIFFERENTLY, options, stderr);
    if (options.json) {
      await writeJsonLines(stdout, [...result.streams.map(streamDifferenceJson), diffSummaryJson(result)]);
    } else await report(result, stdout);
  });
}

async function reportTrees(
  result: DiffResult,
  sums: TreeSums,
  { json }: DiffCommandOptions,
  stdout: Output,
): Promise<void> {
  if (json) return await writeJsonLines(stdout, [treeSummaryJson(result, sums)]);
  await writeParagraph(stdout, `A: ${described(result.a)}`);
  await writeParagraph(stdout, `B: ${described(result.b)}`);
  for (const line of sumLines(sums)) await writeParagraph(stdout, line);
}

const CUT_DIFFERENTLY =
  "The two backups were cut into chunks of different sizes, so they have hardly any chunk in common, whatever their streams hold";

const COLUMNS: readonly Column[] = [
  { title: "STREAM", align: "left", kind: "name" },
  { title: "STATE", align: "left" },
  { title: "SIZE A", align: "right", rank: 2 },
  { title: "SIZE B", align: "right", rank: 1 },
  { title: "COMMON", align: "right" },
  { title: "ONLY A", align: "right" },
  { title: "ONLY B", align: "right" },
  { title: "PLACES", align: "right", rank: 3 },
];

async function report(result: DiffResult, stdout: Output): Promise<void> {
  await writeParagraph(stdout, `A: ${described(result.a)}`);
  await writeParagraph(stdout, `B: ${described(result.b)}`);
  await writeTable(stdout, COLUMNS, result.streams.filter(({ state }) => state !== "same").map(row));
  await writeParagraph(stdout, summary(result));
}

function described({ series, id, started, host }: Backup): string {
  return `${series} ${shortId(id)} of ${formatTime(timestampToDate(started))} on ${host}`;
}

function row(stream: StreamDifference): string[] {
  const { path, state, sizeA, sizeB, bytesInCommon, bytesOnlyInA, bytesOnlyInB, runsOnlyInA, runsOnlyInB } = stream;
  return [
    path,
    state,
    ...[sizeA, sizeB].map((size) => size === null ? "-" : formatSize(size)),
    ...[bytesInCommon, bytesOnlyInA, bytesOnlyInB].map(formatSize),
    state === "differs" ? String(Math.max(runsOnlyInA, runsOnlyInB)) : "-",
  ];
}

function summary(result: DiffResult): string {
  const { same, bytesInCommon, bytesOnlyInA, bytesOnlyInB } = diffSummaryJson(result);
  const others = result.streams.length - same;
  if (others === 0) return `No difference: ${formatCount(same, "stream")} of ${formatSize(bytesInCommon)}`;
  return `${formatCount(others, "stream")} changed, ${same} the same: ${formatSize(bytesInCommon)} in common, ` +
    `${formatSize(bytesOnlyInA)} only in A, ${formatSize(bytesOnlyInB)} only in B`;
}
