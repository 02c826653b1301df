/** Content lists and where long ones are divided. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ContentListWriter,
  PART_LIMITS,
  type PartLimits,
  type StreamContent,
} from "../../../src/backup/content/content_list.ts";
import type { BlobId } from "../../../src/base/id.ts";
import { decodeTree } from "../../../src/format/tree/tree.ts";
import { concat, noise } from "../../helpers/world.ts";

/** Keeps trees under names that follow from nothing but their order. */
class Trees {
  readonly saved: Uint8Array[] = [];
  readonly save = (tree: Uint8Array): Promise<BlobId> => {
    this.saved.push(tree.slice());
    return Promise.resolve(String(this.saved.length - 1) as BlobId);
  };
}

async function written(
  ids: readonly Uint8Array[],
  limits?: PartLimits,
): Promise<{ content: StreamContent; trees: Trees }> {
  const trees = new Trees();
  const writer = new ContentListWriter("data", trees.save, limits);
  const batch = concat(ids);
  for (let i = 0; i < ids.length; i++) await writer.add(batch, i * 32, i + 1);
  return { content: await writer.finish(), trees };
}

/** Ids of which one in `every` may end a part. */
function idsWithEnds(count: number, every: number, seed: string): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const id = noise(32, `${seed}/${i}`);
    id[31] = id[0]! % every === 0 ? 0 : 1;
    id[30]! &= 0xf0;
    return id;
  });
}

function partsOf({ content, trees }: Awaited<ReturnType<typeof written>>): Uint8Array[] {
  assert.ok("parts" in content);
  return content.parts.map((part) => {
    const nodes = decodeTree(trees.saved[Number(part)]!, "part");
    assert.equal(nodes.length, 1);
    assert.equal(nodes[0]!.name, "data");
    return nodes[0]!.content!;
  });
}

Deno.test("a short list is itself, and no tree is written", async () => {
  for (const count of [0, 1, 1023, 1024, 1025, 5000]) {
    const ids = idsWithEnds(count, 4, "short");
    const { content, trees } = await written(ids);
    assert.deepEqual(content, { chunks: count, content: concat(ids) });
    assert.equal(trees.saved.length, 0);
  }
});

Deno.test("a short list is written in parts where its end asks for it, and they are those of a long one", async () => {
  const ids = idsWithEnds(90, 8, "asked");
  const limits = { single: 100, least: 20, most: 40 };
  const trees = new Trees();
  const writer = new ContentListWriter("data", trees.save, limits);
  for (let i = 0; i < ids.length; i++) await writer.add(ids[i]!, 0, i + 1);
  const parts = partsOf({ content: await writer.finish(89), trees });
  assert.deepEqual(concat(parts), concat(ids));
  assert.deepEqual(parts, partsOf(await written(ids, { ...limits, single: 50 })));
});

Deno.test("the parts of a long list are the list, each within the limits, with the sizes of their chunks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 21, max: 300 }), fc.nat(5), async (count, seed) => {
      const limits = { single: 20, least: 10, most: 20 };
      const ids = idsWithEnds(count, 4, `long ${seed}`);
      const result = await written(ids, limits);
      const parts = partsOf(result);
      assert.deepEqual(concat(parts), concat(ids));
      assert.equal(result.content.chunks, count);
      for (const part of parts.slice(0, -1)) assert.ok(part.length >= 10 * 32 && part.length <= 20 * 32);
      assert.ok(parts.at(-1)!.length > 0);
      const sizes = result.trees.saved.map((tree) => decodeTree(tree, "part")[0]!.size);
      assert.equal(sizes.reduce((sum, size) => sum + size, 0), count * (count + 1) / 2);
    }),
    { numRuns: 60, seed: 10 },
  );
});

Deno.test("a part ends where twelve bits at the end of an id are zero, or at the most", async () => {
  const endsAt = async (last: readonly number[]) => {
    const ids = Array.from({ length: 25 }, (_, i) => {
      const id = new Uint8Array(32).fill(0xff);
      if (i === 12) id.set(last, 30);
      return id;
    });
    return partsOf(await written(ids, { single: 20, least: 10, most: 20 }))[0]!.length / 32;
  };
  assert.equal(await endsAt([0xf0, 0]), 13);
  assert.equal(await endsAt([0, 0]), 13);
  assert.equal(await endsAt([0xf1, 0]), 20);
  assert.equal(await endsAt([0xf8, 0]), 20);
  assert.equal(await endsAt([0xf0, 1]), 20);
});

Deno.test("behind an insertion the later parts are the old ones to the byte", async () => {
  const ids = idsWithEnds(2000, 16, "insertion");
  const limits = { single: 200, least: 50, most: 200 };
  const before = new Set((await written(ids, limits)).trees.saved.map((tree) => tree.toHex()));
  const edited = [...ids.slice(0, 100), ...idsWithEnds(7, 16, "inserted"), ...ids.slice(100)];
  const after = await sameSizes(edited, ids, limits);
  assert.ok(before.size > 15);
  assert.ok(after.filter((tree) => !before.has(tree.toHex())).length <= 4);
});

/** The trees of an edited list whose chunks have the sizes they had before. */
async function sameSizes(edited: readonly Uint8Array[], ids: readonly Uint8Array[], limits: PartLimits) {
  const sizes = new Map(ids.map((id, i) => [id, i + 1]));
  const trees = new Trees();
  const writer = new ContentListWriter("data", trees.save, limits);
  for (const id of edited) await writer.add(id, 0, sizes.get(id) ?? 1);
  await writer.finish();
  return trees.saved;
}

Deno.test("up to 200,000 chunks are one node; a longer list has parts of 40,000 to 60,000 from its beginning on", async () => {
  const trees = new Trees();
  const writer = new ContentListWriter("data", trees.save);
  const id = new Uint8Array(32);
  const words = new Uint32Array(id.buffer);
  for (let i = 0; i < 400_000; i++) {
    words[7] = Math.imul(i, 0x9e3779b1);
    const writing = writer.add(id, 0, 10_000);
    if (writing) await writing;
  }
  const content = await writer.finish();
  assert.equal(content.chunks, 400_000);
  assert.ok("parts" in content);
  const chunks = trees.saved.map((tree) => decodeTree(tree, "part")[0]!.content!.length / 32);
  for (const count of chunks.slice(0, -1)) assert.ok(count >= PART_LIMITS.least && count <= PART_LIMITS.most);
  assert.equal(chunks.reduce((sum, count) => sum + count, 0), 400_000);

  const single = new ContentListWriter("data", trees.save);
  for (let i = 0; i < 200_000; i++) assert.equal(single.add(id, 0, 10_000), undefined);
  const list = await single.finish();
  assert.ok("content" in list && list.content.length === 200_000 * 32);
});
