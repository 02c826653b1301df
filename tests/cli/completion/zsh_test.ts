/** The completion script of zsh, in a zsh on a terminal of its own: what stands on the line after the tab. */
import assert from "node:assert/strict";
import { programTest } from "../../helpers/programs.ts";
import { ShellScene } from "./shell_scene.ts";

/** Types each line with a tab behind it, and prints what the line then is. */
const DRIVER = `script=$1
shift
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'stty -echo; PS1= PS2= RPS1=; unset zle_bracketed_paste'
zpty -w shell "autoload -U compinit; compinit -u -D; source $script"
zpty -w shell 'setopt no_beep; report() { print -rn -- "<<<$BUFFER>>>"; BUFFER= }; zle -N report'
zpty -w shell "bindkey '^X' report; print REA''DY"
zpty -r shell seen '*READY*'
for line in "$@"; do
  zpty -w -n shell $line$'\\t\\x18'
  zpty -r shell seen '*<<<*>>>'
  seen=\${seen##*<<<}
  print -r -- \${seen%%>>>*}
done
zpty -d shell`;

const COMPLETED: readonly (readonly [line: string, completed: string])[] = [
  ["agent verif", "agent verify "],
  ["agent key pa", "agent key passwd "],
  ["agent help ke", "agent help key "],
  ["agent completion z", "agent completion zsh "],
  ["agent put s --comp", "agent put s --compression="],
  ["agent put s --compression f", "agent put s --compression fastest "],
  ["agent get prod/s", "agent get prod/shop "],
  ["agent get prod/m", "agent get prod/my\\ series "],
  ["agent get 'prod/m", "agent get 'prod/my series' "],
  ["agent get prod/c", "agent get prod/c:d "],
  ["agent get prod/c:d@1", "agent get prod/c:d@1f2e3d4c "],
  ["agent get it", "agent get it\\'s "],
  ["agent ls --tag=n", "agent ls --tag=nightly "],
  ["agent put s a", "agent put s a\\ file "],
  ["agent get prod/shop --target m", "agent get prod/shop --target my\\ dir/"],
  ["agent put s -- echo b", "agent put s -- echo b.txt "],
];

programTest({
  name: "zsh: commands, options, values, files and names are completed where they may stand",
  needs: ["zsh"],
  fn: async ({ zsh }) => {
    await using scene = await ShellScene.make("zsh");
    const lines = COMPLETED.map(([line]) => line);
    const found = await scene.run(zsh, "-f", "-c", DRIVER, "zsh", scene.at("script"), ...lines);
    assert.deepEqual(found, COMPLETED.map(([, completed]) => completed));
  },
});

programTest({
  name: "zsh: names are asked of the repository that the line names",
  needs: ["zsh"],
  fn: async ({ zsh }) => {
    await using scene = await ShellScene.make("zsh");
    const line = "agent --repo my\\ dir -p 'a \"file' --password-command y ls --tag n";
    await scene.run(zsh, "-f", "-c", DRIVER, "zsh", scene.at("script"), line);
    assert.deepEqual(await scene.calls(), ['<__complete><tags><n><--repo><my dir><-p><a "file>']);
  },
});
