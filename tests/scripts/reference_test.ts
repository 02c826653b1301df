/** The tables of the documents are those of the program: commands, options, exit codes, kinds of errors, formats, variables. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as errors from "../../src/base/errors.ts";
import { progressJson } from "../../src/cli/report/json/standard_error_json.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { GUARD_FORMATS } from "../../src/guard/guard.ts";
import { EXIT_CODES, VARIABLES } from "../../src/cli/manual/facts.ts";
import { FURTHER_PAGES, FURTHER_PAGES_OF_GROUPS } from "../../scripts/reference/further_pages.ts";
import { referencePage } from "../../scripts/reference/page.ts";
import { allHelp, codeIn, page, ROOT, sectionOf, tableRows } from "../helpers/documents.ts";
import { runInProcess } from "../helpers/command_line.ts";

const COMMANDS = await page("docs/commands.md");
const REPOSITORIES = await page("docs/repositories.md");
const HELP = await allHelp();
/** Commands that can be run; `key` and `repair` alone do nothing. */
const RUNNABLE = HELP.filter(({ command, commands }) => command !== "" && commands.length === 0);

Deno.test("docs/commands.md is up to date", async () => {
  assert.equal(COMMANDS.text, await referencePage(), "run: deno task reference");
});

/** The names of all options in the tables of a text. */
function optionsIn(text: string): string[] {
  return text.split("\n").filter((line) => /^\| `-/.test(line)).map((line) =>
    codeIn(line.split("|")[1]!).map((code) => code.replace(/ .*/, "")).join(", ")
  );
}

// What the help prints is compared, and not the description of the commands, from which the page is made.
Deno.test("docs/commands.md has every option of every command that the help has, with its values and its default", () => {
  for (const { command, options } of RUNNABLE) {
    const own = sectionOf(COMMANDS, command);
    const links = [...own.matchAll(/^Common options: ([^]*?)\.$/gm)].flatMap(([, list]) =>
      [...list!.matchAll(/\[([^\]]+)\]/g)].map(([, title]) => title!.replaceAll(/\s+/g, " "))
    );
    const text = [own, ...["Every command", ...links].map((title) => sectionOf(COMMANDS, title))].join("\n");
    assert.deepEqual(optionsIn(text).sort(), options.map(({ names }) => names.join(", ")).sort(), command);
    for (const { names, choices, default: standard } of options) {
      const row = text.split("\n").find((line) =>
        line.startsWith(`| ${names.map((name) => `\`${name}`).join("`, ")}`)
      )!;
      for (const word of [...choices, ...standard === undefined ? [] : [standard]]) {
        assert.ok(row.includes(word), `${command} ${names}: ${word}`);
      }
    }
  }
});

Deno.test("docs/commands.md has every command of the help, and no other", () => {
  const headings = [...sectionOf(COMMANDS, "Commands").matchAll(/^### (.+)$/gm)].map(([, name]) => name!);
  assert.deepEqual(headings.sort(), [...HELP.map(({ command }) => command), "help"].filter(Boolean).sort());
});

Deno.test("docs/commands.md sends readers to further pages for commands and groups that exist", () => {
  for (const command of Object.keys(FURTHER_PAGES)) assert.ok(HELP.some((help) => help.command === command), command);
  for (const group of Object.keys(FURTHER_PAGES_OF_GROUPS)) {
    assert.ok(HELP.some(({ options }) => options.some((option) => option.group === `${group}:`)), group);
  }
});

Deno.test("the manual and the overview have every exit code", () => {
  assert.deepEqual(
    EXIT_CODES.map(([code]) => code),
    Object.values(errors.ExitCode).sort((a, b) => a - b),
  );
});

Deno.test("the variables of the manual stand in docs/repositories.md", () => {
  const described = tableRows(sectionOf(REPOSITORIES, "Environment variables"), "Variable").flatMap(([name]) =>
    codeIn(name!)
  );
  for (const [name] of VARIABLES) assert.ok(described.includes(name), name);
  assert.deepEqual(
    described.filter((name) => name.startsWith("AGENT_")).sort(),
    VARIABLES.map(([name]) => name).sort(),
  );
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

/** What parts of the program, hooks and systemd are told, what is only passed on, and what is no variable. */
const NOT_FOR_USERS = [
  "AGENT_BUILD",
  "AGENT_CALLER_CLOSED",
  "AGENT_CALLER_DENO_DIR",
  "AGENT_CALLER_GLIBC_TUNABLES",
  "AGENT_EVENT",
  "AGENT_SERIES",
  "AGENT_SESSION",
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
