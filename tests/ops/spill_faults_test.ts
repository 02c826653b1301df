/** A prune or check whose tables spill to a disk that fails: it does the same as in memory, or stops; nothing is lost. */
import assert from "node:assert/strict";
import { type AgentError, StoreFullError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { check, type CheckReport } from "../../src/ops/check.ts";
import { prune, type PruneResult } from "../../src/ops/prune.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, copyOf, fakeWorld, namesOf } from "../helpers/world.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { packsOf } from "./check_fixture.ts";
import { TINY_SPILL } from "../store/spill/spills.ts";
import { assertHolds, duplicate, halfForgotten, PACK_BYTES, STRICT } from "./prune_fixture.ts";

let made: Promise<BlobStore> | undefined;

/** A repository with packs of every kind of use, and blobs with two copies; each time a copy. */
async function repositoryToPrune(): Promise<BlobStore> {
  made ??= halfForgotten().then(async (store) => {
    await duplicate(store, "data");
    return store;
  });
  return await copyOf(await made);
}

/** Access whose tables spill into a directory, and what was told of that. */
function spilling(store: BlobStore, { path: directory }: TestDirectory) {
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  const cache = { directory, limitBytes: 1e9, spillLimits: TINY_SPILL, onProblem };
  return { access: { ...accessTo(store), spillCache: () => Promise.resolve(cache) }, problems };
}

function pruneBy(access: RepositoryAccess): Promise<PruneResult> {
  const world = fakeWorld("spilled prune", []);
  world.clock.jump(3_600_000);
  return prune(access, { limits: STRICT, dryRun: false, packBytes: PACK_BYTES }, { world });
}

function checkBy(access: RepositoryAccess): Promise<CheckReport> {
  return check(access, { noLock: true, readData: false }, { world: fakeWorld("spilled check") });
}

/** Lets the calls of a method of open files fail as `fault` says; undefined lets the call through. Counts all calls. */
async function withFault<T>(
  method: "readSync" | "writeSync",
  fault: (call: number, bytes: Uint8Array) => number | undefined,
  work: () => Promise<T>,
): Promise<{ readonly calls: number; readonly outcome: PromiseSettledResult<T> }> {
  const original = Deno.FsFile.prototype[method] as (bytes: Uint8Array) => number;
  let calls = 0;
  Deno.FsFile.prototype[method] = function (bytes: Uint8Array): number {
    return fault(calls++, bytes) ?? original.call(this, bytes);
  };
  try {
    const [outcome] = await Promise.allSettled([work()]);
    return { calls, outcome };
  } finally {
    Deno.FsFile.prototype[method] = original;
  }
}

const NO_FAULT = () => undefined;

/**
 * What a prune says, and what is in its repository afterwards: all blobs, and which packs stayed. Which blobs share a new
 * pack depends on the order in which threads finish.
 */
async function resultOf(outcome: PromiseSettledResult<PruneResult>, store: BlobStore) {
  assert.ok(outcome.status === "fulfilled");
  const { plan, applied } = outcome.value;
  const before = new Set(await namesOf(await repositoryToPrune(), "pack"));
  const blobs = await Promise.all((["data", "tree"] as const).map(async (type) => {
    return (await packsOf(store, type)).flatMap(({ blobs }) => blobs.map(({ id }) => encodeHex(id))).sort();
  }));
  return {
    plan,
    removed: applied!.packsRemoved,
    written: applied!.written.blobs,
    blobs,
    stayed: (await namesOf(store, "pack")).filter((name) => before.has(name)),
  };
}

type Pruned = Awaited<ReturnType<typeof resultOf>>;

/** The same of a prune whose tables stay in memory. */
async function inMemory(): Promise<Pruned> {
  const store = await repositoryToPrune();
  const { calls, outcome } = await withFault("readSync", NO_FAULT, () => pruneBy(accessTo(store)));
  assert.equal(calls, 0);
  return await resultOf(outcome, store);
}

Deno.test("a prune whose tables spill writes and removes exactly what one in memory does", async () => {
  await using directory = new TestDirectory();
  const expected = await inMemory();
  assert.ok(expected.plan.repack.length > 0 && expected.plan.remove.length > 0 && expected.stayed.length > 0);
  const spilled = await repositoryToPrune();
  const { access, problems } = spilling(spilled, directory);
  const { calls, outcome } = await withFault("readSync", NO_FAULT, () => pruneBy(access));
  assert.ok(calls > 100, `${calls} reads`);
  assert.deepEqual(await resultOf(outcome, spilled), expected);
  assert.deepEqual(problems, []);
});

Deno.test("a disk that is full at any time changes nothing but a warning", async () => {
  const expected = await inMemory();
  for (const [fullAt, taken] of [[0, 0], [1, 5], [7, 0], [40, 3]] as const) {
    await using directory = new TestDirectory();
    const spilled = await repositoryToPrune();
    const { access, problems } = spilling(spilled, directory);
    const { outcome } = await withFault("writeSync", (call) => {
      if (call === fullAt && taken > 0) return taken;
      if (call < fullAt) return undefined;
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }, () => pruneBy(access));
    assert.deepEqual(await resultOf(outcome, spilled), expected, `full at ${fullAt}`);
    assert.ok(problems.length === 1 && problems[0] instanceof StoreFullError);
  }
});

/** What may happen to the bytes that are read. */
const FAULTS: Readonly<Record<string, (bytes: Uint8Array) => number>> = {
  "a flipped bit": (bytes) => {
    bytes.fill(1);
    return bytes.length;
  },
  "a failing disk": () => {
    throw Object.assign(new Error("input/output error"), { code: "EIO" });
  },
};

for (const [words, fault] of Object.entries(FAULTS)) {
  Deno.test(`${words} in what a prune reads back ends it, whenever that is, and all backups stay whole`, async () => {
    await using directory = new TestDirectory();
    const whole = await withFault("readSync", NO_FAULT, async () => {
      return await pruneBy(spilling(await repositoryToPrune(), directory).access);
    });
    for (let part = 0; part < 12; part++) {
      const faultAt = Math.floor(whole.calls * part / 12);
      const store = await repositoryToPrune();
      const { access } = spilling(store, directory);
      const { outcome } = await withFault(
        "readSync",
        (call, bytes) => call === faultAt ? fault(bytes) : undefined,
        () => pruneBy(access),
      );
      assert.ok(outcome.status === "rejected", `fault at ${faultAt}`);
      assert.equal(outcome.reason.code, "failed");
      assert.match(outcome.reason.message, /Cannot read what this process keeps in/);
      await assertHolds(store, [2, 4], `fault at ${faultAt} of ${whole.calls}`, { readData: false });
    }
  });

  Deno.test(`${words} in what a check reads back ends it: it finds no damage that is none, and tells of no health`, async () => {
    await using directory = new TestDirectory();
    const { access } = spilling(await repositoryToPrune(), directory);
    const whole = await withFault("readSync", NO_FAULT, () => checkBy(access));
    assert.ok(whole.outcome.status === "fulfilled" && whole.calls > 30, `${whole.calls} reads`);
    for (let faultAt = 0; faultAt < whole.calls; faultAt += Math.ceil(whole.calls / 20)) {
      const { outcome } = await withFault(
        "readSync",
        (call, bytes) => call === faultAt ? fault(bytes) : undefined,
        () => checkBy(access),
      );
      assert.ok(outcome.status === "rejected", `fault at ${faultAt}`);
      assert.match(outcome.reason.message, /Cannot read what this process keeps in/);
    }
  });
}
