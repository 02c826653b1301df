/** The benchmark of several streams: its report and targets follow from the samples. */
import assert from "node:assert/strict";
import { formatStreams, judgeStreams, PRODUCERS, type StreamsSample, WAYS } from "../../scripts/bench/parts/streams.ts";

Deno.test("puts of several streams are compared with four puts, by medians", () => {
  const seconds = { "four puts": 8, "--jobs 1": 8, "--jobs 2": 5, "--jobs 4": 4 };
  const samples: StreamsSample[] = PRODUCERS.flatMap((producer) =>
    WAYS.flatMap((way) =>
      [0, 0, 50].map((delay) => ({ producer, way, wallSeconds: seconds[way] + delay, cpuSeconds: 1, peakBytes: 2e8 }))
    )
  );
  const lines = formatStreams(samples).split("\n");
  assert.equal(lines.length, 1 + PRODUCERS.length * WAYS.length);
  assert.match(lines[4]!, /^as fast as read, --jobs 4 +4\.00 +1\.00 +200 +2\.00x$/);
  assert.deepEqual(judgeStreams(samples).map(({ met }) => met), [true, true]);
  const slower = samples.map((sample) => sample.way === "--jobs 4" ? { ...sample, wallSeconds: 5 } : sample);
  assert.deepEqual(judgeStreams(slower).map(({ met }) => met), [true, false]);
});
