/** The README is true: what it tells people to type exists, and its tables are those of the program. */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { GUARD_FORMATS } from "../../src/guard/guard.ts";
import { runInProcess } from "../helpers/command_line.ts";

const ROOT = resolve(import.meta.dirname!, "../..");
const README = await Deno.readTextFile(join(ROOT, "README.md"));

/** Words that stand for a command in prose: `agent COMMAND --help`. */
const PLACEHOLDER = "COMMAND";

/** A command line of the agent as the README shows it, without the program's name and what follows `--`. */
interface ShownCommand {
  readonly text: string;
  readonly words: readonly string[];
  /** `SUB`, or `SUB SUBSUB` for `key`. */
  readonly command: readonly string[];
}

/** What help says of one command. */
interface Help {
  readonly text: string;
  readonly options: ReadonlySet<string>;
  /** Commands below it. */
  readonly commands: readonly string[];
}

async function helpOf(command: readonly string[]): Promise<Help> {
  const { exitCode, stdout: text } = await runInProcess([...command, "--help"]);
  assert.equal(exitCode, ExitCode.done, `agent ${command.join(" ")} --help`);
  const [, list = ""] = text.split("\nCommands:\n");
  return {
    text,
    options: new Set(text.match(/(?<=^ {2}(?:-\w, )?)(?:--?[a-zA-Z][\w-]*)|(?<=^ {2})-\w(?=, )/gm)),
    commands: [...list.split("\n\n")[0]!.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name!)
      .filter((name) => name !== "help"),
  };
}

/** Every `agent …` in code: in blocks between pipes and the like, without comments, and in spans within prose. */
function shownCommands(): ShownCommand[] {
  const blocks = [...README.matchAll(/^```.*\n([^]*?)^```$/gm)].flatMap(([, code]) => code!.split("\n"));
  const prose = README.replaceAll(/^```.*\n[^]*?^```$/gm, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  const pieces = [...blocks, ...spans].flatMap((line) => line.replace(/ #.*/, "").split(/\||>|;|&&|(?<= -- ).*/));
  return pieces.flatMap((piece) => {
    const match = /(?:^|[\s/])agent ((?:[a-z-]|COMMAND\b).*)$/.exec(piece.trim());
    return match ? [shownCommand(match[1]!)] : [];
  }).filter(({ command }) => command[0] !== PLACEHOLDER);
}

function shownCommand(text: string): ShownCommand {
  const words = text.replace(/ --$/, "").split(/\s+/);
  return { text, words, command: words.slice(0, words[0] === "key" ? 2 : 1) };
}

/** The rows of the table whose first heading is `heading`, as cells without the marks of code. */
function tableRows(heading: string): string[][] {
  const lines = README.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  assert.ok(start >= 0, `a table "${heading}"`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

Deno.test("README: the two commands and the tasks are those of deno.json", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as { tasks: Record<string, unknown> };
  const twoCommands = [...README.matchAll(/^npx -y deno@2\.9\.6 task (quickstart|test)\b/gm)].map(([, name]) => name);
  assert.deepEqual(twoCommands, ["quickstart", "test"]);
  const mentioned = [...README.matchAll(/\btask ([a-z]+)\b/g)].map(([, name]) => name!);
  for (const name of mentioned) assert.ok(name in tasks, `there is a task "${name}"`);
  assert.deepEqual(
    tableRows("Task").map(([task]) => task!.replace("deno task ", "")).sort(),
    Object.keys(tasks).sort(),
  );
});

Deno.test("README: every command line of the agent has a command and options that its help lists", async () => {
  const shown = shownCommands();
  assert.ok(shown.length >= 25, `found ${shown.length} command lines`);
  for (const { text, words, command } of shown) {
    const { options } = await helpOf(command);
    const used = words.filter((word) => /^-{1,2}[a-zA-Z]/.test(word)).map((word) => word.replace(/=.*/, ""));
    for (const option of used) {
      assert.ok(options.has(option), `"agent ${text}": agent ${command.join(" ")} has ${option}`);
    }
  }
});

Deno.test("README: options in prose are options of the program", async () => {
  const { commands } = await helpOf([]);
  const all = new Set(
    (await Promise.all(commands.map((name) => helpOf([name])))).flatMap(({ options }) => [...options]),
  );
  const spans = [...README.matchAll(/`(-{1,2}[a-z][a-z-]*)(?: [A-Z]+)?`/g)].map(([, option]) => option!);
  const foreign = ["--compact", "--skip-comments"];
  for (const option of spans.filter((name) => !foreign.includes(name))) assert.ok(all.has(option), option);
});

Deno.test("README: it shows every command of the program, and no other", async () => {
  const { commands } = await helpOf([]);
  const { commands: keyCommands } = await helpOf(["key"]);
  const existing = [...commands.filter((name) => name !== "key"), ...keyCommands.map((name) => `key ${name}`)];
  const shown = new Set(shownCommands().map(({ command }) => command.join(" ")));
  assert.deepEqual([...shown].sort(), existing.sort());
});

Deno.test("README: the exit codes are those of the program", () => {
  const codes = tableRows("Code").map(([code]) => Number(code));
  assert.deepEqual(codes, Object.values(ExitCode).sort((a, b) => a - b));
});

Deno.test("README: the formats of guards are those of the program", () => {
  assert.deepEqual(tableRows("Format").map(([format]) => format), [...GUARD_FORMATS]);
});

Deno.test("README and docs: links lead to files and headings that exist", async () => {
  const inDocs = await Array.fromAsync(Deno.readDir(join(ROOT, "docs")));
  const docs = inDocs.filter(({ isFile }) => isFile).map(({ name }) => `docs/${name}`);
  for (const page of ["README.md", "CHANGELOG.md", ...docs]) {
    const text = await Deno.readTextFile(join(ROOT, page));
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path = "", heading] = target!.split("#");
      const file = path === "" ? join(ROOT, page) : resolve(ROOT, page, "..", path);
      const content = await Deno.readTextFile(file);
      if (heading !== undefined) assert.ok(headingsOf(content).includes(heading), `${page}: ${target}`);
    }
  }
});

/** The anchors of a page's headings, as Markdown viewers make them. */
function headingsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}
