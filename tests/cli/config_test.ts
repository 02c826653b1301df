/** `agent config`: what it finds, shows and makes. */
import assert from "node:assert/strict";
import * as v from "valibot";
import {
  configCheckedMessage,
  configExplainedMessage,
  configImportedMessage,
  configMistakeMessage,
  configShownMessage,
} from "../../src/cli/report/json/config_json.ts";
import { parseConfiguration } from "../../src/config/parse/parse_configuration.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";

async function run(directory: TrustedDirectory, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return await runInProcess(["config", ...args], {
    env: { XDG_CONFIG_HOME: directory.path, ...env },
    configurationMachine: { uid: Deno.uid(), directory: () => directory.path },
  });
}

trustedTest("check shows all mistakes, each on a line with its place", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("agent/agent.toml", "[defaults]\nx = 1\n[defaults.put]\ny = 1\n");
  const { stdout, stderr, exitCode } = await run(directory, ["check"]);
  assert.deepEqual(stdout.split("\n").map((line) => line.split(": ")[0]), [`${path}:2`, `${path}:4`, ""]);
  assert.equal(stderr, `agent: Found 2 mistakes in "${path}"\n`);
  assert.equal(exitCode, 2);
  const json = await run(directory, ["check", "--json"]);
  assert.deepEqual(JSON.parse(json.stdout.split("\n")[2]!), { path, mistakes: 2 });
});

trustedTest("check works behind options of every command, and loads no plugins", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("other.toml", "x = 1\ny = 1\n[plugins]\nenabled = ['nope']\n");
  for (
    const before of [["--config", path], [`--config=${path}`], ["-q", "--config", path], [
      "-qr",
      "/r",
      "--config",
      path,
    ]]
  ) {
    const { stdout, exitCode } = await runInProcess([...before, "config", "check"], {
      env: {},
      configurationMachine: { uid: Deno.uid(), directory: () => directory.path },
    });
    assert.match(stdout, /:1: .*\n.*:2: /);
    assert.equal(exitCode, 2);
  }
});

trustedTest("check shows mistakes in options and plugins beside those in the file's structure", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write(
    "agent/agent.toml",
    `x = 1
[defaults.put]
compresion = "max"
[rotation]
days = "many"
[plugins]
dir = "${directory.at("plugins")}"
enabled = ["there", "nope"]
`,
  );
  directory.write("plugins/there.js", "throw new Error('loaded')");
  const { stdout } = await run(directory, ["check"]);
  assert.deepEqual(
    stdout.trim().split("\n").map((line) => line.split(": ")[0]),
    [1, 3, 5, 8].map((line) => `${path}:${line}`),
  );
  assert.match(stdout, /:8: The plugin "nope" cannot be used: there is no nope\.js, \.mjs or \.ts in /);
});

trustedTest("check shows rotations that keep nothing, those of profiles too", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write(
    "agent/agent.toml",
    `[rotation]
days = 0
weeks = 0
months = 0
[profiles.some.rotation]
years = 2
[profiles.none.rotation]
years = 0
[profiles.plain]
`,
  );
  const { stdout } = await run(directory, ["check"]);
  assert.deepEqual(stdout.trim().split("\n").map((line) => line.split(": ")[0]), [`${path}:4`, `${path}:8`]);
  assert.match(stdout, /keeps nothing/);
  directory.write("agent/agent.toml", "[rotation]\ndays = 0\nweeks = 0\n");
  assert.equal((await run(directory, ["check"])).exitCode, 0);
});

trustedTest("every object of --json has the fields that it is to have", async () => {
  using directory = new TrustedDirectory();
  directory.write("agent/agent.toml", "x = 1\n");
  const yaml = directory.write("bakthat.yml", "default: {}\n");
  const parse = async (schema: v.GenericSchema, ...args: string[]) => {
    const { stdout } = await run(directory, [...args, "--json"]);
    v.parse(schema, JSON.parse(stdout.split("\n")[0]!));
  };
  await parse(configMistakeMessage, "check");
  await parse(configImportedMessage, "import", yaml, "--overwrite");
  await parse(configCheckedMessage, "check");
  await parse(configShownMessage, "show");
  await parse(configExplainedMessage, "show", "--explain", "put");
});

trustedTest("check says that a file is in order", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("agent/agent.toml", "[defaults.put]\ncompression = 'max'\n");
  assert.deepEqual(await run(directory, ["check"]), {
    exitCode: 0,
    stdout: `No mistakes in ${path}\n`,
    stderr: "",
    questions: [],
  });
});

