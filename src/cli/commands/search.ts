/** `agent search`: lists the backups whose names contain a word. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { compareAge } from "../../backup/backup.ts";
import { cataloguePath } from "../../catalogue/catalogue_place.ts";
import { isNamedBy, listBackups } from "../../ops/list.ts";
import { cataloguedBackups } from "../catalogue/catalogued_backups.ts";
import { collectTags } from "../options/repeated_options.ts";
import { namesRepository, repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { reportBackups } from "../report/backup_table.ts";
import { reportCatalogued } from "../report/catalogue/catalogued_table.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";

const NOTES: HelpNotes = {
  about: [
    "A WORD is found anywhere in the name of a series, in upper and lower case alike, and at the beginning of an id if " +
    "it has at least four digits. (agent ls SERIES takes whole names, and agent find looks for files.)",
    "--catalogue needs no password, and knows what the last commands on this machine saw. Without a repository it is " +
    "the default.",
  ],
  examples: [
    ["agent search shop", "prod/shop, prod/workshop and test/shop-2"],
    ["agent search shop --tag before-upgrade"],
    ["agent search shop --catalogue", "in which repository it is"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("search")
    .description("list backups whose series contains a word, newest first")
    .usage("[options] WORD")
    .argument("<word>", "what the name of the series contains, or how an id begins")
    .option("--host <name>", "only backups of this host")
    .option("--tag <tag>", "only backups with this tag; if repeated, with all of these tags", collectTags)
    .option("--catalogue", "search all repositories that this machine knows, without opening any")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type SearchOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function searchCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((word, options, self) => run(word, allOptions(self, options), context));
}

async function run(word: string, options: SearchOptions, context: CliContext): Promise<void> {
  if (word === "") throw new UsageError("The word is empty: agent ls lists all backups");
  const { host, tag } = options;
  if (options.catalogue || !namesRepository(options, context) && cataloguePath(context.env) !== undefined) {
    return await searchCatalogue({ word, host, tags: tag ?? [] }, options, context);
  }
  const filter = { word, ...host !== undefined && { host }, ...tag !== undefined && { tags: tag } };
  const list = await listBackups(repositoryAccess(options, context), filter, context);
  const newestFirst = list.backups.toSorted((a, b) => compareAge(b, a));
  await reportBackups({ ...list, backups: newestFirst }, options, context);
}

/** What is searched for in the catalogue. */
interface CatalogueSearch {
  readonly word: string;
  readonly host: string | undefined;
  readonly tags: readonly string[];
}

async function searchCatalogue(
  { word, host, tags }: CatalogueSearch,
  options: SearchOptions,
  context: CliContext,
): Promise<void> {
  const known = await cataloguedBackups(context);
  const found = known.filter((backup) =>
    isNamedBy(backup, word) && (host === undefined || backup.host === host) &&
    tags.every((tag) => backup.tags.includes(tag))
  );
  await reportCatalogued({ found: found.reverse(), total: known.length }, options, context);
}
