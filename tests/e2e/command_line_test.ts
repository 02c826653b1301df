/** The command line itself: version, help, wrong usage, and what every failure looks like. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { assertFails, emptySandbox, jsonRows, type Outcome, type Sandbox } from "../helpers/executable.ts";

const COMMANDS = [
  "init",
  "put",
  "get",
  "ls",
  "show",
  "chain",
  "status",
  "verify",
  "check",
  "repair",
  "forget",
  "rotate",
  "rm",
  "hold",
  "release",
  "prune",
  "key",
  "unlock",
  "cache",
  "serve",
  "version",
];
const AT_A_TIME = 4;

Deno.test("version tells which program this is and how it was built", async () => {
  await using box = await emptySandbox();
  const [line, flag, [row, ...others]] = await Promise.all([
    box.ok(["version"]),
    box.ok(["--version"]),
    box.json(["version"]),
  ]);
  assert.match(line, /^agent \d+\.\d+\.\d+.* (compiled|self-extracting), Deno \d+\.\d+\.\d+\n$/);
  assert.equal(flag, line);
  assert.equal(others.length, 0);
  const { version, commit, form, deno } = row!;
  assert.match(String(version), /^\d+\.\d+\.\d+/);
  assert.ok(commit === null || typeof commit === "string");
  assert.ok(form === "compiled" || form === "self-extracting", String(form));
  assert.match(String(deno), /^\d+\.\d+\.\d+/);
});

Deno.test("help names every command, its options and the exit codes, on standard output", async () => {
  await using box = await emptySandbox();
  const overview = await box.agent(["--help"]);
  assert.equal(overview.exitCode, ExitCode.done);
  assert.equal(overview.stderr, "");
  for (const command of COMMANDS) assert.match(overview.stdout, new RegExp(`^  ${command}\\b`, "m"));
  assert.match(overview.stdout, /Exit codes: 0 done.*130 interrupted/s);
  const pages = await mapConcurrently(COMMANDS, AT_A_TIME, (command) => box.ok([command, "--help"]));
  for (const [i, page] of pages.entries()) {
    assert.match(page, new RegExp(`^Usage: agent ${COMMANDS[i]}\\b`));
    assert.ok(page.split("\n").every((line) => line.length <= 80), `${COMMANDS[i]} keeps to the width`);
  }
  assert.match(pages[COMMANDS.indexOf("put")]!, /--guard <format>.*--min-size.*--compression/s);
});

const MISTAKES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [[], /agent --help/],
  [["key"], /"agent key" is to do: list, add, remove, passwd; "agent key --help"/],
  [["repair"], /"agent repair" is to do: index, packs, snapshots; "agent repair --help"/],
  [["help", "nosuch"], /There is no command "agent nosuch"; see "agent --help"/],
  [["help", "verfy"], /There is no command "agent verfy"; did you mean "verify"\?/],
  [["help", "key", "lst"], /There is no command "agent key lst"; did you mean "list"\?/],
  [["frobnicate"], /There is no command "agent frobnicate"; see "agent --help"/],
  [["verfy", "prod/shop"], /There is no command "agent verfy"; did you mean "verify"\?/],
  [["key", "lst"], /There is no command "agent key lst"; did you mean "list"\?/],
  [["delete", "prod/shop"], /There is no command "agent delete"; did you mean "rm"\?/],
  [["dump", "prod/shop"], /There is no command "agent dump"; did you mean "get"\?/],
  [["get", "prod/shop", "--verify"], /There is no option --verify: every chunk is verified/],
  [["restore", "prod/shop"], /There is no command "agent restore"; did you mean "get"\?/],
  [["rm", "1f2e3d4c"], /to name a backup by its id, write "@1f2e3d4c"/],
  [["put", "prod/shop", "--gaurd", "none"], /--gaurd.*Did you mean --guard\?/],
  [["put"], /Missing required argument 'series'; see "agent put --help"/],
  [["put", "a", "--frobnicate"], /--frobnicate'; see "agent put --help"/],
  [["put", "prod/shop", "--"], /no command after --/],
  [["ls", "a", "b"], /Too many arguments/],
  [["get", "prod/shop", "--file"], /--file.*argument missing/],
  [["get", "prod/shop", "-o", "x", "--target", "y"], /not both/],
  [["get", "@latest"], /name a series/],
  [["get", "prod/shop@yesterday"], /latest.*id.*time/],
  [["show", "prod/shop", "--md5sums", "--sha256sums"], /not both/],
  [["put", "a", "--run-type", "often"], /hourly, daily, weekly, monthly, yearly/],
  [["put", "a", "--compression", "zip"], /off, fastest, auto, better, max/],
  [["put", "a", "--guard", "word"], /mysqldump.*gzip/],
  [["put", "a", "--min-size", "much"], /Not a size: "much".*16M/],
  [["put", "a", "--chunk-size", "3"], /chunks of 3 B on average: choose between 1.00 KiB and 2.00 MiB/],
  [["put", "a", "--time", "noon"], /Not a time: "noon"; write for example/],
  [["put", "a", "--time", "2026-02-30"], /Not a time: "2026-02-30": there is no such time/],
  [["ls", "--latest", "0"], /write 1 or more/],
  [["put", "a", "--host", ""], /host.*empty/],
  [["put", "a", "--tag", ","], /Not a tag/],
  [["put", "a", "--filename", "b/c"], /no slash/],
  [["--retry-lock", "long", "ls"], /Not a duration: "long"/],
];

Deno.test("wrong usage is found before anything is opened: exit code 2, one line that says what is right", async () => {
  await using box = await emptySandbox();
  await mapConcurrently([...MISTAKES.entries()], AT_A_TIME, async ([i, [args, message]]) => {
    assertFails(await outcomeOf(box, args, i), ExitCode.usage, message);
  });
});

/** Every sixth command line is one of the executable: starting it for all would take most of the tests' time. */
async function outcomeOf(box: Sandbox, args: readonly string[], i: number): Promise<Outcome> {
  return i % 6 === 0 ? await box.agent(args) : await runInProcess(args, { env: box.variables() });
}

