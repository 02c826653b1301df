/** The steps of a put of files: what is looked at, what is read, and what the backup before tells of the rest. */
import { strict as assert } from "node:assert";
import { FileSteps } from "../../src/cli/put_steps.ts";
import { progressJson } from "../../src/cli/report/json/standard_error_json.ts";
import { type ProgressStep, progressText } from "../../src/cli/report/progress_wording.ts";
import type { PutProgress, TreeCounts } from "../../src/ops/put.ts";

const MiB = 2 ** 20;
const BEGUN: PutProgress = { phase: "stream", bytesRead: 0, bytesAdded: 0, bytesBefore: 4000 * MiB, filesBefore: 9000 };

function counts(files: number, bytes: number): TreeCounts {
  const none = { new: 0, changed: 0, unmodified: 0 };
  return { files: { ...none, unmodified: files }, directories: none, others: 0, bytes };
}

/** The line after ten seconds, of which all were spent on what is done. */
function textOf(step: ProgressStep): string {
  const state = { ...step, command: "put", name: "etc/host", seconds: 10, perSecond: (step.done ?? 0) / 10 };
  return progressText(state, 120);
}

Deno.test("an unchanged tree has files that were looked at and an end, and nothing is called read", () => {
  const progress = new FileSteps();
  const step = progress.step({ ...BEGUN, tree: counts(3000, 1000 * MiB) });
  assert.equal(textOf(step), "etc/host: 25 %, 0.98 GiB of about 3.91 GiB, 3000 files, 0:10, 0:30 left");
  assert.equal(progress.step(BEGUN).phase, "opening");
  const first = progress.step({ ...BEGUN, bytesBefore: null, filesBefore: null, tree: counts(3000, 1000 * MiB) });
  assert.equal(textOf(first), "etc/host: 0.98 GiB, 3000 files, 0:10");
});

Deno.test("what is read of a file under way counts, once, and the line never goes back", () => {
  const progress = new FileSteps();
  const looked = counts(3000, 1000 * MiB);
  const doneAfter = (bytesRead: number, tree: TreeCounts) => {
    return progress.step({ ...BEGUN, bytesRead: bytesRead * MiB, bytesAdded: MiB, tree }).done! / MiB;
  };
  assert.deepEqual([doneAfter(300, looked), doneAfter(500, looked)], [1000, 1200]);
  const next = counts(3001, 1500 * MiB);
  assert.deepEqual([doneAfter(800, next), doneAfter(900, next)], [1500, 1600]);
  assert.equal(doneAfter(950, counts(3002, 1500 * MiB)), 1600);
  const step = progress.step({ ...BEGUN, bytesRead: 900 * MiB, bytesAdded: 70 * MiB, tree: next });
  assert.equal(
    textOf(step),
    "etc/host: 40 %, 1.56 GiB of about 3.91 GiB, 3001 files, 900 MiB read, 70.0 MiB new, 0:10, 0:15 left",
  );
  const object = progressJson({ ...step, command: "put", name: "etc/host", seconds: 10, perSecond: null });
  assert.deepEqual([object.phase, object.bytesRead, object.files, object.percent], ["files", 900 * MiB, 3001, 40]);
});

Deno.test("of a tree of empty files their number tells how far it is", () => {
  const step = new FileSteps().step({ ...BEGUN, bytesBefore: 0, tree: counts(3000, 0) });
  assert.equal(textOf(step), "etc/host: looking at files, 33 %, 3000 of about 9000, 0:10, 0:20 left");
  const end = new FileSteps().step({ ...BEGUN, phase: "commit", tree: counts(9000, 0) });
  assert.equal(textOf(end), "etc/host: writing the backup, 0 B, 9000 files, 0:10");
});
