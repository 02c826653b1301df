/** The benchmark of listings: what it makes is a sound chain of ours, and its report and targets follow from the samples. */
import assert from "node:assert/strict";
import { formatListings, judgeListings, LIST_STEPS, type ListSample } from "../../scripts/bench/parts/list.ts";
import { makeChain } from "../../scripts/bench/made/list_repository.ts";
import { drawChains } from "../../src/ops/chain.ts";
import { check } from "../../src/ops/check.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { emptySandbox } from "../helpers/executable.ts";
import { accessTo, fakeWorld, seededRandom } from "../helpers/world.ts";

const SHAPE = { backups: 5, chunksEach: 20, chunkBytes: 64 };

Deno.test("the repository that listings are measured on is sound, and one chain as long as its shape says", async () => {
  await using box = await emptySandbox();
  await makeChain(box.repo, "bench", SHAPE, new Date(Date.UTC(2026, 0, 1)));
  const access = () => accessTo(openLocalStore(box.repo, { random: seededRandom("bench") }), "bench");
  const signal = new AbortController().signal;
  // All packs, and not the streams: what is measured never looks at their digests.
  const readData = { kind: "share", percent: 100 } as const;
  const { errors } = await check(access(), { noLock: true, readData }, { world: fakeWorld(), signal });
  assert.deepEqual(errors, []);
  const { members } = await drawChains(access(), { selector: "prod/shop", all: false }, { world: fakeWorld() });
  assert.deepEqual(members.map(({ level, fit }) => [level, fit]), [0, 1, 2, 3, 4].map((level) => [level, true]));
});

const samplesOf = (listing: string, isAgent: boolean, wallSeconds: number): ListSample[] =>
  LIST_STEPS.flatMap((step) =>
    [wallSeconds, wallSeconds * 3, wallSeconds].map((seconds) => {
      return { step, listing, isAgent, wallSeconds: seconds, cpuSeconds: 0.2, peakBytes: 90e6 };
    })
  );

Deno.test("listings are reported by their medians, a column each, and the agent's with a cache are judged by a second, a chain by a little more", () => {
  const samples = [
    ...samplesOf("agent ls", true, 0.4),
    ...samplesOf("agent chain", true, 1.1),
    ...samplesOf("agent status", true, 1.1),
    ...samplesOf("restic", false, 2),
  ];
  const lines = formatListings(samples, SHAPE).split("\n");
  assert.equal(lines[0], "5 backups, 100 chunks");
  assert.match(lines[1]!, /^median of +agent ls +agent chain +agent status +restic$/);
  assert.match(lines[2]!, /^local, cold {3}s +0\.40 +1\.10 +1\.10 +2\.00$/);
  assert.equal(lines.length, 2 + LIST_STEPS.length * 3);
  assert.deepEqual(judgeListings(samples).map(({ met }) => met), [true, true, true, true, false, false]);
});
