/** The index on disk after index files have vanished, as each prune makes them: what stays, and what is read for that. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { IndexId } from "../../../../src/base/id.ts";
import type { IndexedPack } from "../../../../src/format/index/index_file.ts";
import { blobId, isTree, packOf, SortedScene } from "./sorted_repository.ts";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const END = 130;

/** Packs that are made again and again, so that files list some of them twice, and some blobs in several packs. */
const PACKS = range(0, 8).map((pack) => packOf(pack, range(10 * pack, 10 * pack + 40)));
/** The same with other blobs: as a damaged or repaired index file lists them. */
const OTHERWISE = PACKS.map(({ id, blobs }) => ({ id, blobs: blobs.slice(0, 30) }));
/** Packs without any blob in common. */
const APART = range(0, 13).map((pack) => packOf(100 + pack, range(10 * pack, 10 * pack + 10)));

/** Loads the index with all places; tells which blobs are where, which index files were read, and what was told. */
async function look(scene: SortedScene, rowsAtOnce = 50) {
  const { files } = scene.repository;
  const read: string[] = [];
  const watched = new Proxy(files, {
    get(target, key) {
      if (key !== "load" && key !== "loadPieces") {
        return Reflect.get(target, key).bind?.(target) ?? Reflect.get(target, key);
      }
      return (kind: "index", name: IndexId, ...rest: []) => (read.push(name), target[key](kind, name, ...rest));
    },
  });
  const names = range(0, END).filter((blob) => !isTree(blob)).map(blobId);
  await using loaded = await scene.load({ files: watched, names, rowsAtOnce });
  const { index } = loaded;
  const placeOf = (blob: number) => {
    const type = isTree(blob) ? "tree" : "data";
    const [of, id] = [isTree(blob) ? index : index.named, blobId(blob)];
    if (!index.has(type, id)) return undefined;
    const place = "locate" in of ? of.locate(type, id) : undefined;
    return place && `${index.named.packId(place.pack)} ${place.offset} ${place.length}`;
  };
  const known = range(0, END).filter((blob) => index.has(isTree(blob) ? "tree" : "data", blobId(blob)));
  return { known, places: new Map(known.map((blob) => [blob, placeOf(blob)])), read };
}

/** Where blobs may be found according to index files. */
function placesIn(files: Iterable<readonly IndexedPack[]>): Map<number, Set<string>> {
  const numbers = new Map(range(0, END).map((blob) => [blobId(blob).toHex(), blob]));
  const places = new Map<number, Set<string>>();
  for (const { id, blobs } of [...files].flat()) {
    for (const blob of blobs) {
      const number = numbers.get(blob.id.toHex())!;
      const there = places.get(number) ?? new Set();
      places.set(number, there.add(`${id.toHex()} ${blob.offset} ${blob.length}`));
    }
  }
  return places;
}

/** Compares the index on disk with what the index files list. */
async function assertRight(
  scene: SortedScene,
  files: ReadonlyMap<IndexId, readonly IndexedPack[]>,
  rowsAtOnce: number,
) {
  const listed = placesIn(files.values());
  const found = await look(scene, rowsAtOnce);
  assert.deepEqual(found.known, [...listed.keys()].sort((a, b) => a - b));
  for (const [blob, place] of found.places) {
    if (!isTree(blob)) assert.ok(listed.get(blob)!.has(place!), `blob ${blob} at ${place}`);
  }
}

