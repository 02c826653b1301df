/** `agent backup`: backs up a file or directory into a series that is named after it. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IntegrityError, UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { parseEngineUrl, withoutPassword } from "../../engine/engine_urls.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import type { PutResult } from "../../ops/put.ts";
import { withFoundBackup } from "../../ops/restore/get.ts";
import { pathFromRoot, rulesIn, seriesOfPath } from "../options/backup_path.ts";
import { namesLists } from "../options/put_paths.ts";
import { allOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { checkPut, type PutOptions, putSpecification, runPut } from "./put.ts";

const NOTES: HelpNotes = {
  about: [
    "This is agent put NAME PATH, where NAME is the last name in the PATH: site for /srv/site, on every host. A backup " +
    "continues the newest one of that name on this host; a note tells if that one is of another PATH.",
    "Of the configuration file, what is for agent put counts here too; [defaults.backup] and [profiles.NAME.backup] win " +
    "over the tables of put beside them.",
    "If the directory has a file .agentexclude, or else a .gitignore, what its rules match is left out. They are those of " +
    "gitignore, with slashes that anchor them in the directory; a .gitignore further down is not looked at. Rules of " +
    "--exclude come after them.",
  ],
  examples: [
    ["agent backup", "the current directory"],
    ["agent backup /srv/site --tag nightly", "the series site"],
    ["agent get site --target /restore"],
  ],
};

/** The options of `agent put` that concern streams, and levels, which backups of files and directories lack. */
const NOT_OF_FILES: readonly string[] = [
  ...["stream", "jobs", "filename", "guard", "minSize", "minOfParent", "allowEmpty", "parent"],
  ...["level", "maxLevel", "alwaysLevel", "restartAlwaysLevel", "fullBackup", "explain"],
];

/** The command's specification. */
function specification() {
  const command = new Command("backup")
    .description("back up a file or directory into a series that is named after it")
    .usage("[options] [PATH]")
    .argument("[path...]", "file or directory (the current directory)");
  for (const option of putSpecification().options) {
    if (!NOT_OF_FILES.includes(option.attributeName())) command.addOption(option);
  }
  return command.addHelpText("after", helpNotes(NOTES));
}

/** The command, to be run in `context`. */
export function backupCommand(context: CliContext): CommandUnknownOpts {
  return specification().action(async (paths, options, self) => {
    const given = allOptions(self, options) as Omit<PutOptions, "level" | "parent">;
    await run(paths, { ...given, level: "auto", parent: true }, context);
  });
}

async function run(paths: readonly string[], options: PutOptions, context: CliContext): Promise<void> {
  const { files } = context;
  if (files === undefined) throw new UsageError("Files and directories cannot be backed up by this program");
  const given = onlyPath(paths, options);
  const path = await pathFromRoot(given, files);
  const checked = await checkPut({ series: seriesOfPath(path), sources: [`/${path}`] }, options, context);
  const found = await rulesIn(path, files);
  const { input } = checked;
  if (input.kind !== "files" || found === undefined) {
    return await runPut({ ...checked, remarksOn: otherPath(path, checked.access, context) }, context);
  }
  const { excluded } = input.given;
  await runPut({
    ...checked,
    input: { ...input, given: { ...input.given, excluded: [...found.rules, ...excluded] } },
    decided: [`what the rules in ${quoteByteString(found.file)} match is left out`],
    remarksOn: otherPath(path, checked.access, context),
  }, context);
}

/** The PATH; the current directory if none is given. Throws `UsageError` for what no series can be named after. */
function onlyPath(paths: readonly string[], options: PutOptions): string {
  const [path = ".", second] = paths;
  if (second !== undefined) {
    throw new UsageError(
      `One PATH names the series, but ${paths.length} are given: agent put SERIES PATH... takes several`,
    );
  }
  if (namesLists(options)) {
    throw new UsageError("Lists of PATHs name no series: agent put SERIES --files-from FILE takes them");
  }
  if (parseEngineUrl(path) === undefined) return path;
  const url = withoutPassword(path);
  throw new UsageError(
    `${JSON.stringify(url)} names an engine, and no series: agent put SERIES takes it; write ` +
      `${JSON.stringify(`./${url}`)} for a file of that name`,
  );
}

/** Finds out whether a backup continues one of another PATH: two directories may have the same name. */
function otherPath(path: string, access: RepositoryAccess, context: CliContext) {
  return async ({ manifest }: PutResult): Promise<string[]> => {
    if (manifest.parent === null) return [];
    const before = await manifestOf(manifest.parent, access, context);
    const [own, earlier] = [manifest, before].map((each) => pathsIn(each));
    if (earlier === undefined || own === undefined || own.join("\n") === earlier.join("\n")) return [];
    const what = earlier.map((each) => quoteByteString(each)).join(", ");
    return [
      `the backup before in this series, ${shortId(manifest.parent)}, is of ${what}: if these are different things, ` +
      `name a series of its own: agent put SERIES ${quoteByteString(`/${path}`)}`,
    ];
  };
}

/** Null for a backup that cannot be read any more: the put has told why it does not continue such a one. */
async function manifestOf(id: string, access: RepositoryAccess, context: CliContext): Promise<Manifest | null> {
  try {
    const { world, signal } = context;
    const request = { selector: `@${id}`, noLock: true, judgesStreams: false };
    return await withFoundBackup(access, request, { world, signal }, ({ manifest }) => Promise.resolve(manifest));
  } catch (error) {
    if (error instanceof IntegrityError || error instanceof UsageError) return null;
    throw error;
  }
}

/** The PATHs that a manifest names; undefined if it names none. */
function pathsIn(manifest: Manifest | null): string[] | undefined {
  const paths = manifest?.engine.options["paths"];
  return Array.isArray(paths) ? paths.map(String) : undefined;
}
