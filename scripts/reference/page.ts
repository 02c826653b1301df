/** `deno task reference`: writes docs/commands.md, the reference of all commands, from their definitions. */
import { join, resolve } from "node:path";
import {
  type ArgumentDescription,
  type CommandDescription,
  isRunnable,
  type OptionDescription,
  OWN_GROUP,
  withAllBelow,
} from "../../src/cli/manual/description.ts";
import { describeProgram } from "../../src/cli/program.ts";
import { formatMarkdown } from "../format_markdown.ts";
import { FURTHER_PAGES, FURTHER_PAGES_OF_GROUPS } from "./further_pages.ts";
import { code, markdownOf, tableRow } from "./markup.ts";

const PAGE = join(resolve(import.meta.dirname!, "../.."), "docs/commands.md");

const INTRODUCTION = `# Commands and options

\`deno task reference\` generates this page from the definitions of the commands (\`src/cli/commands/\`), as the help
(\`agent COMMAND --help\`) and the [manual pages](install.md#manual-and-completion) are. [Using agent](using.md) tells how
to name a backup, what levels are, and how the commands work. Common options may also stand in front of the command, as
in \`agent -r /backup/repo ls\`.
`;

/** A group of options that several commands have alike. */
interface SharedGroup {
  readonly title: string;
  readonly options: readonly OptionDescription[];
  readonly commands: readonly CommandDescription[];
}

/** The whole page, formatted by `deno fmt`. */
export async function referencePage(): Promise<string> {
  const program = await describeProgram({ version: "", commit: null, deno: "", form: "source" });
  const commands = [...withAllBelow(program)].slice(1).map((command) => shortened(command, program));
  const shared = sharedGroups(commands.filter(isRunnable));
  const page = [
    INTRODUCTION,
    "## Commands\n",
    overview(commands),
    ...commands.map((command) => commandSection(command, shared)),
    "## Common options\n",
    ...shared.map((group) => groupSection(group, commands.filter(isRunnable))),
  ].join("\n");
  return await formatMarkdown(page);
}

/** The command under its name without that of the program. Links to it are made of that name. */
function shortened(command: CommandDescription, program: CommandDescription): CommandDescription {
  return { ...command, name: command.name.slice(program.name.length + 1) };
}

/** Finds the options that every command has, and groups that several commands have with the same options. */
function sharedGroups(commands: readonly CommandDescription[]): SharedGroup[] {
  const everywhere = commands[0]!.options.filter((option) => commands.every((command) => hasOption(command, option)));
  const groups = commands.flatMap((command) =>
    [...Map.groupBy(command.options, ({ group }) => group)].filter(([title]) => title !== OWN_GROUP)
      .map(([title, options]) => ({ title, options, command }))
  );
  const alike = Map.groupBy(groups, ({ title, options }) => JSON.stringify([title, options]));
  return [
    { title: "Every command", options: everywhere, commands },
    ...[...alike.values()].filter((same) => same.length > 1).map((same) => ({
      title: same[0]!.title,
      options: same[0]!.options,
      commands: same.map(({ command }) => command),
    })),
  ];
}

function hasOption({ options }: CommandDescription, wanted: OptionDescription): boolean {
  return options.some((option) => JSON.stringify(option) === JSON.stringify(wanted));
}

function overview(commands: readonly CommandDescription[]): string {
  const rows = commands.filter(isRunnable).map(({ name, summary }) =>
    tableRow([`[${code(name)}](#${anchorOf(name)})`, markdownOf(summary)])
  );
  return [tableRow(["Command", "What it does"]), "| --- | --- |\n", ...rows].join("");
}

