/** What a configuration file says, and how every mistake in it is shown with its line. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Configuration } from "../../../src/config/configuration.ts";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { ConfigurationError } from "../../../src/config/problems.ts";

const FULL = `
version = 1
repository = "main"
profile = "nightly"

[repositories.main]
url = "s3:https://host/bucket/prefix"
password-file = "/etc/agent.password"
option = ["s3.region=eu"]
limit-upload = 5000

[repositories.away]
url = "rest:https://host:8000/shop/"
password = "env:AWAY_PASSWORD"
rest-username = "shop"
rest-password = "command:pass show shop"

[defaults]
retry-lock = "5m"
no-cache = true

[defaults.put]
tag = ["prod", "db"]

[defaults.key.add]
new-password-file = "/etc/agent.second"

[profiles.nightly]
repository = "away"
jobs = 2

[profiles.nightly.put]
also = "main"

[[profiles.nightly.hooks]]
event = "onError"
command = "false"

[rotation]
days = 7
first-week-day = "monday"

[plugins]
dir = "/etc/agent/plugins"
enabled = ["timer"]

[plugins.timer]
unit = "s"
nested = { list = [1, 2] }

[[hooks]]
event = ["onBackup", "onError"]
url = "https://example.test/hook"
timeout = "1m"
name = "tell"
`;

Deno.test("every part of a file is there", () => {
  const configuration = parseConfiguration(FULL, "/etc/agent/agent.toml");
  assert.equal(configuration.path, "/etc/agent/agent.toml");
  assert.deepEqual(configuration.repository, { value: "main", line: 3 });
  assert.deepEqual(configuration.profile, { value: "nightly", line: 4 });
  const main = configuration.repositories.get("main")!;
  assert.equal(main.line, 6);
  assert.deepEqual(Object.fromEntries([...main.settings].map(([key, { value }]) => [key, value])), {
    url: "s3:https://host/bucket/prefix",
    "password-file": "/etc/agent.password",
    option: ["s3.region=eu"],
    "limit-upload": 5000,
  });
  assert.deepEqual(configuration.options.get("retry-lock"), { value: "5m", line: 19 });
  assert.deepEqual(configuration.commands.get("put")!.settings.get("tag"), { value: ["prod", "db"], line: 23 });
  assert.deepEqual([...configuration.commands.get("key add")!.settings.keys()], ["new-password-file"]);
  assert.deepEqual(configuration.rotation.get("days"), { value: 7, line: 40 });
  assert.deepEqual(configuration.plugins, {
    directory: "/etc/agent/plugins",
    enabled: ["timer"],
    settings: { timer: { unit: "s", nested: { list: [1, 2] } } },
  });
  assert.deepEqual(configuration.hooks, [{
    name: "tell",
    line: 51,
    events: ["onBackup", "onError"],
    run: { url: "https://example.test/hook" },
    timeoutMs: 60_000,
  }]);
});

Deno.test("a profile has what the file has, and its options at its top", () => {
  const nightly = parseConfiguration(FULL, "agent.toml").profiles.get("nightly")!;
  assert.equal(nightly.line, 28);
  assert.equal(nightly.repository?.value, "away");
  assert.deepEqual(nightly.options.get("jobs"), { value: 2, line: 30 });
  assert.deepEqual(nightly.commands.get("put")!.settings.get("also"), { value: "main", line: 33 });
  assert.deepEqual(nightly.hooks[0]!.run, { command: "false" });
  assert.equal(nightly.raw.jobs, 2);
});

Deno.test("an empty file says nothing", () => {
  const empty = parseConfiguration("", "agent.toml");
  assert.equal(empty.repository, undefined);
  assert.deepEqual(empty.plugins, { directory: null, enabled: [], settings: {} });
  assert.deepEqual(empty.raw, {});
});

const MISTAKES: readonly (readonly [what: string, text: string, line: number, message: RegExp])[] = [
  ["what is not TOML", "a = 1\nb =\n", 3, /^Not TOML: unspecified values/],
  ["an open quote", 'a = "x', 1, /^Not TOML/],
  ["an unknown key", "repositry = 1", 1, /no key "repositry" at the top of the file; did you mean "repository"\?/],
  ["an option at the top", "# x\ncompression = 'max'", 2, /options of commands stand in \[defaults\]/],
  ["a key of a repository", "[repositories.a]\nurl='/r'\npasword-file='/p'", 3, /did you mean "password-file"\?/],
  ["repo in a repository", "[repositories.a]\nrepo='/r'\nurl='/r'", 2, /its place is "url"/],
  ["a repository without url", "\n[repositories.a]", 2, /There is no "url" in \[repositories\.a\]/],
  ["a literal password", "[repositories.a]\nurl='/r'\npassword='hunter2'", 3, /a secret is never written/],
  ["a password in an address", "[repositories.a]\nurl='rest:https://u:hunter2@h/'", 2, /never written into this file/],
  ["a password with a slash", "[repositories.a]\nurl='rest:https://u:hunt/er2@h/'", 2, /never written into this file/],
  ["a password in --also", "[defaults]\nalso='rest:https://u:hunter2@h/'", 2, /never written into this file/],
  ["two passwords", "[repositories.a]\nurl='/r'\npassword='env:X'\npassword-file='/p'", 4, /the same thing twice/],
  ["a relative path", "[repositories.a]\nurl='r'", 2, /not an absolute path/],
  ["a relative password file", "[defaults]\npassword-file='p'", 2, /not an absolute path/],
  ["a wrong type", "[plugins]\nenabled = 'timer'", 2, /it is a text in quotes, and has to be a list/],
  ["a date for an option", "[defaults]\na = 1979-05-27", 2, /an option is a text/],
  ["a list of lists", "[defaults]\na = [[1]]", 2, /an option is a text/],
  ["a number for a name", "repository = 5", 1, /it is a number, and has to be a text/],
  ["a table for a text", "[repository]\na = 1", 1, /it is a table, and has to be a text/],
  ["an unknown profile", "profile = 'nightli'\n[profiles.nightly]", 1, /no profile "nightli".*mean "nightly"/],
  [
    "an unknown repository",
    "repository = 'x'",
    1,
    /There is no repository "x" in this file; write \[repositories\.x\]/,
  ],
  ["an unknown repository of a profile", "[profiles.a]\nrepository = 'x'", 2, /no repository "x"/],
  ["an unknown --also", "[defaults.put]\nalso = 'x'", 2, /no repository "x"/],
  ["repo as a default", "[defaults]\nrepo = '/r'", 2, /write repository = /],
  ["defaults in a profile", "[profiles.a.defaults]\nx = 1", 1, /options stand in \[profiles\.a\] itself/],
  ["a name with a space", "[profiles.'a b']", 1, /Not a name: "a b"/],
  ["a rotation by decades", "[rotation]\ndecades = 1", 2, /no key "decades" in \[rotation\]/],
  ["a newer version", "version = 2", 1, /Version 2 of this file is not known/],
  ["two places of plugins", "[plugins]\ndir='/a'\nplugins_dir='/b'", 3, /the same thing twice/],
  ["an unknown event", "[[hooks]]\nevent='onBakcup'\ncommand='x'", 2, /no event "onBakcup"; did you mean "onBackup"\?/],
  ["bakthat's event", "[[hooks]]\nevent='on_backup'\ncommand='x'", 2, /did you mean "onBackup"\?/],
  ["a hook without event", "\n[[hooks]]\ncommand='x'", 2, /no "event"/],
  ["a hook without work", "[[hooks]]\nevent='onError'", 1, /neither "command" nor "url"/],
  ["a hook with two", "[[hooks]]\nevent='onError'\ncommand='x'\nurl='https://h'", 1, /write two hooks/],
  ["a hook without time", "[[hooks]]\nevent='onError'\ncommand='x'\ntimeout='0s'", 4, /up to a day/],
  ["a hook of two days", "[[hooks]]\nevent='onError'\ncommand='x'\ntimeout='2d'", 4, /up to a day/],
  ["a hook with a password", "[[hooks]]\nevent='onError'\nurl='https://a:b@h'", 3, /no user and no password/],
  ["a hook to a file", "[[hooks]]\nevent='onError'\nurl='file:///etc'", 3, /begins with https/],
  ["one table for hooks", "[hooks]\nevent='onError'", 1, /each under \[\[hooks\]\]/],
];

for (const [what, text, line, message] of MISTAKES) {
  Deno.test(`${what} is refused with its line`, () => {
    const error = mistakeIn(text);
    assert.match(error.problems[0]!.message, message);
    assert.equal(error.problems[0]!.line, line);
    assert.ok(error.message.startsWith(`agent.toml:${line}: `), error.message);
    assert.equal(error.exitCode, 2);
    assert.doesNotMatch(error.message, /hunter2|\n/);
  });
}

Deno.test("what is there twice is shown with both lines", () => {
  const cases: readonly (readonly [string, number, string])[] = [
    ["[profiles.a]\n\n[profiles.b]\n[profiles.a]", 4, "[profiles.a] is there twice; it was first in line 1"],
    ["[profiles.a]\n[profiles.'a']", 2, "[profiles.a] is there twice; it was first in line 1"],
    ["[repositories.a]\nurl='/a'\nurl = '/b'", 3, '"url" is there twice; it was first in line 2'],
    ["repository='/a'\nrepository = '''\n/b'''", 2, '"repository" is there twice; it was first in line 1'],
    [
      "[[hooks]]\nevent='onError'\n[[hooks]]\ncommand='a'\ncommand='b'",
      5,
      '"command" is there twice; it was first in line 4',
    ],
    ["a = { x = 1, x = 2 }", 1, "What this line names is there already"],
  ];
  for (const [text, line, message] of cases) assert.deepEqual(mistakeIn(text).problems, [{ line, message }]);
});

Deno.test("all mistakes are found at once, in the order of the file", () => {
  const error = mistakeIn("repositry = 1\n[rotation]\ndayz = 1\n[repositories.a]\nurl = 5");
  assert.deepEqual(error.problems.map(({ line }) => line), [1, 3, 5]);
  assert.match(error.message, /"agent config check" shows 2 more$/);
});

Deno.test("any text is parsed or refused with lines that it has", () => {
  const word = fc.constantFrom(
    ...["[", "]", "[[", "]]", "=", ".", ",", "{", "}", "\n", "\n", " ", '"', "'", "#", "1", "true", "1979-05-27"],
    ...["repositories", "profiles", "defaults", "hooks", "plugins", "rotation", "a", "url", "event", "__proto__"],
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }).map((words) => words.join("")), (text) => {
      try {
        parseConfiguration(text, "agent.toml");
      } catch (error) {
        assert.ok(error instanceof ConfigurationError, String(error));
        for (const { line } of error.problems) assert.ok(line >= 1 && line <= text.split("\n").length, text);
      }
    }),
    { numRuns: 3000 },
  );
});

function mistakeIn(text: string): ConfigurationError {
  let parsed: Configuration;
  try {
    parsed = parseConfiguration(text, "agent.toml");
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error;
  }
  assert.fail(`This was parsed: ${JSON.stringify(parsed.raw)}`);
}
