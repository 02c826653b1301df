/** `agent url`: makes a URL at which a gateway gives something of a backup to whoever has it, until it expires. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { shortId } from "../../base/id.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { type BackupUrl, urlOfBackup } from "../../library/urls/url_of_backup.ts";
import type { MeantPart } from "../../library/urls/url_target.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { TakesBytes } from "../byte_arguments.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { urlChoices, withUrlOptions } from "../options/url_options.ts";
import { urlJson } from "../report/json/urls/url_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatTime, writeJson, writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "The URL gives the only stream of the backup, an archive of all of it, or what --file or --table says. It names the " +
    "snapshot: a later backup never takes its place. Whoever has it needs no password, so hand it on like one.",
    '"agent gateway" serves what it names, wherever it runs with the same repository. "agent gateway revoke" ends all ' +
    "URLs that were made so far. The first URL of a repository writes a small record into it; others write nothing.",
  ],
  examples: [
    ["agent url prod/shop --expires 1h", "the latest dump, for an hour"],
    ["agent url prod/shop@2026-08-30 --table orders --expires 60s"],
    ["agent url prod/shop --expires 7d --gateway https://backups.example.org/"],
    ["agent url etc/host --file /etc/fstab --expires 1d"],
  ],
};

/** The values that need not be UTF-8. */
export const URL_BYTES: TakesBytes = { argumentsFrom: Infinity, options: ["file"] };

/** The command's specification. */
function specification() {
  const command = new Command("url")
    .description("make a URL that expires, at which a gateway gives a backup or a part of it")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--file <path>", "which stream or file of the backup; with --table, the stream that holds it")
    .option("--table <name>", "a table of a dump, as shop.orders")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withUrlOptions(command));
}

type UrlOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function urlCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => run(selector, allOptions(self, options), context));
}

async function run(selector: string, options: UrlOptions, context: CliContext): Promise<void> {
  await runUrl({ access: repositoryAccess(options, context), selector }, options, context);
}

/** The options that a run uses. */
interface UrlRunOptions extends MeantPart {
  readonly expires?: string;
  readonly gateway?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What a run needs besides its options. */
interface UrlRun {
  readonly access: RepositoryAccess;
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** What the URL gives, for people; by default what it names. */
  readonly what?: string;
}

/**
 * Makes a URL and prints it: it alone to standard output, and what it gives to standard error. Throws what `urlOfBackup`
 * throws.
 */
export async function runUrl({ access, selector, what }: UrlRun, options: UrlRunOptions, context: CliContext) {
  const { stdout, stderr, world, signal } = context;
  const { file, table, json, quiet } = options;
  const request = { selector, file, table, ...urlChoices(options, context) };
  const made = await urlOfBackup(request, { access, world, host: world.identity.hostname, signal });
  if (json) return await writeJson(stdout, urlJson(made));
  await writeLine(stdout, made.url);
  if (quiet) return;
  await writeLine(stderr, `It gives ${what ?? given(made)} to whoever has it, until ${formatTime(made.expires)}`);
}

/** What a URL gives, for people. */
function given({ kind, path, backup: { series, id } }: BackupUrl): string {
  const of = `of ${series}@${shortId(id)}`;
  if (kind === "backup") return `all ${of}, as ${path}`;
  return `the ${kind} ${quoteByteString(path)} ${of}`;
}
