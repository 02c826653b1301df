/** Agents by a configuration file: which repository, which password, what is usual, and which hooks hear of it. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { openAgent } from "../../../src/library/open_agent.ts";
import type { AgentOptions } from "../../../src/library/opening/agent_options.ts";
import { TRUSTED_PARENT, TrustedDirectory } from "../../helpers/trusted_directory.ts";
import { CHEAP_KDF, fakeWorld, PASSWORD } from "../../helpers/world.ts";
import { bytesOf } from "../agent_fixture.ts";

const PLAIN = { guard: "none" } as const;
const hint = TRUSTED_PARENT === undefined ? " (skipped: no folder that nobody else may write above)" : "";

/** Tests with a file in a folder that is trusted. */
function configuredTest(name: string, fn: (directory: TrustedDirectory) => Promise<void>): void {
  Deno.test({
    name: name + hint,
    ignore: TRUSTED_PARENT === undefined,
    async fn() {
      using directory = new TrustedDirectory();
      await fn(directory);
    },
  });
}

/** An agent whose repository is made, with nothing of this process's environment but what is given. */
function open(options: AgentOptions, environment: Record<string, string> = {}) {
  return openAgent({
    init: true,
    cacheDirectory: null,
    environment: { PATH: Deno.env.get("PATH") ?? "", ...environment },
    ...options,
    world: { ...fakeWorld(), ...{ kdf: CHEAP_KDF } },
  });
}

configuredTest("a file gives the repository, its password, and what is usual", async (directory) => {
  const config = directory.write(
    "agent.toml",
    `repository = "main"
[repositories.main]
url = "${directory.at("main")}"
password = "env:SHOP_PASSWORD"
[defaults.put]
tag = ["prod"]
compression = "better"
[rotation]
days = 1
weeks = 0
months = 0
[profiles.nightly]
repository = "away"
[profiles.nightly.put]
run-type = "daily"
[repositories.away]
url = "${directory.at("away")}"
password-file = "${directory.write("password", PASSWORD)}"
`,
  );
  await using agent = await open({ config }, { SHOP_PASSWORD: PASSWORD });
  const { backup } = await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
  assert.deepEqual([backup.snapshot.tags, backup.info?.runType], [["prod"], null]);
  const own = await agent.backup("prod/shop", bytesOf("orders"), { ...PLAIN, tags: ["mine"], host: "db1" });
  assert.deepEqual(own.backup.snapshot.tags, ["mine"]);
  await agent.backup("prod/shop", bytesOf("old"), { ...PLAIN, time: new Date(Date.UTC(2025, 11, 30)) });
  assert.equal((await agent.rotateBackups("prod/shop")).length, 1, "one day is kept, not seven");
  assert.equal((await Deno.stat(directory.at("main/config"))).isFile, true);

  await using nightly = await open({ config, profile: "nightly" });
  const { backup: daily } = await nightly.backup("prod/shop", bytesOf("orders"), PLAIN);
  assert.deepEqual([daily.info?.runType, daily.snapshot.tags], ["daily", ["prod"]]);
  assert.equal((await Deno.stat(directory.at("away/config"))).isFile, true);

  await using named = await open({ config, repository: "away" });
  assert.equal((await named.ls()).length, 1);
});

configuredTest("what the file demands of backups is demanded of those of a program", async (directory) => {
  const config = directory.write(
    "agent.toml",
    `repository = "main"
[repositories.main]
url = "${directory.at("main")}"
password-file = "${directory.write("password", PASSWORD)}"
[defaults.put]
min-size = "100"
min-of-parent = "50%"
`,
  );
  await using agent = await open({ config });
  await assert.rejects(agent.backup("prod/shop", bytesOf("orders"), PLAIN), /at least 100/);
  await agent.backup("prod/shop", bytesOf("x".repeat(1000)), PLAIN);
  await assert.rejects(agent.backup("prod/shop", bytesOf("x".repeat(200)), PLAIN), /min-of-parent/);
  await agent.backup("prod/shop", bytesOf("x".repeat(20)), { ...PLAIN, minSize: 0, minOfParent: "off" });
});

