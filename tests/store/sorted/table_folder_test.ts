/** The folder of a sorted table: who may change it. */
import assert from "node:assert/strict";
import { TableFolder } from "../../../src/store/sorted/table_folder.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { fakeWorld } from "../../helpers/world.ts";

/** Starts one program after the other until it is told to end. */
const STARTING = `
let isOver = false;
self.onmessage = () => isOver = true;
for (let i = 0; !isOver; i++) {
  await new Deno.Command("true").output();
  if (i === 0) self.postMessage("started");
}
self.postMessage("over");
`;

Deno.test("one change can follow the other at once, also while other threads start programs", async () => {
  await using directory = new TestDirectory();
  const { clock, randomBytes: random } = fakeWorld();
  const folder = new TableFolder({
    directory: directory.path,
    repositoryId: "ab".repeat(32),
    limitBytes: 1e9,
    clock,
    random,
  });
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(STARTING)}`, {
    type: "module",
    name: "starting",
  });
  const told = () => new Promise((resolve) => worker.onmessage = resolve);
  await told();
  for (let i = 0; i < 500; i++) {
    assert.equal(await folder.change(() => Promise.resolve(i)), i, `change ${i}`);
  }
  const over = told();
  worker.postMessage("end");
  await over;
  worker.terminate();
});