function commandSection(command: CommandDescription, shared: readonly SharedGroup[]): string {
  const having = shared.filter(({ commands }) => commands.includes(command));
  const common = having.flatMap(({ options }) => options);
  const own = command.options.filter((option) => !common.includes(option) && !hasOptionAmong(common, option));
  return [
    `### ${command.name}\n`,
    `${sentence(command.summary)}\n`,
    ...isRunnable(command) ? [`\`\`\`text\n${command.usages.join("\n")}\n\`\`\`\n`] : [],
    ...command.about.map((paragraph) => `${markdownOf(paragraph)}\n`),
    ...argumentTable(command.arguments),
    ...isRunnable(command) ? [...Map.groupBy(own, ({ group }) => group)].flatMap(optionTable) : [linksBelow(command)],
    ...isRunnable(command) ? [alsoHas(having.filter(({ title }) => title !== shared[0]!.title))] : [],
    ...examples(command),
    furtherPages(FURTHER_PAGES[command.name]),
  ].filter((part) => part !== "").join("\n");
}

function hasOptionAmong(options: readonly OptionDescription[], wanted: OptionDescription): boolean {
  return options.some((option) => JSON.stringify(option) === JSON.stringify(wanted));
}

function argumentTable(given: readonly ArgumentDescription[]): string[] {
  const told = given.filter(({ meaning }) => meaning !== "");
  if (told.length === 0) return [];
  const rows = told.map((argument) =>
    tableRow([code(argument.name.toUpperCase()), withFacts(argument.meaning, argument.choices)])
  );
  return [[tableRow(["Argument", "Meaning"]), "| --- | --- |\n", ...rows].join("")];
}

function optionTable([group, options]: readonly [group: string, options: readonly OptionDescription[]]): string[] {
  const rows = options.map(({ names, value, meaning, choices, standard }) => {
    const written = names.map((name, index) => code(index === names.length - 1 && value ? `${name} ${value}` : name));
    return tableRow([written.join(", "), withFacts(meaning, choices, standard)]);
  });
  const table = [tableRow(["Option", "Meaning"]), "| --- | --- |\n", ...rows].join("");
  return group === OWN_GROUP ? [table] : [`**${group}**\n`, table];
}

function withFacts(meaning: string, choices: readonly string[], standard?: string): string {
  const facts = [
    ...choices.length === 0 ? [] : [`one of ${choices.map(code).join(", ")}`],
    ...standard === undefined ? [] : [`by default ${code(standard)}`],
  ];
  return [markdownOf(meaning), ...facts].join("; ");
}

function linksBelow({ commands, name }: CommandDescription): string {
  const links = commands.map((below) => below.name.split(" ").at(-1)!).map((below) =>
    `[${code(`${name} ${below}`)}](#${anchorOf(`${name} ${below}`)})`
  );
  return `${inWords(links)}.\n`;
}

function alsoHas(groups: readonly SharedGroup[]): string {
  if (groups.length === 0) return "";
  return `Common options: ${groups.map(({ title }) => `[${title}](#${anchorOf(title)})`).join(", ")}.\n`;
}

function examples({ examples }: CommandDescription): string[] {
  if (examples.length === 0) return [];
  const lines = examples.map(([line, meaning]) => meaning === undefined ? line : `${line}   # ${meaning}`);
  return [`\`\`\`sh\n${lines.join("\n")}\n\`\`\`\n`];
}

function furtherPages(links: (typeof FURTHER_PAGES)[string] | undefined): string {
  if (links === undefined) return "";
  return `More: ${links.map(([text, target]) => `[${text}](${target})`).join(", ")}.\n`;
}

function groupSection({ title, options, commands }: SharedGroup, all: readonly CommandDescription[]): string {
  const without = all.filter((command) => !commands.includes(command));
  const names = (some: readonly CommandDescription[]) => inWords(some.map(({ name }) => code(name)));
  const whose = without.length === 0
    ? "Every command has these."
    : without.length < commands.length
    ? `Every command has these, except ${names(without)}.`
    : `Of ${names(commands)}.`;
  const further = furtherPages(FURTHER_PAGES_OF_GROUPS[title]);
  return [`### ${title}\n`, `${whose}\n`, ...optionTable([OWN_GROUP, options]), further].join("\n");
}

function inWords(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function sentence(summary: string): string {
  const text = markdownOf(summary.replace(/\.$/, ""));
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}

if (import.meta.main) await Deno.writeTextFile(PAGE, await referencePage());
