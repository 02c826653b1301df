/** How the benchmark arrives at its report: medians, verdicts, columns, the order of rounds. */
import assert from "node:assert/strict";
import { describeMachine, parseProcessor } from "../../scripts/bench/result/machine.ts";
import { parseUsage } from "../../scripts/bench/tools/measure.ts";
import { median, Medians, type PeerName } from "../../scripts/bench/result/medians.ts";
import { alignColumns, formatMedians, formatVerdicts } from "../../scripts/bench/result/report.ts";
import { judge, judgeAtLeast, judgeAtMost, type Verdict } from "../../scripts/bench/result/targets.ts";
import { rotate, type Sample, STEPS } from "../../scripts/bench/tools/trial.ts";

const AGENT: PeerName = { kind: "agent", name: "agent 1.0.0" };
const RESTIC: PeerName = { kind: "restic", name: "restic 0.19.1" };
const OLD_RESTIC: PeerName = { kind: "restic", name: "restic 0.14.0" };
const GUEST: PeerName = { kind: "guest", name: "restic 0.19.1 on the agent's" };
const BORG: PeerName = { kind: "borg", name: "borg 1.2.4" };

/** Three rounds of a tool that takes `seconds` for every step, a little more or less. */
function samplesOf({ name }: PeerName, seconds: number, bytesAdded: number, peakBytes = 100e6): Sample[] {
  return [seconds * 3, seconds, seconds / 2].flatMap((wallSeconds, round) => {
    return STEPS.map((step) => ({ round, peer: name, step, wallSeconds, cpuSeconds: seconds, peakBytes, bytesAdded }));
  });
}

function held(medians: Medians): Record<string, string> {
  return Object.fromEntries(
    judge(medians).map((verdict) => {
      const what = !verdict.met ? "MISSED" : verdict.reachesGoal ? "goal" : "met";
      return [verdict.target, `${verdict.measured}, ${what}`];
    }),
  );
}

Deno.test("median() is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([5, 1, 100]), 5);
  assert.equal(median([4, 1, 2, 100]), 3);
  assert.throws(() => median([]), RangeError);
});

Deno.test("judge() compares the agent with the newest of every other tool and with the bound of memory", () => {
  const samples = [
    ...samplesOf(AGENT, 2, 10e6),
    ...samplesOf(RESTIC, 4, 60e6),
    ...samplesOf(BORG, 1.9, 60e6),
    ...samplesOf(OLD_RESTIC, 1, 1),
    ...samplesOf(GUEST, 2.6, 0).filter(({ step }) => step === "get"),
  ];
  assert.deepEqual(held(new Medians([AGENT, RESTIC, OLD_RESTIC, BORG, GUEST], samples)), {
    "first put: as fast as restic 0.19.1": "2.00 (CPU 2.00), goal",
    "first put: as fast as borg 1.2.4": "0.95 (CPU 0.95), MISSED",
    "second put: as fast as restic 0.19.1": "2.00 (CPU 2.00), met",
    "second put: as fast as borg 1.2.4": "0.95 (CPU 0.95), MISSED",
    "get: as fast as restic 0.19.1": "2.00 (CPU 2.00), goal",
    "get: as fast as restic 0.19.1 on the agent's": "1.30 (CPU 1.30), met",
    "second put: bytes added / restic 0.19.1 (at most)": "0.167, MISSED",
    "peak memory, MB (at most)": "100, goal",
  });
});

Deno.test("judge() misses the bound of memory when a single step is above it", () => {
  const samples = samplesOf(AGENT, 2, 10e6).map((sample) => {
    return sample.step === "get" ? { ...sample, peakBytes: 241e6 } : sample;
  });
  assert.deepEqual(held(new Medians([AGENT], samples)), { "peak memory, MB (at most)": "241, MISSED" });
});

Deno.test("judgeAtLeast() and judgeAtMost() count a value on the bound as reached", () => {
  const bounds = { must: 1, goal: 1.5 };
  const words = (verdict: Verdict) => [verdict.met, verdict.reachesGoal];
  assert.deepEqual(words(judgeAtLeast("", { ratio: 1, bounds })), [true, false]);
  assert.deepEqual(words(judgeAtLeast("", { ratio: 1.5, bounds })), [true, true]);
  assert.deepEqual(words(judgeAtLeast("", { ratio: 0.999, bounds })), [false, false]);
  const limits = { must: 1.5, goal: 1 };
  assert.deepEqual(words(judgeAtMost("", { ratio: 1, bounds: limits })), [true, true]);
  assert.deepEqual(words(judgeAtMost("", { ratio: 1.5, bounds: limits })), [true, false]);
  assert.deepEqual(words(judgeAtMost("", { ratio: 1.501, bounds: limits })), [false, false]);
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

Deno.test("formatMedians() leaves open what a tool does not do", () => {
  const samples = [...samplesOf(AGENT, 2, 1), ...samplesOf(GUEST, 5, 1).filter(({ step }) => step === "get")];
  const lines = formatMedians(new Medians([AGENT, GUEST], samples)).split("\n");
  assert.match(lines[1]!, /^first put +s +2\.00 +-$/);
  assert.match(lines.find((line) => line.startsWith("get"))!, /^get +s +2\.00 +5\.00 \(2\.50x\)$/);
});

Deno.test("formatVerdicts() says of each target what must be, what is hoped for, and which of them holds", () => {
  const text = formatVerdicts([
    ...judge(new Medians([AGENT], samplesOf(AGENT, 2, 10e6, 300e6))),
    { target: "no errors", measured: "0 errors", met: true },
  ]);
  assert.equal(
    text,
    [
      "target                      measured   must   goal         ",
      "peak memory, MB (at most)        300    240    200   MISSED",
      "no errors                   0 errors                    met",
    ].join("\n"),
  );
});

Deno.test("parseProcessor() finds the model and the instructions for SHA-256 of either architecture", () => {
  const x86 = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu aes sha_ni avx2\n";
  assert.deepEqual(parseProcessor(x86), { processor: "AMD EPYC", hasShaInstructions: true });
  assert.deepEqual(parseProcessor(x86.replace("sha_ni ", "")), { processor: "AMD EPYC", hasShaInstructions: false });
  assert.deepEqual(parseProcessor("Features\t: fp aes sha1 sha2\n"), {
    processor: "an unnamed processor",
    hasShaInstructions: true,
  });
});

Deno.test("describeMachine() warns when others use the machine", () => {
  const machine = {
    cores: 2,
    processor: "AMD EPYC",
    hasShaInstructions: true,
    memoryBytes: 24e9,
    kernel: "6.1",
    load: 0.3,
  };
  const quiet = "2 cores of AMD EPYC with SHA instructions, 24 GB of memory, Linux 6.1, load 0.3";
  assert.equal(describeMachine(machine), quiet);
  assert.match(describeMachine({ ...machine, load: 1.5 }), /, load 1\.5; it is BUSY: trust CPU, not seconds$/);
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
