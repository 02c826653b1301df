/** `agent config`: checks, shows and explains the configuration file, and makes one. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { dirname } from "node:path/posix";
import { UsageError } from "../../base/errors.ts";
import {
  configurationPath,
  MACHINE_CONFIGURATION_PATH,
  ownConfigurationPath,
  readConfiguration,
} from "../../config/find_configuration.ts";
import { ConfigurationError, problemLine } from "../../config/problems.ts";
import type { CliContext } from "../context.ts";
import {
  configCheckedJson,
  configExplainedJson,
  configImportedJson,
  configMistakeJson,
  configShownJson,
} from "../report/json/config_json.ts";
import { writeWarning } from "../report/warning.ts";
import { optionProblems } from "../settings/check_options.ts";
import { rotationProblems } from "../settings/check_rotation.ts";
import { explain, type Explained } from "../settings/explain.ts";
import { findSelection } from "../settings/apply_settings.ts";
import { commandName, givenText } from "../settings/origin.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, writeJson, writeLine, writeTable, writeText } from "../terminal/write.ts";
import { readTextFile } from "../text_file.ts";

const NOTES: HelpNotes = {
  about: [
    "The file is the first of --config, AGENT_CONFIG, ~/.config/agent/agent.toml and /etc/agent/agent.toml. It has to " +
    "belong to root or to you, in folders that nobody else may write to.",
  ],
  examples: [
    ["agent config example > ~/.config/agent/agent.toml"],
    ["agent config check"],
    ["agent config show --explain put", "which values a put would get, and why"],
    ["agent config show --explain -- put prod/shop --compression max", "the same for a command line"],
    ["agent config import ~/.bakthat.yml", "what bakthat was told"],
  ],
};

function checking() {
  return new Command("check")
    .description("find all mistakes in the configuration file")
    .option("--json", "one JSON object a line");
}

function showing() {
  return new Command("show")
    .description("show the configuration file, without secrets")
    .argument("[command...]", "with --explain: a command, such as put or key add")
    .usage("[options] [COMMAND... | -- COMMAND ARG...]")
    .option("--explain", "show which values count for a command, and where each is from")
    .option("--json", "one JSON object a line");
}

function importing() {
  return new Command("import")
    .description("make a configuration file of one of bakthat's")
    .argument("<file>", "a file such as ~/.bakthat.yml")
    .option("--dry-run", "print it only")
    .option("--overwrite", "replace an existing configuration file, of which a copy is kept")
    .option("--json", "one JSON object");
}

/** Makes all commands, for their options. */
export type AllCommands = () => Promise<readonly CommandUnknownOpts[]>;

/** The command, to be run in `context`. */
export function configCommand(context: CliContext, allCommands: AllCommands): CommandUnknownOpts {
  const example = new Command("example").description("print a configuration file with all there is, as comments")
    .action(async () => {
      const { EXAMPLE } = await import("../../config/write/example.ts");
      await writeText(context.stdout, EXAMPLE);
    });
  return new Command("config")
    .description("check, show, explain or make the configuration file")
    .addHelpText("after", helpNotes(NOTES))
    .addCommand(checking().action((options, self) => check(allOptions(self, options), self, context, allCommands)))
    .addCommand(
      showing().action((words, options, self) => show(words, allOptions(self, options), self, context, allCommands)),
    )
    .addCommand(example)
    .addCommand(
      importing().action((file, options, self) => importFile(file, allOptions(self, options), self, context)),
    );
}

async function check(
  { json }: OptionsOf<typeof checking>,
  self: CommandUnknownOpts,
  context: CliContext,
  allCommands: AllCommands,
): Promise<void> {
  const { stdout } = context;
  const path = await existingPath(self, context);
  const problems = await problemsIn(path, context, allCommands);
  for (const problem of problems) {
    if (json) await writeJson(stdout, configMistakeJson(path, problem));
    else await writeLine(stdout, problemLine(path, problem));
  }
  if (json) await writeJson(stdout, configCheckedJson(path, problems.length));
  if (problems.length > 0) throw new UsageError(`Found ${formatCount(problems.length, "mistake")} in "${path}"`);
  if (!json) await writeLine(stdout, `No mistakes in ${path}`);
}

async function problemsIn(path: string, context: CliContext, allCommands: AllCommands) {
  const { configuration, problems } = await readAnyway(path, context);
  if (configuration === undefined) return problems;
  const commands = (await allCommands()).flatMap((command) => [...withSubcommands(command, command.name())]);
  const { pluginProblems } = await import("../plugins/check_plugins.ts");
  return [
    ...problems,
    ...optionProblems(configuration, new Map(commands)),
    ...rotationProblems(configuration),
    ...await pluginProblems(configuration, context),
  ].sort((a, b) => a.line - b.line);
}

/** The configuration, and what is wrong with its structure; undefined if it cannot be read at all. */
async function readAnyway(path: string, context: CliContext) {
  try {
    return { configuration: await readConfiguration(path, context.configurationMachine!), problems: [] };
  } catch (error) {
    if (error instanceof ConfigurationError) return { configuration: error.readable, problems: error.problems };
    throw error;
  }
}

function* withSubcommands(
  command: CommandUnknownOpts,
  name: string,
): Generator<readonly [string, CommandUnknownOpts["options"]]> {
  yield [name, command.options];
  for (const child of command.commands) yield* withSubcommands(child, `${name} ${child.name()}`);
}

