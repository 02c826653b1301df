/** `agent files`: lists what a backup holds. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import type { ViewedEntry } from "../../backup/trees/walk_view.ts";
import { bytesOfByteString } from "../../format/byte_string.ts";
import { listEntries } from "../../ops/trees/list_entries.ts";
import type { CliContext } from "../context.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { LongFormat } from "../report/files/entry_text.ts";
import { entryJson } from "../report/json/files/entry_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJsonLines, writePrintableLines } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "Without a path, everything is listed. With the path of a directory, the directory and what it directly holds; " +
    "with --recursive, all below it. Paths are absolute, as they were in the source; of a backup of streams, the " +
    "streams are listed.",
    "Unprintable characters of names are escaped; --null and --json give names exactly.",
  ],
  examples: [
    ["agent files etc/host /etc/ssh -l", "a directory, as ls -l shows it"],
    ["agent files etc/host@2026-08-30 /etc -R", "all that was below it on a day"],
    ["agent files @1f2e3d4c --null", "all names of a backup, for xargs -0"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("files")
    .description("list the files and directories in a backup")
    .usage("[options] SERIES[@SELECTOR] [PATH]")
    .argument("<backup>", "which backup; see agent get --help")
    .argument("[path]", "only this file, or this directory")
    .option("-l, --long", "show mode, owner, group, size, time and the targets of links")
    .option("-R, --recursive", "list all that lies below the path")
    .option("-0, --null", "end each name with a NUL byte, and escape nothing")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withMatchOption(command));
}

type FilesOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function filesCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, path, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries(
      [selector],
      all,
      context,
      ([meant], asked) => run({ selector: meant!, path }, all, asked),
    );
  });
}

async function run(
  { selector, path }: { readonly selector: string; readonly path: string | undefined },
  options: FilesOptions,
  context: CliContext,
): Promise<void> {
  const { world, signal } = context;
  if (options.json && (options.null || options.long)) {
    throw new UsageError("--json gives every property and exact names: leave out --null and --long");
  }
  const request = {
    selector,
    ...path !== undefined && { path },
    isRecursive: options.recursive === true,
    noLock: !options.lock,
  };
  await listEntries(repositoryAccess(options, context), request, {
    world,
    signal,
    onEntries: writer(options, context),
  });
}

function writer({ json, long, null: endsWithNull }: FilesOptions, { stdout }: CliContext) {
  const format = new LongFormat();
  return async (entries: readonly ViewedEntry[]): Promise<void> => {
    if (json) return await writeJsonLines(stdout, entries.map(entryJson));
    const lines = long ? format.lines(entries) : entries.map(({ path }) => path);
    if (!endsWithNull) return await writePrintableLines(stdout, lines);
    await stdout.write(bytesOfByteString(lines.map((line) => `${line}\0`).join("")));
  };
}
