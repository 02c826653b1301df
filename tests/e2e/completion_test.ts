/** Completion as people have it: the executable's own script in an interactive bash, and names out of a repository. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { putHere } from "../helpers/agent_here.ts";
import { eventually, EXECUTABLE, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Tmux } from "../helpers/tmux.ts";

/** Names out of a repository come within a limit or not at all; then somebody presses the key again, and so does this. */
async function showsAfterTabs(terminal: Tmux, pattern: RegExp): Promise<void> {
  let looks = 0;
  await eventually(`the screen to match ${pattern}`, async () => {
    if (looks++ % 200 === 0) await terminal.write("\t");
    return pattern.test(await terminal.screen());
  });
}

programTest({
  name: "a tab in bash completes commands, options, series and ids",
  needs: ["tmux"],
  fn: async ({ tmux }) => {
    await using box = await sandbox();
    const id = (await putHere(box, "prod/my shop", "1")).trim().slice(0, 8);
    await putHere(box, "prod/wiki", "1");
    await Deno.mkdir(box.join("bin"));
    await Deno.symlink(EXECUTABLE, box.join("bin/agent"));
    const env = { PATH: `${box.join("bin")}:${Deno.env.get("PATH")}` };
    await using terminal = await Tmux.start(tmux, box, 100, env);
    await terminal.type("source <(agent completion bash); echo rea''dy");
    await terminal.shows(/^ready$/m);
    await terminal.write("agent verif\t");
    await terminal.shows(/> agent verify$/m);
    await terminal.write("prod/m");
    await showsAfterTabs(terminal, /> agent verify prod\/my\\ shop$/m);
    await terminal.write("\b@" + id.slice(0, 3));
    await showsAfterTabs(terminal, new RegExp(`> agent verify prod/my\\\\ shop@${id}$`, "m"));
    await terminal.write("--cha\t");
    await terminal.press("Enter");
    await terminal.says(/--chain\n[^]*level 0/i);
  },
});

Deno.test("a repository that does not answer is given up, without a word", async () => {
  await using box = await sandbox();
  const answer = Promise.withResolvers<Response>();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => answer.promise);
  const repository = `rest:http://127.0.0.1:${server.addr.port}/`;
  const outcome = await box.agent(["__complete", "series", "", "--no-cache", "-r", repository]);
  answer.resolve(new Response(null, { status: 404 }));
  assert.deepEqual(outcome, { exitCode: ExitCode.done, stdout: "", stderr: "" });
});

Deno.test("the executable writes its manual pages, with its version", async () => {
  await using box = await sandbox();
  await box.ok(["man", box.join("man1")]);
  const { version } = (await box.json(["version", "--json"]))[0] as { version: string };
  assert.ok((await Deno.readTextFile(box.join("man1/agent-key-add.1"))).includes(`agent ${version}`));
});
