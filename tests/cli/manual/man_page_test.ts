/** The manual pages: that there is one for each command, that it has what the help has, and that troff understands it. */
import assert from "node:assert/strict";
import { ExitCode } from "../../../src/base/errors.ts";
import { runInProcess } from "../../helpers/command_line.ts";
import { allHelp } from "../../helpers/documents.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

/** The pages by their file names. */
async function writtenPages(directory: TestDirectory): Promise<Map<string, string>> {
  const { exitCode, stderr } = await runInProcess(["man", directory.at("deep/man1")]);
  assert.equal(exitCode, ExitCode.done, stderr);
  const files = await Array.fromAsync(Deno.readDir(directory.at("deep/man1")));
  assert.equal(stderr, `Wrote ${files.length} manual pages to ${directory.at("deep/man1")}\n`);
  const texts = files.map(async ({ name }) =>
    [name, await Deno.readTextFile(directory.at(`deep/man1/${name}`))] as const
  );
  return new Map(await Promise.all(texts));
}

Deno.test("each command has a page with all options of its help", async () => {
  await using directory = new TestDirectory();
  const pages = await writtenPages(directory);
  const help = await allHelp();
  const files = help.map(({ command }) => `${["agent", ...command.split(" ")].filter(Boolean).join("-")}.1`);
  assert.deepEqual([...pages.keys()].sort(), [...files, "agent-help.1"].sort());
  for (const [index, { options }] of help.entries()) {
    const page = pages.get(files[index]!)!;
    const items = page.split("\n").filter((_, line, lines) => lines[line - 1] === ".TP").map((line) =>
      line.replaceAll(/\\f[BIR]/g, "").replaceAll("\\-", "-").split(" ").filter((word) => /^-/.test(word))
        .map((word) => word.replace(/,$/, "")).join(" ")
    );
    for (const { names } of options) assert.ok(items.includes(names.join(" ")), `${files[index]}: ${names}`);
  }
});

Deno.test("a directory that cannot be written to is named", async () => {
  await using directory = new TestDirectory();
  directory.write("file", "");
  const { exitCode, stderr } = await runInProcess(["man", directory.at("file/man1")]);
  assert.equal(exitCode, ExitCode.failed);
  assert.match(stderr, /^agent: Cannot write manual pages to ".*\/file\/man1": .+; name another directory\n$/);
});

programTest({
  name: "mandoc finds nothing wrong with any page but that it has no date",
  needs: ["mandoc"],
  fn: async ({ mandoc }) => {
    await using directory = new TestDirectory();
    const files = [...(await writtenPages(directory)).keys()].map((name) => directory.at(`deep/man1/${name}`));
    const { stdout } = await new Deno.Command(mandoc, { args: ["-T", "lint", "-W", "warning", ...files] }).output();
    const said = new TextDecoder().decode(stdout).split("\n").filter((line) => !/missing date|^$/.test(line));
    assert.deepEqual(said, []);
  },
});

programTest({
  name: "troff shows what is typed as it is typed",
  needs: ["groff"],
  fn: async ({ groff }) => {
    await using directory = new TestDirectory();
    await writtenPages(directory);
    const show = async (page: string) => {
      const { success, stdout, stderr } = await new Deno.Command(groff, {
        args: ["-man", "-ww", "-Tutf8", "-P-cbu", directory.at(`deep/man1/${page}`)],
        env: { GROFF_NO_SGR: "1" },
      }).output();
      assert.ok(success);
      assert.equal(new TextDecoder().decode(stderr), "", page);
      return new TextDecoder().decode(stdout);
    };
    const put = await show("agent-put.1");
    assert.match(put, /^NAME\n +agent-put - back up standard input/m);
    assert.match(put, /^ +agent put \[options\] SERIES \[PATH\.\.\. \| SOURCE \| -- COMMAND ARG\.\.\.\]$/m);
    assert.match(put, /^ +agent put etc\/host \/etc \/srv --exclude '\*\.tmp' --exclude \/srv\/cache\/$/m);
    assert.match(await show("agent.1"), /^EXIT STATUS\n +0 +done\n/m);
    assert.match(await show("agent-man.1"), /~\/\.local\/share\/man\/man1/);
  },
});