const BAD_SERIES: readonly (readonly [name: string, reason: RegExp])[] = [
  ["", /empty/],
  ["..", /it is a path/],
  ["prod/../etc", /`\.\.`/],
  ["prod/./shop", /`\.`/],
  ["/prod", /it is a path/],
  ["prod/", /slashes only go between names/],
  ["prod//shop", /slashes only go between names/],
  ["a\nb", /control characters/],
  ["a\x1b[31mb", /control characters/],
  ["a\\b", /backslashes/],
  ["é".repeat(128), /longer than 255 bytes/],
  ["user@host", /@ begins a selector/],
  ["shop.manifest.json", /kept for manifests/],
];

Deno.test("a series name that could mislead is refused, and never printed raw", async () => {
  await using box = await emptySandbox();
  await mapConcurrently([...BAD_SERIES.entries()], AT_A_TIME, async ([i, [name, reason]]) => {
    const outcome = await outcomeOf(box, ["put", name], i);
    assertFails(outcome, ExitCode.usage, reason);
    assert.ok(!outcome.stderr.includes("\x1b"));
  });
});

Deno.test("with --json a failure is one object on standard error, wherever the option stands", async () => {
  await using box = await emptySandbox();
  for (const args of [["ls", "--json", "-r", "nowhere"], ["--json", "-r", "nowhere", "ls"]]) {
    const { exitCode, stdout, stderr } = await box.agent(args, { env: { AGENT_PASSWORD: "x" } });
    assert.equal(exitCode, ExitCode.noRepository);
    assert.equal(stdout, "");
    const [row, ...others] = jsonRows(stderr);
    assert.equal(others.length, 0);
    assert.deepEqual({ ...row, message: "" }, {
      message_type: "exit_error",
      code: 10,
      kind: "no-repository",
      message: "",
    });
    assert.match(String(row!["message"]), /There is no repository in nowhere/);
  }
  const usage = await box.agent(["put", "--json", "--frob"]);
  assert.equal(usage.exitCode, ExitCode.usage);
  assert.equal(jsonRows(usage.stderr)[0]!["kind"], "usage");
});

Deno.test("a stack is shown with --debug only", async () => {
  await using box = await emptySandbox();
  const env = { AGENT_PASSWORD: "x" };
  assertFails(await box.agent(["ls"], { env }), ExitCode.noRepository, /no repository/);
  const { exitCode, stderr } = await box.agent(["ls", "--debug"], { env });
  assert.equal(exitCode, ExitCode.noRepository);
  assert.match(stderr, /^ +at /m);
});
