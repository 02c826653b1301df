/** The lists of names against the commands themselves, and every option against the file. */
import assert from "node:assert/strict";
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { COMMAND_NAMES, loadCommands } from "../../../src/cli/command_list.ts";
import { optionProblems } from "../../../src/cli/settings/check_options.ts";
import { COMMAND_PATHS, OPTION_NAMES } from "../../../src/cli/settings/option_names.ts";
import { OFF, optionValue } from "../../../src/cli/settings/option_value.ts";
import { keyOf } from "../../../src/cli/settings/origin.ts";
import { alternativesOf, variableFor } from "../../../src/cli/settings/variables.ts";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { testContext } from "../cli_context.ts";

const COMMANDS = new Map(
  (await loadCommands(COMMAND_NAMES)).flatMap(({ make }) => [...pathsOf(make(testContext().context), "")]),
);

function* pathsOf(command: CommandUnknownOpts, above: string): Generator<readonly [string, readonly Option[]]> {
  const path = `${above} ${command.name()}`.trim();
  yield [path, command.options];
  for (const child of command.commands) yield* pathsOf(child, path);
}

const LISTS = new URL("../../../src/cli/settings/option_names.ts", import.meta.url);

/** Writes both lists anew. */
async function writeLists(paths: readonly string[], options: readonly string[]): Promise<void> {
  const lines = (names: readonly string[]) => names.map((name) => `  ${JSON.stringify(name)},\n`).join("");
  const text = await Deno.readTextFile(LISTS);
  const changed = text
    .replace(/(COMMAND_PATHS: readonly string\[\] = )\[[^\]]*\]/, `$1[\n${lines(paths)}]`)
    .replace(/(OPTION_NAMES: readonly string\[\] = )\[[^\]]*\]/, `$1[\n${lines(options)}]`);
  await Deno.writeTextFile(LISTS, changed);
}

Deno.test("the lists have every command and every option, and no other", async () => {
  if (Deno.env.get("UPDATE_SCREENS")) {
    const options = new Set([...[...COMMANDS.values()].flat().map(keyOf), "debug"]);
    return await writeLists([...COMMANDS.keys()], [...options].sort());
  }
  assert.deepEqual([...COMMAND_PATHS].sort(), [...COMMANDS.keys()].sort());
  const keys = new Set([...[...COMMANDS.values()].flat().map(keyOf), "debug"]);
  assert.deepEqual([...OPTION_NAMES].sort(), [...keys].sort());
});

Deno.test("every flag takes true and false, and every other option a text or says what is wrong with it", () => {
  for (const option of [...COMMANDS.values()].flat()) {
    const isFlag = !option.required;
    if (!isFlag) {
      assert.throws(() => optionValue(option, true), /text in quotes or a number/, option.flags);
      continue;
    }
    assert.equal(optionValue(option, true), !option.negate, option.flags);
    assert.equal(optionValue(option, false), OFF, option.flags);
    assert.throws(() => optionValue(option, "true"), /true or false, without quotes/, option.flags);
  }
});

Deno.test("an option takes a list if it may be repeated, and no other does", () => {
  const samples = ["a", "b", "prod/a=1h", "prod/b=2h", "hourly=1", "daily=2", "host", "series", ":8000", ":8001"];
  for (const option of [...COMMANDS.values()].flat().filter(({ required }) => required)) {
    // Several counts can be in one text as well, so that its help need not say it.
    const says = keyOf(option) === "keep-run-type" || /may be repeated|repeatable|if repeated/.test(option.description);
    const takes = samples.some((first) =>
      samples.some((second) => {
        try {
          return first !== second && Array.isArray([optionValue(option, [first, second])]);
        } catch {
          return false;
        }
      })
    );
    assert.equal(takes, says, option.flags);
  }
});

Deno.test("every variable in the help of an option stands for that option", () => {
  for (const option of [...COMMANDS.values()].flat()) {
    const names = [...option.description.matchAll(/\b(AGENT_[A-Z_]+)/g)].map(([, name]) => name!);
    // A limit has no option, and sockets are not settings.
    for (const name of names.filter((name) => name !== "AGENT_CACHE_LIMIT")) {
      assert.equal(
        variableFor(keyOf(option), { env: (asked) => asked === name ? "x" : undefined }),
        name,
        option.flags,
      );
    }
  }
  assert.deepEqual(alternativesOf("password-command"), ["password-file", "password-command"]);
  assert.deepEqual(alternativesOf("from"), ["from", "from-repository-file"]);
});

const MISTAKES: readonly (readonly [text: string, message: RegExp])[] = [
  ["[defaults]\ncompresion = 'max'", /"compresion" for \[defaults\]; did you mean "compression"\?/],
  ["[defaults]\nretry_lock = '5m'", /did you mean "retry-lock"\?/],
  ["[defaults]\nconfig = '/x'", /"config" for \[defaults\]: the file cannot name another one/],
  ["[defaults]\nprofile = 'x'", /write profile = … at the top/],
  ["[defaults.putt]\ntag = 'x'", /no command "putt" for \[defaults\.putt\]; did you mean "put"\?/],
  ["[defaults.key.ad]\njson = true", /did you mean "key\.add"\?/],
  ["[defaults.put]\nkeep-daily = 5", /no option "keep-daily" for \[defaults\.put\]/],
  [
    "[defaults.put]\ncompression = 'maxx'",
    /Wrong value of "compression" in \[defaults\.put\]: Allowed choices are .*max$/,
  ],
  ["[defaults.put]\ntag = ['a', '']", /Not a tag/],
  ["[defaults.put]\nhost = ['a', 'b']", /it takes one value, and this is a list of 2/],
  ["[defaults.put]\nhost = []", /it takes one value, and this is a list of 0/],
  ["[defaults]\nquiet = 'yes'", /true or false, without quotes/],
  ["[profiles.a]\ncompresion = 'max'", /for \[profiles\.a\]/],
  ["[profiles.a.put]\ntagg = 'max'", /"tagg" for \[profiles\.a\.put\]; did you mean "tag"\?/],
  ["[rotation]\nfirst-week-day = 'noday'", /Wrong value of "first-week-day" in \[rotation\]/],
  ["[profiles.n.rotation]\nfirst-week-day = 'noday'", /Wrong value of "first-week-day" in \[profiles\.n\.rotation\]/],
];

Deno.test("options and commands that do not exist, and values that they do not take, are found", () => {
  for (const [text, message] of MISTAKES) {
    const problems = optionProblems(parseConfiguration(text, "agent.toml"), COMMANDS);
    assert.equal(problems.length, 1, text);
    assert.match(problems[0]!.message, message);
    assert.equal(problems[0]!.line, text.startsWith("[defaults.putt]") || text.startsWith("[defaults.key") ? 1 : 2);
  }
});

Deno.test("without their options loaded, other commands are compared with all names", () => {
  const problems = (text: string) => optionProblems(parseConfiguration(text, "agent.toml"), new Map()).length;
  assert.equal(problems("[defaults.forget]\nkeep-dayly = 7"), 1);
  assert.equal(problems("[defaults.forget]\nkeep-daily = 7\n[defaults]\ncompression = 'max'"), 0);
});
