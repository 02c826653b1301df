/** Reading trees in the order of a walk or a path: every text is right in any order, neighbours cost few calls, damage is found. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import type { BlobId } from "../../../src/base/id.ts";
import { makeNode } from "../../../src/format/tree/node.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { TreeTexts } from "../../../src/repository/tree/tree_texts.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import { locked } from "../../helpers/locked.ts";
import { fakeWorld, memoryRepository, noise } from "../../helpers/world.ts";

const TREES = 300;

/** Counts reads, and changes what it gives where it is told to. */
class WatchedStore extends ForwardingStore {
  reads = 0;
  /** The read, from 1, of which a byte in the middle is changed. */
  damaged = 0;

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.get(file, range, options);
    if (++this.reads === this.damaged) bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  }
}

/** Trees of some hundred bytes, stored one behind the other. */
async function planted() {
  const world = fakeWorld("texts");
  const { repository } = await memoryRepository(world);
  const writer = new PackWriter({ ...world, repository: locked(repository), index: new BlobSet() });
  const texts = new Map<BlobId, Uint8Array>();
  for (let i = 0; i < TREES; i++) {
    const content = noise(32 * (i % 7), `tree ${i}`);
    const text = encodeTree([makeNode({ name: `file ${i}`, type: "file", content })]);
    texts.set(encodeHex(await writer.addPlaintext("tree", text)) as BlobId, text);
  }
  await writer.finish();
  const store = new WatchedStore(repository.store);
  return { texts, store, repository: { ...repository, store, index: await loadIndex(repository.files) } };
}

Deno.test("trees that lie one behind the other are read together", async () => {
  const { texts, store, repository } = await planted();
  const trees = new TreeTexts(repository);
  store.reads = 0;
  for (const [id, text] of texts) assert.deepEqual(await trees.read(id), text);
  assert.ok(store.reads <= 12, `${store.reads} reads`);
});

Deno.test("along a path, the trees right before one are read with it", async () => {
  const { texts, store, repository } = await planted();
  const trees = TreeTexts.alongPath(repository);
  const fromTheRoot = [...texts].toReversed().slice(0, 4);
  store.reads = 0;
  for (const [id, text] of fromTheRoot) assert.deepEqual(await trees.read(id), text);
  assert.equal(store.reads, 1);
  const [first] = texts;
  assert.deepEqual(await TreeTexts.alongPath(repository).read(first![0]), first![1]);
});

Deno.test("in any other order, and several at once, the texts are the same", async () => {
  const { texts, repository } = await planted();
  const trees = new TreeTexts(repository);
  const ids = [...texts.keys()];
  for (const id of ids.toReversed()) assert.deepEqual(await trees.read(id), texts.get(id));
  const asked = ids.flatMap((id, i) => [id, ids[(i * 7) % TREES]!]);
  const read = await Promise.all(asked.map((id) => trees.read(id)));
  asked.forEach((id, i) => assert.deepEqual(read[i], texts.get(id)));
});

Deno.test("what was read wrongly once is read again, and what is not there is told", async () => {
  const { texts, store, repository } = await planted();
  for (let damaged = 1; damaged <= 3; damaged++) {
    Object.assign(store, { reads: 0, damaged });
    const trees = new TreeTexts(repository);
    for (const [id, text] of texts) assert.deepEqual(await trees.read(id), text);
    assert.ok(store.reads > damaged);
    Object.assign(store, { reads: 0, damaged });
    const path = TreeTexts.alongPath(repository);
    for (const [id, text] of [...texts].toReversed()) assert.deepEqual(await path.read(id), text);
    assert.ok(store.reads > damaged);
  }
  await assert.rejects(new TreeTexts(repository).read("ab".repeat(32) as BlobId), IntegrityError);
});
