/** The benchmark of prunes: what it makes is a sound repository, and its report and targets follow from the samples. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { formatPrunes, judgePrunes, PRUNE_STEPS, type PruneSample } from "../../scripts/bench/parts/prune.ts";
import { makePrunable } from "../../scripts/bench/made/prune_repository.ts";
import { check } from "../../src/ops/check.ts";
import { prune } from "../../src/ops/prune.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { emptySandbox } from "../helpers/executable.ts";
import { accessTo, fakeWorld, seededRandom } from "../helpers/world.ts";

const SHAPE = { backups: 10, chunksEach: 20, staysFor: 3, chunkBytes: 128 };

Deno.test("the repository that prunes are measured on is sound, and as much of it is needed as its shape says", async () => {
  await using box = await emptySandbox();
  const snapshots = await makePrunable(box.repo, "bench", SHAPE);
  assert.equal(snapshots.length, SHAPE.backups);
  const access = () => accessTo(openLocalStore(box.repo, { random: seededRandom("bench") }), "bench");
  const signal = new AbortController().signal;
  const { errors } = await check(access(), { noLock: true, readData: true }, { world: fakeWorld(), signal });
  assert.deepEqual(errors, []);
  for (const id of snapshots.slice(0, -1)) await Deno.remove(join(box.repo, "snapshots", id));
  const { plan } = await prune(access(), { limits: DEFAULT_PRUNE_LIMITS, dryRun: true }, {
    world: fakeWorld(),
    signal,
  });
  assert.deepEqual([plan.summary.used.blobs, plan.summary.unused.blobs], [60 + 1, 140 + 9]);
});

const sample = (peer: string, wallSeconds: number, peakBytes: number): PruneSample[] =>
  PRUNE_STEPS.map((step) => ({
    step,
    peer,
    wallSeconds,
    peakBytes,
    cpuSeconds: 1,
    bytesBefore: 20e6,
    bytesAfter: 10e6,
  }));

Deno.test("prunes are reported with a column a tool, and judged by memory and time", () => {
  const samples = [...sample("agent 1", 2, 400e6), ...sample("restic 1", 3, 200e6), ...sample("restic 0", 1, 200e6)];
  const lines = formatPrunes(samples, SHAPE).split("\n");
  assert.match(lines[1]!, /^prune +agent 1 +restic 1 +restic 0$/);
  assert.match(lines[2]!, /^nothing to do {3}s +2\.00 +3\.00 +1\.00$/);
  assert.deepEqual(judgePrunes(samples, "agent 1").map(({ met }) => met), [true, true, true, false, false]);
  assert.deepEqual(judgePrunes(samples, "agent 2"), []);
});
