/** `agent catalogue`: where the catalogue of this machine is, and how it is brought to what a repository says. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { AgentError, IntegrityError } from "../../base/errors.ts";
import { refreshCatalogue, type RefreshResult } from "../../library/recording/refresh_catalogue.ts";
import { placeOfCatalogue } from "../catalogue/catalogued_backups.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import { withProgress } from "../report/progress.ts";
import { refreshedCatalogueJson } from "../report/json/machine_json.ts";
import { writeWarning } from "../report/warning.ts";
import { allOptions } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, writeJson, writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "The catalogue is a SQLite database of what this machine knows of its repositories, for agent sql, completion and " +
    "agent search --catalogue. All commands keep it up to date with what they do and see. It needs a refresh for what " +
    "other machines and other programs do.",
  ],
};

/** The command, to be run in `context`. */
export function catalogueCommand(context: CliContext): CommandUnknownOpts {
  const path = new Command("path").description("print where the catalogue is (AGENT_CATALOGUE)")
    .action(async () => await writeLine(context.stdout, placeOfCatalogue(context)));
  const refresh = withRepositoryOptions(
    new Command("refresh").description("bring the catalogue to what the repository says")
      .addHelpText("after", helpNotes({ examples: [["agent catalogue refresh -r /backup/repo"]] })),
  ).action((options, self) => run("refresh", allOptions(self, options), context));
  const rebuild = withRepositoryOptions(
    new Command("rebuild").description("read all that the catalogue knows of the repository's backups again")
      .addHelpText(
        "after",
        helpNotes({
          about: [
            "Backups that were removed are forgotten. Runs, checks, verified restores and other repositories stay.",
          ],
          examples: [["agent catalogue rebuild -r /backup/repo", "after the file was lost or damaged"]],
        }),
      ),
  ).action((options, self) => run("rebuild", allOptions(self, options), context));
  return new Command("catalogue")
    .description("show where the catalogue of this machine is, or bring it up to date")
    .addCommand(path)
    .addCommand(refresh)
    .addCommand(rebuild)
    .addHelpText("after", helpNotes(NOTES));
}

async function run(what: "refresh" | "rebuild", options: RepositoryOptions, context: CliContext): Promise<void> {
  const { world: { clock }, signal } = context;
  // Nobody else needs SQLite.
  const { openCatalogue } = await import("../../catalogue/catalogue.ts");
  const problems: string[] = [];
  const path = placeOfCatalogue(context);
  using catalogue = await openCatalogue({ path, clock, onProblem: ({ message }) => problems.push(message) });
  if (catalogue === null) throw new AgentError(problems.join("; "));
  for (const problem of problems) await writeWarning(problem, options, context.stderr);
  const subject = { command: `catalogue ${what}`, name: "catalogue" };
  await withProgress(subject, options, context, async (progress) => {
    const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) =>
      progress.update({ phase: "manifests", label: READING, unit: "backups", done, total });
    const request = { catalogue, rebuilds: what === "rebuild" };
    const result = await refreshCatalogue(repositoryAccess(options, context), request, {
      world: context.world,
      signal,
      onProgress,
    });
    await progress.end();
    await report(result, options, context);
  });
}

const READING = { long: "reading manifests", short: "manifests" };

/** Tells what came of it. Throws `IntegrityError` if something could not be read. */
async function report(result: RefreshResult, options: RepositoryOptions, context: CliContext): Promise<void> {
  const { backups, read, damaged, location } = result;
  for (const { message } of damaged) await writeWarning(message, options, context.stderr);
  if (options.json) await writeJson(context.stdout, refreshedCatalogueJson(result));
  else if (!options.quiet) {
    await writeLine(
      context.stderr,
      `The catalogue knows ${formatCount(backups, "backup")} of ${location}; ${formatCount(read, "manifest")} read`,
    );
  }
  if (damaged.length === 0) return;
  throw new IntegrityError(
    `The catalogue lacks what could not be read of ${formatCount(damaged.length, "backup")}: see "agent check"`,
    { cause: damaged[0] },
  );
}
