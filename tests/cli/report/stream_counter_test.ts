/** What the progress of get and verify counts. */
import assert from "node:assert/strict";
import type { BackupFile } from "../../../src/backup/content/contents.ts";
import type { ProgressStep } from "../../../src/cli/report/progress_wording.ts";
import { StreamCounter } from "../../../src/cli/report/stream_counter.ts";

function counted(sizes: readonly number[], reports: readonly (readonly [bytes: number, total: number])[]): string[] {
  const steps: ProgressStep[] = [];
  const counter = new StreamCounter({ update: (step) => void steps.push(step) });
  counter.expect(sizes.map((size) => ({ size }) as BackupFile));
  for (const [bytesWritten, bytesTotal] of reports) counter.take({ phase: "stream", bytesWritten, bytesTotal });
  return steps.map(({ done, total }) => `${done} of ${total}`);
}

Deno.test("streams are counted together", () => {
  assert.deepEqual(counted([10, 5], [[4, 10], [10, 10], [3, 5], [5, 5]]), [
    "4 of 15",
    "10 of 15",
    "13 of 15",
    "15 of 15",
  ]);
});

Deno.test("a tree of files, which names no streams, tells its own total", () => {
  assert.deepEqual(counted([], [[4, 10], [10, 10], [10, 10]]), ["4 of 10", "10 of 10", "10 of 10"]);
});
