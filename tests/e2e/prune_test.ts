/** `agent prune` as a black box: what it says, how it fails, and that it may be killed at any moment. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { ownProcessMark, processExists } from "../../src/library/machine/process_table.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { RepositoryAccess, World } from "../../src/ops/access.ts";
import { check } from "../../src/ops/check.ts";
import { prune, type PruneResult } from "../../src/ops/prune.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { assertFails, bulkNoise, type JsonRow, type Running, type Sandbox, sandbox } from "../helpers/executable.ts";
import { assertResticFindsNoError } from "../helpers/restic.ts";
import { accessTo, concat, fakeWorld, IDENTITY } from "../helpers/world.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

/** Puts two backups that share a part and forgets the first. */
async function forgottenFirst(box: Sandbox): Promise<Uint8Array> {
  const shared = bulkNoise(300_000, "shared");
  const kept = concat([shared, bulkNoise(300_000, "kept")]);
  await box.put("s", concat([bulkNoise(500_000, "gone"), shared]));
  await forgetAll(box);
  await box.put("s", kept);
  return kept;
}

/** Removes all snapshots there are. */
async function forgetAll(box: Sandbox): Promise<void> {
  for (const name of await box.names("snapshots")) await Deno.remove(join(box.repo, "snapshots", name));
}

const packRows = (rows: JsonRow[]) => rows.filter(({ message_type }) => message_type === "pack");

Deno.test("a dry run tells the plan and changes nothing; prune carries it out; then there is nothing to do", async () => {
  await using box = await sandbox();
  const kept = await forgottenFirst(box);
  const packs = await box.packs();
  const text = await box.ok(["prune", "--dry-run", "--max-unused", "0"]);
  assert.match(text, /^TO DO .*BECAUSE .*PACKS .*SIZE .*FREES$/m);
  assert.match(text, /^copy +part of it is not needed +1 /m);
  // With it go the chunks from where it ends to where the same stream is cut alike again.
  assert.match(text, /^Would free [56]\d\d KiB of .*; 0 B of waste would stay; nothing was changed$/m);
  const planned = await box.json(["prune", "-n", "--max-unused", "0"]);
  assert.deepEqual(await box.packs(), packs);

  const { exitCode, stdout, stderr } = await box.agent(["prune", "--max-unused", "0"]);
  assert.deepEqual([exitCode, stdout], [ExitCode.done, ""]);
  assert.match(
    stderr,
    /^Freed [56]\d\d KiB: \d packs? removed, \d packs? copied to \d \(.*\); 0 B of waste stay; .*\n$/,
  );
  const summary = planned.at(-1)!;
  assert.deepEqual([summary.message_type, summary.dryRun], ["summary", true]);
  const repacked = packRows(planned).filter(({ action }) => action === "repack");
  assert.equal(repacked.length, (summary.repacked as { packs: number }).packs);
  const left = (await box.packs()).join();
  for (const { id } of packRows(planned)) assert.ok(!left.includes(String(id)), `pack ${id} is gone`);

  await box.ok(["check", "--read-data"]);
  assert.equal((await box.json(["verify", "s"]))[0]!.md5, hash("md5", kept));
  const again = await box.json(["prune", "--max-unused", "0"]);
  assert.deepEqual(packRows(again), []);
  assert.equal(again.at(-1)!.dryRun, false);
});

Deno.test("limits are read strictly", async () => {
  await using box = await sandbox();
  assertFails(await box.agent(["prune", "--max-unused", "101%"]), ExitCode.usage, /101%/);
  assertFails(await box.agent(["prune", "--max-unused", "some"]), ExitCode.usage, /Not a size: "some"/);
  assertFails(await box.agent(["prune", "--max-repack-size", "5%"]), ExitCode.usage, /Not a size: "5%"/);
  await forgottenFirst(box);
  for (const limit of ["100%", "unlimited", "1G", "99%"]) {
    const rows = packRows(await box.json(["prune", "--dry-run", "--max-unused", limit]));
    assert.ok(rows.every(({ reason }) => reason !== "part of it is not needed"), limit);
  }
  const copies = packRows(await box.json(["prune", "--dry-run", "--max-unused", "0", "--max-repack-size", "1K"]));
  assert.deepEqual(copies.filter(({ action }) => action === "repack"), []);
});

Deno.test("without any backup or a folder of them nothing goes unless it is meant", async () => {
  await using box = await sandbox();
  await box.put("s", "content");
  const packs = await box.packs();
  await Deno.rename(join(box.repo, "snapshots"), box.join("elsewhere"));
  for (
    const command of [["prune", "--allow-empty"], ["put", "s", "--", "echo", "x"], ["check"], ["ls"], [
      "forget",
      "1f2e3d4c",
    ]]
  ) {
    assertFails(await box.agent(command), ExitCode.failed, /has no folder "snapshots"/);
  }
  await Deno.mkdir(join(box.repo, "snapshots"));
  assertFails(await box.agent(["prune"]), ExitCode.usage, /no backup at all.*--allow-empty$/m);
  assert.deepEqual(await box.packs(), packs);
  await box.ok(["prune", "--allow-empty"]);
  assert.deepEqual(await box.packs(), []);
});

Deno.test("put and prune at once: one fails with 11, and one that may wait does", async () => {
  await using box = await sandbox();
  await forgottenFirst(box);
  await using put = box.start(["put", "t", "--quiet"]);
  await put.write("first half, ");
  await locked(box);
  assertFails(await box.agent(["prune"]), ExitCode.locked, /locked by process/);
  await using prune = box.start(["prune", "--quiet", "--retry-lock", "1m"]);
  await put.write("second half");
  await put.closeInput();
  assert.equal((await put.outcome()).exitCode, ExitCode.done);
  assert.equal((await prune.outcome()).exitCode, ExitCode.done);
  assert.equal(await box.ok(["get", "t", "-q"]), "first half, second half");
  await box.ok(["check", "--read-data"]);
});