for (const [what, packs] of Object.entries({ "packs listed alike": PACKS, "packs with nothing in common": APART })) {
  Deno.test(`whatever index files come and go, nothing counts but what is listed: ${what}`, async () => {
    const change = fc.record({
      goes: fc.array(fc.nat(5), { maxLength: 3 }),
      comes: fc.array(fc.array(fc.record({ pack: fc.nat(packs.length - 1), isOther: fc.nat(9) }), { maxLength: 5 }), {
        maxLength: 2,
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 2, maxLength: 8 }),
        fc.constantFrom(1, 50),
        async (changes, rows) => {
          await using scene = await SortedScene.make();
          const files = new Map<IndexId, readonly IndexedPack[]>();
          for (const { goes, comes } of changes) {
            for (const file of goes.map((number) => [...files.keys()][number]).filter((name) => name !== undefined)) {
              if (files.delete(file)) await scene.repository.files.remove("index", file);
            }
            for (const listed of comes) {
              const file = listed.map(({ pack, isOther }) =>
                isOther === 0 ? OTHERWISE[pack] ?? packs[pack]! : packs[pack]!
              );
              files.set(await scene.save(file), file);
            }
            await assertRight(scene, files, rows);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
}

Deno.test("after a prune only the index files are read that it wrote", async () => {
  await using scene = await SortedScene.make();
  const kept = await scene.save([APART[0]!, APART[1]!]);
  const rewritten = await scene.save([APART[2]!, APART[3]!, APART[4]!]);
  assert.equal((await look(scene)).read.length, 2);
  const copied = packOf(200, range(40, 45));
  const written = await scene.save([APART[2]!, copied]);
  await scene.repository.files.remove("index", rewritten);
  const pruned = await look(scene);
  assert.deepEqual(pruned.read, [written]);
  const listed = placesIn([[APART[0]!, APART[1]!, APART[2]!, copied]]);
  assert.deepEqual(pruned.known, [...listed.keys()]);
  for (const [blob, place] of pruned.places) assert.ok(isTree(blob) || listed.get(blob)!.has(place!), `${blob}`);
  const again = await look(scene);
  assert.deepEqual([again.read, again.places], [[], pruned.places]);
  await scene.repository.files.remove("index", kept);
  const without = await look(scene);
  assert.deepEqual([without.read, without.known], [[], range(20, 30).concat(range(40, 45))]);
});

Deno.test("a pack that comes back after it has gone is known again", async () => {
  await using scene = await SortedScene.make();
  await scene.save([APART[0]!]);
  const second = await scene.save([APART[1]!]);
  await look(scene);
  await scene.repository.files.remove("index", second);
  assert.deepEqual((await look(scene)).known, range(0, 10));
  const third = await scene.save([APART[1]!, APART[2]!]);
  const found = await look(scene);
  assert.deepEqual([found.known, found.read], [range(0, 30), [third]]);
});

Deno.test("a blob in two packs of which one goes is found in the other", async () => {
  await using scene = await SortedScene.make();
  for (const goes of [0, 1]) {
    const twins = [packOf(300 + 2 * goes, range(0, 20)), packOf(301 + 2 * goes, range(0, 20))];
    const files = [await scene.save([twins[0]!]), await scene.save([twins[1]!])];
    assert.deepEqual((await look(scene)).known, range(0, 20));
    await scene.repository.files.remove("index", files[goes]!);
    const left = await look(scene);
    assert.deepEqual(left.known, range(0, 20));
    const { id } = twins[1 - goes]!;
    for (const [blob, place] of left.places) assert.ok(isTree(blob) || place!.startsWith(id.toHex()), `${blob}`);
    await scene.repository.files.remove("index", files[1 - goes]!);
  }
});

Deno.test("what a rewritten index file no longer lists of a pack is not known", async () => {
  await using scene = await SortedScene.make();
  await scene.save([APART[0]!]);
  const whole = await scene.save([APART[1]!]);
  await look(scene);
  const { id, blobs } = APART[1]!;
  await scene.save([{ id, blobs: blobs.slice(0, 7) }]);
  await scene.repository.files.remove("index", whole);
  assert.deepEqual((await look(scene)).known, range(0, 17));
});

Deno.test("blobs in two packs are found even if as many others are listed twice", async () => {
  await using scene = await SortedScene.make();
  for (const goes of [0, 1]) {
    const twins = [packOf(300 + 2 * goes, range(0, 10)), packOf(301 + 2 * goes, range(0, 10))];
    const [again, rest] = [packOf(310 + goes, range(10, 20)), packOf(320 + goes, range(20, END))];
    const all = await scene.save([...twins, again, rest]);
    await look(scene);
    const twice = await scene.save([again]);
    await look(scene);
    const left = await scene.save([twins[1 - goes]!, again, rest]);
    await scene.repository.files.remove("index", all);
    for (const _ of [1, 2]) assert.deepEqual((await look(scene)).known, range(0, END));
    for (const file of [twice, left]) await scene.repository.files.remove("index", file);
    await look(scene);
  }
});

Deno.test("a table that was extended in the middle of a prune outlives it", async () => {
  await using scene = await SortedScene.make();
  const before = await scene.save([APART[0]!, APART[1]!, APART[2]!]);
  await look(scene);
  await scene.save([APART[0]!, APART[2]!]);
  await look(scene);
  await scene.repository.files.remove("index", before);
  const after = await look(scene);
  assert.deepEqual([after.read, after.known], [[], [...range(0, 10), ...range(20, 30)]]);
});
