/**
 * The documents as tests read them (pages, their sections, tables and code), and the help with which they have to
 * agree.
 */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { runInProcess } from "./command_line.ts";

/** The folder of the checkout. */
export const ROOT = resolve(import.meta.dirname!, "../..");

/** A page and its path in the repository. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** Reads one page. */
export async function page(path: string): Promise<Page> {
  return { path, text: await Deno.readTextFile(join(ROOT, path)) };
}

/** README, CHANGELOG and all pages in docs/. */
export async function allPages(): Promise<Page[]> {
  const inDocs = await Array.fromAsync(Deno.readDir(join(ROOT, "docs")));
  const names = inDocs.filter(({ name }) => name.endsWith(".md")).map(({ name }) => `docs/${name}`).sort();
  return await Promise.all(["README.md", "CHANGELOG.md", ...names].map(page));
}

/** The blocks of code of a page in docs/ in this language. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(ROOT, "docs", page));
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, code]) => code!);
}

/** The text below a heading, up to the next heading of the same or a higher rank. */
export function sectionOf({ path, text }: Page, heading: string): string {
  const lines = text.split("\n");
  const inCode = codeLines(lines);
  const start = lines.findIndex((line, i) =>
    !inCode[i] && line.replace(/^#+ /, "") === heading && line.startsWith("#")
  );
  assert.ok(start >= 0, `${path} has a heading "${heading}"`);
  const rank = /^#+/.exec(lines[start]!)![0].length;
  const end = lines.findIndex((line, i) => i > start && !inCode[i] && (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= rank);
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}

/** For each line, whether it is part of a code block. */
function codeLines(lines: readonly string[]): boolean[] {
  let inside = false;
  return lines.map((line) => {
    if (!line.startsWith("```")) return inside;
    inside = !inside;
    return true;
  });
}

/** The rows, as cells, of the first table in a text whose first column heading is `heading`. */
export function tableRows(text: string, heading: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  assert.ok(start >= 0, `a table "${heading}"`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end < 0 ? undefined : end).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

/** The code spans in a cell or a sentence. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** The lines of all code blocks, and the code spans in the prose. */
export function codeOf({ text }: Page): { readonly lines: string[]; readonly spans: string[] } {
  const block = /^```.*\n([^]*?)^```$/gm;
  return {
    lines: [...text.matchAll(block)].flatMap(([, code]) => code!.split("\n")),
    spans: codeIn(text.replaceAll(block, "")),
  };
}

/** One option as the help shows it. */
interface HelpOption {
  /** For example `-o` and `--output`. */
  readonly names: readonly string[];
  /** The heading above it, such as `Options:`. */
  readonly group: string;
  readonly text: string;
  /** The default according to the help. */
  readonly default?: string;
  /** All values according to the help; empty if it lists none. */
  readonly choices: readonly string[];
}

/** The help of one command. */
interface Help {
  /** Without the program's name, such as `key add`; empty for the program itself. */
  readonly command: string;
  readonly options: readonly HelpOption[];
  /** Its subcommands. */
  readonly commands: readonly string[];
}

/** The help of the program and of every command, without `help`. */
export async function allHelp(command: readonly string[] = []): Promise<Help[]> {
  const own = await helpOf(command);
  const below = await Promise.all(own.commands.map((name) => allHelp([...command, name])));
  return [own, ...below.flat()];
}

/** Help so wide that each option is on one line. */
async function helpOf(command: readonly string[]): Promise<Help> {
  const { exitCode, stdout } = await runInProcess([...command, "--help"], { env: { COLUMNS: "2000" } });
  assert.equal(exitCode, ExitCode.done, `agent ${command.join(" ")} --help`);
  const help = { command: command.join(" "), options: [] as HelpOption[], commands: [] as string[] };
  let group = "";
  for (const line of stdout.split("\n")) {
    if (/^[A-Z].*:$/.test(line)) group = line;
    const [, names] = /^ {2}(-[^<]*?)(?: <[^>]+>)? {2,}/.exec(line) ?? [];
    if (names !== undefined) help.options.push(helpOption(names, group, line));
    const [, name] = group === "Commands:" ? /^ {2}([a-z-]+)/.exec(line) ?? [] : [];
    if (name !== undefined && name !== "help") help.commands.push(name);
  }
  return help;
}

function helpOption(names: string, group: string, line: string): HelpOption {
  const text = line.replace(/^ {2}\S.*? {2,}/, "");
  const [, choices = ""] = /choices: ((?:"[^"]*"(?:, )?)+)/.exec(text) ?? [];
  const [, standard] = /default: "?([^")]+)"?\)/.exec(text) ?? [];
  return {
    names: names.split(", "),
    group,
    text,
    choices: [...choices.matchAll(/"([^"]*)"/g)].map(([, choice]) => choice!),
    ...standard !== undefined && { default: standard },
  };
}
