/** The tables of the documents are those of the program: commands, options, exit codes, kinds of errors, formats, variables. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as errors from "../../src/base/errors.ts";
import { progressJson } from "../../src/cli/report/json/standard_error_json.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { GUARD_FORMATS } from "../../src/guard/guard.ts";
import { allHelp, codeIn, type HelpOption, page, ROOT, sectionOf, tableRows } from "../helpers/documents.ts";
import { runInProcess } from "../helpers/command_line.ts";

const COMMANDS = await page("docs/commands.md");
const REPOSITORIES = await page("docs/repositories.md");
const HELP = await allHelp();
/** Commands that can be run; `key` and `repair` alone do nothing. */
const RUNNABLE = HELP.filter(({ command, commands }) => command !== "" && commands.length === 0);

/** Groups of options that many commands have, by the section that has them. */
const SHARED_GROUPS = {
  "Files and directories:": "Files and directories",
  "Repository:": "Repository",
  "Repositories on other machines:": "Repositories on other machines",
  "Repository to copy from:": "Repository to copy from",
  "Second repository:": "Second repository",
  "Pruning:": "Pruning",
} as const;
const EVERYWHERE = ["--debug", "--help"];

/** A table of options as a page has it: the names, and the whole row. */
function optionRows(text: string): { readonly names: string[]; readonly row: string }[] {
  if (!text.includes("| Option ")) return [];
  return tableRows(text, "Option").map((cells) => ({
    names: codeIn(cells[0]!).map((code) => code.replace(/ .*/, "")),
    row: cells.join(" "),
  }));
}

/** That a table has just these options, with all values and the default of each. */
function assertDescribed(where: string, rows: ReturnType<typeof optionRows>, options: readonly HelpOption[]): void {
  const sorted = (all: readonly { readonly names: readonly string[] }[]) =>
    all.map(({ names }) => names.join(", ")).sort();
  assert.deepEqual(sorted(rows), sorted(options), where);
  for (const { names, choices, default: standard } of options) {
    const { row } = rows.find((found) => found.names.join() === names.join())!;
    for (const word of [...choices, ...standard === undefined ? [] : [standard]]) {
      assert.ok(row.includes(word), `${where} ${names}: ${word}`);
    }
  }
}

