/** `agent forget`: removes backups that no policy keeps. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { parseKeepSpan } from "../../base/text/duration.ts";
import { UsageError } from "../../base/errors.ts";
import type { RetentionFilter, RetentionRequest } from "../../ops/forget.ts";
import type { KeepRules } from "../../policy/retention/retention.ts";
import {
  parseClearAge,
  parseGrouping,
  parseKeepCount,
  parseRunTypeCounts,
} from "../../policy/retention/parse_retention.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { withPruneAfterwards } from "../options/prune_options.ts";
import { collect } from "../options/repeated_options.ts";
import { reportRetention } from "../report/retention_report.ts";
import { policyRunGroup, runRetention, throwRefusal } from "../retention_run.ts";
import { withRepositoryOptions } from "../options/repository_options.ts";

const NOTES: HelpNotes = {
  about: [
    'The rules are those of restic, joined by "or": in each group, what no rule keeps is removed. Spans of ' +
    "--keep-within (2y5m7d3h) are measured from the newest backup of the group, the span of --older-than from " +
    "now. Days, weeks, months and years are those of the zone in which the time of a backup was written: UTC for " +
    'backups that agent made. Counts are whole numbers or "unlimited"; -1 means the same, except in ' +
    "--keep-run-type. Run types that --keep-run-type does not name are kept.",
    "A policy keeps the newest and the last good backup of a series on a host, unless --allow-last is given. It " +
    "always keeps what is on hold (agent hold), and backups that claim to be from the future, which no rule " +
    "counts. If any backup of a series was judged whole, only such backups are good. Every backup can be restored " +
    "alone, even if its parent is removed.",
    "A policy that names no series leaves values under keys alone and says so; it applies to them if it names theirs, " +
    "such as kv for all.",
    "agent prune frees the space, or --prune in the same run. Nothing is removed if a snapshot that cannot be read " +
    "may belong to these series.",
  ],
  examples: [
    ["agent forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run"],
    ["agent forget prod/shop --keep-run-type hourly=24,daily=7 --prune"],
    ["agent forget --older-than 3M2D"],
    ["agent forget 1f2e3d4c prod/shop@2026-08-30"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("forget")
    .description("remove backups that a policy does not keep, or those named")
    .usage("[options] [SERIES...] | [options] ID...")
    .argument("[names...]", "with a policy: only these series and those below them; without: the backups to remove");
  const chosen = withOptions(command, policyGroup())
    .option("--host <name>", "only backups of this host; may be repeated", collect)
    .option("--series <name>", "only this series and those below it; may be repeated", collect)
    .option("--path <path>", "only backups whose snapshot has this path; if repeated, all of these paths", collect)
    .option(
      "--tag <tags>",
      "only backups with all of these tags; may be repeated for alternatives",
      collectTagList,
    )
    .option("-g, --group-by <words>", "group by host, series, paths, tags (host,paths)", parseGrouping);
  const careful = withOptions(chosen, policyRunGroup("a series")).addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withPruneAfterwards(careful));
}

/** Rules that keep backups. */
function policyGroup() {
  const count = (what: string) => (value: string) => parseKeepCount(value, `${what} to keep`);
  const newest = (units: string) => `keep the newest backup of each of the n newest ${units} that have one`;
  return new Command()
    .option("-l, --keep-last <n>", "keep the n newest backups", count("backups"))
    .option("-H, --keep-hourly <n>", newest("hours"), count("hours"))
    .option("-d, --keep-daily <n>", newest("days"), count("days"))
    .option("-w, --keep-weekly <n>", newest("weeks"), count("weeks"))
    .option("-m, --keep-monthly <n>", newest("months"), count("months"))
    .option("-y, --keep-yearly <n>", newest("years"), count("years"))
    .option("--keep-within <span>", "keep all that are younger than this, such as 2y5m7d3h", parseKeepSpan)
    .option("--keep-within-hourly <span>", "keep hourly backups younger than this", parseKeepSpan)
    .option("--keep-within-daily <span>", "keep daily backups younger than this", parseKeepSpan)
    .option("--keep-within-weekly <span>", "keep weekly backups younger than this", parseKeepSpan)
    .option("--keep-within-monthly <span>", "keep monthly backups younger than this", parseKeepSpan)
    .option("--keep-within-yearly <span>", "keep yearly backups younger than this", parseKeepSpan)
    .option("--keep-tag <tags>", "keep backups with all of these tags; may be repeated", collectTagList)
    .option(
      "--keep-run-type <counts>",
      "keep this many of each run type, such as hourly=24,daily=7",
      parseRunTypeCounts,
    )
    .option("--older-than <age>", "remove only what is older than this, such as 3M2D8h20m5s", parseClearAge);
}

type ForgetCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function forgetCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((names, options, self) => run(names, allOptions(self, options), context));
}

/** Builds the request. With a policy, the names are series; without one, they are backups. */
function check(names: readonly string[], options: ForgetCommandOptions): RetentionRequest {
  const rules = rulesOf(options);
  const filter = filterOf(names, options);
  if (Object.keys(rules).length > 0) {
    const named = names.find((name) => name.includes("@"));
    if (named !== undefined) throw new UsageError(`Name backups such as "${named}" or give a policy, not both`);
    for (const series of filter.series ?? []) refuseMistypedSeries(series);
    return { kind: "policy", rules, filter, ...options.groupBy ? { groupBy: options.groupBy } : {} };
  }
  if (names.length === 0) throw new UsageError("Say what to keep, such as --keep-daily 7, or which backups to remove");
  if (Object.keys(filterOf([], options)).length > 0) {
    throw new UsageError(
      "Without a policy, name the backups to remove: --host, --series, --path and --tag only limit a policy",
    );
  }
  return { kind: "backups", selectors: names.map(selectorOf) };
}

/**
 * Refuses names that no series can have, because a policy for such a name would never do anything. All other names are
 * accepted: other tools may have made series with them.
 */
function refuseMistypedSeries(series: string): void {
  if (series !== "" && !series.startsWith("/") && !series.endsWith("/")) return;
  throw new UsageError(`Not a series: "${series}": write for example prod/shop, or prod for all below it`);
}

/** A name without @ is an id. */
function selectorOf(name: string): string {
  if (name.includes("@")) return name;
  if (/^[0-9a-f]+$/.test(name)) return `@${name}`;
  throw new UsageError(
    `Not a backup: "${name}": name one by its id or as SERIES@TIME, or say what to keep, such as --keep-daily 7`,
  );
}

function rulesOf(options: ForgetCommandOptions): KeepRules {
  const counts = given({
    last: options.keepLast,
    hourly: options.keepHourly,
    daily: options.keepDaily,
    weekly: options.keepWeekly,
    monthly: options.keepMonthly,
    yearly: options.keepYearly,
  });
  const withinUnits = given({
    hourly: options.keepWithinHourly,
    daily: options.keepWithinDaily,
    weekly: options.keepWithinWeekly,
    monthly: options.keepWithinMonthly,
    yearly: options.keepWithinYearly,
  });
  return given({
    counts: Object.keys(counts).length > 0 ? counts : undefined,
    within: options.keepWithin,
    withinUnits: Object.keys(withinUnits).length > 0 ? withinUnits : undefined,
    tags: options.keepTag,
    runTypes: options.keepRunType,
    notOlderThan: options.olderThan,
  });
}

function filterOf(names: readonly string[], options: ForgetCommandOptions): RetentionFilter {
  const series = [...names, ...options.series ?? []];
  return given({
    hosts: options.host,
    series: series.length > 0 ? series : undefined,
    paths: options.path,
    tags: options.tag,
  });
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the fields that have a value. */
function given<T extends Record<string, unknown>>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

async function run(names: readonly string[], options: ForgetCommandOptions, context: CliContext): Promise<void> {
  throwRefusal(
    await runRetention(check(names, options), options, { command: "forget", tell: reportRetention }, context),
  );
}

/** Adds one list of tags for each use of the option. An empty text means backups without tags. */
function collectTagList(value: string, earlier: readonly string[][] = []): string[][] {
  return [...earlier, value.split(",").map((tag) => tag.trim())];
}
