/** `agent backup`, `search` and `delete-older-than` as somebody types them who is used to bakthat. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";

Deno.test("a directory is backed up by its name, without what its rules match, is found by a word, and comes back", async () => {
  await using box = await sandbox();
  const site = box.join("site");
  await Deno.mkdir(`${site}/build/deep`, { recursive: true });
  for (const name of ["index.html", "debug.log", "keep.log", "build/out", "build/deep/out"]) {
    await Deno.writeTextFile(`${site}/${name}`, name);
  }
  await Deno.writeTextFile(`${site}/.agentexclude`, "*.log\n!keep.log\n/build/out\n");
  await Deno.writeTextFile(`${site}/.gitignore`, "*.html\n");

  const here = await box.shell('cd site && "$AGENT" backup --tag nightly');
  equal(here.exitCode, ExitCode.done, here.stderr);
  match(here.stderr, /note: what the rules in ".*\/site\/\.agentexclude" match is left out/);
  await Deno.remove(`${site}/.agentexclude`);
  match((await box.agent(["backup", "site"])).stderr, /\/site\/\.gitignore" match is left out/);

  const found = await box.json(["search", "SIT", "--tag", "nightly"]);
  deepEqual(found.map(({ series }) => series), ["site"]);
  const [newest, oldest] = await box.json(["search", "sit"]);
  deepEqual([newest!["parent"], oldest!["tags"]], [oldest!["id"], ["nightly"]]);

  await box.ok(["get", `site@${oldest!["id"]}`, "--target", box.join("first")]);
  await box.ok(["get", "sit", "--match", "prefix", "--target", box.join("second")]);
  const restored = async (target: string) => {
    const { stdout } = await box.shell(`cd ${target}${site} && find . -type f | sort`);
    return stdout.trim().split("\n");
  };
  deepEqual(await restored("first"), [
    "./.agentexclude",
    "./.gitignore",
    "./build/deep/out",
    "./index.html",
    "./keep.log",
  ]);
  deepEqual(await restored("second"), ["./.gitignore", "./build/deep/out", "./build/out", "./debug.log", "./keep.log"]);
});

Deno.test("delete-older-than leaves series of similar names alone, and the last good backup", async () => {
  await using box = await sandbox();
  const old = ["--time", "2025-01-02T03:04:05Z"];
  const workshop = await box.put("workshop", "w", ...old);
  await box.put("shop", "a", ...old);
  const dry = await box.agent(["delete-older-than", "shop", "3M2D8h20m5s", "--dry-run"]);
  match(dry.stderr, /Nothing to remove of 1 backup/);
  const newest = await box.put("shop", "b");
  await box.ok(["delete-older-than", "shop", "3M2D8h20m5s", "--prune"]);
  deepEqual((await jsonHere(box, ["ls"])).map(({ id }) => id), [workshop, newest]);
  await okHere(box, ["check", "--read-data"]);
});
