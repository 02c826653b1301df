/** The end of a helper: its directory is removed whatever happens, and nothing hides why the script failed. */
import assert from "node:assert/strict";
import { InterruptedError } from "../../../src/base/errors.ts";
import { groupLives } from "../../../src/engine/process_group.ts";
import { BackupHelper } from "../../../src/library/helper/backup_helper.ts";
import { boundByModes } from "../../helpers/bound_by_modes.ts";
import { ForeignFolder, type ProgramOutput } from "../../helpers/foreign_folder.ts";
import { programTest } from "../../helpers/programs.ts";
import { listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";
import { isThere, namesAt } from "./helper_look.ts";

/** Resolves once a file is there. */
async function appears(path: string): Promise<void> {
  while (!isThere(path)) await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("an error in the scope goes on as it was, and the directory is gone", async () => {
  await using agent = (await openTestAgent()).agent;
  let directory = "";
  const failing = async () => {
    await using helper = new BackupHelper("shop", { agent });
    directory = helper.directory;
    await helper.run("mkdir -p a/b; echo x > a/b/c; chmod 0 a/b a");
    throw new RangeError("of the script");
  };
  await assert.rejects(failing, /^RangeError: of the script$/);
  assert.equal(isThere(directory), false);
});

Deno.test("a directory that is gone already is no problem", async () => {
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  const helper = new BackupHelper("shop", { agent });
  await Deno.remove(helper.directory);
  await assert.rejects(helper.backup(), /^AgentError: Cannot read the temporary directory/);
  await helper.close();
  assert.deepEqual(namesIn(heard), ["onError"]);
});

Deno.test("a signal ends a command with all that it started, and the helper goes on", async () => {
  await using agent = (await openTestAgent()).agent;
  await using helper = new BackupHelper("shop", { agent });
  const stop = new AbortController();
  const command = "sleep 600 & echo $$ > pid; mv pid started; wait";
  const running = helper.run(command, { output: "dump.sql", signal: stop.signal });
  await appears(helper.path("started"));
  stop.abort();
  await assert.rejects(running, InterruptedError);
  assert.equal(groupLives(Number(await Deno.readTextFile(helper.path("started")))), false);
  assert.deepEqual(namesAt(helper.directory), ["started"]);
  assert.equal(await helper.run("echo on"), "on\n");
});

Deno.test("the signal of a helper stops everything, and its end stops what nobody waits for", async () => {
  await using agent = (await openTestAgent()).agent;
  const stop = new AbortController();
  const stopped = new BackupHelper("shop", { agent, signal: stop.signal });
  stop.abort();
  for (const call of [stopped.run("true"), stopped.backup(), stopped.rotate(), stopped.deleteOlderThan("1D")]) {
    await assert.rejects(call, InterruptedError);
  }
  const helper = new BackupHelper("shop", { agent });
  const { directory } = helper;
  async function* hanging() {
    yield new Uint8Array(1);
    await new Promise<never>(() => {});
  }
  const calls = [helper.run("sleep 600"), helper.backup(hanging())];
  const over = Promise.all(calls.map((call) => assert.rejects(call, InterruptedError)));
  await helper.close();
  await over;
  assert.equal(isThere(directory), false);
  assert.deepEqual(await agent.ls(), []);
});

const OPENING = `
  import { BackupHelper, openAgent } from "@agent/agent";
  await using agent = await openAgent({ repository: "repository", password: "one two", init: true });
`;

/** Runs a program with a helper whose directory it writes as its first line. */
async function ended(
  body: string,
  options: Parameters<ForeignFolder["run"]>[1] = {},
): Promise<ProgramOutput & { readonly isLeft: boolean }> {
  await using folder = new ForeignFolder();
  const tmp = folder.at("tmp");
  await Deno.mkdir(tmp);
  const program = `${OPENING} await using helper = new BackupHelper("shop", { agent });
    console.log(helper.directory); await Deno.writeTextFile(helper.path("dump.sql"), "secret"); ${body}`;
  const output = await folder.run(program, { ...options, env: { TMPDIR: tmp } });
  await Deno.chmod(tmp, 0o700);
  return { ...output, isLeft: namesAt(tmp).length > 0 };
}

Deno.test("the directory does not outlive a script that exits, nor one with an error that nobody catches", async () => {
  const [exited, uncaught, rejected, caught] = await Promise.all([
    ended("Deno.exit(7);"),
    ended(
      "setTimeout(() => { throw new Error('uncaught'); }); await new Promise((resolve) => setTimeout(resolve, 600000));",
    ),
    ended("helper.run('exit 5'); await new Promise((resolve) => setTimeout(resolve, 600000));"),
    ended(`const { default: process } = await import("node:process");
      const error = new Promise((resolve) => process.on("uncaughtException", resolve));
      setTimeout(() => { throw new Error('caught'); });
      console.log((await error).message, await helper.run("cat dump.sql"));`),
  ]);
  assert.deepEqual([exited.code, exited.isLeft], [7, false]);
  assert.deepEqual([uncaught.code, uncaught.isLeft], [1, false]);
  assert.match(rejected.stderr, /exited with 5/);
  assert.deepEqual([rejected.code, rejected.isLeft], [1, false]);
  assert.match(caught.stdout, /\ncaught secret\n$/);
  assert.deepEqual([caught.code, caught.isLeft], [0, false]);
});

Deno.test("signals let a script tidy up, and end one that does not", async () => {
  const signalling = (...signals: Deno.Signal[]) => ({
    async atFirstLine(process: Deno.ChildProcess, directory: string) {
      for (const [i, signal] of signals.entries()) {
        // Each next one only when the one before was noticed. After the last one the directory may go at once.
        await appears(`${directory}/${i === 0 ? "ready" : "noticed"}`);
        process.kill(signal);
      }
    },
  });
  const [tidy, stubborn] = await Promise.all([
    ended(
      `try { await helper.run("touch ready; sleep 600"); } finally { console.log("tidying up"); }`,
      signalling("SIGTERM"),
    ),
    ended(
      `const running = helper.run("touch ready; sleep 600");
       await running.catch(() => Deno.writeTextFile(helper.path("noticed"), ""));
       await new Promise((resolve) => setTimeout(resolve, 600000));`,
      signalling("SIGINT", "SIGINT"),
    ),
  ]);
  assert.match(tidy.stdout, /\ntidying up\n$/);
  assert.match(tidy.stderr, /InterruptedError/);
  assert.deepEqual([tidy.code, tidy.isLeft], [1, false]);
  assert.deepEqual([stubborn.code, stubborn.isLeft], [130, false], stubborn.stderr);
});

programTest({
  name: "a directory that cannot be removed is reported, and hides no error",
  needs: ["setpriv"],
  async fn({ setpriv }) {
    const before = boundByModes(setpriv);
    // Whoever may not write the folder in which a directory lies cannot remove it.
    const closed = `Deno.chmodSync(Deno.env.get("TMPDIR"), 0o500);
      agent.events.on("onError", ({ error }) => console.log(error.name));`;
    const [failing, done, closing] = await Promise.all([
      ended(`${closed} throw new RangeError("of the script");`, { before }),
      ended(closed, { before }),
      ended(`${closed} await helper.close().catch(({ message }) => console.log(message));`, { before }),
    ]);
    const warning =
      /Warning: Cannot remove the temporary directory ".*\/shop_.*", .*: Permission denied; remove it yourself/;
    assert.match(failing.stderr, /error: Uncaught \(in promise\) RangeError: of the script/);
    assert.match(failing.stderr, warning);
    assert.match(failing.stdout, /\nAgentError\n$/);
    assert.equal(failing.code, 1);
    assert.match(done.stderr, warning);
    assert.equal(done.code, 0);
    assert.match(closing.stdout, /\nAgentError\nCannot remove the temporary directory/);
    assert.deepEqual([failing.isLeft, done.isLeft, closing.isLeft], [true, true, true]);
  },
});

programTest({
  name: "what folders hold that may not even be read is removed by their owner",
  needs: ["setpriv"],
  async fn({ setpriv }) {
    const made = "mkdir -p a/b/c; touch a/b/c/d; chmod 0 a/b/c a/b; chmod 500 a";
    const { code, isLeft, stderr } = await ended(`await helper.run("${made}");`, { before: boundByModes(setpriv) });
    assert.deepEqual([code, isLeft, stderr], [0, false, ""]);
  },
});
