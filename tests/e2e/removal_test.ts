/** Removals of single backups by several processes at once, beside a put, and killed. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, bulkNoise, eventually, type Sandbox, sandbox } from "../helpers/executable.ts";
import { assertResticFindsNoError } from "../helpers/restic.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const RETRY = ["--retry-lock", "10m"];
const KILLS = 6;
/** About how long a removal takes. */
const LIFE_MS = 900;

/** Nights of `prod/shop`, oldest first; gives their ids. */
async function nights(box: Sandbox, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let night = 1; night <= count; night++) {
    ids.push(await box.put("prod/shop", contentOf(night), "--time", `2026-03-0${night}T04:00:00Z`));
  }
  return ids;
}

function contentOf(night: number): Uint8Array {
  return bulkNoise(100_000 + 1000 * night, "nights");
}

async function listed(box: Sandbox): Promise<string[]> {
  return (await box.json(["ls"])).map(({ id }) => String(id));
}

async function assertSound(box: Sandbox): Promise<void> {
  await box.ok(["check", "--read-data"]);
  await assertResticFindsNoError(box);
}

/** Resolves when a lock was removed, however short it was there. */
async function lockRemoved(locks: Deno.FsWatcher): Promise<void> {
  for await (const { kind, paths } of locks) {
    if (kind === "remove" && paths.some((path) => /\/[0-9a-f]{64}$/.test(path))) return;
  }
}

Deno.test("five processes remove five backups at once: one is left, and whoever wanted that is told", async () => {
  await using box = await sandbox();
  const ids = await nights(box, 5);
  const outcomes = await Promise.all(ids.map(async (id) => {
    await using running = box.start(["rm", `@${id}`, "-q", ...RETRY]);
    await running.closeInput();
    return await running.outcome();
  }));
  const left = await listed(box);
  assert.equal(left.length, 1);
  for (const [i, outcome] of outcomes.entries()) {
    if (left.includes(ids[i]!)) assertFails(outcome, ExitCode.usage, /last good backup of "prod\/shop"/);
    else assert.deepEqual(outcome, { exitCode: ExitCode.done, stdout: "", stderr: "" });
  }
  assert.deepEqual(await box.names("locks"), []);
  await assertSound(box);
});

Deno.test("beside a put older backups are removed, and the newest one is not; the put does not notice", async () => {
  await using box = await sandbox();
  const [first, second, third, fourth] = await nights(box, 4);
  const stream = bulkNoise(300_000, "tonight");
  await using put = box.start(["put", "prod/shop", "-q"]);
  await put.write(stream.subarray(0, 200_000));
  await eventually("the lock of the put", async () => (await box.names("locks")).length > 0 || undefined);
  await box.ok(["rm", `@${first}`]);
  await box.ok(["forget", second!.slice(0, 12), "-q"]);
  const newest = await box.agent(["rm", "prod/shop@latest", "--allow-last"]);
  assertFails(newest, ExitCode.locked, /The repository is locked by process \d+/);
  assertFails(await box.agent(["forget", "--keep-last", "1"]), ExitCode.locked, /locked/);
  assert.deepEqual(await listed(box), [third, fourth]);

  using locks = Deno.watchFs(join(box.repo, "locks"));
  const waiting = box.agent(["rm", "prod/shop@latest", "-q", ...RETRY]);
  // It looks under a shared lock, finds that it has to be alone, and waits for that without a lock.
  await lockRemoved(locks);
  await put.write(stream.subarray(200_000));
  await put.closeInput();
  const { exitCode, stdout, stderr } = await put.outcome();
  assert.equal(exitCode, ExitCode.done, stderr);
  assert.equal((await waiting).exitCode, ExitCode.done, (await waiting).stderr);
  assert.deepEqual(await listed(box), [third, stdout.trim()], "the latest is what it was when the removal began");
  const restored = await box.shell(`"$AGENT" get prod/shop -q | md5sum`);
  assert.equal(restored.stdout.slice(0, 32), hash("md5", stream));
  await assertSound(box);
});

Deno.test("a removal that is killed leaves a repository in which nothing is missing but what was to go", async () => {
  await using box = await sandbox();
  let ids = await nights(box, 3);
  for (let kill = 0; kill < KILLS; kill++) {
    const newest = kill % 2 === 0;
    const going = newest ? ids.at(-1)! : ids[0]!;
    await using removal = box.start(["rm", `@${going}`, "-q"]);
    const timer = setTimeout(() => removal.kill("SIGKILL"), LIFE_MS * kill / KILLS);
    const { exitCode } = await removal.outcome();
    clearTimeout(timer);
    const left = await listed(box);
    assert.deepEqual(left.filter((id) => id !== going), ids.filter((id) => id !== going));
    if (exitCode === ExitCode.done) assert.ok(!left.includes(going));
    await assertSound(box);
    ids = left.length > 2 ? left : [...left, await box.put("prod/shop", contentOf(9), "--time", `2026-03-1${kill}`)];
  }
});