configuredTest("URLs lead to the gateway of the file", async (directory) => {
  const config = directory.write(
    "agent.toml",
    `repository = "main"
[repositories.main]
url = "${directory.at("main")}"
password-file = "${directory.write("password", PASSWORD)}"
[defaults.url]
gateway = "https://gateway.example"
`,
  );
  await using agent = await open({ config });
  await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
  assert.match(await agent.getUrl("prod/shop", { seconds: 60 }), /^https:\/\/gateway\.example\/[0-9a-f]{64}\//);
});

configuredTest("options of backups that do not count for programs are told", async (directory) => {
  const file = (options: string) =>
    directory.write(
      "agent.toml",
      `repository = "${directory.at("main")}"
[defaults]
password-file = "${directory.write("password", PASSWORD)}"
${options}`,
    );
  const problems = async (options: string) => {
    const told: string[] = [];
    await using _agent = await open({ config: file(options), onProblem: ({ message }) => told.push(message) });
    return told;
  };
  assert.deepEqual(await problems("json = true\nretry-lock = '1m'\n[defaults.put]\ntag = ['a']\nquiet = true\n"), []);
  const [told, ...others] = await problems(
    "guard = 'none'\n[defaults.put]\nalso = '/away'\nexclude-caches = true\nstrict = true\n",
  );
  assert.match(told!, /agent\.toml" do not count for programs: "also", "exclude-caches", "guard"; say them/);
  assert.deepEqual(others, []);
});

configuredTest("what the program says wins over the file", async (directory) => {
  const config = directory.write(
    "agent.toml",
    `[repositories.main]
url = "${directory.at("main")}"
password = "env:NOT_SET"
`,
  );
  await using agent = await open({ config, repository: "main", password: PASSWORD });
  assert.deepEqual(await agent.ls(), []);
  await assert.rejects(open({ config, repository: "main" }), UsageError);
});

configuredTest(
  "keys of S3 in the file do not count where the environment says whose keys to use",
  async (directory) => {
    const config = directory.write(
      "agent.toml",
      `repository = "away"
[repositories.away]
url = "s3:https://s3.example/bucket/shop"
s3-secret-access-key = "env:NOT_SET"
`,
    );
    await assert.rejects(open({ config, password: PASSWORD, init: false }), /NOT_SET/);
    await using _agent = await open({ config, password: PASSWORD, init: false }, {
      AWS_ROLE_ARN: "arn:aws:iam::1:role/backup",
    });
  },
);

configuredTest("hooks of the file hear of what an agent does, without its secrets, and may veto", async (directory) => {
  const config = directory.write(
    "agent.toml",
    `repository = "main"
[repositories.main]
url = "${directory.at("main")}"
password = "env:SHOP_PASSWORD"
[[hooks]]
event = "onBackup"
command = "echo $AGENT_EVENT $AGENT_SERIES [$SHOP_PASSWORD]"
[[hooks]]
event = "beforeDelete"
command = "exit 1"
`,
  );
  let said = "";
  const onHookOutput = (lines: Uint8Array) => void (said += new TextDecoder().decode(lines));
  await using agent = await open({ config, onHookOutput }, { SHOP_PASSWORD: PASSWORD });
  await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
  assert.match(said, /onBackup prod\/shop \[\]/);
  await assert.rejects(agent.deleteBackup("prod/shop", { allowLast: true }), { code: "vetoed", message: /refused/ });
  assert.equal((await agent.ls()).length, 1);
});

configuredTest("a profile or repository that is not there is refused with the names that are", async (directory) => {
  const config = directory.write("agent.toml", `[profiles.nightly]\nlimit-upload = "20M"\n`);
  await assert.rejects(open({ config, profile: "nightyl" }), /nightly/);
  await assert.rejects(open({ config, password: PASSWORD }), UsageError);
  await assert.rejects(open({ config: directory.at("gone.toml"), password: PASSWORD }), UsageError);
});

configuredTest("a mistyped name of a repository never becomes a folder", async (directory) => {
  const config = directory.write("agent.toml", `[repositories.main]\nurl = "${directory.at("main")}"\n`);
  const name = `mian${crypto.randomUUID().slice(0, 8)}`;
  const message = `There is no repository "${name}" in ${config}; there are main; write ./${name} for a folder`;
  for (const init of [true, false]) {
    await assert.rejects(open({ config, repository: name, password: PASSWORD, init }), { code: "usage", message });
  }
  await assert.rejects(open({ config, repository: "mian" }), /did you mean "main"\? Write \.\/mian for a folder$/);
  await assert.rejects(Deno.stat(name), Deno.errors.NotFound);
});

Deno.test("without a repository and without a file, nothing is opened", async () => {
  await assert.rejects(open({ password: PASSWORD }, { AGENT_CONFIG: "/dev/null" }), UsageError);
  await assert.rejects(open({ profile: "nightly", password: PASSWORD }, { AGENT_CONFIG: "/dev/null" }), UsageError);
});
