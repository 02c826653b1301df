/** The built executable puts one stream into two repositories, whatever becomes of one of them on the way. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { servingTest, whyNoServer } from "../helpers/agent_server.ts";
import { assertFails, bulkNoise, EXECUTABLE, type JsonRow, jsonRows, sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { Server } from "../helpers/servers.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const MEBIBYTE = 1024 * 1024;
const noDisk = await whyNoSmallDisk();
const noServer = await whyNoServer();

/** A sandbox for the main repository, and variables for that of another sandbox as the second one. */
async function twoSandboxes() {
  const main = await sandbox();
  const second = await sandbox();
  const env = { AGENT_ALSO_PASSWORD_FILE: second.join("password") };
  return {
    main,
    second,
    env,
    async [Symbol.asyncDispose]() {
      await main[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

function repositoriesOf(stdout: string): JsonRow[] {
  const [put] = jsonRows(stdout);
  return put!.repositories as JsonRow[];
}

resticTest("one stream gets into two local repositories, and restic reads it from both", async (program) => {
  await using both = await twoSandboxes();
  const { main, second, env } = both;
  await main.put("s", "the main one has an earlier backup");
  const stream = bulkNoise(5 * MEBIBYTE, "both");
  const outcome = await main.agent(["put", "s", "--also", second.repo, "--json"], { stdin: stream, env });
  assert.equal(outcome.exitCode, ExitCode.done, outcome.stderr);
  const [put] = jsonRows(outcome.stdout);
  const repositories = repositoriesOf(outcome.stdout);
  assert.deepEqual(repositories.map(({ location, level, error }) => [location, level, error]), [
    [main.repo, 1, null],
    [second.repo, 0, null],
  ]);
  assert.equal(put!.id, repositories[0]!.id);
  for (const [box, { id }] of [[main, repositories[0]!], [second, repositories[1]!]] as const) {
    assert.equal((await box.json(["ls"])).at(-1)!.id, id);
    await box.ok(["verify", "s"]);
    const restic = await Restic.in(box, program);
    const checked = await restic.attempt(["check", "--read-data"]);
    assert.equal(checked.exitCode, 0, checked.stderr);
  }
});

Deno.test("the second repository's password is wrong: the backup is in the main one, and the exit code is 6", async () => {
  await using both = await twoSandboxes();
  const { main, second } = both;
  const env = { AGENT_ALSO_REPOSITORY: second.repo, AGENT_ALSO_PASSWORD: "wrong" };
  const { exitCode, stdout, stderr } = await main.agent(["put", "s"], { stdin: "stream", env });
  assert.equal(exitCode, ExitCode.partial, stderr);
  assert.equal(stdout.trim(), (await main.json(["ls"]))[0]!.id);
  const lines = stderr.trim().split("\n");
  assert.match(lines[0]!, /^agent: warning: The backup does not get into .*: .*password.*; it goes on into /);
  assert.match(
    lines.at(-1)!,
    /^agent: The backup s@[0-9a-f]+ is in .*, but none is in .*: .*password.*"agent copy --from \S+ s@[0-9a-f]+" there/,
  );
  const asJson = await main.agent(["put", "s", "--json"], { stdin: "stream", env });
  const [has, lacks] = repositoriesOf(asJson.stdout);
  assert.equal(has!.error, null);
  assert.deepEqual([lacks!.location, lacks!.id, (lacks!.error as JsonRow).code], [second.repo, null, 12]);
  assert.equal(jsonRows(asJson.stderr).at(-1)!.code, ExitCode.partial);
});

Deno.test("the main repository is not there: the id is that of the backup in the second one, and the exit code is 6", async () => {
  await using both = await twoSandboxes();
  const { main, second, env } = both;
  const args = ["put", "s", "-q", "-r", main.join("nowhere"), "--also", second.repo];
  const { exitCode, stdout } = await main.agent(args, { stdin: "stream", env });
  assert.equal(exitCode, ExitCode.partial);
  assert.equal(stdout.trim(), (await second.json(["ls"]))[0]!.id);
});

Deno.test("one place twice, an unknown scheme and options without a place are refused before anything is read", async () => {
  await using both = await twoSandboxes();
  const { main, second, env } = both;
  const refused = async (args: string[], message: RegExp, more = {}) => {
    const outcome = await main.agent(["put", "s", ...args], { stdin: "stream", env: { ...env, ...more } });
    assertFails(outcome, ExitCode.usage, message);
  };
  await refused(["--also", main.repo], /Refusing to back up into .* twice/);
  await refused([], /Refusing to back up into .* twice/, { AGENT_ALSO_REPOSITORY: main.repo });
  await refused(["--also", "nowhere:x"], /Unknown kind of repository "nowhere"/);
  await refused(
    ["--also-password-command", "cat"],
    /No second repository given: use --also or set AGENT_ALSO_REPOSITORY/,
  );
  await Deno.symlink(main.repo, main.join("link"));
  await refused(["--also", main.join("link")], /both have the same id/, {
    AGENT_ALSO_PASSWORD_FILE: main.join("password"),
  });
  for (const box of [main, second]) assert.deepEqual(await box.names("snapshots"), []);
});

Deno.test("a command that fails leaves no backup in either repository", async () => {
  await using both = await twoSandboxes();
  const { main, second, env } = both;
  const command = ["--", "sh", "-c", "echo half; exit 9"];
  const { exitCode } = await main.agent(["put", "s", "--also", second.repo, ...command], { env });
  assert.equal(exitCode, ExitCode.source);
  for (const box of [main, second]) {
    assert.deepEqual([...await box.names("snapshots"), ...await box.names("locks")], []);
  }
});

Deno.test({
  name: `the second repository's disk is full: the main one has it all${noDisk ? ` (skipped: ${noDisk})` : ""}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(24 * MEBIBYTE);
    await using both = await twoSandboxes();
    const { main, env } = both;
    const repo = join(disk.path, "repo");
    await main.ok(["init", "-r", repo]);
    const variables = { ...env, AGENT_ALSO_PASSWORD_FILE: main.join("password") };
    for (
      const [series, place] of [["second", ["--also", repo]], ["main", ["-r", repo, "--also", main.repo]]] as const
    ) {
      const stream = bulkNoise(60 * MEBIBYTE, series);
      const outcome = await main.agent(["put", series, ...place], { stdin: stream, env: variables });
      assert.equal(outcome.exitCode, ExitCode.partial, outcome.stderr);
      assert.match(outcome.stderr, /no space is left/);
      await main.ok(["verify", series]);
      await main.ok(["check", "-r", repo, "--no-lock", "--read-data"]);
    }
    assert.equal((await main.json(["ls"])).length, 2);
  },
});

servingTest(
  "a server that goes away, with another one in its place, does not end the other backup",
  noServer,
  async () => {
    await using both = await twoSandboxes();
    const { main, second, env } = both;
    const serve = ["serve", "--no-auth", "--path", second.path, "--listen", "127.0.0.1:0"];
    const server = await Server.start(second, EXECUTABLE, serve, { address: /127\.0\.0\.1:(\d+)/ });
    const stream = bulkNoise(60 * MEBIBYTE, "server");
    await using putting = main.start(["put", "s", "--also", server.repository("repo")], { env });
    await putting.write(stream.subarray(0, stream.length / 2));
    await server[Symbol.asyncDispose]();
    // One that is down for good is tried for a quarter of an hour; one that refuses is not.
    const place = { hostname: "127.0.0.1", port: Number(new URL(server.origin).port), onListen: () => {} };
    await using _other = Deno.serve(place, () => new Response(null, { status: 403 }));
    await putting.write(stream.subarray(stream.length / 2));
    await putting.closeInput();
    const { exitCode, stdout, stderr } = await putting.outcome();
    assert.equal(exitCode, ExitCode.partial, stderr);
    assert.equal(stdout.trim(), (await main.json(["ls"]))[0]!.id);
    await main.ok(["verify", "s"]);
    assert.deepEqual(await second.names("snapshots"), []);
  },
);
