/** What commands do with a configuration file: which value counts, and what is refused. */
import assert from "node:assert/strict";
import { TrustedDirectory, trustedTest } from "../../helpers/trusted_directory.ts";
import { runInProcess } from "../../helpers/command_line.ts";

/** A machine with a configuration file, two repositories and their passwords. */
class Machine implements Disposable {
  readonly directory = new TrustedDirectory();

  constructor(text: string) {
    this.directory.write("config/agent/agent.toml", text.replaceAll("DIR", this.directory.path));
    this.directory.write("main.password", "main");
    this.directory.write("away.password", "away");
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}, stdin = "") {
    return await runInProcess(args, {
      env: { XDG_CONFIG_HOME: this.directory.at("config"), ...env },
      stdin: new TextEncoder().encode(stdin),
      configurationMachine: { uid: Deno.uid(), directory: () => this.directory.path },
    });
  }

  /** Which value counts for an option, and where it is from. */
  async value(
    option: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    before: string[] = [],
  ) {
    const { stdout, stderr } = await this.run([...before, "config", "show", "--explain", "--json", "--", ...args], env);
    const rows = stdout.trim().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    const row = rows.findLast((found) => found.option === option);
    return row === undefined ? stderr : `${row.value} ${row.from}`;
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }
}

const REPOSITORIES = `
repository = "main"
[repositories.main]
url = "DIR/main"
password-file = "DIR/main.password"
[repositories.away]
url = "DIR/away"
password = "env:AWAY"
`;
const AWAY = { AWAY: "away" };

trustedTest("repositories have names for every option that takes one", async () => {
  using machine = new Machine(REPOSITORIES);
  assert.equal((await machine.run(["init"])).exitCode, 0);
  assert.equal((await machine.run(["-r", "away", "init"], AWAY)).exitCode, 0);
  const put = await machine.run(["put", "a", "--also", "away"], AWAY, "hello");
  assert.equal(put.exitCode, 0, put.stderr);
  for (const args of [["get", "a"], ["-r", "away", "get", "a"], ["get", "a", "-r", "away"]]) {
    assert.equal((await machine.run(args, AWAY)).stdout, "hello", args.join(" "));
  }
  assert.equal((await machine.run(["get", "a"], { ...AWAY, AGENT_REPOSITORY: "away" })).stdout, "hello");
  const copy = await machine.run(["copy", "-r", "away", "--from", "main", "--json"], AWAY);
  assert.equal(copy.exitCode, 0, copy.stderr);
});

trustedTest("a name in a path is a path", async () => {
  using machine = new Machine(REPOSITORIES);
  const { stderr, exitCode } = await machine.run(["ls", "-r", "./main"], { AGENT_PASSWORD: "x" });
  assert.equal(exitCode, 10);
  assert.match(stderr, /no repository in .*\.?\/main/);
});

trustedTest("a variable that the file names for a password has to be set", async () => {
  using machine = new Machine(REPOSITORIES);
  const { stderr, exitCode } = await machine.run(["init", "-r", "away"]);
  assert.equal(stderr, 'agent: The variable AWAY is not set: the repository "away" has a secret there\n');
  assert.equal(exitCode, 2);
});

trustedTest("a password file that is missing is told with the line that names it", async () => {
  using machine = new Machine(
    '[repositories.a]\nurl = "DIR/a"\npassword-file = "DIR/none"\n' +
      '[repositories.b]\nurl = "DIR/b"\npassword = "file:DIR/nothing"\n',
  );
  const told = async (...args: string[]) => (await machine.run(args)).stderr;
  assert.match(
    await told("init", "-r", "a"),
    /password file ".*\/none", which .*toml:3 names; --new-password-file makes/,
  );
  await machine.run(["init", "-r", "a", "--new-password-file", machine.directory.at("made")]);
  assert.match(await told("ls", "-r", "a"), /There is no password file ".*\/none", which .*toml:3 names; make it/);
  await machine.run(["init", "-r", "b", "--new-password-file", machine.directory.at("b.made")]);
  assert.match(await told("ls", "-r", "b"), /"[^"]*\/nothing", which .*toml:6 names/);
  assert.match(await told("ls", "-r", "a", "-p", "/no/such"), /"\/no\/such"; check the option or the variable/);
});

