/** `agent chain`: the backups that lead from a level 0 to a given one, or all chains of a series. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import { timestampToDate } from "../../format/time.ts";
import { drawChains, type DrawnMember } from "../../ops/chain.ts";
import { memberJson } from "../report/json/streams_json.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { type Column, formatTime, writeJsonLines, writeTable } from "../terminal/write.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { describeWholeness, judgedText } from "../report/wholeness.ts";

/** The deepest indent. Deeper members are not indented further, because a chain may have thousands of members. */
const DEEPEST_INDENT = 8;

const NOTES: HelpNotes = {
  about: [
    'A member is fit if its manifest is the one that the chain names, and if its tree holds its streams. "agent ' +
    'check" tells whether all their data is there, and "agent verify" proves it.',
  ],
  examples: [
    ["agent chain prod/shop", "what the latest backup builds upon"],
    ["agent chain prod/shop --all", "all chains of the series"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("chain")
    .description("show the chain of a backup, its level 0 first, and which members are fit for a restore")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--all", "all chains of its series and host, with all branches")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withMatchOption(command));
}

type ChainOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function chainCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries([selector], all, context, ([meant], asked) => run(meant!, all, asked));
  });
}

async function run(selector: string, options: ChainOptions, context: CliContext): Promise<void> {
  const { stdout } = context;
  const request = { selector, all: options.all ?? false };
  const { members, damaged } = await drawChains(repositoryAccess(options, context), request, context);
  if (options.json) await writeJsonLines(stdout, members.map(memberJson));
  else await writeTable(stdout, COLUMNS, [...rows(members)]);
  throwFirstDamage(damaged);
}

const COLUMNS: readonly Column[] = [
  { title: "CHAIN", align: "left" },
  { title: "STARTED", align: "left" },
  { title: "RUN", align: "left", rank: 3 },
  { title: "SIZE", align: "right", rank: 1 },
  { title: "NEW", align: "right", rank: 5 },
  { title: "STORED", align: "right", rank: 4 },
  { title: "GUARD", align: "left", kind: "text", rank: 2 },
  { title: "HEALTH", align: "left", kind: "text" },
];

/** Draws every member below its parent. */
function* rows(members: readonly DrawnMember[]): Generator<string[]> {
  const rails: string[] = [];
  for (const member of members) {
    const { depth, isLast, level, id } = member;
    const indent = rails.slice(Math.max(1, depth - DEEPEST_INDENT), depth).join("");
    const branch = depth === 0 ? "" : `${indent}${isLast ? "└─ " : "├─ "}`;
    yield [`${branch}level ${level ?? "-"}  ${shortId(id)}`, ...cells(member)];
    rails[depth] = isLast ? "   " : "│  ";
  }
}

function cells({ backup, fit, reason }: DrawnMember): string[] {
  if (backup === null) return ["-", "-", "-", "-", "-", "-", "gone; later backups still restore"];
  const { info, started } = backup;
  const time = formatTime(timestampToDate(started));
  if (info === null) return [time, "-", "-", "-", "-", "-", reason ?? "made by another tool"];
  const whole = info.complete === null ? info.guard : `${info.guard} ${describeWholeness(info.guard, info.complete)}`;
  const verdict = judgedText(info, whole);
  const health = fit ? "fit" : `not fit for restore: ${reason}`;
  const sizes = [info.size, info.added, info.stored].map(formatSize);
  return [time, info.runType ?? "-", ...sizes, verdict, health];
}
