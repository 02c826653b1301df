/** The benchmark of databases: its report and targets follow from the samples. */
import assert from "node:assert/strict";
import {
  DATABASE_STEPS,
  type DatabaseSample,
  formatDatabases,
  judgeDatabases,
} from "../../scripts/bench/parts/databases.ts";

Deno.test("dumps of databases are reported with a column a tool, and judged beside restic and a whole restore", () => {
  const sample = (kind: DatabaseSample["kind"], wallSeconds: number): DatabaseSample[] =>
    DATABASE_STEPS.filter((step) => step !== "one table" || kind === "agent").flatMap((step) =>
      [0, 0, 50].map((delay) => ({
        system: "MariaDB",
        step,
        kind,
        tool: `${kind} 1`,
        wallSeconds: (step === "one table" ? wallSeconds / 4 : wallSeconds) + delay,
        cpuSeconds: 1,
        peakBytes: 2e8,
        bytesAdded: step.startsWith("dump") ? 2e6 : 0,
      }))
    );
  const samples = [...sample("zstd", 2), ...sample("restic", 3), ...sample("agent", 4)];
  const lines = formatDatabases(samples).split("\n");
  assert.match(lines[0]!, /^MariaDB +agent 1 +zstd 1 +restic 1$/);
  assert.match(lines[1]!, /^dump {3}s +4\.00 +2\.00 \(0\.50x\) +3\.00 \(0\.75x\)$/);
  assert.match(lines[4]!, /^ {3}added MB +2\.00 +2\.00 \(1\.00x\) +2\.00 \(1\.00x\)$/);
  assert.match(lines[12]!, /^one table {3}s +1\.00 \(0\.25x\) +- +-$/);
  assert.equal(lines.length, 1 + 4 + 4 + 3 + 3);
  assert.deepEqual(judgeDatabases(samples).map(({ measured, met }) => [measured, met]), [
    ["0.75x", false],
    ["0.75x", false],
    ["0.75x", false],
    ["0.25", true],
  ]);
  assert.deepEqual(judgeDatabases(samples.filter(({ kind }) => kind !== "agent")), []);
  assert.match(formatDatabases(samples.filter(({ kind }) => kind !== "agent")), /^MariaDB +zstd 1 +restic 1\n/);
});