async function locked(box: Sandbox): Promise<void> {
  while ((await box.names("locks")).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

Deno.test("temporary files that killed writers left a day ago go", async () => {
  await using box = await sandbox();
  await box.put("s", "content");
  const [pack] = await box.packs();
  const old = `${pack}-tmp-0123456789abcdef`;
  const young = `${pack}-tmp-fedcba9876543210`;
  for (const path of [old, young]) await Deno.writeTextFile(path, "half a pack");
  const twoDaysAgo = new Date(Date.now() - 48 * 60 * 60 * 1000);
  await Deno.utime(old, twoDaysAgo, twoDaysAgo);
  const [planned] = await box.json(["prune", "--dry-run"]);
  assert.deepEqual(planned!.leftovers, { files: 1, bytes: 11 });
  await Deno.stat(old);
  assert.match((await box.agent(["prune"])).stderr, /^1 temporary file of interrupted writers, 11 B, removed$/m);
  await assert.rejects(Deno.stat(old), Deno.errors.NotFound);
  await Deno.stat(young);
});

const KILLS = 10;
const NIGHTS = 8;

Deno.test("SIGKILL at any moment: every backup restores, and the next prune finishes", async () => {
  await using box = await sandbox();
  const md5s = await halfNeeded(box);
  const origin = box.join("origin");
  await Deno.rename(box.repo, origin);
  let wholeMs = await timeOfPrune(box, origin);
  let killed = 0;
  for (let i = 0; i < KILLS; i++) {
    await freshCopy(box, origin);
    const beganMs = performance.now();
    await using prune = start(box);
    const timer = setTimeout(() => prune.kill("SIGKILL"), wholeMs * (i + 0.5) / KILLS);
    const { exitCode } = await prune.outcome();
    clearTimeout(timer);
    if (exitCode === 137) killed++;
    // The machine is less busy than it was.
    else wholeMs = performance.now() - beganMs;
    await assertSound(box);
    await pruneHere(box);
    if (i % 5 < 4) continue;
    const { summary: { unused }, unindexed } = (await pruneHere(box, { dryRun: true })).plan;
    assert.deepEqual([unused.blobs, unindexed], [0, []], `after kill ${i}`);
    await assertRestores(box, md5s);
  }
  assert.ok(killed > KILLS / 4, `${killed} were killed before they were done`);
  await box.ok(["check", "--read-data"]);
  await assertResticFindsNoError(box);
});

/** The library at work in this process: starting the executable would take most of the test's time. */
function pruneHere(box: Sandbox, { dryRun = false } = {}): Promise<PruneResult> {
  const options = { limits: { ...DEFAULT_PRUNE_LIMITS, maxUnused: { bytes: 0 } }, dryRun, signal: NEVER };
  return prune(accessHere(box), options, { world: worldHere(), ...options });
}

async function assertSound(box: Sandbox): Promise<void> {
  const { errors } = await check(accessHere(box), { noLock: true, readData: false }, {
    world: worldHere(),
    signal: NEVER,
  });
  assert.deepEqual(errors, []);
}

const NEVER = new AbortController().signal;

function accessHere(box: Sandbox): RepositoryAccess {
  return accessTo(openLocalStore(box.repo, { random: systemRandomBytes }));
}

/** This host, so that locks of killed processes are known to protect nobody. */
function worldHere(): World {
  const mark = ownProcessMark();
  assert.ok(mark !== undefined, "this system tells processes apart");
  const identity = { ...IDENTITY, hostname: hostname(), pid: Deno.pid, process: mark };
  return { ...fakeWorld(), clock: systemClock, identity, processExists, randomBytes: systemRandomBytes };
}

/** Nights that each share a half with the next; every other one is forgotten. Gives the MD5 of those that stay. */
async function halfNeeded(box: Sandbox): Promise<Map<string, string>> {
  const md5s = new Map<string, string>();
  for (let n = 0; n < NIGHTS; n++) {
    const stream = concat([bulkNoise(1_000_000, `half ${n}`), bulkNoise(1_000_000, `half ${n + 1}`)]);
    const id = await box.put("s", stream);
    if (n % 2 === 1) md5s.set(id, hash("md5", stream));
  }
  const forgotten = (await box.json(["ls"])).filter(({ id }) => !md5s.has(String(id)));
  for (const { snapshot } of forgotten) await Deno.remove(join(box.repo, "snapshots", String(snapshot)));
  return md5s;
}

function start(box: Sandbox): Running {
  return box.start(["prune", "--max-unused", "0", "--quiet"]);
}

async function timeOfPrune(box: Sandbox, origin: string): Promise<number> {
  await freshCopy(box, origin);
  const started = performance.now();
  await using prune = start(box);
  assert.equal((await prune.outcome()).exitCode, ExitCode.done);
  return performance.now() - started;
}

/** Files of a repository are never written to, so links do for copies. */
async function freshCopy(box: Sandbox, origin: string): Promise<void> {
  const { exitCode, stderr } = await box.shell('rm -rf "$2" && cp -al "$1" "$2"', origin, box.repo);
  assert.equal(exitCode, 0, stderr);
}

async function assertRestores(box: Sandbox, md5s: ReadonlyMap<string, string>): Promise<void> {
  for (const [id, md5] of md5s) assert.equal((await box.json(["verify", `@${id}`]))[0]!.md5, md5, id);
}
