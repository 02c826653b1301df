/** Which tables of a file count for a command, and in which order. */
import assert from "node:assert/strict";
import { parseConfiguration } from "../../src/config/parse/parse_configuration.ts";
import { secretVariables } from "../../src/config/secret_references.ts";
import { layersFor, namedRepository, selectProfile } from "../../src/config/selection.ts";

const CONFIGURATION = parseConfiguration(
  `
repository = "main"
[repositories.main]
url = "/main"
password = "env:MAIN"
[repositories.away]
url = "rest:https://h/"
rest-password = "env:AWAY"
password = "file:/p"
[defaults]
a = 1
[defaults.key]
a = 2
[defaults.key.add]
a = 3
[defaults.rotate]
days = 4
[rotation]
days = 5
[plugins]
dir = "/plugins"
enabled = ["timer"]
[plugins.timer]
unit = "s"
deep = { a = 1 }
[[hooks]]
event = "onError"
command = "first"
[profiles.nightly]
repository = "away"
a = 6
[profiles.nightly.key]
a = 7
[profiles.nightly.rotation]
days = 8
[profiles.nightly.plugins]
enabled = ["webhook", "timer"]
[profiles.nightly.plugins.timer]
deep = { b = 2 }
[[profiles.nightly.hooks]]
event = "onError"
command = "second"
[profiles.plain]
`,
  "agent.toml",
);

function tables(profile: string | undefined, command: string): string[] {
  return layersFor(selectProfile(CONFIGURATION, profile), command).map(({ table }) => table);
}

Deno.test("a profile comes before defaults, a command before all commands, a subcommand before its command", () => {
  assert.deepEqual(tables(undefined, "put"), ["[defaults]"]);
  assert.deepEqual(tables(undefined, "key add"), ["[defaults.key.add]", "[defaults.key]", "[defaults]"]);
  assert.deepEqual(tables("nightly", "key add"), [
    "[profiles.nightly.key]",
    "[profiles.nightly]",
    "[defaults.key.add]",
    "[defaults.key]",
    "[defaults]",
  ]);
});

Deno.test("a rotation counts for rotate alone, after what is said of that command", () => {
  assert.deepEqual(tables("nightly", "rotate"), [
    "[profiles.nightly.rotation]",
    "[profiles.nightly]",
    "[defaults.rotate]",
    "[rotation]",
    "[defaults]",
  ]);
});

Deno.test("a profile names its repository, or has that of the file", () => {
  assert.equal(selectProfile(CONFIGURATION, "nightly").repository?.setting.value, "away");
  assert.equal(selectProfile(CONFIGURATION, "plain").repository?.setting.value, "main");
  assert.equal(
    namedRepository(selectProfile(CONFIGURATION, undefined), "away")?.settings.get("url")?.value,
    "rest:https://h/",
  );
});

Deno.test("a profile adds plugins and hooks, and changes single settings", () => {
  const { plugins, hooks, conf } = selectProfile(CONFIGURATION, "nightly");
  assert.deepEqual(plugins, {
    directory: "/plugins",
    enabled: ["timer", "webhook"],
    settings: { timer: { unit: "s", deep: { a: 1, b: 2 } } },
  });
  assert.deepEqual(hooks.map(({ run }) => run), [{ command: "first" }, { command: "second" }]);
  assert.equal(conf.repository, "away");
  assert.deepEqual(conf.rotation, { days: 8 });
  assert.deepEqual(selectProfile(CONFIGURATION, undefined).conf, CONFIGURATION.raw);
});

Deno.test("a profile that is not there is refused with the nearest name, or all names", () => {
  const refusal = (name: string) => {
    try {
      selectProfile(CONFIGURATION, name);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  assert.equal(refusal("nigthly"), 'There is no profile "nigthly" in agent.toml; did you mean "nightly"?');
  assert.equal(refusal("weekly-full"), 'There is no profile "weekly-full" in agent.toml; there are nightly, plain');
});

Deno.test("variables with secrets are known", () => {
  assert.deepEqual(secretVariables(CONFIGURATION), ["MAIN", "AWAY"]);
});
