/** Manual pages in the language of troff (man(7)), one for each command. */
import { type CommandDescription, isRunnable, type OptionDescription, OWN_GROUP } from "./description.ts";
import { EXIT_CODES, VARIABLES } from "./facts.ts";

/** A page: its file name, such as `agent-put.1`, and its text. */
export interface ManPage {
  readonly file: string;
  readonly text: string;
}

/** The page of a command. `version` is that of the program. */
export function manPage(command: CommandDescription, program: CommandDescription, version: string): ManPage {
  const isProgram = command === program;
  const sections = [
    [title(command, version)],
    section("NAME", [`${escape(pageName(command))} \\- ${escape(command.summary.replace(/\.$/, ""))}`]),
    section("SYNOPSIS", command.usages.flatMap(synopsis)),
    section("DESCRIPTION", description(command)),
    section("COMMANDS", command.commands.flatMap((below) => item(bold(below.name), below.summary))),
    ...optionSections(command),
    section("EXIT STATUS", isProgram ? exitCodes() : ["0 if all went well; \\fBagent\\fR(1) has all exit codes."]),
    section("ENVIRONMENT", isProgram ? VARIABLES.flatMap(([name, meaning]) => item(bold(name), meaning)) : []),
    section("EXAMPLES", examples(command)),
    section("SEE ALSO", seeAlso(command, program)),
  ];
  return { file: `${pageName(command)}.1`, text: `${sections.flat().join("\n")}\n` };
}

/** The name of a page: that of the command, with hyphens. */
function pageName({ name }: CommandDescription): string {
  return name.replaceAll(" ", "-");
}

function title(command: CommandDescription, version: string): string {
  const name = pageName(command).toUpperCase();
  // No words are cut at the ends of lines, since many are typed as they are; so lines are not stretched either.
  return `.TH "${escape(name)}" "1" "" "agent ${escape(version)}" "Manual of agent"\n.nh\n.ad l`;
}

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${heading}`, ...lines];
}

/** The name of the command in bold, then what follows it. */
function synopsis(usage: string, index: number): string[] {
  const [, name = "", rest = ""] = /^((?:[a-z-]+ ?)+)(.*)$/.exec(usage) ?? [];
  return [...index === 0 ? [] : [".br"], line(`${bold(name.trim())} ${marked(rest)}`)];
}

function description(command: CommandDescription): string[] {
  const { summary, about } = command;
  const first = `${summary.charAt(0).toUpperCase()}${summary.slice(1).replace(/\.$/, "")}.`;
  const { arguments: named } = command;
  return [
    line(marked(first)),
    ...named.flatMap(({ name, meaning }) => item(`\\fI${escape(name.toUpperCase())}\\fR`, meaning)),
    ...about.flatMap((paragraph) => [".PP", line(marked(paragraph))]),
  ];
}

function optionSections({ options }: CommandDescription): string[][] {
  const groups = Map.groupBy(options, ({ group }) => group);
  return [...groups].map(([group, members], index) => {
    const heading = group === OWN_GROUP ? [] : [`.SS "${escape(group)}"`];
    const lines = [...heading, ...members.flatMap(optionItem)];
    return index === 0 ? [".SH OPTIONS", ...lines] : lines;
  });
}

function optionItem({ names, value, meaning, choices, standard }: OptionDescription): string[] {
  const written = names.map(bold).join(", ");
  const facts = [
    ...choices.length === 0 ? [] : [`one of ${choices.join(", ")}`],
    ...standard === undefined ? [] : [`default: ${standard}`],
  ];
  const text = facts.length === 0 ? meaning : `${meaning} (${facts.join("; ")})`;
  return item(value === undefined ? written : `${written} \\fI${escape(value)}\\fR`, text);
}

/** A term, which is marked up already, and its meaning below it. */
function item(term: string, meaning: string): string[] {
  return [".TP", line(term), line(marked(meaning))];
}

function examples({ examples }: CommandDescription): string[] {
  return examples.flatMap(([commandLine, meaning], index) => [
    ...index === 0 ? [] : [".PP"],
    ...meaning === undefined ? [] : [line(`${marked(`${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}`)}:`)],
    ".RS 4",
    ".nf",
    line(escape(commandLine)),
    ".fi",
    ".RE",
  ]);
}

function seeAlso(command: CommandDescription, program: CommandDescription): string[] {
  const all = command === program ? command.commands : [program, ...isRunnable(command) ? [] : command.commands];
  const links = all.map((other) => `\\fB${escape(pageName(other))}\\fR(1)`);
  return links.length === 0 ? [] : [links.join(",\n")];
}

function exitCodes(): string[] {
  return EXIT_CODES.flatMap(([code, meaning]) => item(bold(String(code)), meaning));
}

/** Text in which options are bold. */
function marked(text: string): string {
  return text.split(/((?<![\w-])--?[a-zA-Z][\w-]*)/).map((part, index) => index % 2 === 1 ? bold(part) : escape(part))
    .join("");
}

function bold(text: string): string {
  return `\\fB${escape(text)}\\fR`;
}

/** Characters that troff would understand or replace by typographical ones. */
const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  '"': "\\(dq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  "…": "...",
};

function escape(text: string): string {
  return text.replaceAll(/[\\'"`^~…-]/g, (character) => SPECIAL[character]!);
}

/** A line that is no request, whatever it begins with. */
function line(text: string): string {
  return text.startsWith(".") ? `\\&${text}` : text;
}
