/** Content lists compared, against a count of the same chunks by hand. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { ContentComparer, type ContentLists } from "../../../src/maintain/stats/content_comparison.ts";
import { PlacedIndex } from "../../../src/repository/index/blob_index.ts";

const { signal } = new AbortController();
/** The chunk with number n has 100 + n bytes. */
const KINDS = 6;

function idOf(chunk: number): Uint8Array {
  return hash("sha256", `chunk ${chunk}`, "buffer");
}

function indexOfChunks(): PlacedIndex {
  const index = new PlacedIndex();
  const pack = index.addPack(idOf(-1));
  for (let chunk = 0; chunk < KINDS; chunk++) {
    index.add("data", { pack, offset: 0, length: 50, uncompressedLength: 100 + chunk }, idOf(chunk));
  }
  return index;
}

/** The lists of a stream in parts of these chunks. */
function lists(parts: readonly (readonly number[])[]): ContentLists {
  const encoded = parts.map((part) => {
    const list = new Uint8Array(part.length * 32);
    part.forEach((chunk, i) => list.set(idOf(chunk), i * 32));
    return list;
  });
  return () => encoded;
}

const streams = fc.array(fc.array(fc.integer({ min: 0, max: KINDS - 1 }), { maxLength: 6 }), { maxLength: 4 });

function bytesOf(chunks: readonly number[]): number {
  return chunks.reduce((sum, chunk) => sum + 100 + chunk, 0);
}

Deno.test("chunks and bytes in common are those of both, however often a chunk occurs, and the rest adds up", async () => {
  const index = indexOfChunks();
  const comparer = new ContentComparer(index, signal);
  await fc.assert(
    fc.asyncProperty(streams, streams, async (a, b) => {
      const [flatA, flatB] = [a.flat(), b.flat()];
      const found = await comparer.compare(lists(a), lists(b));
      const left = [...flatB];
      const common = flatA.filter((chunk) => {
        const at = left.indexOf(chunk);
        if (at >= 0) left.splice(at, 1);
        return at >= 0;
      });
      const { isSame, runsOnlyInA, runsOnlyInB, ...counted } = found;
      assert.deepEqual(counted, {
        chunksA: flatA.length,
        chunksB: flatB.length,
        chunksInCommon: common.length,
        bytesInCommon: bytesOf(common),
        bytesOnlyInA: bytesOf(flatA) - bytesOf(common),
        bytesOnlyInB: bytesOf(flatB) - bytesOf(common),
      });
      assert.equal(isSame, flatA.join() === flatB.join());
      assert.equal(runsOnlyInA > 0, counted.bytesOnlyInA > 0);
      assert.ok(runsOnlyInA <= flatA.length - common.length && runsOnlyInB <= flatB.length - common.length);
      const turned = await comparer.compare(lists(b), lists(a));
      assert.deepEqual([turned.bytesOnlyInA, turned.bytesOnlyInB], [counted.bytesOnlyInB, counted.bytesOnlyInA]);
    }),
    { seed: 12, numRuns: 500 },
  );
});

Deno.test("runs are counted where chunks differ, across the ends of parts", async () => {
  const comparer = new ContentComparer(indexOfChunks(), signal);
  const runs = async (a: readonly number[][], b: readonly number[][]) => {
    const { runsOnlyInA, runsOnlyInB } = await comparer.compare(lists(a), lists(b));
    return [runsOnlyInA, runsOnlyInB];
  };
  assert.deepEqual(await runs([[0, 1, 2]], [[0, 1, 2]]), [0, 0]);
  assert.deepEqual(await runs([[0, 1, 2]], [[0, 3], [4, 2]]), [1, 1], "one place is replaced");
  assert.deepEqual(await runs([[0, 1], [2]], [[3, 0, 1, 4, 2, 5]]), [0, 3], "three insertions");
  assert.deepEqual(await runs([[3, 0, 1, 4, 2]], [[0, 1, 2]]), [2, 0], "two deletions");
  assert.deepEqual(await runs([[0, 1, 2]], [[2, 1, 0]]), [0, 0], "another order");
  assert.deepEqual(await runs([[0, 1]], []), [1, 0]);
});

Deno.test("the same chunks in another order are not the same, wherever parts end", async () => {
  const comparer = new ContentComparer(indexOfChunks(), signal);
  const isSame = async (a: readonly number[][], b: readonly number[][]) =>
    (await comparer.compare(lists(a), lists(b))).isSame;
  assert.ok(await isSame([[0, 1], [2, 3]], [[0], [], [1, 2, 3]]));
  assert.ok(!await isSame([[0, 1], [2, 3]], [[0], [1, 3, 2]]));
  assert.ok(!await isSame([[1, 0]], [[0], [1]]));
});

Deno.test("a chunk that no index lists is named", async () => {
  const comparer = new ContentComparer(indexOfChunks(), signal);
  await assert.rejects(comparer.compare(lists([[0]]), lists([[KINDS]])), (error) => {
    return error instanceof IntegrityError && error.message.includes(idOf(KINDS).toHex());
  });
});
