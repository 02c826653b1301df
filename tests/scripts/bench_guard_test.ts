/** The benchmark of guards: its dumps are whole, and its report and targets follow from the samples. */
import assert from "node:assert/strict";
import { formatGuards, type GuardSample, judgeGuards, measureGuards } from "../../scripts/bench/parts/guard.ts";

Deno.test("the dumps that guards are measured on are whole, and each kind is measured so many times", async () => {
  const samples = await measureGuards(2, 100_000);
  const kinds = new Set(samples.map(({ kind }) => kind));
  assert.equal(kinds.size, 4);
  assert.equal(samples.length, 2 * kinds.size);
});

Deno.test("guards are reported by the median of their shares, and judged by it", async () => {
  const kinds = [...new Set((await measureGuards(1, 10_000)).map(({ kind }) => kind))];
  const samples: GuardSample[] = kinds.flatMap((kind) =>
    [0.2, 0.04, 0.03].map((guardSeconds) => ({ kind, digestSeconds: 1, guardSeconds }))
  );
  const lines = formatGuards(samples).split("\n");
  assert.match(lines[0]!, /^median of +share +guard s +digests s$/);
  assert.match(lines[1]!, / 4\.0 % +0\.040 +1\.000$/);
  assert.deepEqual(judgeGuards(samples).map(({ met }) => met), [true, true, true, true]);
  const slower = samples.map((sample) => ({ ...sample, digestSeconds: 0.5 }));
  assert.deepEqual(judgeGuards(slower).map(({ met }) => met), [false, false, false, true]);
});