async function show(
  words: readonly string[],
  { json, explain: explains }: OptionsOf<typeof showing>,
  self: CommandUnknownOpts,
  context: CliContext,
  allCommands: AllCommands,
): Promise<void> {
  const all = [...words, ...context.commandLine ?? []];
  if (explains) return await showExplained(all, json ?? false, self, context, allCommands);
  if (all.length > 0) {
    throw new UsageError("A command is explained with --explain alone: add it, or leave the command out");
  }
  const { masked } = await import("../../config/write/masked.ts");
  const { tomlText } = await import("../../config/write/toml_text.ts");
  await existingPath(self, context);
  const { configuration: { path, raw }, profile } = (await findSelection(self, context))!;
  const content = masked(raw);
  if (json) return await writeJson(context.stdout, configShownJson(path, profile?.name ?? null, content));
  await writeText(context.stdout, `# ${path}\n${tomlText(content)}`.trimEnd());
}

async function showExplained(
  words: readonly string[],
  json: boolean,
  self: CommandUnknownOpts,
  context: CliContext,
  allCommands: AllCommands,
): Promise<void> {
  const selection = await findSelection(self, context);
  const command = await commandOf(words, self.parent!.parent!, allCommands);
  // The option --json is that of this command.
  const rows = explain(command, selection, context).filter((row) => !(json && row.option === "json"));
  if (json) {
    for (const row of rows) await writeJson(context.stdout, configExplainedJson(row));
    return;
  }
  await writeTable(context.stdout, COLUMNS, rows.map(({ option, value, ...row }) => [option, value, placeOf(row)]));
}

const COLUMNS: readonly Column[] = [
  { title: "OPTION", align: "left" },
  { title: "VALUE", align: "left", kind: "name" },
  { title: "FROM", align: "left" },
];

function placeOf({ from, variable, table, line }: Pick<Explained, "from" | "variable" | "table" | "line">): string {
  if (variable !== null) return `${from} ${variable}`;
  return table === null ? from : `${from}: ${table}, line ${line}`;
}

/** The command that words name, with the options that they give; the program itself without words. */
async function commandOf(
  words: readonly string[],
  program: CommandUnknownOpts,
  allCommands: AllCommands,
): Promise<CommandUnknownOpts> {
  const present = new Set(program.commands.map((command) => command.name()));
  for (const command of await allCommands()) if (!present.has(command.name())) program.addCommand(command);
  let command = program;
  let rest = [...words];
  for (let next; (next = command.commands.find((child) => child.name() === rest[0])) !== undefined;) {
    command = next;
    rest = rest.slice(1);
  }
  if (command.commands.length > 0 && rest.length > 0) {
    throw new UsageError(
      `There is no command "${[commandName(command), rest[0]].join(" ").trim()}"; see "agent --help"`,
    );
  }
  const { unknown } = command.parseOptions(rest);
  if (unknown.length === 0) return command;
  throw new UsageError(`There is no option ${unknown[0]} of "agent ${commandName(command)}"`);
}

async function importFile(
  file: string,
  { dryRun, overwrite, json }: OptionsOf<typeof importing>,
  self: CommandUnknownOpts,
  context: CliContext,
): Promise<void> {
  const { importBakthat } = await import("../../config/import/bakthat.ts");
  const { tomlText } = await import("../../config/write/toml_text.ts");
  const path = targetPath(self, context);
  const { configuration, secrets, notes } = importBakthat(await readTextFile(file, "bakthat"), file, dirname(path));
  const text = tomlText(configuration);
  for (const note of notes) await writeWarning(note, { json: json ?? false }, context.stderr);
  if (dryRun) return await writeText(context.stdout, text.trimEnd());
  const { keepImport } = await import("../../config/import/keep_import.ts");
  const { world, configurationMachine } = context;
  const copy = await keepImport({ path, text, secrets, overwrites: overwrite ?? false }, {
    uid: configurationMachine?.uid ?? null,
    now: () => world.clock.now(),
    randomBytes: world.randomBytes,
  });
  if (json) return await writeJson(context.stdout, configImportedJson(path, copy ?? null));
  await writeLine(context.stderr, `Wrote ${path}${copy === undefined ? "" : `; the earlier one is ${copy}`}`);
}

/** Where a file is to be made: at --config or AGENT_CONFIG, else in the user's own folder. */
function targetPath(self: CommandUnknownOpts, { env, configurationMachine }: CliContext): string {
  const named = givenText(self, "config") ?? (env("AGENT_CONFIG") || undefined);
  const path = named ?? ownConfigurationPath({ env });
  if (path === undefined) throw new UsageError("No home is known: say with --config where the file is to be");
  return path.startsWith("/") ? path : `${configurationMachine?.directory() ?? ""}/${path}`;
}

/** The path of the file that counts. Throws `UsageError` if there is none. */
async function existingPath(self: CommandUnknownOpts, { env, configurationMachine }: CliContext): Promise<string> {
  const path = configurationMachine &&
    await configurationPath(givenText(self, "config"), { ...configurationMachine, env });
  if (path !== undefined) return path;
  const places = [ownConfigurationPath({ env }), MACHINE_CONFIGURATION_PATH].filter((place) => place !== undefined);
  throw new UsageError(
    `There is no configuration file: neither ${places.join(" nor ")}; "agent config example" prints one`,
  );
}