trustedTest("passwords of option and environment win over the repository's", async () => {
  using machine = new Machine(REPOSITORIES);
  await machine.run(["init"]);
  const wrong = machine.directory.write("wrong", "wrong");
  assert.equal((await machine.run(["ls"])).exitCode, 0);
  assert.equal((await machine.run(["ls", "-p", wrong])).exitCode, 12);
  assert.equal((await machine.run(["ls", "--password-command", "echo wrong"])).exitCode, 12);
  for (const name of ["AGENT_PASSWORD", "RESTIC_PASSWORD"]) {
    assert.equal((await machine.run(["ls"], { [name]: "wrong" })).exitCode, 12, name);
    assert.equal((await machine.run(["ls"], { [name]: "" })).exitCode, 0, name);
  }
});

const LAYERS = `
${REPOSITORIES}
[defaults]
compression = "off"
host = "all"
cacert = "/defaults"
[defaults.put]
compression = "max"
option = ["a=1"]
password-file = "/put"
[profiles.nightly]
compression = "fastest"
option = ["b=2"]
[profiles.nightly.put]
compression = "better"
[profiles.url]
repository = "/elsewhere"
[repositories.settings]
url = "/x"
cacert = "/repository"
option = ["c=3"]
no-cache = true
`;

trustedTest("an option wins over a variable, a profile, the defaults of a command, and those of all", async () => {
  using machine = new Machine(LAYERS);
  const compression = (args: string[], before: string[] = []) => machine.value("compression", args, {}, before);
  assert.equal(await compression(["put", "--compression", "auto"], ["--profile", "nightly"]), "auto option");
  assert.equal(await compression(["put"], ["--profile", "nightly"]), "better profile");
  assert.equal(await compression(["put"]), "max defaults");
  assert.equal(await machine.value("host", ["put"]), "all defaults");
  assert.equal(await machine.value("level", ["put"]), "auto built-in");
  assert.equal(await machine.value("cacert", ["put"], { AGENT_CACERT: "/variable" }), "/variable environment");
  assert.equal(await machine.value("cacert", ["put", "--cacert", "/option"], { AGENT_CACERT: "/v" }), "/option option");
  assert.equal(await machine.value("repo", ["put"]), "main defaults");
  assert.equal(await machine.value("repo", ["put"], { RESTIC_REPOSITORY: "/v" }), "/v environment");
  assert.equal(await machine.value("repo", ["put"], {}, ["--profile", "url"]), "/elsewhere profile");
  assert.equal(await machine.value("repo", ["put"], { AGENT_REPOSITORY: "/v" }, ["-r", "away"]), "away option");
});

trustedTest("what is said of put counts for a backup, and what is said of backup wins", async () => {
  using machine = new Machine(`${LAYERS}
[defaults.backup]
one-file-system = true
[profiles.nightly.backup]
tag = ["files"]
`);
  const value = (option: string, before: string[] = []) => machine.value(option, ["backup"], {}, before);
  assert.equal(await value("compression"), "max defaults");
  assert.equal(await value("compression", ["--profile", "nightly"]), "better profile");
  assert.equal(await value("one-file-system"), "true defaults");
  assert.equal(await value("tag", ["--profile", "nightly"]), "files profile");
  assert.equal(await machine.value("one-file-system", ["put"]), "");
  const { stdout } = await machine.run(["config", "show", "--explain", "backup"]);
  assert.match(stdout, /^compression +max +defaults: \[defaults\.put\], line \d+$/m);
});