trustedTest("without a file, check and show say where there is none, and explain explains", async () => {
  using directory = new TrustedDirectory();
  for (const command of ["check", "show"]) {
    const { stderr, exitCode } = await run(directory, [command]);
    assert.equal(exitCode, 2);
    assert.ok(stderr.includes(directory.at("agent/agent.toml")) && stderr.includes("/etc/agent/agent.toml"), stderr);
  }
  assert.match((await run(directory, ["show", "--explain", "put"])).stdout, /^compression +auto +built-in$/m);
});

trustedTest("show prints a file that is accepted, without secrets", async () => {
  using directory = new TrustedDirectory();
  const text = `
repository = "a"
[repositories.a]
url = "/a"
password = "command:echo hunter2"
[defaults.put]
also-password-command = "echo hunter2"
`;
  const path = directory.write("agent/agent.toml", text);
  const { stdout } = await run(directory, ["show"]);
  assert.equal(stdout.split("\n")[0], `# ${path}`);
  assert.equal(parseConfiguration(stdout, path).repositories.get("a")!.settings.get("password")!.value, "command:***");
  const json = await run(directory, ["show", "--json"]);
  assert.equal(JSON.parse(json.stdout).content.repository, "a");
  const explained = await run(directory, ["show", "--explain", "--", "put", "--password-command", "echo hunter2"]);
  for (const { stdout } of [json, explained, await run(directory, ["show"])]) assert.doesNotMatch(stdout, /hunter2/);
});

trustedTest("explain refuses commands and options that there are not", async () => {
  using directory = new TrustedDirectory();
  const refusal = async (...words: string[]) => (await run(directory, ["show", ...words])).stderr;
  assert.match(await refusal("--explain", "putt"), /There is no command "putt"/);
  assert.match(await refusal("--explain", "--", "key", "ad"), /There is no command "key ad"/);
  assert.match(await refusal("--explain", "--", "put", "--nope"), /There is no option --nope of "agent put"/);
  assert.match(await refusal("put"), /explained with --explain alone/);
});

trustedTest("passwords of the environment are not shown", async () => {
  using directory = new TrustedDirectory();
  const env = { AGENT_PASSWORD: "hunter2", AGENT_REPOSITORY: "rest:https://u:hunter2@h/" };
  const { stdout } = await run(directory, ["show", "--explain", "ls"], env);
  assert.doesNotMatch(stdout, /hunter2/);
  assert.match(stdout, /\*\*\* +environment AGENT_PASSWORD/);
});

trustedTest("the example is a file without mistakes, and so it is with all its settings", async () => {
  using directory = new TrustedDirectory();
  const { stdout: example } = await run(directory, ["example"]);
  directory.write("plugins/timer.js", "");
  const stdout = example.replace("/etc/agent/plugins", directory.at("plugins"));
  for (const text of [stdout, stdout.replaceAll(/^# (?=[a-z0-9-]+ = |\[)/gm, "")]) {
    directory.write("agent/agent.toml", text);
    const { exitCode, stdout } = await run(directory, ["check"]);
    assert.equal(exitCode, 0, stdout);
  }
});

trustedTest("import makes a file of bakthat's, once, and keeps what it replaces", async () => {
  using directory = new TrustedDirectory();
  const yaml = directory.write(
    "bakthat.yml",
    "default: { s3_bucket: b, secret_key: hunter2, default_destination: s3 }\n",
  );
  const dry = await run(directory, ["import", yaml, "--dry-run"]);
  assert.match(dry.stdout, /^url = "s3:https:\/\/s3\.amazonaws\.com\/b\/agent"$/m);
  assert.match(dry.stderr, /"default_destination" of "default" is left out/);
  const path = directory.at("agent/agent.toml");
  assert.match((await run(directory, ["import", yaml])).stderr, new RegExp(`Wrote ${path}\n$`));
  assert.equal((await run(directory, ["check"])).exitCode, 0);
  assert.match((await run(directory, ["import", yaml])).stderr, /Refusing to overwrite/);
  const again = await run(directory, ["import", yaml, "--overwrite", "--json"]);
  const { copy } = JSON.parse(again.stdout);
  assert.equal(await Deno.readTextFile(copy), await Deno.readTextFile(path));
  assert.equal(await Deno.readTextFile(directory.at("agent/default.s3-secret")), "hunter2\n");
  for (const { stdout, stderr } of [dry, again]) assert.doesNotMatch(stdout + stderr, /hunter2/);
});
