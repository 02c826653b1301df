/** Places that are looked up on disk: they are those of the index files, and whatever happens to the table, none is missed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../../../../src/base/bytes.ts";
import { IntegrityError, StoreError } from "../../../../src/base/errors.ts";
import type { BlobIndex } from "../../../../src/repository/index/blob_index.ts";
import type { BlobPlace } from "../../../../src/repository/index/place_list.ts";
import { NamedIndex, PlacedIndex, withRenewal } from "../../../../src/repository/index/blob_index.ts";
import { indexRows, loadIndex, type UnreadableIndex } from "../../../../src/repository/index/index_files.ts";
import { DiskIndex } from "../../../../src/repository/index/sorted/disk_index.ts";
import { loadPlaces } from "../../../../src/repository/index/sorted/load_places.ts";
import { SortedTables } from "../../../../src/repository/index/sorted/sorted_tables.ts";
import { SealedFiles } from "../../../../src/repository/sealed_files.ts";
import { ForwardingStore } from "../../../../src/store/forwarding.ts";
import type { ByteRange, FileName, GetOptions } from "../../../../src/store/store.ts";
import { TableFolder } from "../../../../src/store/sorted/table_folder.ts";
import { noise } from "../../../helpers/world.ts";
import { blobId, isTree, packOf, SortedScene } from "./sorted_repository.ts";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const listOf = (blobs: readonly number[]) => concatBytes(blobs.map(blobId));
const typeOf = (blob: number) => isTree(blob) ? "tree" : "data";

function tablesOf(scene: SortedScene, mostMissingBytes = 0): SortedTables {
  return new SortedTables({ cache: scene.cache, worthBytes: 0, mostMissingBytes });
}

interface Loading {
  readonly sortedTables: SortedTables;
  readonly files?: SealedFiles;
  readonly onUnreadable?: (unreadable: readonly UnreadableIndex[]) => void;
}

/** Loads the index as readers do. */
async function load(
  { repository: { files, keys, sealer } }: SortedScene,
  { sortedTables, files: other = files, onUnreadable }: Loading,
): Promise<BlobIndex> {
  return await loadPlaces({ files: other, keys, sealer, sortedTables }, { onUnreadable });
}

/** Where a blob is, with the name of the pack. */
function placeIn(index: BlobIndex, place: BlobPlace | undefined) {
  return place && { ...place, pack: index.packId(place.pack) };
}

const placeOf = (index: BlobIndex, blob: number) => placeIn(index, index.locate(typeOf(blob), blobId(blob)));

/** All places of the blobs in a content list, one after the other. */
function placesOf(index: BlobIndex, content: Uint8Array) {
  return Array.from({ length: content.length / 32 }, (_, i) => placeIn(index, index.locate("data", content, i * 32)));
}

/** Changes a bit in every block of all runs. */
async function flipRows({ folder, names }: SortedScene): Promise<void> {
  for (const name of names.filter((name) => name.startsWith("rows-"))) {
    const bytes = await Deno.readFile(`${folder}/${name}`);
    for (let at = 100; at < bytes.length - 100; at += 4096) bytes[at]! ^= 1;
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
}

Deno.test("places on disk are those of the index files, one by one and in lists", async () => {
  const file = fc.record({
    blobs: fc.uniqueArray(fc.nat(300), { maxLength: 200 }),
    missing: fc.constantFrom(0, 3000, 1e9),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 8 }), async (files) => {
      await using scene = await SortedScene.make();
      for (const [i, { blobs, missing }] of files.entries()) {
        // Each blob has one place, since it may have any of several.
        const before = await loadIndex(scene.repository.files);
        const fresh = blobs.filter((blob) => !before.has(typeOf(blob), blobId(blob)));
        await scene.save([packOf(2 * i, fresh.slice(0, 20)), packOf(2 * i + 1, fresh.slice(20))]);
        const whole = await loadIndex(scene.repository.files);
        await using sortedTables = tablesOf(scene, missing);
        const index = await load(scene, { sortedTables });
        assert.equal(index.treeCount, whole.treeCount);
        for (const blob of range(0, 310)) assert.deepEqual(placeOf(index, blob), placeOf(whole, blob));
        const listed = range(0, 310).filter((blob) => !isTree(blob) && whole.has("data", blobId(blob)));
        for (const list of [listed, listed.slice(0, 3), [...listed, ...listed].reverse()].map(listOf)) {
          await index.lookUp?.(list);
          assert.deepEqual(placesOf(index, list), placesOf(whole, list));
        }
      }
    }),
    { numRuns: 8 },
  );
});

Deno.test("further copies of trees are known", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 30))]);
  await scene.save([packOf(2, range(0, 30))]);
  await using sortedTables = tablesOf(scene);
  const index = await load(scene, { sortedTables });
  assert.equal(index.furtherPlaces("tree", blobId(10)).length, 1);
  assert.deepEqual(index.furtherPlaces("data", blobId(11)), []);
});

/** Counts the index files that are read. */
class CountedIndexes extends ForwardingStore {
  count = 0;

  override get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind === "index") this.count++;
    return this.inner.get(file, range, options);
  }
}

Deno.test("no index file is read that the table covers", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  const counted = new CountedIndexes(scene.repository.store);
  const files = new SealedFiles(counted, scene.repository.sealer);
  await using sortedTables = tablesOf(scene, 1e6);
  await load(scene, { sortedTables, files });
  assert.equal(counted.count, 1, "the table is built");
  await load(scene, { sortedTables, files });
  await using others = tablesOf(scene, 1e6);
  await load(scene, { sortedTables: others, files });
  assert.equal(counted.count, 1);
  await scene.save([packOf(2, range(100, 200))]);
  const index = await load(scene, { sortedTables, files });
  assert.equal(counted.count, 2);
  assert.ok(index.has("data", blobId(101)));
  assert.ok(index instanceof DiskIndex);
});