Deno.test("docs/commands.md describes every command, and no other", () => {
  const headings = [...sectionOf(COMMANDS, "Commands").matchAll(/^### (.+)$/gm)].map(([, name]) => name!);
  assert.deepEqual(headings.sort(), [...RUNNABLE.map(({ command }) => command), "help"].sort());
});

Deno.test("docs/commands.md describes every option of every command, with its values and its default", () => {
  for (const { command, options } of RUNNABLE) {
    const own = options.filter(({ group, names }) => group === "Options:" && !EVERYWHERE.includes(names.at(-1)!));
    const pruning = command === "prune" ? options.filter(({ group }) => group === "Pruning:") : [];
    assertDescribed(command, optionRows(sectionOf(COMMANDS, command)), [...own, ...pruning]);
  }
});

Deno.test("docs/commands.md describes the options that many commands have, and which commands lack them", () => {
  for (const [group, heading] of Object.entries(SHARED_GROUPS)) {
    const having = RUNNABLE.filter(({ options }) => options.some((option) => option.group === group));
    const own = having[0]!.options.filter((option) => option.group === group);
    assertDescribed(heading, optionRows(sectionOf(COMMANDS, heading)), own);
    for (const { command, options } of having) {
      const names = options.filter((option) => option.group === group).map((option) => option.names.join());
      assert.deepEqual(names, own.map((option) => option.names.join()), `${group} of ${command}`);
    }
  }
  const common = sectionOf(COMMANDS, "Common options");
  assertDescribed(
    "common",
    optionRows(common),
    HELP[1]!.options.filter(({ names }) => EVERYWHERE.includes(names.at(-1)!)),
  );
  const [, lacking] = /except ([^]*?),\s+which\s+open/.exec(common)!;
  const without = RUNNABLE.filter(({ options }) => options.every(({ group }) => group !== "Repository:"));
  assert.deepEqual(codeIn(lacking!).sort(), [...without.map(({ command }) => command), "help"].sort());
  const [, pruning] = /\n((?:`[\w-]+`[, and]*)+)\s+have/.exec(sectionOf(COMMANDS, "Pruning"))!;
  const removing = RUNNABLE.filter(({ options }) => options.some(({ group }) => group === "Pruning:"));
  assert.deepEqual(codeIn(pruning!).sort(), removing.map(({ command }) => command).sort());
});

Deno.test("docs/output.md has every exit code", async () => {
  const codes = tableRows((await page("docs/output.md")).text, "Code").map(([code]) => Number(code));
  assert.deepEqual(codes, Object.values(errors.ExitCode).sort((a, b) => a - b));
});

Deno.test("docs/output.md has every kind of error with its exit code", async () => {
  const classes = Object.values<unknown>(errors).filter(isErrorClass);
  const existing = classes.map((Class) => new Class("x")).map(({ code, exitCode }) => [code, exitCode] as const);
  const rows = tableRows((await page("docs/output.md")).text, "Kind");
  const described = rows.map(([kind, code]) => [kind!.replaceAll("`", ""), Number(code)] as const);
  assert.deepEqual(new Map<string, number>(described), new Map<string, number>(existing));
});

function isErrorClass(value: unknown): value is new (message: string) => errors.AgentError {
  if (typeof value !== "function") return false;
  return value === errors.AgentError || value.prototype instanceof errors.AgentError;
}

Deno.test("docs/guards.md has every format", async () => {
  const formats = tableRows((await page("docs/guards.md")).text, "Format").map(([format]) =>
    format!.replaceAll("`", "")
  );
  assert.deepEqual(formats, [...GUARD_FORMATS]);
});

Deno.test("docs/output.md has every field of progress", async () => {
  const rows = tableRows(sectionOf(await page("docs/output.md"), "Progress"), "Field");
  const described = rows.flatMap(([fields]) => codeIn(fields!));
  const step = {
    command: "put",
    phase: "stream",
    name: "x",
    seconds: 1,
    perSecond: 1,
    bytesAdded: 1,
    bytesRead: 1,
    isEstimate: true,
  };
  const units = ["bytes", "packs", "indexes", "trees", "backups", "files"] as const;
  const shown = units.flatMap((unit) => Object.keys(progressJson({ ...step, unit, done: 1, total: 2 })));
  const counted = new Set(shown.filter((field) => !/^total(?!Bytes$)/.test(field)));
  assert.deepEqual([...new Set(described)].sort(), [...counted].sort());
});

Deno.test("docs/server.md has every metric of the server", async () => {
  const rows = tableRows((await page("docs/server.md")).text, "Metric");
  const text = new Metrics().format({
    usage: [],
    requestsInFlight: 0,
    connections: 0,
    idleConnections: 0,
    takenBytes: 0,
    limitBytes: 1,
    logLinesDropped: 0,
  });
  const announced = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  assert.deepEqual(rows.flatMap(([names]) => codeIn(names!)).sort(), announced.sort());
});

Deno.test("docs/install.md promises enough memory for every command in its table", async () => {
  const { text } = await page("docs/install.md");
  const [, promised] = /\*\*(\d+) MiB without swap are enough for every command\*\*/.exec(text)!;
  const rows = tableRows(text, "Command");
  for (const [commands, mib] of rows) {
    assert.ok(Number(mib) <= Number(promised), commands);
    for (const command of codeIn(commands!)) {
      const words = command.replace(/ --.*/, "");
      assert.ok(RUNNABLE.some((known) => known.command === words), command);
    }
  }
});

Deno.test("docs/repositories.md has every setting of stores", async () => {
  const rows = tableRows(sectionOf(REPOSITORIES, "Stores on other machines"), "Setting");
  const described = rows.map(([name]) => codeIn(name!)[0]!);
  const known = await Promise.all(["rest", "s3"].map(async (scheme) => {
    const address = `${scheme}:http://127.0.0.1/shop/`;
    const { stderr } = await runInProcess(["ls", "-r", address, "--option", `${scheme}.no=1`]);
    return stderr.match(/\b(?:rest|s3)\.(?!no\b)[a-z-]+/g) ?? [];
  }));
  assert.deepEqual(described.sort(), known.flat().sort());
});

Deno.test("docs/glossary.md explains the words that comments use in a fixed sense, and no other", async () => {
  const table = tableRows(sectionOf(await page("docs/glossary.md"), "Conventions of comments"), "Word");
  const explained = table.map(([word]) => codeIn(word!)[0]!).sort();
  const source = (await Promise.all((await filesBelow("src", ".ts")).map((path) => Deno.readTextFile(path)))).join(
    "\n",
  );
  const comments = [...source.matchAll(/\/\*\*[^]*?\*\//g)].map(([comment]) => comment.replaceAll(/\n\s*\*\s/g, " "));
  const uses = Map.groupBy(
    comments.flatMap((comment) => comment.match(/(?<=\. |\*\* )([A-Z][a-z]+:(?= )|Throws(?= ))/g) ?? []),
    (word) => word,
  );
  const usual = [...uses].filter(([, found]) => found.length >= FEWEST_USES).map(([word]) => word);
  assert.deepEqual(usual.filter((word) => !explained.includes(word)), [], "used and not explained");
  assert.deepEqual(explained.filter((word) => !uses.has(word)), [], "explained and not used");
});

/** A word that begins so many sentences is a convention. */
const FEWEST_USES = 3;

/** What the parts of the program and systemd tell each other, what is only passed on, and what is no variable. */
const NOT_FOR_USERS = [
  "AGENT_BUILD",
  "AGENT_CALLER_CLOSED",
  "AGENT_CALLER_DENO_DIR",
  "AWS_CA_BUNDLE",
  "AWS_SETTINGS",
  "INVOCATION_ID",
  "LISTEN_FDS",
  "LISTEN_PID",
  "NOTIFY_SOCKET",
];

Deno.test("docs/repositories.md has every variable that the program reads, and no other", async () => {
  const table = ["Environment variables", "One stream, two repositories", "A second repository"]
    .flatMap((section) => tableRows(sectionOf(REPOSITORIES, section), "Variable"));
  const prose = sectionOf(REPOSITORIES, "S3 credentials");
  const described = new Set([
    ...table.flatMap(([name, , alias]) => [...codeIn(name!), ...codeIn(alias!)]),
    ...codeIn(prose),
    ...codeIn(tableRows(sectionOf(REPOSITORIES, "Stores on other machines"), "Setting").join()),
  ].filter((code) => /^[A-Z][A-Z0-9_]+$|^no_proxy$/.test(code)));
  const read = new Set([...await variablesInSource(), ...await variablesAskedFor()]);
  for (const name of NOT_FOR_USERS) read.delete(name);
  for (const name of ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"]) read.delete(name);
  assert.deepEqual([...described].sort(), [...read].sort());
});

/** Names that stand in the source as they are. */
async function variablesInSource(): Promise<string[]> {
  const files = [...await filesBelow("src", ".ts"), join(ROOT, "scripts/build/header.sh")];
  const texts = await Promise.all(files.map((path) => Deno.readTextFile(path)));
  return texts.flatMap((text) =>
    text.match(/\b(AGENT|RESTIC|AWS|XDG)_[A-Z0-9_]*[A-Z0-9]\b|(?<=\benv\(")[A-Z][A-Z0-9_]+/g) ?? []
  );
}

/** Names that the program asks its environment for, some of which it makes from parts. */
async function variablesAskedFor(): Promise<string[]> {
  const asked: string[] = [];
  const env = new Proxy({}, { get: (_target, name) => void asked.push(String(name)) });
  const nowhere = join(ROOT, "no such folder");
  for (
    const args of [
      ["ls"],
      ["ls", "-r", "rest:http://127.0.0.1/", "--option", "rest.no=1"],
      ["init", "-r", nowhere],
      ["init", "--copy-chunker-params", "--from", "rest:http://127.0.0.1/", "--option", "rest.no=1"],
      ["init", "--copy-chunker-params"],
      ["put", "s", "-r", nowhere, "--also", "rest:http://127.0.0.1/", "--option", "rest.no=1"],
      ["put", "s", "-r", nowhere, "--also-password-command", "false"],
      ["put", "s", "-r", nowhere, "--also", `${nowhere}/other`],
      ["init", "--copy-chunker-params", "--from", nowhere],
    ]
  ) {
    const { exitCode } = await runInProcess(args, { env });
    assert.notEqual(exitCode, errors.ExitCode.done, args.join(" "));
  }
  return asked;
}

async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    if (isDirectory) found.push(...await filesBelow(`${folder}/${name}`, ending));
    else if (name.endsWith(ending)) found.push(join(ROOT, folder, name));
  }
  return found;
}
