/** Single blobs and trees, read and verified. */
import assert from "node:assert/strict";
import { IntegrityError, TemporaryError } from "../../../src/base/errors.ts";
import type { BlobId } from "../../../src/base/id.ts";
import { sha256 } from "../../../src/crypto/digest.ts";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../../../src/format/tree/file_mode.ts";
import { makeNode } from "../../../src/format/tree/node.ts";
import type { Rfc3339 } from "../../../src/format/time.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { readBlob } from "../../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { walkFiles } from "../../../src/repository/tree/file_walk.ts";
import { findNode, readTree, subtreeOf } from "../../../src/repository/tree/trees.ts";
import { firstOf, withFaults } from "../../helpers/fault_store.ts";
import { locked } from "../../helpers/locked.ts";
import { fakeWorld, memoryRepository, namesOf, noise } from "../../helpers/world.ts";

const world = fakeWorld("blob reader");

/** A repository with these blobs; ids in their order. */
async function withBlobs(blobs: readonly (readonly ["data" | "tree", Uint8Array])[]) {
  const { repository, store } = await memoryRepository(world);
  const { clock, randomBytes } = world;
  const writer = new PackWriter({ repository: locked(repository), index: new BlobSet(), clock, randomBytes });
  const ids: Uint8Array[] = [];
  for (const [type, plaintext] of blobs) ids.push(await writer.addPlaintext(type, plaintext));
  await writer.finish();
  const index = await loadIndex(repository.files);
  const indexed = { ...repository, index };
  return { indexed, store, ids };
}

Deno.test("blobs are read, compressed or not, and by their type", async () => {
  const compressible = new Uint8Array(5000).fill(7);
  const { indexed, ids } = await withBlobs([["data", compressible], ["data", noise(999, "raw")], [
    "tree",
    noise(99, "t"),
  ]]);
  assert.deepEqual(await readBlob(indexed, "data", ids[0]!), compressible);
  assert.deepEqual(await readBlob(indexed, "data", ids[1]!), noise(999, "raw"));
  assert.deepEqual(await readBlob(indexed, "tree", ids[2]!), noise(99, "t"));
  await assert.rejects(readBlob(indexed, "data", ids[2]!), { code: "integrity", message: /no index lists it/ });
});

Deno.test("a pack that is gone, cut short or flipped is damage, and the blob and its pack are named", async () => {
  const { indexed, store, ids } = await withBlobs([["data", noise(1000, "blob")]]);
  const [name] = await namesOf(store, "pack");
  const file = { kind: "pack", name: name! } as const;
  const bytes = await store.get(file);
  const flipped = bytes.slice();
  flipped[500]! ^= 4;
  for (const damaged of [undefined, bytes.subarray(0, 600), new Uint8Array(0), flipped]) {
    await store.remove(file);
    if (damaged) await store.put(file, [damaged]);
    await assert.rejects(readBlob(indexed, "data", ids[0]!), (error) => {
      assert.ok(error instanceof IntegrityError);
      assert.ok(error.message.includes(ids[0]!.toHex()) && error.message.includes(name!), error.message);
      return true;
    });
  }
});

Deno.test("a store that fails for the moment is not taken for damage", async () => {
  const { indexed, store, ids } = await withBlobs([["data", noise(1000, "blob")]]);
  const failing = withFaults(store, firstOf(({ method }) => method === "get", { type: "tear" }));
  await assert.rejects(readBlob({ ...indexed, store: failing }, "data", ids[0]!), TemporaryError);
});

Deno.test("a blob that is authentic but not the one it is listed as is damage", async () => {
  const { indexed, ids } = await withBlobs([["data", noise(1000, "one")]]);
  const place = indexed.index.locate("data", ids[0]!)!;
  const other = sha256(noise(1000, "two"));
  indexed.index.add("data", place, other);
  await assert.rejects(readBlob(indexed, "data", other), { code: "integrity", message: /does not have the SHA-256/ });
});

const TIME = "2026-01-01T00:00:00Z" as Rfc3339;
const times = { mtime: TIME, atime: TIME, ctime: TIME };

function file(name: string) {
  return makeNode({ name, type: "file", mode: FILE_MODE_0644, ...times, size: 0, content: new Uint8Array(0) });
}

function dir(name: string, tree: Uint8Array) {
  return makeNode({ name, type: "dir", mode: DIR_MODE_0755, ...times, subtree: sha256(tree).toHex() as BlobId });
}

Deno.test("nodes are found by their path, and files are walked in the order of names", async () => {
  const inner = encodeTree([file("größe"), file("a.sql")]);
  const middle = encodeTree([dir("shop", inner), file("shop.manifest.json")]);
  const root = encodeTree([dir("prod", middle)]);
  const { indexed, ids } = await withBlobs([["tree", inner], ["tree", middle], ["tree", root]]);
  const rootId = ids[2]!.toHex() as BlobId;
  assert.equal((await findNode(indexed, rootId, "prod/shop/größe"))?.name, "größe");
  assert.equal((await findNode(indexed, rootId, "prod"))?.type, "dir");
  for (const path of ["", "shop", "prod/", "prod/shop/none", "prod/shop.manifest.json/x", "prod/shop/a.sql/x"]) {
    assert.equal(await findNode(indexed, rootId, path), undefined, path);
  }
  const walked = (await Array.fromAsync(walkFiles(indexed, rootId))).map(({ path }) => path);
  assert.deepEqual(walked, ["prod/shop/a.sql", "prod/shop/größe", "prod/shop.manifest.json"]);
  assert.equal((await readTree(indexed, rootId)).length, 1);
});

Deno.test("a directory without a subtree is damage", () => {
  const node = { ...dir("x", new Uint8Array(0)), subtree: null };
  assert.throws(() => subtreeOf(node), IntegrityError);
});
