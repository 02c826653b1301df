/** What is written as TOML is read again as it was, and what is shown of a file is a file that is accepted. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { parseToml, plainObject } from "../../../src/config/parse/toml.ts";
import { EXAMPLE } from "../../../src/config/write/example.ts";
import { masked } from "../../../src/config/write/masked.ts";
import { tomlText } from "../../../src/config/write/toml_text.ts";

const scalar = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\r", "\t", "\0", "\x7f", "'", "#", "é") }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.boolean(),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: "small" }, scalar, fc.array(tie("any"), { maxLength: 3 }), tie("table")),
  table: fc.dictionary(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("a", "b-c", "")), tie("any"), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
})).table;

Deno.test("what is written is read again as it was", () => {
  fc.assert(
    fc.property(value, (table) => {
      const text = tomlText(table as Record<string, unknown>);
      const tree = parseToml(text);
      assert.ok("kind" in tree, `${JSON.stringify(tree)} in ${text}`);
      assert.deepEqual(normal(plainObject(tree)), normal(table));
    }),
    { numRuns: 1000 },
  );
});

/** Without the order of keys, and with one zero. */
function normal(table: unknown): unknown {
  return JSON.parse(JSON.stringify(table, (_, inner) => Object.is(inner, -0) ? 0 : inner));
}

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,6}$/);
const secret = fc.constantFrom("env:SECRET_X", "file:/etc/secret", "command:echo hunter2");
const repository = fc.record({
  url: fc.constantFrom("/r", "s3:https://host/bucket", "rest:https://user@host/", "local:/x"),
  password: secret,
  "rest-password": secret,
  "s3-secret-access-key": secret,
  option: fc.array(fc.constantFrom("s3.region=eu", "s3.token=hunter2")),
  "limit-upload": fc.oneof(fc.integer({ min: 1, max: 9999 }), fc.constant("5M")),
  "insecure-tls": fc.boolean(),
}, { requiredKeys: ["url"] });
const options = fc.dictionary(
  fc.constantFrom("compression", "tag", "retry-lock", "x", "password-command"),
  fc.oneof(fc.integer(), fc.constant("hunter2"), fc.array(fc.constant("hunter2"))),
  { noNullPrototype: true },
);
const hook = fc.record({
  event: fc.constantFrom("onBackup", ["onError", "beforeDelete"]),
  url: fc.constantFrom("https://hooks.example/hunter2", "https://host/?token=hunter2"),
  timeout: fc.constant("5s"),
}, { requiredKeys: ["event", "url"] });
const plugins = fc.record({
  dir: fc.constant("/plugins"),
  enabled: fc.array(name),
  timer: fc.constant({ unit: "s", api_key: "hunter2", nested: { password: "hunter2" }, at: "https://h/hunter2" }),
}, { requiredKeys: [] });
const profile = fc.record({ rotation: fc.constant({ days: 3 }), hooks: fc.array(hook), plugins, put: options }, {
  requiredKeys: [],
});
const file = fc.record({
  version: fc.constant(1),
  repositories: fc.dictionary(name, repository, { noNullPrototype: true }),
  profiles: fc.dictionary(name, profile, { noNullPrototype: true }),
  defaults: fc.record({ put: options }, { requiredKeys: [] }),
  hooks: fc.array(hook),
  plugins,
}, { requiredKeys: [] });

Deno.test("what is shown of a file is accepted, and has no secret but in options that are none", () => {
  fc.assert(
    fc.property(file, (raw) => {
      const text = tomlText(raw);
      parseConfiguration(text, "agent.toml");
      const shown = tomlText(masked(raw));
      parseConfiguration(shown, "agent.toml");
      const secretLines = shown.split("\n").filter((line) => line.includes("hunter2"));
      for (const line of secretLines) assert.match(line, /^(compression|tag|retry-lock|x) = /);
      assert.equal(shown.includes("hunter2") && secretLines.length === 0, false);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a password that an address has is masked", () => {
  assert.deepEqual(masked({ defaults: { x: "rest:https://user:hunter2@host/" } }), {
    defaults: { x: "rest:https://user:***@host/" },
  });
});

Deno.test("all that is in a secret setting of a plugin is masked", () => {
  const settings = { headers: { Authorization: "hunter2", Accept: "x" }, credentials: { a: ["hunter2"], b: 1 } };
  assert.deepEqual(masked({ plugins: { webhook: settings } }), {
    plugins: { webhook: { headers: { Authorization: "***", Accept: "x" }, credentials: { a: ["***"], b: "***" } } },
  });
});

Deno.test("the example says nothing, and is accepted with all its settings", () => {
  assert.deepEqual(parseConfiguration(EXAMPLE, "agent.toml").raw, { version: 1 });
  const all = parseConfiguration(EXAMPLE.replaceAll(/^# (?=[a-z0-9-]+ = |\[)/gm, ""), "agent.toml");
  const keys = [
    "version",
    "repository",
    "profile",
    "repositories",
    "defaults",
    "rotation",
    "profiles",
    "plugins",
    "hooks",
  ];
  assert.deepEqual(Object.keys(all.raw), keys);
});
