/** `put --stream`: several commands, one backup; and what of the command line makes no sense. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { builtInEngines } from "../../src/engine/built_in.ts";
import { okHere } from "../helpers/agent_here.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { assertFails, eventually, isGone, type JsonRow, pidIn, type Sandbox, sandbox } from "../helpers/executable.ts";
import { sqlDump } from "../helpers/world.ts";

/** The options for streams by name. */
function streams(commands: Readonly<Record<string, string>>): string[] {
  return Object.entries(commands).flatMap(([name, command]) => ["--stream", `${name}=${command}`]);
}

async function assertNoBackup(box: Sandbox): Promise<void> {
  assert.deepEqual(await box.names("snapshots"), []);
  assert.deepEqual(await box.names("locks"), []);
}

/** Resolves when a process is gone. What has ended is there until process 1 asks how. */
async function gone(pid: number): Promise<void> {
  await eventually(`process ${pid} to be gone`, () => isGone(pid) || undefined);
}

Deno.test("several commands become one backup of several streams", async (test) => {
  await using box = await sandbox();
  const shop = await box.file("shop.sql", sqlDump(2000, "shop"));
  const wiki = await box.file("wiki.sql", sqlDump(500, "wiki"));
  const commands = streams({
    "shop.sql": `cat ${shop}`,
    "deep/wiki.sql": `cat ${wiki}; echo 'a word' >&2`,
    "version": "printf 'x=%s' 7",
  });

  await test.step("with a summary of each, and what the commands say under their names", async () => {
    const { exitCode, stdout, stderr } = await box.agent(["put", "prod/all", ...commands], { stdin: "is not read" });
    assert.equal(exitCode, ExitCode.done, stderr);
    assert.match(stdout, /^[0-9a-f]{64}\n$/);
    assert.match(stderr, /^deep\/wiki\.sql: a word$/m);
    assert.match(stderr, /^prod\/all level 0 [0-9a-f]{8}: 3 streams; /m);
    assert.match(stderr, /^ {2}deep\/wiki\.sql: mysqldump, whole; [\d.]+ KiB$/m);
    assert.match(stderr, /^ {2}shop\.sql: mysqldump, whole; [\d.]+ KiB$/m);
    assert.match(stderr, /^ {2}version: format not recognised, not judged; 3 B$/m);
    assert.match(stderr, /^ {2}\d+ KiB read, .* stored/m);
  });

  await test.step("each comes back as it was", async () => {
    assert.equal(await box.ok(["get", "prod/all", "-q", "--file", "shop.sql"]), await Deno.readTextFile(shop));
    assert.equal(await box.ok(["get", "prod/all", "-q", "--file", "version"]), "x=7");
    const sums = await box.ok(["show", "prod/all", "--md5sums"]);
    assert.deepEqual(
      sums.trimEnd().split("\n").map((line) => line.slice(34)),
      ["prod/all/deep/wiki.sql", "prod/all/shop.sql", "prod/all/version"],
    );
  });

  await test.step("--json lists them, and no problems", async () => {
    const [row] = await box.json(["put", "prod/all", ...commands, "--jobs", "1"]);
    assert.deepEqual((row!["files"] as JsonRow[]).map(({ path }) => path), ["deep/wiki.sql", "shop.sql", "version"]);
    assert.deepEqual([row!["level"], row!["problems"], row!["bytesAdded"]], [1, [], 0]);
  });

  await test.step("--quiet says only what the commands say", async () => {
    const { stderr } = await box.agent(["put", "prod/all", "--quiet", ...commands]);
    assert.equal(stderr, "deep/wiki.sql: a word\n");
  });

  await test.step("check finds no fault", async () => {
    await okHere(box, ["check", "--read-data"]);
  });
});

Deno.test("a guard may be that of one stream", async () => {
  await using box = await sandbox();
  const dump = await box.file("dump.sql", sqlDump(50, "dump"));
  const commands = streams({ "a.sql": `cat ${dump}`, "b.bin": "echo words" });
  const [row] = await box.json(["put", "s", ...commands, "--guard", "none", "--guard", "a.sql=mysqldump"]);
  const guards = (row!["files"] as JsonRow[]).map(({ guard }) => (guard as JsonRow)["format"]);
  assert.deepEqual(guards, ["mysqldump", "none"]);
  const refused = await box.agent(["put", "s", ...commands, "--guard", "b.bin=mysqldump"]);
  assertFails(refused, ExitCode.source, /"s\/b\.bin"/);
});