for (const size of [3, 80]) {
  Deno.test(`a damaged table does not keep ${size} blobs from being found, and is gone when it is closed`, async () => {
    await using scene = await SortedScene.make();
    await scene.save([packOf(1, range(0, 400))]);
    const whole = await loadIndex(scene.repository.files);
    {
      await using sortedTables = tablesOf(scene);
      const index = await load(scene, { sortedTables });
      await flipRows(scene);
      const list = listOf(range(0, 400).filter((blob) => !isTree(blob)).slice(0, size));
      assert.throws(() => index.locate("data", list), IntegrityError);
      await index.lookUp!(list);
      assert.deepEqual(placesOf(index, list), placesOf(whole, list));
      assert.deepEqual(placeOf(index, 399), placeOf(whole, 399));
    }
    assert.deepEqual(scene.names, ["lock"]);
    await using again = tablesOf(scene);
    assert.ok(await load(scene, { sortedTables: again }) instanceof DiskIndex);
    assert.ok(scene.names.some((name) => name.startsWith("rows-")));
  });
}

Deno.test("what others moved is found where it is, and packs keep their numbers", async () => {
  await using scene = await SortedScene.make();
  const { files } = scene.repository;
  const first = await scene.save([packOf(1, range(0, 100))]);
  await scene.save([packOf(2, range(100, 200))]);
  await using sortedTables = tablesOf(scene);
  const index = await load(scene, { sortedTables });
  const numbers = [1, 101].map((blob) => index.locate("data", blobId(blob))!.pack);
  const names = numbers.map(index.packId);
  await scene.save([packOf(3, range(0, 100))]);
  await files.remove("index", first);
  await index.renew!();
  assert.deepEqual(numbers.map(index.packId), names);
  const whole = await loadIndex(files);
  for (const blob of range(0, 200)) assert.deepEqual(placeOf(index, blob), placeOf(whole, blob));
});

Deno.test("a blob that came after the index was opened is found, and one that no file lists is not", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  for (const count of [1, 60]) {
    const later = range(1000 * count, 1000 * count + count).map((blob) => 10 * blob + 1);
    await using sortedTables = tablesOf(scene);
    const index = await load(scene, { sortedTables });
    await scene.save([packOf(count + 1, later)]);
    const list = listOf([...later, 12345]);
    await index.lookUp!(list);
    assert.deepEqual(
      placesOf(index, list).map((place) => place !== undefined),
      [...later.map(() => true), false],
    );
  }
});

Deno.test("reading is tried once more after the index was loaded from the store, and only then", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await using sortedTables = tablesOf(scene);
  const counted = new CountedIndexes(scene.repository.store);
  const index = await load(scene, { sortedTables, files: new SealedFiles(counted, scene.repository.sealer) });
  let calls = 0;
  const failing = (error: Error) => () => {
    calls++;
    return Promise.reject(error);
  };
  await assert.rejects(withRenewal(index, failing(new StoreError("not reached"))), StoreError);
  assert.deepEqual([calls, counted.count], [1, 1]);
  await assert.rejects(withRenewal(index, failing(new IntegrityError("damaged"))), IntegrityError);
  assert.deepEqual([calls, counted.count], [3, 2]);
  await assert.rejects(withRenewal(index, failing(new IntegrityError("damaged"))), IntegrityError);
  assert.deepEqual([calls, counted.count], [5, 2], "the index is loaded once");
  await assert.rejects(withRenewal(new PlacedIndex(), failing(new IntegrityError("damaged"))), IntegrityError);
  assert.equal(calls, 6);
});

Deno.test("a damaged index file is told of", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  const name = noise(32, "damaged").toHex();
  await scene.repository.store.put({ kind: "index", name }, [noise(100, "junk")]);
  await using sortedTables = tablesOf(scene);
  const told: string[] = [];
  const index = await load(scene, { sortedTables, onUnreadable: (files) => files.forEach(({ id }) => told.push(id)) });
  assert.deepEqual([told, index.has("data", blobId(1))], [[name], true]);
  await assert.rejects(load(scene, { sortedTables }), IntegrityError);
});

Deno.test("without a table, the index is in memory, with what is wanted of it", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  const sortedTables = tablesOf(scene);
  await new TableFolder(scene.cache).change(async () => {
    assert.ok(await load(scene, { sortedTables }) instanceof PlacedIndex, "another process makes it");
  });
  const { files, keys, sealer } = scene.repository;
  const named = await loadPlaces({ files, keys, sealer }, { make: () => new NamedIndex([blobId(1)]) });
  assert.ok(named instanceof NamedIndex && named.has("data", blobId(1)));
  await sortedTables[Symbol.asyncDispose]();
  assert.ok(await load(scene, { sortedTables }) instanceof PlacedIndex, "the repository is closed");
});

Deno.test("readers share a table that is open, and it is not opened again", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 300))]);
  const { files, keys, sealer } = scene.repository;
  const { signal } = new AbortController();
  const rows = await indexRows(files, signal);
  await using tables = tablesOf(scene);
  const open = () => tables.open(rows, { files, keys, sealer, signal });
  const first = await open();
  assert.ok(first !== undefined);
  assert.deepEqual(await Promise.all([open(), open()]), [first, first]);
  const run = scene.names.find((name) => name.startsWith("rows-"))!;
  // An attempt to open it would fail, and make it anew.
  await Deno.remove(`${scene.folder}/${run}`);
  assert.equal(await open(), first);
  assert.ok(first.has(blobId(1)));
});
