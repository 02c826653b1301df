/** bakthat's configuration as ours. */
import assert from "node:assert/strict";
import { importBakthat } from "../../../src/config/import/bakthat.ts";
import { keepImport } from "../../../src/config/import/keep_import.ts";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { tomlText } from "../../../src/config/write/toml_text.ts";
import { seededRandom } from "../../helpers/world.ts";
import { TrustedDirectory, trustedTest } from "../../helpers/trusted_directory.ts";

const YAML = `
default:
  access_key: AKEXAMPLE
  secret_key: hunter2
  s3_bucket: backups
  s3_location: eu-west-1
  glacier_vault: vault
  default_destination: s3
  rotation: { days: 7, weeks: 6, months: 6, first_week_day: 5 }
my work:
  s3_bucket: other
  plugins: [test.MyPlugin]
  rotation:
    days: 30
empty:
`;

Deno.test("profiles become repositories with their keys and rotations, and secrets go to files", () => {
  const { configuration, secrets, notes } = importBakthat(YAML, "b.yml", "/etc/agent");
  assert.deepEqual(configuration, {
    version: 1,
    repository: "default",
    rotation: { days: 7, weeks: 6, months: 6, "first-week-day": 5 },
    repositories: {
      default: {
        url: "s3:https://s3.amazonaws.com/backups/agent",
        option: ["s3.region=eu-west-1"],
        "s3-access-key-id": "AKEXAMPLE",
        "s3-secret-access-key": "file:/etc/agent/default.s3-secret",
      },
      "my-work": { url: "s3:https://s3.amazonaws.com/other/agent" },
    },
    profiles: { "my-work": { repository: "my-work", rotation: { days: 30 } }, empty: {} },
  });
  assert.deepEqual(secrets, [{ file: "default.s3-secret", value: "hunter2" }]);
  for (const key of ["glacier_vault", "default_destination", "plugins", "my work"]) {
    assert.ok(notes.some((note) => note.includes(`"${key}"`)), key);
  }
  parseConfiguration(tomlText(configuration), "agent.toml");
});

Deno.test("what is not such a file is refused without its values", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["a: [", /^b\.yml:\d+: Not YAML/],
    ["[]", /it has the wrong form/],
    ["- hunter2", /not a configuration of bakthat: it has the wrong form/],
    ["hunter2", /not a configuration of bakthat/],
    ["default: { rotation: { days: hunter2 } }", /"default\.rotation\.days" has the wrong form/],
    ["default: { rotation: { first_week_day: 7 } }", /first_week_day" has the wrong form/],
    ["default: { s3_bucket: [hunter2] }", /"default\.s3_bucket" has the wrong form/],
    ["a: &x { s3_bucket: b }\nb: *x", /it has aliases/],
    ["a b: { s3_bucket: x }\na-b: { s3_bucket: y }", /both be called "a-b"/],
    ["a: 1\na: 2", /^b\.yml:\d+: Not YAML/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => importBakthat(text, "b.yml", "/x"), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

function machine() {
  return { uid: Deno.uid(), now: () => new Date("2026-11-29T18:00:00.5Z"), randomBytes: seededRandom("import") };
}

trustedTest("the file and its secrets are the owner's alone, and what was there is kept", async () => {
  using directory = new TrustedDirectory();
  const path = directory.at("agent/agent.toml");
  const parts = { path, text: "version = 1\n", secrets: [{ file: "x.s3-secret", value: "hunter2" }] };
  assert.equal(await keepImport({ ...parts, overwrites: false }, machine()), undefined);
  for (const name of ["agent.toml", "x.s3-secret"]) {
    assert.equal((await Deno.stat(directory.at(`agent/${name}`))).mode! & 0o777, 0o600);
  }
  assert.equal((await Deno.stat(directory.at("agent"))).mode! & 0o777, 0o700);
  await assert.rejects(keepImport({ ...parts, overwrites: false }, machine()), /Refusing to overwrite/);
  const copy = await keepImport({ ...parts, text: "# other\n", overwrites: true }, machine());
  assert.equal(copy, `${path}.bak-20261129T180000Z`);
  assert.equal(await Deno.readTextFile(copy), "version = 1\n");
  assert.equal(await Deno.readTextFile(path), "# other\n");
});

trustedTest("nothing is written where others may write, nor what could not be read again", async () => {
  using directory = new TrustedDirectory();
  directory.write("open/x", "");
  await Deno.chmod(directory.at("open"), 0o777);
  const open = {
    path: directory.at("open/agent.toml"),
    text: "",
    secrets: [{ file: "s", value: "hunter2" }],
    overwrites: false,
  };
  await assert.rejects(keepImport(open, machine()), /may be written by everybody/);
  const wrong = { ...open, path: directory.at("own/agent.toml"), secrets: [], text: "a = 1" };
  await assert.rejects(keepImport(wrong, machine()), /no key "a"/);
  const names = (folder: string) => Array.from(Deno.readDirSync(directory.at(folder)), ({ name }) => name);
  assert.deepEqual([names("open"), names("own")], [["x"], []]);
});
