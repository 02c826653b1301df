/** Which of the steps of a walk may be compared all at once. */
import assert from "node:assert/strict";
import { openFileSystem } from "../../../../src/filesystem/open_file_system.ts";
import { Walk } from "../../../../src/engine/files/walk/walk.ts";
import { StepReader } from "../../../../src/engine/files/walk/walk_batch.ts";
import { TestDirectory } from "../../../helpers/test_directory.ts";
import { filesRequest } from "../files_trial.ts";

/** The runs of entries below a directory, and what comes alone, by their names. */
function runsBelow(path: string): string[][] {
  using system = openFileSystem();
  using walk = new Walk(system, { selection: filesRequest([path]).selection, withAtime: false, smallFileBytes: 1024 });
  const batch = walk.next();
  assert.ok(batch.isLast);
  const steps = new StepReader(batch);
  const runs: string[][] = [];
  const names = batch.names.split("/");
  for (let place = 0; place < names.length;) {
    const ahead = steps.entriesAhead();
    if (ahead === null) {
      const step = steps.next();
      if (step === null) break;
      if (step.kind === "leave") continue;
      runs.push([`alone ${step.found.name}`]);
      place++;
    } else {
      const count = ahead.to - ahead.from;
      assert.equal(steps.passOver(count).last, names[ahead.to - 1]);
      runs.push(names.slice(ahead.from, ahead.to));
      place += count;
    }
  }
  const above = path.split("/").length - 1;
  return runs.slice(above);
}

Deno.test("a directory and a file with several names end what may be compared all at once", async () => {
  await using directory = new TestDirectory();
  for (const name of ["a", "b", "linked", "m", "n/inner", "o"]) directory.write(name, name);
  await Deno.symlink("a", directory.at("c"));
  await Deno.link(directory.at("linked"), directory.at("n/other"));
  assert.deepEqual(runsBelow(directory.path), [
    ["a", "b", "c"],
    ["alone linked"],
    ["m"],
    ["alone n"],
    ["inner"],
    ["alone other"],
    ["o"],
  ]);
});
