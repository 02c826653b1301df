/** Copies between repositories of agent and of restic: either program works on the copies of the other one. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { emptySandbox, type Sandbox, sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { concat, noise, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

// Large enough that what changes is a small part of it, wherever the secret of a repository cuts.
const FIRST = sqlDump(20_000, "first");
const SECOND = withRows(FIRST, { at: 120_000, rows: 30, seed: "second" });
const THIRD = withRows(SECOND, { at: 50_000, rows: 30, seed: "third" });

/** Copies by agent into the sandbox's repository. */
async function copyFrom(to: Sandbox, from: Sandbox, ...args: string[]) {
  const env = { AGENT_FROM_PASSWORD_FILE: from.join("password") };
  return (await to.json(["copy", "--from", from.repo, ...args], { env })).at(-1)!;
}

/** A repository that cuts as that of another sandbox, with a password of its own. */
async function made(from: Sandbox): Promise<Sandbox> {
  const to = await emptySandbox();
  await to.file("password", "a password of its own\n");
  const password = from.join("password");
  await to.ok(["init", "--copy-chunker-params", "--from", from.repo, "--from-password-file", password]);
  return to;
}

resticTest("restic checks, lists, dumps and restores what agent copied", async (program) => {
  await using from = await sandbox();
  await from.put("prod/shop", FIRST, "--tag", "nightly");
  await from.put("prod/shop", SECOND, "--host", "db1");
  await from.put("blog", noise(300_000, "blog"));
  await using to = await made(from);
  const { copied, present, failed } = await copyFrom(to, from);
  deepEqual([copied, present, failed], [3, 0, 0]);
  const restic = await Restic.in(to, program);
  await restic.check();
  const snapshots = await restic.snapshots();
  const originals = await (await Restic.in(from, program)).snapshots();
  deepEqual(
    snapshots.map(({ original, tree, hostname, tags }) => [original, tree, hostname, tags]),
    originals.map(({ id, tree, hostname, tags }) => [id, tree, hostname, tags]),
  );
  equal(await restic.md5(snapshots[1]!.id, "/prod/shop/data"), hash("md5", SECOND));
  await restic.ok(["restore", snapshots[0]!.id, "--target", to.join("restored")]);
  equal(hash("md5", await Deno.readFile(to.join("restored/prod/shop/data"))), hash("md5", FIRST));

  const [third] = await to.json(["put", "prod/shop", "--host", "db1"], { stdin: THIRD });
  equal(third!.level, 1);
  ok(Number(third!.bytesAdded) < THIRD.length / 5, `${third!.bytesAdded}`);
  await to.ok(["check", "--read-data"]);
  await to.ok(["verify", "prod/shop", "--chain"]);
  await restic.check();
});

resticTest("neither program copies again what the other one copied", async (program) => {
  await using from = await sandbox();
  await from.put("prod/shop", FIRST);
  await from.put("prod/shop", SECOND);
  await using to = await sandbox();
  const restic = await Restic.in(to, program);
  await restic.copyFrom(from.repo);
  const byRestic = await copyFrom(to, from);
  deepEqual([byRestic.copied, byRestic.present], [0, 2]);
  await from.put("prod/shop", THIRD);
  const next = await copyFrom(to, from);
  deepEqual([next.copied, next.present], [1, 2]);
  await restic.copyFrom(from.repo);
  const snapshots = await restic.snapshots();
  equal(snapshots.length, 3);
  equal(snapshots[2]!.parent, snapshots[1]!.id, "its parent is the copy that restic made");
  await restic.check();
  await to.ok(["check", "--read-data"]);
  deepEqual((await to.json(["chain", "prod/shop"])).map(({ level }) => level), [0, 1, 2]);
});

for (const version of ["1", "2"]) {
  resticTest(`a repository of format ${version} that restic made is copied`, async (program) => {
    await using from = await emptySandbox();
    const theirs = await Restic.in(from, program);
    await from.file("password", "theirs\n");
    await theirs.ok(["init", "--repository-version", version]);
    const large = concat([sqlDump(20_000, "large"), noise(1_000_000, "large")]);
    await from.file("source/large", large);
    await from.file("source/deep/er/small", "small");
    await theirs.ok(["backup", "--tag", "files", from.join("source")]);
    await theirs.ok(["backup", "--stdin", "--stdin-filename", "shop.sql"], { stdin: FIRST });
    await using to = await sandbox();
    deepEqual((await copyFrom(to, from)).copied, 2);
    deepEqual((await copyFrom(to, from)).present, 2);
    const restic = await Restic.in(to, program);
    await restic.check();
    await to.ok(["check", "--read-data"]);
    const [files, stream] = await to.json(["ls"]);
    deepEqual([files!.series, files!.tags, stream!.series], [from.join("source").slice(1), ["files"], "shop.sql"]);
    await to.ok(["get", `@${files!.id}`, "--target", to.join("out")]);
    equal(hash("md5", await Deno.readFile(to.join("out", String(files!.series), "large"))), hash("md5", large));
    equal(await restic.md5(String(stream!.snapshot), "/shop.sql"), hash("md5", FIRST));
  });
}

resticTest(
  "agent copies into a repository of format 1 and from one that was tagged by restic",
  async (program) => {
    await using from = await sandbox();
    await from.put("prod/shop", FIRST);
    const theirs = await Restic.in(from, program);
    await theirs.ok(["tag", "--add", "monthly"]);
    await using to = await emptySandbox();
    await to.file("password", "theirs\n");
    const restic = await Restic.in(to, program);
    await restic.ok(["init", "--repository-version", "1"]);
    equal((await copyFrom(to, from)).copied, 1);
    await restic.check();
    const [backup] = await to.json(["ls"]);
    deepEqual([backup!.level, backup!.tags, backup!.id], [0, ["monthly"], (await from.json(["ls"]))[0]!.id]);
    await to.ok(["verify", "prod/shop"]);
  },
);

resticTest(
  "restic writes to a repository whose config has the shared secret, and adds a key",
  async (program) => {
    await using from = await sandbox();
    await using to = await made(from);
    const restic = await Restic.in(to, program);
    await restic.ok(["backup", "--stdin", "--stdin-filename", "shop.sql"], { stdin: FIRST });
    await to.file("next", "another password\n");
    await restic.ok(["key", "add", "--new-password-file", to.join("next")]);
    const [before] = await to.json(["put", "prod/shop"], {
      stdin: SECOND,
      env: { AGENT_PASSWORD_FILE: to.join("next") },
    });
    const [there] = await from.json(["put", "prod/shop"], { stdin: SECOND });
    equal(before!.blobsNew, there!.blobsNew, "cut alike");
    const config = JSON.parse(await restic.ok(["cat", "config"]));
    const theirs = JSON.parse(await (await Restic.in(from, program)).ok(["cat", "config"]));
    equal(config.chunker_polynomial, theirs.chunker_polynomial);
    equal((await to.agent(["check"])).exitCode, ExitCode.done);
    await restic.check();
  },
);
