/** The completion script of fish, in a fish. */
import assert from "node:assert/strict";
import { programTest } from "../../helpers/programs.ts";
import { ShellScene } from "./shell_scene.ts";

const DRIVER = 'source $argv[1]; complete -C "$argv[2]"';

/** What fish would put in place of the word at the end of each line; without descriptions. */
const OFFERED: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["agent verif", ["verify"]],
  ["agent key ", ["list", "add", "remove", "passwd"]],
  ["agent -q key p", ["passwd"]],
  ["agent help ke", ["key"]],
  ["agent completion ", ["bash", "zsh", "fish"]],
  ["agent put s --comp", ["--compression"]],
  ["agent put s --compression f", ["fastest"]],
  ["agent put s --compression=f", ["--compression=fastest"]],
  ["agent get prod/s", ["prod/shop"]],
  ["agent get prod/m", ["prod/my series"]],
  ["agent get 'prod/m", ["prod/my series"]],
  ["agent get prod/c:d@1", ["prod/c:d@1f2e3d4c"]],
  ["agent get prod/shop@", ["prod/shop@latest", "prod/shop@1f2e3d4c"]],
  ["agent ls --tag=n", ["--tag=nightly"]],
  ["agent ls --host ", ["db1", "db2"]],
  ["agent put s a", ["a file"]],
  ["agent get prod/shop --target m", ["my dir/"]],
  ["agent put s -- echo b", ["b.txt"]],
  ["agent hold prod/shop x", []],
];

programTest({
  name: "fish: commands, options, values, files and names are completed where they may stand",
  needs: ["fish"],
  fn: async ({ fish }) => {
    await using scene = await ShellScene.make("fish");
    for (const [line, offered] of OFFERED) {
      const found = await scene.run(fish, "--no-config", "-c", DRIVER, scene.at("script"), line);
      assert.deepEqual(found.map((text) => text.split("\t")[0]), offered, line);
    }
  },
});

programTest({
  name: "fish: candidates have descriptions, and names are asked of the repository that the line names",
  needs: ["fish"],
  fn: async ({ fish }) => {
    await using scene = await ShellScene.make("fish");
    const complete = (line: string) => scene.run(fish, "--no-config", "-c", DRIVER, scene.at("script"), line);
    assert.deepEqual(await complete("agent key pa"), ["passwd\tchange the password in use"]);
    assert.deepEqual(await complete("agent get x@1"), ["x@1f2e3d4c\t2026-08-30 04:00 db1"]);
    await scene.calls();
    await complete("agent --repo my\\ dir -p 'a \"file' --password-command y ls --host d");
    assert.deepEqual(await scene.calls(), ['<__complete><hosts><d><--repo><my dir><-p><a "file>']);
  },
});
