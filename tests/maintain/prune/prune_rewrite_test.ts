/** Which index files a prune writes anew. */
import assert from "node:assert/strict";
import type { IndexId } from "../../../src/base/id.ts";
import type { DescribingFile } from "../../../src/maintain/prune/prune_index.ts";
import { planIndexRewrite } from "../../../src/maintain/prune/prune_rewrite.ts";

/** Index files by the packs they list, all of them large unless said otherwise. */
function files(lists: readonly (readonly number[])[], blobs = 50_000): DescribingFile[] {
  return lists.map((packs, i) => ({ id: i.toString(16).padStart(64, "0") as IndexId, packs, blobs }));
}

/** What is planned: the numbers of the files that go, and the packs that are listed again. */
function planned(described: readonly DescribingFile[], removed: readonly number[]): [number[], number[]] {
  const { replaced, packs } = planIndexRewrite(described, new Set(removed));
  return [replaced.map((file) => described.indexOf(file)), [...packs]];
}

Deno.test("nothing goes: nothing is written", () => {
  assert.deepEqual(planned(files([[0, 1], [2]]), []), [[], []]);
});

Deno.test("a file that lists a pack which goes is replaced, others stay", () => {
  assert.deepEqual(planned(files([[0, 1], [2, 3], [4]]), [2, 4]), [[1, 2], [3]]);
});

Deno.test("a pack that two files list stays with the first one that stays", () => {
  assert.deepEqual(planned(files([[0, 1], [1, 2]]), []), [[1], [2]]);
  assert.deepEqual(planned(files([[0, 1], [1, 2]]), [0]), [[0, 1], [1, 2]]);
});

Deno.test("a file without packs goes", () => {
  assert.deepEqual(planned(files([[], [0]]), []), [[0], []]);
});

Deno.test("small files are merged where another one is replaced, or where there are ten", () => {
  const small = (count: number) => files(Array.from({ length: count }, (_, i) => [i]), 100);
  assert.deepEqual(planned(small(9), []), [[], []]);
  assert.deepEqual(planned(small(10), [])[0].length, 10);
  const large = { ...files([[20, 21]])[0]!, id: "f".repeat(64) as IndexId };
  assert.deepEqual(planned([...small(2), large], [21]), [[2, 0, 1], [20, 0, 1]]);
  assert.deepEqual(planned([...small(2), large], [1]), [[1, 0], [0]]);
});

Deno.test("a pack that a small file lists and a large one, too, is not listed by two in the end", () => {
  const [small] = files([[0, 1]], 100);
  const [large] = files([[1, 2]]);
  assert.deepEqual(planned([small!, large!], []), [[1, 0], [1, 2, 0]]);
});
