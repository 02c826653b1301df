/** `agent cache`: where the cache lies, what is shown of it, and how it is tidied up. */
import assert from "node:assert/strict";
import { ExitCode, UsageError } from "../../src/base/errors.ts";
import { cacheDirectory, cacheLimit } from "../../src/store/cache/cache_place.ts";
import { withCache } from "../../src/store/cache/cached_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { bytesOf, fileOf } from "../conformance/stored_files.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { fakeWorld, seededRandom } from "../helpers/world.ts";

function environment(variables: Readonly<Record<string, string>>) {
  return (name: string) => variables[name];
}

Deno.test("the cache lies where the first of option and variables says", () => {
  const all = { AGENT_CACHE_DIR: "/a", RESTIC_CACHE_DIR: "/r", XDG_CACHE_HOME: "/x", HOME: "/h" };
  const { AGENT_CACHE_DIR: _a, ...withoutAgent } = all;
  const { RESTIC_CACHE_DIR: _r, ...withoutRestic } = withoutAgent;
  assert.equal(cacheDirectory("here", environment(all)), "here");
  assert.equal(cacheDirectory(undefined, environment(all)), "/a");
  assert.equal(cacheDirectory(undefined, environment(withoutAgent)), "/r/agent");
  assert.equal(cacheDirectory(undefined, environment(withoutRestic)), "/x/agent");
  assert.equal(cacheDirectory(undefined, environment({ XDG_CACHE_HOME: "relative", HOME: "/h" })), "/h/.cache/agent");
  assert.equal(cacheDirectory("", environment({ AGENT_CACHE_DIR: "", RESTIC_CACHE_DIR: "", HOME: "" })), undefined);
  assert.equal(cacheDirectory(undefined, environment({ HOME: "/" })), undefined);
});

Deno.test("the limit is 4 GiB unless a variable says otherwise", () => {
  assert.equal(cacheLimit(environment({})), 2 ** 32);
  assert.equal(cacheLimit(environment({ AGENT_CACHE_LIMIT: "512M" })), 2 ** 29);
  assert.throws(() => cacheLimit(environment({ AGENT_CACHE_LIMIT: "much" })), UsageError);
});

/** Runs `agent cache` in a process that knows nothing but these variables. */
async function runCache(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { exitCode, stdout, stderr } = await runInProcess(["cache", ...args], { env, world: fakeWorld() });
  return { exitCode, stdout, stderr };
}

const REPOSITORY = "ab".repeat(32);

/** A cache directory with a snapshot of 1000 bytes in it. */
async function filledCache() {
  const directory = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const { clock } = fakeWorld();
  const options = { directory, repositoryId: REPOSITORY, limitBytes: 1e6, clock, random: seededRandom("cache") };
  await withCache(openMemoryStore(), options).put(fileOf("snapshot", bytesOf(1000)), [bytesOf(1000)]);
  const dispose = () => Deno.remove(directory, { recursive: true });
  return { directory, variables: { AGENT_CACHE_DIR: directory }, [Symbol.asyncDispose]: dispose };
}

Deno.test("the cache is shown for people and for programs", async () => {
  await using cache = await filledCache();
  const shown = await runCache([], cache.variables);
  assert.match(
    shown.stdout,
    /^REPOSITORY +ID +SIZE +FILES +LAST USED\nmemory +ababababab +1000 B +1 +2026-01-0\d [\d:]+ [+-]\d\d:\d\d\n$/,
  );
  assert.equal(shown.stderr, `1000 B of 4.00 GiB in ${cache.directory}\n`);
  const { stdout } = await runCache(["--json", "--cache-dir", cache.directory], {});
  assert.deepEqual(stdout.trim().split("\n").map((line) => JSON.parse(line)), [
    { repository: REPOSITORY, address: "memory", size: 1000, files: 1, lastUsed: "2026-01-02T03:04:05.000Z" },
    { directory: cache.directory, size: 1000, limit: 2 ** 32 },
  ]);
  const empty = await runCache([], { AGENT_CACHE_DIR: `${cache.directory}/none` });
  assert.deepEqual(empty, { exitCode: 0, stdout: "", stderr: `0 B of 4.00 GiB in ${cache.directory}/none\n` });
});

Deno.test("the cache is pruned to the limit, or cleared", async () => {
  for (const [args, limit] of [[["--prune"], "10"], [["--clear"], "1G"]] as const) {
    await using cache = await filledCache();
    const variables = { ...cache.variables, AGENT_CACHE_LIMIT: limit };
    assert.deepEqual(await runCache(args, variables), {
      exitCode: 0,
      stdout: "",
      stderr: "Removed 1 file, 1000 B\n",
    });
    const again = await runCache([...args, "--json"], variables);
    assert.deepEqual(JSON.parse(again.stdout), { removed: { files: 0, size: 0 } });
  }
});

Deno.test("what makes no sense is told", async () => {
  const unknown = await runCache([], {});
  assert.deepEqual([unknown.exitCode, unknown.stdout], [ExitCode.usage, ""]);
  assert.match(unknown.stderr, /No cache directory known: use --cache-dir/);
  const both = await runCache(["--prune", "--clear"], { HOME: "/nonexistent" });
  assert.equal(both.exitCode, ExitCode.usage);
  const file = await runCache(["--prune"], { AGENT_CACHE_DIR: "/dev/null" });
  assert.equal(file.exitCode, ExitCode.done);
});
