/** An earlier tree as an engine asks for it: a file is found only while all its chunks are stored, and damage is told once. */
import assert from "node:assert/strict";
import type { IntegrityError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import type { BlobId } from "../../../src/base/id.ts";
import { StoredTree } from "../../../src/backup/content/stored_tree.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { nodeHead } from "../../../src/format/tree/node_head.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { locked } from "../../helpers/locked.ts";
import { concat, fakeWorld, memoryRepository, noise } from "../../helpers/world.ts";

const [FIRST, SECOND] = [noise(32, "first chunk"), noise(32, "second chunk")];

const file = (name: string, ...chunks: Uint8Array[]) =>
  makeNode({ name, type: "file", size: 9 * chunks.length, content: concat(chunks) });
const headOf = ({ name, size, content: _content, subtree: _subtree, ...properties }: Node) =>
  nodeHead(name, properties, size).text;

/** A tree of one directory of files; `lost` are the chunks that are stored no more. */
async function planted(files: readonly Node[], lost: readonly Uint8Array[] = [], text = encodeTree(files)) {
  const world = fakeWorld("stored");
  const { repository } = await memoryRepository(world);
  const writer = new PackWriter({ ...world, repository: locked(repository), index: new BlobSet() });
  const subtree = encodeHex(await writer.addPlaintext("tree", text)) as BlobId;
  const root = await writer.addPlaintext("tree", encodeTree([makeNode({ name: "etc", type: "dir", subtree })]));
  await writer.finish();
  const damage: IntegrityError[] = [];
  const tree = new StoredTree({
    repository: { ...repository, index: await loadIndex(repository.files) },
    root: encodeHex(root) as BlobId,
    hasData: (ids, offset) => !lost.some((id) => encodeHex(id) === encodeHex(ids, offset, 32)),
    onDamage: (error) => damage.push(error),
  });
  return { tree, damage, etc: (await (await tree.top())!.below("etc"))! };
}

Deno.test("a file of which any chunk is gone is not found, whether or not it changed", async () => {
  const files = [file("a", FIRST), file("b", FIRST, SECOND), file("c", SECOND), file("d")];
  const { etc, damage } = await planted(files, [SECOND]);
  assert.deepEqual(files.map((node) => etc.find(node.name, headOf(node))?.node.name), ["a", undefined, undefined, "d"]);
  const changed = files.map((node) => ({ ...node, uid: 5 }));
  const again = (await planted(files, [SECOND])).etc;
  const found = changed.map((node) => again.find(node.name, headOf(node))?.hasSameHead);
  assert.deepEqual(found, [false, undefined, undefined, false]);
  assert.deepEqual(damage, []);
});

Deno.test("an entry is the same if its head, content and tree are", async () => {
  const files = [file("a", FIRST), file("b", FIRST, SECOND), file("c", SECOND)];
  const { etc } = await planted(files);
  const [a, b, c] = files as [Node, Node, Node];
  assert.equal(etc.hasSame("a", headOf(a), a), true);
  assert.equal(etc.hasSame("a", headOf({ ...a, mode: 1 }), a), false);
  assert.equal(etc.hasSame("b", headOf(b), { ...b, content: concat([SECOND, FIRST]) }), false);
  assert.equal(etc.hasSame("b", headOf(b), { ...b, content: FIRST }), false);
  assert.equal(etc.hasSame("b", headOf(b), { ...b, content: null }), false);
  assert.equal(etc.hasSame("c", headOf(c), { ...c, subtree: "ab".repeat(32) as BlobId }), false);
  assert.equal(etc.hasSame("d", headOf(file("d")), c), undefined);
});

Deno.test("what is damaged is not there, with one warning", async () => {
  const broken = new TextEncoder().encode(
    '{"nodes":[{"name":"a","type":"nothing"},{"name":"b","type":"file","size":"x"}]}',
  );
  const { tree, etc, damage } = await planted([], [], broken);
  assert.equal(etc.find("a", headOf(file("a"))), undefined);
  assert.equal(etc.find("b", headOf(file("b"))), undefined);
  assert.equal(damage.length, 1);
  assert.equal(await tree.directoryOf("ab".repeat(32) as BlobId), null);
  assert.equal(damage.length, 1);
  assert.equal(await etc.below("c"), null);
});
