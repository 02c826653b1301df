/**
 * A directory with files, and in it an `agent` that knows some names and records how it was called. The completion
 * scripts are those of the real one.
 */
import { join } from "node:path";
import { runInProcess } from "../../helpers/command_line.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

/** What the `agent` of the scene prints: series, one with a blank and one with a colon, and the ids of one. */
const AGENT = `#!/bin/bash
printf '<%s>' "$@" >> "$(dirname "$0")/calls"
echo >> "$(dirname "$0")/calls"
case $2:$3 in
  backups:*@*)
    printf '%s@latest\\tthe newest backup\\n' "\${3%@*}"
    printf '%s@1f2e3d4c\\t2026-08-30 04:00 db1\\n' "\${3%@*}"
    ;;
  series:*@* ) ;;
  series:* | backups:*) printf '%s\\n' prod/shop 'prod/my series' prod/c:d "it's" ;;
  tags:*) printf '%s\\n' nightly weekly ;;
  hosts:*) printf '%s\\n' db1 db2 ;;
esac
`;

/** The files of its working directory. */
const FILES = ["a file", "b.txt", "my dir/inner"];

/** The scene. Its script is at `at("script")`. */
export class ShellScene extends TestDirectory {
  static async make(shell: "bash" | "zsh" | "fish"): Promise<ShellScene> {
    const scene = new ShellScene();
    scene.write("bin/agent", AGENT);
    await Deno.chmod(scene.at("bin/agent"), 0o755);
    for (const name of FILES) scene.write(join("work", name), "");
    const { stdout } = await runInProcess(["completion", shell]);
    scene.write("script", stdout);
    return scene;
  }

  /** Runs a program in the directory, and returns the lines of its standard output. */
  async run(program: string, ...args: string[]): Promise<string[]> {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: this.at("work"),
      clearEnv: true,
      env: {
        PATH: `${this.at("bin")}:${Deno.env.get("PATH")}`,
        HOME: this.at("work"),
        LC_ALL: "C.UTF-8",
        TERM: "dumb",
      },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (!success || err !== "") throw new Error(`${program}: ${err}${out}`);
    return out!.split("\n").slice(0, -1);
  }

  /** How `agent` was called since the last question, each call as its arguments in angle brackets. */
  async calls(): Promise<string[]> {
    const path = this.at("bin/calls");
    const text = await Deno.readTextFile(path).catch(() => "");
    await Deno.remove(path).catch(() => {});
    return text.split("\n").slice(0, -1);
  }
}
