/** How the benchmark arrives at its report: medians, verdicts, columns, the order of rounds. */
import assert from "node:assert/strict";
import { parseUsage } from "../../scripts/bench/tools/measure.ts";
import { median, Medians, type PeerName } from "../../scripts/bench/result/medians.ts";
import { alignColumns, formatMedians, formatVerdicts } from "../../scripts/bench/result/report.ts";
import { judge } from "../../scripts/bench/result/targets.ts";
import { rotate, type Sample, STEPS } from "../../scripts/bench/tools/trial.ts";

const AGENT: PeerName = { kind: "agent", name: "agent 1.0.0" };
const RESTIC: PeerName = { kind: "restic", name: "restic 0.19.1" };
const BORG: PeerName = { kind: "borg", name: "borg 1.2.4" };

/** Three rounds of a tool that takes `seconds` for every step, a little more or less. */
function samplesOf({ name }: PeerName, seconds: number, bytesAdded: number, peakBytes = 100e6): Sample[] {
  return [seconds * 3, seconds, seconds / 2].flatMap((wallSeconds, round) => {
    return STEPS.map((step) => ({ round, peer: name, step, wallSeconds, cpuSeconds: seconds, peakBytes, bytesAdded }));
  });
}

function met(medians: Medians): Record<string, boolean> {
  return Object.fromEntries(judge(medians).map((verdict) => [verdict.target, verdict.met]));
}

Deno.test("median() is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([5, 1, 100]), 5);
  assert.equal(median([4, 1, 2, 100]), 3);
  assert.throws(() => median([]), RangeError);
});

Deno.test("judge() compares the agent with every other tool and with the bound of memory", () => {
  const samples = [...samplesOf(AGENT, 2, 10e6), ...samplesOf(RESTIC, 4, 60e6), ...samplesOf(BORG, 1.9, 60e6)];
  assert.deepEqual(met(new Medians([AGENT, RESTIC, BORG], samples)), {
    "first put 1.3x as fast as restic 0.19.1": true,
    "second put 2.5x as fast as restic 0.19.1": false,
    "get 1.3x as fast as restic 0.19.1": true,
    "second put adds 1/5 of restic 0.19.1": true,
    "first put no slower than borg 1.2.4": false,
    "second put no slower than borg 1.2.4": false,
    "peak memory at most 250 MB": true,
  });
});

Deno.test("judge() misses the bound of memory when a single step is above it", () => {
  const samples = samplesOf(AGENT, 2, 10e6).map((sample) => {
    return sample.step === "get" ? { ...sample, peakBytes: 251e6 } : sample;
  });
  assert.deepEqual(met(new Medians([AGENT], samples)), { "peak memory at most 250 MB": false });
});

Deno.test("judge() has nothing to say without the agent", () => {
  assert.deepEqual(judge(new Medians([RESTIC], samplesOf(RESTIC, 4, 60e6))), []);
});

Deno.test("formatMedians() shows a column for each tool, with ratios to the agent", () => {
  const text = formatMedians(
    new Medians([AGENT, RESTIC], [...samplesOf(AGENT, 2, 10e6), ...samplesOf(RESTIC, 5, 60e6)]),
  );
  assert.match(text, /^median of +agent 1\.0\.0 +restic 0\.19\.1\n/);
  assert.match(text, /\nfirst put +s +2\.00 +5\.00 \(2\.50x\)\n/);
  assert.match(text, /\n +added MB +10\.0 +60\.0 \(6\.00x\)\n/);
});

Deno.test("formatVerdicts() says of each target whether it was met", () => {
  const text = formatVerdicts(judge(new Medians([AGENT], samplesOf(AGENT, 2, 10e6, 300e6))));
  assert.equal(text, "peak memory at most 250 MB   300 MB   MISSED");
});

Deno.test("alignColumns() sets the first column left and all others right", () => {
  assert.equal(alignColumns([["a", "bb", "c"], ["aaa", "b", "cc"]]), "a     bb    c\naaa    b   cc");
  assert.equal(alignColumns([]), "");
});

Deno.test("rotate() lets another one begin in each round", () => {
  assert.deepEqual([0, 1, 2, 3].map((by) => rotate(["a", "b", "c"], by).join("")), ["abc", "bca", "cab", "abc"]);
  assert.deepEqual(rotate([], 2), []);
});

Deno.test("parseUsage() reads seconds and KiB, and refuses anything else", () => {
  assert.deepEqual(parseUsage("1.50 2.25 0.50 2048\n"), { wallSeconds: 1.5, cpuSeconds: 2.75, peakBytes: 2 ** 21 });
  assert.throws(() => parseUsage("Command terminated by signal 9"), SyntaxError);
  assert.throws(() => parseUsage(""), SyntaxError);
});
