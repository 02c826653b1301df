/** The completion script of bash, in a bash: what it offers, and what readline has to put in place of which word. */
import assert from "node:assert/strict";
import { programTest } from "../../helpers/programs.ts";
import { ShellScene } from "./shell_scene.ts";

/** Calls the function as readline does, with the cursor at the end of the line. */
const DRIVER = `source "$1"
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
COMP_LINE=$2
COMP_POINT=\${#COMP_LINE}
_agent
((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What the word at the end of each line may become; readline replaces only what is behind the last break in it. */
const OFFERED: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["agent verif", ["verify"]],
  ["agent key ", ["list", "add", "remove", "passwd"]],
  ["agent -q key p", ["passwd"]],
  ["agent help ke", ["key"]],
  ["agent completion ", ["bash", "zsh", "fish"]],
  ["agent put s --comp", ["--compression"]],
  ["agent put s --compression f", ["fastest"]],
  ["agent put s --compression=f", ["fastest"]],
  ["agent get prod/s", ["prod/shop"]],
  ["agent get prod/m", ["prod/my\\ series"]],
  ["agent get 'prod/m", ["prod/my series"]],
  ['agent get "prod/m', ["prod/my series"]],
  ["agent get it", ["it\\'s"]],
  ["agent get 'it", ["it'\\''s"]],
  ["agent get prod/c", ["prod/c:d"]],
  ["agent get prod/c:", ["d"]],
  ["agent get prod/c:d@1", ["@1f2e3d4c"]],
  ["agent get 'prod/my series@1", ["prod/my series@1f2e3d4c"]],
  ["agent get prod/shop@", ["@latest", "@1f2e3d4c"]],
  ["agent stats @1", ["@1f2e3d4c"]],
  ["agent rotate prod/c:d@1", []],
  ["agent get @1", ["@1f2e3d4c"]],
  ["agent diff prod/shop prod/s", ["prod/shop"]],
  ["agent hold prod/shop x", []],
  ["agent ls --tag=n", ["nightly"]],
  ["agent ls --host ", ["db1", "db2"]],
  ["agent put s a", ["a file"]],
  ["agent put s --exclude-file b", ["b.txt"]],
  ["agent get prod/shop --target m", ["my dir"]],
  ["agent --repo=m", ["my dir"]],
  ["agent put s -- ech", ["echo"]],
  ["agent put s -- echo b", ["b.txt"]],
  ["agent get prod/shop > b", ["b.txt"]],
  ["X=1 agent get prod/s", ["prod/shop"]],
  ["agent nonsense x", []],
];

programTest({
  name: "bash: commands, options, values, files and names are completed where they may stand",
  needs: ["bash"],
  fn: async ({ bash }) => {
    await using scene = await ShellScene.make("bash");
    for (const [line, offered] of OFFERED) {
      const found = await scene.run(bash, "-O", "hostcomplete", "-c", DRIVER, "bash", scene.at("script"), line);
      assert.deepEqual(found, offered, line);
    }
  },
});

programTest({
  name: "bash: names are asked of the repository that the line names, whatever quotes it has",
  needs: ["bash"],
  fn: async ({ bash }) => {
    await using scene = await ShellScene.make("bash");
    const callOf = async (line: string) => {
      await scene.run(bash, "-c", DRIVER, "bash", scene.at("script"), line);
      return await scene.calls();
    };
    assert.deepEqual(await callOf("agent --repo my\\ dir -p 'a \"file' ls --host d"), [
      '<__complete><hosts><d><--repo><my dir><-p><a "file>',
    ]);
    assert.deepEqual(await callOf('agent get --repo="$HOME x" --insecure-tls --json -r~/y ~/z@'), [
      "<__complete><backups><~/z@><--repo=$HOME x><--insecure-tls><-r~/y>",
    ]);
    assert.deepEqual(await callOf("agent -r ~/repo get "), [
      `<__complete><backups><><-r><${scene.at("work")}/repo>`,
    ]);
    assert.deepEqual(await callOf("agent --password-command 'touch x' ls "), ["<__complete><series><>"]);
    assert.deepEqual(await callOf("agent ls $(touch${IFS}x)`touch${IFS}x`"), [
      "<__complete><series><$(touch${IFS}x)`touch${IFS}x`>",
    ]);
    await assert.rejects(Deno.stat(scene.at("work/x")), "nothing on the line is run");
  },
});
