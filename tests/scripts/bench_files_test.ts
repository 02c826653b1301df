/** The benchmark of files: its trees are what their shapes say, and its report and targets follow from the samples. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type FileGroup, FileTree } from "../../scripts/bench/made/file_trees.ts";
import { FILES_STEPS, type FilesSample, formatFiles, judgeFiles } from "../../scripts/bench/parts/files.ts";
import { directorySize } from "../../scripts/directory_size.ts";
import { emptySandbox } from "../helpers/executable.ts";

Deno.test("one file in a hundred changes from one backup of a generated tree to the next", async () => {
  await using box = await emptySandbox();
  const root = join(box.repo, "tree");
  const groups: FileGroup[] = [
    { count: 200, meanBytes: 300, content: "text" },
    { count: 2, meanBytes: 1 << 21, content: "noise" },
  ];
  const tree = await FileTree.make({ name: "few", groups }, root);
  assert.equal(tree.files, 202);
  assert.equal(await directorySize(root), tree.bytes);
  const before = await contents(root);
  await tree.change(5);
  const after = await contents(root);
  assert.deepEqual([...after.keys()], [...before.keys()]);
  assert.equal([...after].filter(([path, text]) => before.get(path) !== text).length, 2);
});

async function contents(directory: string, found = new Map<string, string>()): Promise<Map<string, string>> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) await contents(path, found);
    else found.set(path, new TextDecoder("latin1").decode(await Deno.readFile(path)));
  }
  return found;
}

Deno.test("backups of files are reported with a column a tool, and judged by time and memory beside restic", () => {
  const sample = (kind: FilesSample["kind"], wallSeconds: number, peakBytes: number): FilesSample[] =>
    FILES_STEPS.flatMap((step) =>
      [0, 0, 50].map((delay) => ({
        tree: "few",
        step,
        kind,
        peer: `${kind} 1`,
        wallSeconds: wallSeconds + delay,
        cpuSeconds: 1,
        peakBytes,
        bytesAdded: 2e6,
      }))
    );
  const samples = [...sample("agent", 2, 300e6), ...sample("restic", 3, 150e6), ...sample("borg", 1, 50e6)];
  const lines = formatFiles(samples).split("\n");
  assert.match(lines[0]!, /^few +agent 1 +restic 1 +borg 1$/);
  assert.match(lines[1]!, /^first {3}s +2\.00 +3\.00 +1\.00$/);
  assert.equal(lines.length, 1 + 4 * FILES_STEPS.length - 1);
  const verdicts = judgeFiles(samples);
  assert.deepEqual(verdicts.slice(0, 2).map(({ measured, met }) => [measured, met]), [["1.50x", true], [
    "2.00x",
    false,
  ]]);
  assert.equal(verdicts.length, 2 * FILES_STEPS.length);
  assert.deepEqual(judgeFiles(samples.filter(({ kind }) => kind !== "agent")), []);
});
