/** Long streams: a directory of parts in the tree, one stream again when they are read. */
import assert from "node:assert/strict";
import { listFiles } from "../../src/backup/content/contents.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { findNode, readTree } from "../../src/repository/tree/trees.ts";
import { concat, fakeWorld, getBytes, memoryRepository, noise, putBytes } from "../helpers/world.ts";

const CHUNKS = { chunkAverage: 1024 } as const;
const OPTIONS = { partLimits: { single: 40, least: 20, most: 40 } };

Deno.test("a long stream is a directory of numbered parts, each in a subtree of its own, and comes back whole", async () => {
  const world = fakeWorld();
  const { access, repository } = await memoryRepository(world);
  const data = noise(300_000, "long");
  const { manifest, backup } = await putBytes(access, world, data, CHUNKS, OPTIONS);
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const directory = (await findNode(indexed, backup.snapshot.tree, "prod/shop/data"))!;
  assert.equal(directory.type, "dir");
  const parts = await readTree(indexed, directory.subtree!);
  assert.equal(parts.length, manifest.files[0]!.parts);
  assert.ok(parts.length >= 7);
  assert.deepEqual(parts.map(({ name }) => name), parts.map((_, i) => String(i).padStart(5, "0")));
  let chunks = 0;
  let bytes = 0;
  for (const [i, { subtree }] of parts.entries()) {
    const [file, ...others] = await readTree(indexed, subtree!);
    assert.deepEqual(others, []);
    assert.equal(file!.name, "data");
    const count = file!.content!.length / 32;
    assert.ok(count <= 40 && (count >= 20 || i === parts.length - 1));
    chunks += count;
    bytes += file!.size;
  }
  assert.equal(chunks, manifest.files[0]!.blobs);
  assert.equal(bytes, data.length);

  const [file] = await listFiles(indexed, backup, manifest);
  assert.equal((await Array.fromAsync(file!.contents())).length, parts.length);
  assert.deepEqual(await getBytes(access, world, "prod/shop"), data);
});

Deno.test("behind an edit the parts are the old ones", async () => {
  const world = fakeWorld();
  const { access, repository } = await memoryRepository(world);
  const data = noise(300_000, "long");
  const edited = concat([data.subarray(0, 50_000), noise(10, "edit"), data.subarray(50_000)]);
  const subtrees: string[][] = [];
  for (const bytes of [data, edited, edited]) {
    const limits = { partLimits: { single: 40, least: 20, most: 10_000 } };
    const { backup } = await putBytes(access, world, bytes, CHUNKS, limits);
    world.clock.jump(3_600_000);
    const indexed = { ...repository, index: await loadIndex(repository.files) };
    const node = (await findNode(indexed, backup.snapshot.tree, "prod/shop/data"))!;
    subtrees.push(node.type === "dir" ? (await readTree(indexed, node.subtree!)).map(({ subtree }) => subtree!) : []);
  }
  assert.deepEqual(subtrees[1], subtrees[2]);
  assert.deepEqual(await getBytes(access, world, "prod/shop"), edited);
});
