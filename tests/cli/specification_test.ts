/** Specifications of commands: options that several have in common, and those given before a command's name. */
import assert from "node:assert/strict";
import { Command } from "@commander-js/extra-typings";
import { allOptions, withOptions } from "../../src/cli/specification.ts";

/** Options of several commands, below a heading of their own. */
function sharedGroup() {
  return new Command().optionsGroup("Shared:").option("--repo <url>", "where").option("--json", "as JSON");
}

/** What `agent ARGS` gives to the command `ls`. */
function parsed(args: readonly string[]) {
  const given: { limit?: string; repo?: string; json?: true }[] = [];
  const ls = withOptions(new Command("ls").option("--limit <n>", "how many"), sharedGroup())
    .action((options, self) => void given.push(allOptions(self, options)));
  withOptions(new Command("agent"), sharedGroup()).addCommand(ls).parse(args, { from: "user" });
  return given[0];
}

Deno.test("options count before a command's name and behind it; behind it they win", () => {
  assert.deepEqual(parsed(["--json", "--repo", "a", "ls", "--limit", "3"]), { json: true, repo: "a", limit: "3" });
  assert.deepEqual(parsed(["--repo", "a", "ls", "--repo", "b"]), { repo: "b" });
});

Deno.test("the options of a group keep their heading and leave the command's own alone", () => {
  const command = withOptions(new Command("ls"), sharedGroup()).option("--own", "its own");
  assert.deepEqual(
    command.options.map(({ long, helpGroupHeading }) => [long, helpGroupHeading]),
    [["--repo", "Shared:"], ["--json", "Shared:"], ["--own", undefined]],
  );
});
