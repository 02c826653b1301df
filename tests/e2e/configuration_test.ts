/** The configuration file and the executable: where it is found, whom it is taken from, and what commands do with it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { cheapenKey, initCheaply } from "../helpers/rest_servers.ts";
import { rootTest } from "../helpers/as_root.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";

const FILE = `
version = 1
repository = "main"

[repositories.main]
url = "DIR/main"
password = "env:MAIN_SECRET"

[repositories.away]
url = "DIR/away"
password-file = "DIR/away.password"

[defaults.put]
tag = ["prod"]
guard = ["none"]

[profiles.nightly.put]
also = "away"
tag = ["night"]

[rotation]
days = 1
weeks = 0
months = 0
years = 0
`;

/** The variables of a user with a configuration, and no others that name a repository. */
function variables(directory: TrustedDirectory): Readonly<Record<string, string | undefined>> {
  return {
    AGENT_REPOSITORY: undefined,
    AGENT_PASSWORD_FILE: undefined,
    XDG_CONFIG_HOME: undefined,
    HOME: directory.path,
    MAIN_SECRET: "secret of main",
  };
}

/** A home with a configuration, in which both repositories are made: by `init`, or in less time. */
async function configured(
  box: Sandbox,
  directory: TrustedDirectory,
  { byInit = false } = {},
): Promise<ReturnType<typeof variables>> {
  directory.write(".config/agent/agent.toml", FILE.replaceAll("DIR", directory.path));
  directory.write("away.password", "secret of away");
  const env = variables(directory);
  for (const name of ["main", "away"]) {
    const [store, password] = [openLocalStore(directory.at(name), { random: systemRandomBytes }), `secret of ${name}`];
    if (byInit) {
      await box.ok(["init", "-q", "-r", name], { env });
      await cheapenKey(store, password); // Every further command opens it.
    } else {
      await initCheaply(store, password);
    }
    await store.close();
  }
  return env;
}

trustedTest("a night by the configuration alone: two repositories, their passwords, tags and a rotation", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const env = await configured(box, directory, { byInit: true });
  const command = ["--", "sh", "-c", 'echo "${MAIN_SECRET-withheld}"'];
  await box.ok(["put", "a", "-q", ...command], { env });
  await box.ok(["--profile", "nightly", "put", "a", "-q", ...command], { env });
  assert.equal(await box.ok(["get", "a", "-q"], { env }), "withheld\n");
  const backups = async (...args: string[]) =>
    (await box.ok(["ls", "--json", ...args], { env })).trim().split("\n").map((line) => JSON.parse(line).tags);
  assert.deepEqual(await backups(), [["prod"], ["night"]]);
  assert.deepEqual(await backups("-r", "away"), [["night"]]);
  const passed = await box.ok(["put", "b", "-q", "--pass-secrets", ...command], { env });
  assert.match(passed, /^[0-9a-f]{64}\n$/);
  assert.equal(await box.ok(["get", "b", "-q"], { env }), "secret of main\n");
  assert.match(
    await box.ok(["config", "show", "--explain", "rotate"], { env }),
    /^weeks +0 +defaults: \[rotation\], line 23$/m,
  );
});

trustedTest("the working directory is not looked at", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const text = FILE.replaceAll("DIR", directory.path);
  for (const name of ["agent.toml", ".agent.toml"]) await Deno.writeTextFile(box.join(name), text);
  await Deno.mkdir(box.join("agent"));
  await Deno.writeTextFile(box.join("agent/agent.toml"), text);
  const { stderr, exitCode } = await box.agent(["ls"], { env: variables(directory) });
  assert.match(stderr, /No repository given/);
  assert.equal(exitCode, 2);
});

trustedTest("a configuration that others may write is refused by the command and by agent config", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const env = await configured(box, directory);
  await Deno.chmod(directory.at(".config"), 0o777);
  for (const args of [["ls"], ["config", "check"], ["config", "show"]]) {
    const { stderr, exitCode } = await box.agent(args, { env });
    assert.match(stderr, /"[^"]*\.config" may be written by everybody/);
    assert.equal(exitCode, 2);
  }
  assert.equal((await box.agent(["version"], { env })).exitCode, 0);
  // A copy in the sandbox lies below a directory for temporary files.
  await Deno.copyFile(directory.at(".config/agent/agent.toml"), box.join("copy.toml"));
  const named = await box.agent(["ls", "--config", "copy.toml"], { env });
  const isOpen = ((await Deno.stat("/tmp")).mode! & 0o002) !== 0 &&
    (await Deno.realPath(box.join("."))).startsWith("/tmp/");
  if (isOpen) assert.match(named.stderr, /"\/tmp" may be written by everybody/);
});

rootTest("a user's own file is taken by that user, and refused by root", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const env = await configured(box, directory);
  const SOMEBODY = 12345;
  await new Deno.Command("chown", { args: ["-R", `${SOMEBODY}:${SOMEBODY}`, directory.path] }).output();
  const refused = await box.agent(["ls"], { env });
  assert.match(refused.stderr, /belongs to the user 12345, neither to root nor to you \(0\)/);
  assert.equal(refused.exitCode, 2);
});

trustedTest("mistakes are shown with their lines, all by agent config check, the first by every command", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const path = directory.write(
    ".config/agent/agent.toml",
    "[defaults]\ncompresion = 'max'\n\n[profiles.a]\n[profiles.b]\nx = 1\n",
  );
  const env = variables(directory);
  const check = await box.agent(["config", "check"], { env });
  assert.deepEqual(check.stdout.trim().split("\n").map((line) => line.slice(path.length).split(" ")[0]), [
    ":2:",
    ":6:",
  ]);
  assert.match(
    (await box.agent(["ls"], { env })).stderr,
    /agent\.toml:2: There is no option "compresion".*shows 1 more/,
  );
  directory.write(".config/agent/agent.toml", "[profiles.a]\n\n[profiles.a]\n");
  assert.match((await box.agent(["ls"], { env })).stderr, /:3: \[profiles\.a\] is there twice; it was first in line 1/);
});

trustedTest("what show prints is accepted, and the example is a start", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  const env = await configured(box, directory);
  const shown = await box.ok(["config", "show"], { env });
  const copy = directory.write("copy.toml", shown);
  assert.match(await box.ok(["config", "check", "--config", copy], { env }), /^No mistakes/);
  const example = directory.write("example.toml", await box.ok(["config", "example"], { env }));
  assert.match(await box.ok(["config", "check", "--config", example], { env }), /^No mistakes/);
  assert.match(
    await box.ok(["config", "show", "--explain", "put"], { env }),
    /^tag +prod +defaults: \[defaults\.put\], line 14$/m,
  );
  const yaml = directory.write("bakthat.yml", "default: { s3_bucket: b, secret_key: s, rotation: { days: 3 } }\n");
  const imported = directory.at("new/agent.toml");
  await box.ok(["config", "import", yaml, "--config", imported], { env });
  assert.match(await box.ok(["config", "check", "--config", imported], { env }), /^No mistakes/);
});

trustedTest("without a file, a command looks for two and reads none", async () => {
  await using box = await emptySandbox();
  using directory = new TrustedDirectory();
  await box.ok(["version"], { env: { ...variables(directory), XDG_CONFIG_HOME: join(directory.path, "none") } });
  const { stderr } = await box.agent(["ls"], { env: { ...variables(directory), AGENT_CONFIG: "/dev/null" } });
  assert.match(stderr, /No repository given/);
});
