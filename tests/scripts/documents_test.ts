/** The documents are true: links lead somewhere, command lines can be typed, tasks and files exist. */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { allHelp, allPages, codeOf, type Page, ROOT } from "../helpers/documents.ts";

const PAGES = await allPages();
/** What changed is told in the words of its time. */
const TRUE_TODAY = PAGES.filter(({ path }) => path !== "CHANGELOG.md");
const HELP = await allHelp();

/** Options of other programs that the documents mention in running text. */
const FOREIGN_OPTIONS = [
  "--compact",
  "--skip-comments",
  "--jitless",
  "--exclude",
  "--new-time",
  "--new-host",
  "--keep-tag hold",
  ...["--parent", "--skip-if-unchanged", "--verify"],
  ...["--format=posix", "--pax-option", "--sort=name", "--sparse", "--xattrs", "--acls"],
  ...["--master-data=1", "--flush-privileges"],
  ...["--no-check-device", "--ignore-failed-read", "--ignore-zeros"],
];

/** Constants and variables of other programs. */
const FOREIGN_CONSTANTS = ["INVOCATION_ID", "MYSQL_PWD", "SEEK_HOLE"];

/** What begins like a command line and is none: a label of the format. */
const LABEL = "chunker gear table 1";

/** Words that stand for a command in prose: `agent COMMAND --help`. */
const PLACEHOLDER = "COMMAND";

/** A command line of the agent as a page shows it, without the program's name and what follows `--`. */
interface ShownCommand {
  readonly path: string;
  readonly text: string;
  readonly words: readonly string[];
}

/** Every `agent …` in code: in blocks between pipes and the like, without comments, and in spans within prose. */
function shownCommands(page: Page): ShownCommand[] {
  const { lines, spans } = codeOf(page);
  const pieces = [...lines, ...spans].flatMap((line) => line.replace(/ #.*/, "").split(/\||>|;|&&|(?<= -- ).*/));
  return pieces.flatMap((piece) => {
    const match = /(?:^|[\s/])agent ((?:[a-z-]|COMMAND\b).*)$/.exec(piece.trim());
    return match ? [{ path: page.path, text: match[1]!, words: match[1]!.replace(/ --$/, "").split(/\s+/) }] : [];
  }).filter(({ text, words }) => words[0] !== PLACEHOLDER && text !== LABEL);
}

/** Help of the command that a line begins with; of the program where it names none, as `agent --version` does. */
function helpFor({ words }: ShownCommand) {
  const names = words[0] === "-r" ? words.slice(2) : words;
  if (["help", "…"].includes(names[0]!) || names[0]!.startsWith("--")) return HELP[0];
  const longest = [names.slice(0, 2).join(" "), names[0] ?? ""];
  return longest.map((name) => HELP.find(({ command }) => command === name)).find((help) => help !== undefined);
}

function optionNames(options: readonly { readonly names: readonly string[] }[]): Set<string> {
  return new Set(options.flatMap(({ names }) => names));
}

Deno.test("every command line of the documents has a command and options that its help lists", () => {
  const shown = TRUE_TODAY.flatMap(shownCommands);
  assert.ok(shown.length >= 80, `found ${shown.length} command lines`);
  for (const line of shown) {
    const help = helpFor(line);
    assert.ok(help, `${line.path}: "agent ${line.text}" is a command`);
    const known = optionNames(help.options);
    const used = line.words.filter((word) => /^-{1,2}[a-zA-Z]/.test(word)).map((word) => word.replace(/=.*/, ""));
    for (const option of used) assert.ok(known.has(option), `${line.path}: "agent ${line.text}" has ${option}`);
  }
});

Deno.test("options in running text are options of the program", () => {
  const known = optionNames(HELP.flatMap(({ options }) => options));
  for (const page of TRUE_TODAY) {
    for (const span of codeOf(page).spans.filter((code) => /^-{1,2}[a-zA-Z]/.test(code))) {
      if (FOREIGN_OPTIONS.includes(span) || /^--? /.test(span)) continue;
      const [, option] = /^(-{1,2}[a-zA-Z][\w-]*)/.exec(span)!;
      assert.ok(known.has(option!), `${page.path}: ${span}`);
    }
  }
});

Deno.test("tasks and source files that the documents name exist", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as { tasks: Record<string, unknown> };
  for (const page of PAGES) {
    const { lines, spans } = codeOf(page);
    for (const code of [...lines, ...spans]) {
      for (const [, task] of code.matchAll(/\btask ([a-z]+)\b/g)) assert.ok(task! in tasks, `${page.path}: ${code}`);
    }
  }
  const files = (await Promise.all(["src", "scripts", "tests"].map((folder) => filesBelow(join(ROOT, folder))))).flat();
  for (const page of TRUE_TODAY) {
    for (const code of codeOf(page).spans.filter((span) => /^[\w/]+\.(ts|wat)$/.test(span) && !/NAME/.test(span))) {
      assert.ok(files.some((path) => path.endsWith(`/${code}`)), `${page.path}: ${code}`);
    }
  }
});

Deno.test("constants that the documents name are in the source", async () => {
  const files = (await Promise.all(["src", "scripts"].map((folder) => filesBelow(join(ROOT, folder))))).flat();
  const texts = await Promise.all(files.map((path) => Deno.readTextFile(path)));
  const known = new Set(texts.flatMap((text) => text.match(/\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b/g) ?? []));
  for (const page of TRUE_TODAY) {
    // Names of variables of repositories are put together from parts.
    const named = codeOf(page).spans.filter((code) => /^(?!AGENT_|RESTIC_)[A-Z][A-Z\d]*(_[A-Z\d]+)+$/.test(code));
    for (const name of named) assert.ok(known.has(name) || FOREIGN_CONSTANTS.includes(name), `${page.path}: ${name}`);
  }
});

Deno.test("links of the documents lead to files and headings that exist", async () => {
  for (const { path, text } of PAGES) {
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [file = "", heading] = target!.split("#");
      const linked = file === "" ? join(ROOT, path) : resolve(ROOT, path, "..", file);
      if (heading === undefined) {
        await assert.doesNotReject(Deno.stat(linked), `${path}: ${target}`);
        continue;
      }
      assert.ok(anchorsOf(await Deno.readTextFile(linked)).includes(heading), `${path}: ${target}`);
    }
  }
});

Deno.test("pages that code names exist, with the sections that it names", async () => {
  const sources = ["src", "scripts", "tests"].map((folder) => filesBelow(join(ROOT, folder)));
  for (const file of (await Promise.all(sources)).flat()) {
    const text = (await Deno.readTextFile(file)).replaceAll(/\n\s*(\*|\/\/)/g, "");
    for (const [, path, section] of text.matchAll(/\b(docs\/\w+\.md)(?:, section ([A-Z]\w+))?/g)) {
      const page = PAGES.find((known) => known.path === path);
      assert.ok(page, `${file}: ${path}`);
      if (section === undefined) continue;
      assert.ok(anchorsOf(page.text).includes(section.toLowerCase()), `${file}: ${path}, section ${section}`);
    }
  }
});

/** The anchors of a page's headings, as Markdown viewers make them. */
function anchorsOf(page: string): string[] {
  return [...page.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const found = await Promise.all(entries.map(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesBelow(path) : Promise.resolve(/\.(ts|wat)$/.test(name) ? [path] : []);
  }));
  return found.flat();
}
