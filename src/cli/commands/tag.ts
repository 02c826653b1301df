/** `agent tag`: changes the tags of backups. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import { tag, type TaggedBackup, type TagRequest } from "../../ops/tags/tag.ts";
import type { TagChange } from "../../policy/retention/tag_change.ts";
import type { CliContext } from "../context.ts";
import { collect, collectTags, collectTagsOrNone } from "../options/repeated_options.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { taggedJson } from "../report/json/tagged_json.ts";
import { withProgress } from "../report/progress.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, formatTime, writeJsonLines, writeLine, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "SERIES alone means its newest backup. With --all, the names are series, and all their backups and those of the " +
    "series below them are meant.",
    "Each backup keeps its id and its content; only its snapshot is replaced, so no other process may use the " +
    "repository (--retry-lock waits). If it is interrupted, the same command completes the rest.",
    'The tag "hold" protects a backup: agent hold and agent release change it, and --set leaves it there.',
  ],
  examples: [
    ["agent tag prod/shop --add before-upgrade"],
    ["agent tag @1f2e3d4c prod/wiki@2026-08-30 --set nightly,eu"],
    ["agent tag --all prod --remove nightly --dry-run"],
    ['agent tag prod/shop --set ""', "removes all its tags"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("tag")
    .description("change the tags of backups")
    .usage("[options] SERIES[@SELECTOR]... | [options] --all [SERIES...]")
    .argument("[backups...]", "which backups; see agent get --help")
    .option("--add <tag>", "add this tag; may be repeated", collectTags)
    .option("--remove <tag>", "remove this tag; may be repeated", collectTags)
    .option("--set <tag>", 'replace all tags by this one; may be repeated; "" for no tags', collectTagsOrNone)
    .option("--all", "change all backups, or all of these series and those below them")
    .option("--host <name>", "with --all: only backups of this host; may be repeated", collect)
    .option("-n, --dry-run", "change nothing, only show what would be changed")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type TagCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function tagCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((names, options, self) => run(names, allOptions(self, options), context));
}

function selectionOf(names: readonly string[], { all, host }: TagCommandOptions): TagRequest["selection"] {
  if (all) return { kind: "all", ...names.length > 0 && { series: names }, ...host && { hosts: host } };
  if (host) throw new UsageError("--host needs --all; without it, name the backups: SERIES@SELECTOR or @ID");
  if (names.length > 0) return { kind: "backups", selectors: names };
  throw new UsageError("Say which backups to change: name them as SERIES@SELECTOR or @ID, or use --all");
}

function changeOf({ add, remove, set }: TagCommandOptions): TagChange {
  if (set === undefined) return { add: add ?? [], remove: remove ?? [] };
  if (add || remove) throw new UsageError("--set replaces all tags: give it without --add and --remove");
  return { set };
}

async function run(names: readonly string[], options: TagCommandOptions, context: CliContext): Promise<void> {
  const { stdout, world, signal } = context;
  const { dryRun = false } = options;
  const request = { selection: selectionOf(names, options), change: changeOf(options), dryRun };
  await withProgress({ command: "tag" }, options, context, async (progress) => {
    const { tagged, damaged } = await tag(repositoryAccess(options, context), request, {
      world,
      signal,
      onProgress: (done, total) => progress.update({ phase: "snapshots", unit: "backups", done, total }),
    });
    await progress.end();
    if (options.json) await writeJsonLines(stdout, tagged.map(taggedJson));
    else await report(tagged, options, context);
    throwFirstDamage(damaged);
  });
}

const COLUMNS: readonly Column[] = [
  { title: "ID", align: "left" },
  { title: "SERIES", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name", rank: 1, tellsApart: true },
  { title: "STARTED", align: "left" },
  { title: "TAGS", align: "left", kind: "name" },
  { title: "WOULD BE", align: "left", kind: "name" },
];

/** A dry run writes a table to standard output; otherwise a summary goes to standard error. */
async function report(
  tagged: readonly TaggedBackup[],
  { dryRun, quiet }: TagCommandOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const changed = tagged.filter(({ replaced }) => replaced.length > 0);
  if (dryRun) await writeTable(stdout, COLUMNS, changed.map(row));
  if (!quiet) await writeLine(stderr, summary(tagged, changed, dryRun ?? false));
}

function row({ backup: { id, series, host, started, snapshot }, before }: TaggedBackup): string[] {
  return [shortId(id), series, host, formatTime(timestampToDate(started)), listed(before), listed(snapshot.tags)];
}

function summary(tagged: readonly TaggedBackup[], changed: readonly TaggedBackup[], dryRun: boolean): string {
  const [only] = tagged;
  if (only === undefined) return "There is no such backup, so there is nothing to change";
  if (tagged.length === 1 && !dryRun) {
    const { backup: { series, id, started, snapshot }, replaced } = only;
    const name = `${series} ${shortId(id)} of ${formatTime(timestampToDate(started))}`;
    return `${name} ${replaced.length > 0 ? "has" : "already had"} the tags: ${listed(snapshot.tags)}`;
  }
  const others = tagged.length - changed.length;
  const rest = others === 0 ? "" : `; ${formatCount(others, "backup")} had these tags already`;
  return `${dryRun ? "Would change" : "Changed"} the tags of ${formatCount(changed.length, "backup")}${rest}`;
}

function listed(tags: readonly string[]): string {
  return tags.join(",") || "-";
}