Deno.test("if one command fails, the others end with everything they started, and nothing is committed", async () => {
  await using box = await sandbox();
  const [own, grandchild] = [box.join("own"), box.join("grandchild")];
  const commands = streams({
    "good.sql": "echo all of it",
    "hanging.sql": `echo $$ >${own}; (echo data; sh -c 'echo $$ >${grandchild}; exec sleep 600') | cat`,
    "bad.sql":
      `while [ ! -s ${grandchild} ]; do sleep 0.02; done; echo half; echo 'Access denied for PASSWORD' >&2; exit 7`,
  });
  const { exitCode, stdout, stderr } = await box.agent(["put", "prod/all", ...commands, "--jobs", "3"]);
  assert.equal(exitCode, ExitCode.source, stderr);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^agent: The command of bad\.sql .*exited with 7: Access denied for PASSWORD; nothing was committed/m,
  );
  for (const path of [own, grandchild]) await gone(await pidIn(path));
  await assertNoBackup(box);
});

Deno.test("interrupted, all commands and what they started are gone, and the next ones never begin", async () => {
  await using box = await sandbox();
  const paths = ["a", "a.child", "b", "b.child", "c"].map((name) => box.join(name));
  const [a, aChild, b, bChild, c] = paths;
  const commands = streams({
    "a.sql": `echo $$ >${a}; echo data; sh -c 'echo $$ >${aChild}; exec sleep 600'; true`,
    // It listens to no signal, and neither does its child.
    "b.sql": `trap '' TERM INT; echo $$ >${b}; echo data; sh -c 'echo $$ >${bChild}; exec sleep 600'; true`,
    "c.sql": `echo $$ >${c}; sleep 600`,
  });
  await using put = box.start(["put", "prod/all", ...commands]);
  const pids = await Promise.all([a, aChild, b, bChild].map((path) => pidIn(path!)));
  await eventually("the lock", async () => (await box.names("locks")).length > 0 || undefined);
  put.kill("SIGTERM");
  const { exitCode } = await put.outcome();
  assert.equal(exitCode, ExitCode.interrupted);
  for (const pid of pids) await gone(pid);
  await assert.rejects(Deno.stat(c!));
  await assertNoBackup(box);
});

Deno.test("what makes no sense is refused before anything is started", async (test) => {
  await using box = await sandbox();
  const env = box.variables();
  const touch = `touch ${box.join("started")}`;
  const stream = (name: string) => ["--stream", `${name}=${touch}`];
  const refused: [string, string[], RegExp][] = [
    ["two streams of one name", [...stream("a"), ...stream("b"), ...stream("a")], /"a" already/],
    ["a stream within another's path", [...stream("a/b"), ...stream("a")], /"a" is a directory/],
    ["an empty name", stream(""), /it is empty/],
    ["a name that leads out", stream("../a"), /`\.\.` are not allowed/],
    ["the name of a level", stream("level-0"), /"level-0" is kept/],
    ["an empty command", ["--stream", "a= "], /"a" has no command/],
    ["no equals sign", ["--stream", "mysqldump shop -psecret"], /an equals sign/],
    ["a command after --", [...stream("a"), "--", "touch", box.join("started")], /--stream or a command after --/],
    ["a source", ["tar:/etc", ...stream("a")], /a source or --stream/],
    ["a file name", [...stream("a"), "--filename", "x"], /--filename .* does not go with --stream/],
    ["a guard of an unknown stream", [...stream("shop.sql"), "--guard", "shop=tar"], /no stream "shop"/],
    ["an unknown guard", [...stream("a"), "--guard", "a=zip"], /No such guard: "zip"/],
    ["no jobs", [...stream("a"), "--jobs", "0"], /Not a number of jobs: "0"/],
    ["too many jobs", [...stream("a"), "--jobs", "1000"], /Not a number of jobs/],
    ["an unknown engine", ["tra:/srv"], /Unknown kind of source "tra"/],
    ["several sources", ["tar:/a", "tar:/b"], /one source, but 2/],
    ["a source and a command", ["tar:/a", "--", "touch", box.join("started")], /a source or a command after --/],
    ["a guard of a source", ["tar:/a", "--guard", "tar"], /leave --guard out/],
  ];
  for (const [name, args, expected] of refused) {
    await test.step(name, async () => {
      // In this process: nothing is started, not even the executable.
      const outcome = await runInProcess(["put", "prod/all", ...args], {
        env,
        engines: builtInEngines({ environment: env }),
      });
      assertFails(outcome, ExitCode.usage, expected);
      assert.ok(!outcome.stderr.includes("secret"));
    });
  }
  await assert.rejects(Deno.stat(join(box.join("started"))));
  await assertNoBackup(box);
});