trustedTest("what a repository says wins over profiles and defaults, and settings of stores add up", async () => {
  using machine = new Machine(LAYERS);
  assert.equal(await machine.value("cacert", ["put", "-r", "settings"]), "/repository repository");
  assert.equal(await machine.value("cacert", ["put", "-r", "settings"], { RESTIC_CACERT: "/v" }), "/v environment");
  assert.equal(await machine.value("no-cache", ["put", "-r", "settings"]), "true repository");
  assert.equal(await machine.value("password-file", ["put", "-r", "settings"]), "/put defaults");
  assert.match(await machine.value("password-file", ["put"]), /main\.password repository$/);
  const { stdout } = await machine.run(
    ["--profile", "nightly", "config", "show", "--explain", "--json", "--", "put", "-r", "settings", "--option", "d=4"],
  );
  const settings = stdout.trim().split("\n").map((line) => JSON.parse(line)).filter(({ option }) =>
    option === "option"
  );
  assert.deepEqual(settings.map(({ value }) => value), ["a=1", "b=2", "c=3", "d=4"]);
});

trustedTest("a profile comes from the option, the variable or the file, and has to be there", async () => {
  using machine = new Machine(`profile = "nightly"\n${LAYERS}`);
  assert.equal(await machine.value("compression", ["put"]), "better profile");
  assert.equal(await machine.value("compression", ["put"], { AGENT_PROFILE: "url" }), "max defaults");
  const { stderr, exitCode } = await machine.run(["ls"], { AGENT_PROFILE: "nigthly" });
  assert.match(stderr, /There is no profile "nigthly" in .*; did you mean "nightly"\?/);
  assert.equal(exitCode, 2);
  const none = await machine.run(["ls", "--profile", "x"], { AGENT_CONFIG: "/dev/null" });
  assert.match(none.stderr, /There is no profile "x": no configuration file was found/);
});

trustedTest("values of the file do what options do", async () => {
  using machine = new Machine(`${REPOSITORIES}
[defaults]
json = true
[defaults.put]
tag = ["prod", "db"]
host = "filehost"
[defaults.ls]
latest = 1
[profiles.loud]
json = false
[profiles.loud.put]
host = 5
`);
  await machine.run(["init"]);
  await machine.run(["put", "a"], {}, "one");
  await machine.run(["put", "a"], {}, "two");
  const { stdout } = await machine.run(["ls"]);
  const [backup, ...others] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([backup.tags, backup.host, others.length], [["prod", "db"], "filehost", 0]);
  await machine.run(["--profile", "loud", "put", "b", "--tag", "x"], {}, "three");
  assert.match((await machine.run(["ls", "--profile", "loud"])).stdout, / b +5 .* x/);
  const { stderr } = await machine.run(["get", "none"]);
  assert.equal(JSON.parse(stderr).message_type, "exit_error");
});

trustedTest("a mistake is refused by every command with its line, and by those that need no file by none", async () => {
  using machine = new Machine('[defaults]\nretry-lok = "5m"\n');
  const { stderr, exitCode } = await machine.run(["ls"]);
  assert.match(stderr, /agent\.toml:2: There is no option "retry-lok" for \[defaults\]; did you mean "retry-lock"\?/);
  assert.equal(exitCode, 2);
  for (const args of [["version"], ["help"], ["ls", "--help"], ["config", "example"]]) {
    assert.equal((await machine.run(args)).exitCode, 0, args.join(" "));
  }
});

trustedTest("a value that an option does not take is refused with its line before the command begins", async () => {
  using machine = new Machine(`${REPOSITORIES}\n[defaults.put]\ncompression = "much"\n`);
  const { stderr, exitCode } = await machine.run(["put", "a"], {}, "x");
  assert.match(stderr, /agent\.toml:\d+: Wrong value of "compression" in \[defaults\.put\]: Allowed choices/);
  assert.equal(exitCode, 2);
});

trustedTest("a file that others may write is refused", async () => {
  using machine = new Machine(REPOSITORIES);
  await Deno.chmod(machine.directory.at("config/agent"), 0o777);
  const { stderr, exitCode } = await machine.run(["ls"]);
  assert.match(stderr, /Refusing the configuration file .*config\/agent" may be written by everybody/);
  assert.equal(exitCode, 2);
});
