/** `agent copy` and `init --copy-chunker-params` as people use them: options, questions, messages, exit codes. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { PASSWORD, sqlDump } from "../helpers/world.ts";

runAgentHere();

const encode = (text: string) => new TextEncoder().encode(text);

/** A repository with two backups of `prod/shop` and one of `wiki`, and an empty one with the same password. */
async function twoRepositories(): Promise<{ readonly from: Sandbox; readonly to: Sandbox } & AsyncDisposable> {
  const [from, to] = [await sandbox(), await sandbox()];
  await from.put("prod/shop", sqlDump(1000, "first"));
  await from.put("prod/shop", sqlDump(2000, "second"));
  await from.put("wiki", sqlDump(500, "wiki"));
  return {
    from,
    to,
    async [Symbol.asyncDispose]() {
      await from[Symbol.asyncDispose]();
      await to[Symbol.asyncDispose]();
    },
  };
}

/** The variables of both repositories. */
function variablesOf({ from, to }: { readonly from: Sandbox; readonly to: Sandbox }) {
  return {
    AGENT_REPOSITORY: to.repo,
    AGENT_PASSWORD_FILE: to.join("password"),
    AGENT_FROM_REPOSITORY: from.repo,
    AGENT_FROM_PASSWORD: PASSWORD,
  };
}

Deno.test("a copy says on standard error what it brought and what was there, and is silent with --quiet", async () => {
  await using boxes = await twoRepositories();
  const env = variablesOf(boxes);
  const dry = await runInProcess(["copy", "--dry-run", "wiki"], { env });
  match(dry.stdout, /^ID +SERIES .*\n[0-9a-f]{8} +wiki /);
  match(dry.stderr, /^Would copy 1 backup: .* new, read as .*; nothing was changed\n$/);
  const one = await runInProcess(["copy", "wiki"], { env });
  deepEqual([one.exitCode, one.stdout], [ExitCode.done, ""]);
  match(one.stderr, /^Copied 1 backup: [\d.]+ KiB new, read as [\d.]+ KiB, stored as [\d.]+ KiB; /);
  match((await runInProcess(["copy"], { env })).stderr, /^Copied 2 backups, 1 was there already: .* new, read as /);
  equal((await runInProcess(["copy"], { env })).stderr, "Copied no backup, 3 were there already\n");
  const quiet = await runInProcess(["copy", "-q"], { env });
  deepEqual([quiet.exitCode, quiet.stdout, quiet.stderr], [ExitCode.done, "", ""]);
});

Deno.test("what could not be copied is named, with exit code 6, or 4 if nothing could", async () => {
  await using boxes = await twoRepositories();
  const { from } = boxes;
  const env = variablesOf(boxes);
  await from.damageLargestPack();
  const { exitCode, stderr } = await runInProcess(["copy", "-q"], { env });
  equal(exitCode, ExitCode.partial);
  match(stderr, /^agent: warning: prod\/shop@[0-9a-f]{8} was not copied: .*blob [0-9a-f]{64} in pack .*\n/);
  match(
    stderr,
    /agent: \d of 3 backups could not be copied; "agent check --read-data" on the repository of --from .*\n$/,
  );
  for (const pack of await from.packs()) await Deno.remove(pack);
  await using empty = await sandbox();
  const nothing = await runInProcess(["copy"], { env: { ...env, AGENT_REPOSITORY: empty.repo } });
  equal(nothing.exitCode, ExitCode.integrity);
  match(nothing.stderr, /agent: 3 of 3 backups could not be copied; /);
});

Deno.test("wrong usage is refused before anything is written", async () => {
  await using boxes = await twoRepositories();
  const env = variablesOf(boxes);
  const refused = async (args: readonly string[], message: RegExp, changed: Record<string, string> = {}) => {
    const { exitCode, stderr } = await runInProcess(args, { env: { ...env, ...changed } });
    equal(exitCode, ExitCode.usage, stderr);
    match(stderr, message);
  };
  await refused(["copy", "--from", boxes.to.repo], /both have the same id/);
  await refused(["copy", "--from", `local:${boxes.to.repo}/.`], /both have the same id/);
  await refused(["copy", "prod/shpo"], /There is no backup of "prod\/shpo"; did you mean "prod\/shop"\?/);
  await refused(["copy", "@"], /Not a backup: "@"/);
  await refused(["copy"], /No repository to copy from given: use --from or set AGENT_FROM_REPOSITORY/, {
    AGENT_FROM_REPOSITORY: "",
  });
  await refused(["copy"], /No password given for the repository to copy from: use --from-password-file/, {
    AGENT_FROM_PASSWORD: "",
  });
  await refused(["init", "-r", boxes.to.join("new"), "--from", boxes.from.repo], /only go with --copy-chunker-params/);
  await refused(["init", "-r", boxes.to.join("new"), "--copy-chunker-params"], /No repository to copy from given/, {
    AGENT_FROM_REPOSITORY: "",
  });
  const nowhere = await runInProcess(["copy", "--from", boxes.to.join("nowhere")], { env });
  equal(nowhere.exitCode, ExitCode.noRepository);
  deepEqual(await boxes.to.json(["ls"]), [], "nothing was copied");
});

Deno.test("each question for a password says which repository it is for, and a wrong answer is asked for again", async () => {
  await using boxes = await twoRepositories();
  const { AGENT_PASSWORD_FILE: _1, AGENT_FROM_PASSWORD: _2, ...env } = variablesOf(boxes);
  const typed = [PASSWORD, "wrong", PASSWORD].map(encode);
  const { exitCode, questions, stderr } = await runInProcess(["copy"], { env, typed });
  equal(exitCode, ExitCode.done, stderr);
  deepEqual(questions, [
    "Password of the repository: ",
    "Password of the repository to copy from: ",
    "Wrong password. Password of the repository to copy from: ",
  ]);
  const wrong = await runInProcess(["copy"], {
    env: { ...env, AGENT_PASSWORD: PASSWORD, AGENT_FROM_PASSWORD: "wrong" },
  });
  equal(wrong.exitCode, ExitCode.wrongPassword);
  match(wrong.stderr, new RegExp(`Wrong password for "?${boxes.from.repo}`));
});

Deno.test("the password file of a repository is not made if the one that it should cut like cannot be read", async () => {
  await using boxes = await twoRepositories();
  const [repo, file] = [boxes.to.join("new"), boxes.to.join("new.password")];
  const args = ["init", "-r", repo, "--new-password-file", file, "--copy-chunker-params"];
  const env = { AGENT_FROM_REPOSITORY: boxes.from.repo, AGENT_FROM_PASSWORD: "wrong" };
  equal((await runInProcess(args, { env })).exitCode, ExitCode.wrongPassword);
  equal(await Deno.lstat(file).catch(() => "none"), "none");
  equal((await runInProcess(args, { env: { ...env, AGENT_FROM_PASSWORD: PASSWORD } })).exitCode, ExitCode.done);
});
