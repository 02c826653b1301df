/** The index on disk: what it knows, what it covers, and what becomes of it when it is damaged, shared or killed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { InterruptedError, LockedError } from "../../../../src/base/errors.ts";
import { encodeIndex } from "../../../helpers/encode_index.ts";
import type { ExistenceIndex } from "../../../../src/repository/index/blob_index.ts";
import { loadIndex } from "../../../../src/repository/index/index_files.ts";
import { isSurelyStored } from "../../../../src/store/sorted/sorted_ids.ts";
import { TableFolder } from "../../../../src/store/sorted/table_folder.ts";
import { noise } from "../../../helpers/world.ts";
import { blobId, isTree, packOf, SortedScene } from "./sorted_repository.ts";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Which of the blobs below `end` the index knows. */
function known(index: ExistenceIndex, end: number): number[] {
  return range(0, end).filter((blob) => index.has(isTree(blob) ? "tree" : "data", blobId(blob)));
}

/** Loads the index, and tells which blobs it knows, which of them without having them in memory. */
async function look(scene: SortedScene, end: number, tools: Parameters<SortedScene["load"]>[0] = {}) {
  await using loaded = await scene.load(tools);
  const { index } = loaded;
  return {
    known: known(index, end),
    stored: range(0, end).filter((blob) => isSurelyStored(index.stored, blobId(blob), 0)),
    isSorted: index.stored !== undefined,
  };
}

const data = (blobs: readonly number[]) => blobs.filter((blob) => !isTree(blob));

Deno.test("the index on disk knows what the index files list, however these come", async () => {
  const steps = fc.array(
    fc.record({ blobs: fc.uniqueArray(fc.nat(300), { maxLength: 200 }), missing: fc.constantFrom(0, 3000, 1e9) }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(1, 50, 1000), async (files, rowsAtOnce) => {
      await using scene = await SortedScene.make();
      const all = new Set<number>();
      for (const [i, { blobs, missing }] of files.entries()) {
        await scene.save([packOf(2 * i, blobs.slice(0, 20)), packOf(2 * i + 1, blobs.slice(20))]);
        for (const blob of blobs) all.add(blob);
        const found = await look(scene, 310, { rowsAtOnce, mostMissingBytes: missing });
        assert.deepEqual(found.known, [...all].sort((a, b) => a - b));
      }
    }),
    { numRuns: 8 },
  );
});

Deno.test("all data blobs of the files it covers are found on disk, and the others in memory", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 500))]);
  assert.deepEqual((await look(scene, 700)).stored, data(range(0, 500)));
  await scene.save([packOf(2, range(400, 600))]);
  const later = await look(scene, 700, { mostMissingBytes: 1e6 });
  assert.deepEqual(later.stored, data(range(0, 500)));
  assert.deepEqual(later.known, range(0, 600));
  assert.deepEqual((await look(scene, 700)).stored, data(range(0, 600)));
});

Deno.test("it knows the places of trees and of named data blobs", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await (await scene.load())[Symbol.asyncDispose]();
  await scene.save([packOf(2, range(100, 200)), packOf(1, range(0, 100))]);
  const whole = await loadIndex(scene.repository.files);
  const names = [1, 2, 99, 101, 150 + 1, 201];
  await using loaded = await scene.load({ names: names.map(blobId), mostMissingBytes: 1e6 });
  const { named } = loaded.index;
  const placeOf = (index: typeof named | typeof whole, blob: number) => {
    const place = index.locate(isTree(blob) ? "tree" : "data", blobId(blob));
    return place && { ...place, pack: index.packId(place.pack) };
  };
  for (const blob of [...names, ...range(0, 21).map((i) => 10 * i)]) {
    assert.deepEqual(placeOf(named, blob), placeOf(whole, blob), `blob ${blob}`);
  }
});

Deno.test("a blob that is stored is known, and new only once", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await using loaded = await scene.load();
  const { index } = loaded;
  assert.equal(index.note("data", blobId(5)), false);
  assert.equal(index.note("tree", blobId(10)), false);
  assert.equal(index.note("data", blobId(105)), true);
  assert.equal(index.note("data", blobId(105)), false);
  assert.equal(index.dataBlobs.size, 1);
});

Deno.test("once an index file has vanished, nothing counts that only it listed", async () => {
  await using scene = await SortedScene.make();
  const first = await scene.save([packOf(1, range(0, 100))]);
  await scene.save([packOf(2, range(100, 200))]);
  assert.equal((await look(scene, 300)).stored.length, 180);
  await scene.repository.files.remove("index", first);
  const left = await look(scene, 300);
  assert.deepEqual(left.known, range(100, 200));
  assert.deepEqual(left.stored, data(range(100, 200)));
});

Deno.test("an index file that vanishes before the lock holds makes everything load again", async () => {
  await using scene = await SortedScene.make();
  const first = await scene.save([packOf(1, range(0, 100))]);
  await scene.save([packOf(2, range(100, 200))]);
  await look(scene, 300);
  const { promise: confirmed, resolve } = Promise.withResolvers<void>();
  const loading = scene.load({ confirmed });
  await scene.repository.files.remove("index", first);
  resolve();
  await using loaded = await loading;
  assert.deepEqual(known(loaded.index, 300), range(100, 200));
});

Deno.test("without the lock nothing stays open", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await assert.rejects(scene.load({ confirmed: Promise.reject(new LockedError("locked")) }), LockedError);
});

Deno.test("whatever file is damaged, cut off or missing, the index is right and the table whole again", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 700))]);
  await look(scene, 10);
  await scene.save([packOf(2, range(700, 800))]);
  await look(scene, 10);
  const kinds = new Set<string>();
  for (const name of scene.names) {
    if (name === "lock") continue;
    kinds.add(name.split("-")[0]!);
    const path = `${scene.folder}/${name}`;
    const whole = await Deno.readFile(path);
    const harms: (() => Promise<void>)[] = [
      () => Deno.remove(path),
      () => Deno.truncate(path, 0),
      () => Deno.truncate(path, whole.length - 1),
      ...[whole.length >> 1, whole.length - 1].map((at) => async () => {
        const flipped = whole.slice();
        flipped[at]! ^= 4;
        await Deno.writeFile(path, flipped);
      }),
    ];
    for (const [i, harm] of harms.entries()) {
      const before = await Promise.all(scene.names.map(async (each) => {
        return { each, bytes: await Deno.readFile(`${scene.folder}/${each}`) };
      }));
      await harm();
      const harmed = await look(scene, 810);
      // What a damaged block hides counts as unknown, and so may the key behind it; everything else is found.
      const hidden = range(0, 800).filter((blob) => !harmed.known.includes(blob));
      assert.ok(hidden.length <= 128 && hidden.every((blob) => !isTree(blob)), `${name} ${i}: ${hidden.length}`);
      assert.deepEqual(harmed.known.filter((blob) => blob >= 800), []);
      const healed = await look(scene, 810);
      assert.deepEqual([healed.known, healed.stored], [range(0, 800), data(range(0, 800))], `${name} ${i}`);
      for (const each of scene.names) await Deno.remove(`${scene.folder}/${each}`);
      for (const { each, bytes } of before) await Deno.writeFile(`${scene.folder}/${each}`, bytes);
    }
  }
  assert.deepEqual([...kinds].sort(), ["manifest", "rows", "trees"]);
  assert.deepEqual(scene.problems, []);
});

/** Puts something else in the place of a file. */
const IMPOSTORS: Readonly<Record<string, (path: string) => unknown>> = {
  "a pipe": (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
  "a folder": (path) => Deno.mkdir(path),
  "a folder with a file": async (path) => {
    await Deno.mkdir(path);
    await Deno.writeTextFile(`${path}/file`, "");
  },
  "a link to a pipe": async (path) => {
    await new Deno.Command("mkfifo", { args: [`${path}.pipe`] }).output();
    await Deno.symlink(`${path}.pipe`, path);
  },
  "a link into nowhere": (path) => Deno.symlink(`${path}.missing`, path),
};

for (const [impostor, put] of Object.entries(IMPOSTORS)) {
  Deno.test(`the index is right with ${impostor} in the place of a file of the table`, async () => {
    await using scene = await SortedScene.make();
    await scene.save([packOf(1, range(0, 100))]);
    for (const part of ["rows", "trees"]) {
      await look(scene, 10);
      const path = `${scene.folder}/${scene.names.find((name) => name.startsWith(part))}`;
      await Deno.remove(path);
      await put(path);
      const found = await look(scene, 110);
      assert.deepEqual([found.known, found.stored], [range(0, 100), data(range(0, 100))], part);
    }
    assert.deepEqual(scene.problems, []);
  });
}

Deno.test("an older table that was put back is not taken for the current one", async () => {
  await using scene = await SortedScene.make();
  const first = await scene.save([packOf(1, range(0, 100))]);
  await look(scene, 10);
  const older = await Promise.all(scene.names.map(async (name) => {
    return { name, bytes: await Deno.readFile(`${scene.folder}/${name}`) };
  }));
  await scene.save([packOf(2, range(100, 200))]);
  await scene.repository.files.remove("index", first);
  await look(scene, 10);
  for (const { name, bytes } of older) await Deno.writeFile(`${scene.folder}/${name}`, bytes);
  assert.deepEqual((await look(scene, 300)).known, range(100, 200));
});

Deno.test("a list of trees of an older table is not taken for that of the current one", async () => {
  await using scene = await SortedScene.make();
  const first = await scene.save([packOf(1, range(0, 100))]);
  await look(scene, 10);
  const listOfTrees = () => `${scene.folder}/${scene.names.find((name) => name.startsWith("trees-"))}`;
  const older = await Deno.readFile(listOfTrees());
  await scene.save([packOf(2, range(100, 200))]);
  await scene.repository.files.remove("index", first);
  await look(scene, 10);
  await Deno.writeFile(listOfTrees(), older);
  for (const _ of [1, 2]) assert.deepEqual((await look(scene, 300)).known, range(100, 200));
});

Deno.test("an index file that was cut off in the repository is told of, and nothing counts that only it listed", async () => {
  await using scene = await SortedScene.make();
  const { store } = scene.repository;
  const name = await scene.save([packOf(1, range(0, 100))]);
  await scene.save([packOf(2, range(100, 200))]);
  await look(scene, 10);
  for (const bytes of [100, 0]) {
    const whole = await store.get({ kind: "index", name });
    await store.remove({ kind: "index", name });
    await store.put({ kind: "index", name }, [whole.subarray(0, bytes)]);
    const told: string[] = [];
    const found = await look(scene, 300, { onUnreadable: (files) => files.forEach(({ id }) => told.push(id)) });
    assert.deepEqual([told, found.known], [[name], range(100, 200)]);
  }
});

Deno.test("a table of another repository's keys is not read", async () => {
  await using scene = await SortedScene.make();
  await using other = await SortedScene.make("another repository");
  await scene.save([packOf(1, range(0, 100))]);
  await other.save([packOf(1, range(0, 100))]);
  await look(scene, 10);
  await Deno.mkdir(other.folder, { recursive: true });
  for (const name of scene.names) await Deno.copyFile(`${scene.folder}/${name}`, `${other.folder}/${name}`);
  assert.deepEqual((await look(other, 110)).known, range(0, 100));
});

Deno.test("while another process changes the table, what there is serves", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await new TableFolder(scene.cache).change(async () => {
    const without = await look(scene, 300);
    assert.deepEqual([without.known, without.isSorted], [range(0, 100), false]);
  });
  await look(scene, 300);
  await scene.save([packOf(2, range(100, 200))]);
  await new TableFolder(scene.cache).change(async () => {
    const older = await look(scene, 300);
    assert.deepEqual([older.known, older.stored], [range(0, 200), data(range(0, 100))]);
  });
  assert.deepEqual((await look(scene, 300)).stored, data(range(0, 200)));
});

Deno.test("a table that another process replaces stays what it was for those who have it open", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await using loaded = await scene.load();
  await scene.save([packOf(2, range(100, 200))]);
  const before = new Set(scene.names);
  assert.deepEqual((await look(scene, 300)).known, range(0, 200));
  assert.ok([...before].some((name) => !scene.names.includes(name)), "a run was merged");
  assert.deepEqual(known(loaded.index, 300), range(0, 100));
});

Deno.test("what a killed process left behind is removed by the next change", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await look(scene, 10);
  for (const name of [`rows-${"0".repeat(32)}`, `trees-${"1".repeat(32)}`, `rows-${"2".repeat(32)}-tmp-ab`]) {
    await Deno.writeFile(`${scene.folder}/${name}`, noise(5000, name));
  }
  await scene.save([packOf(2, range(100, 200))]);
  assert.deepEqual((await look(scene, 300)).stored, data(range(0, 200)));
  assert.deepEqual(scene.names.filter((name) => /0000|1111|2222/.test(name)), []);
});

Deno.test("what cannot be removed from its folder does not keep the table from being used", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await Deno.mkdir(`${scene.folder}/rows-${"0".repeat(32)}/folder`, { recursive: true });
  for (const _ of [1, 2]) assert.deepEqual((await look(scene, 110)).stored, data(range(0, 100)));
  assert.deepEqual(scene.problems, []);
});

Deno.test("a table without data blobs, or with a few, knows these and no others", async () => {
  await using scene = await SortedScene.make();
  const all: number[] = [];
  for (const [number, blobs] of [[], [10], [1], [1, 2], [20, 3]].entries()) {
    await scene.save(blobs.length === 0 ? [] : [packOf(number, blobs)]);
    all.push(...blobs);
    const found = await look(scene, 30);
    assert.deepEqual(new Set(found.known), new Set(all));
    assert.deepEqual([found.isSorted, new Set(found.stored)], [true, new Set(data(all))]);
  }
});

Deno.test("ids that differ in one byte only, and one id of a tree and of data, are told apart", async () => {
  await using scene = await SortedScene.make();
  const filled = (value: number, at = 0, other = value) => new Uint8Array(32).fill(value).fill(other, at, at + 1);
  const likeIds = [0, 0xff, 7].flatMap((value) => [...Array(32).keys()].map((at) => filled(value, at, value ^ 1)));
  const ids = [filled(0), filled(0xff), ...likeIds];
  const [listed, unlisted] = [ids.filter((_, i) => i % 2 === 0), ids.filter((_, i) => i % 2 === 1)];
  const both = noise(32, "an id of a tree and of data");
  const blobOf = (id: Uint8Array, type: "data" | "tree") => {
    return { type, id, offset: 0, length: 100, uncompressedLength: 0 } as const;
  };
  await scene.save([{ id: noise(32, "a pack"), blobs: listed.map((id) => blobOf(id, "data")) }]);
  await scene.save([{ id: noise(32, "a pack of trees"), blobs: [blobOf(both, "tree"), blobOf(unlisted[0]!, "tree")] }]);
  await scene.save([{ id: noise(32, "another pack"), blobs: [blobOf(both, "data"), blobOf(listed[0]!, "data")] }]);
  await using loaded = await scene.load();
  const { index } = loaded;
  assert.ok(listed.every((id) => index.stored!.has(id)));
  assert.deepEqual(unlisted.filter((id) => index.has("data", id)), []);
  assert.deepEqual([index.has("tree", both), index.has("data", both)], [true, true]);
  assert.deepEqual([index.has("tree", unlisted[0]!), index.has("tree", listed[0]!)], [true, false]);
});

Deno.test("a damaged index file is told of and never covered", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  // So many blobs before the damage that some are rows already when it is met.
  const half = encodeIndex([packOf(2, range(200, 5200))]).slice(0, -5);
  await scene.repository.files.save("index", half);
  for (const _ of [1, 2]) {
    const told: string[] = [];
    const found = await look(scene, 5200, { onUnreadable: (files) => files.forEach(({ id }) => told.push(id)) });
    assert.deepEqual(found.known, range(0, 100));
    assert.equal(found.isSorted, true);
    assert.equal(told.length, 1);
  }
});

Deno.test("a table is not made again for an index file that it could not cover, but with the next ones it is tried", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  const damaged = await scene.repository.files.save("index", encodeIndex([packOf(2, range(200, 5200))]).slice(0, -5));
  const onUnreadable = () => {};
  const manifest = () => Deno.readFile(`${scene.folder}/manifest`);
  await look(scene, 10, { onUnreadable });
  const first = await manifest();
  await look(scene, 10, { onUnreadable });
  assert.deepEqual(await manifest(), first);
  await scene.repository.files.remove("index", damaged);
  await scene.save([packOf(3, range(100, 200))]);
  assert.deepEqual((await look(scene, 5200)).stored, data(range(0, 200)));
  assert.notDeepEqual(await manifest(), first);
});

Deno.test("who waits for a table hears how far it is, and of its end, also if it cannot be made", async () => {
  await using scene = await SortedScene.make();
  for (const number of range(0, 9)) await scene.save([packOf(number, range(100 * number, 100 * number + 100))]);
  const heard: unknown[] = [];
  const place = {
    cache: scene.cache,
    worthBytes: 0,
    mostMissingBytes: 0,
    onProgress: (progress: unknown) => void heard.push(progress),
  };
  await look(scene, 10, { place });
  assert.deepEqual(heard[0], { done: 0, total: 9 });
  assert.deepEqual(heard.slice(-2), [{ done: 9, total: 9 }, null]);
  const counts = heard.slice(0, -1).map((progress) => (progress as { done: number }).done);
  assert.ok(counts.length > 3 && counts.every((count, i) => i === 0 || count > counts[i - 1]!), `${counts}`);
  heard.length = 0;
  await look(scene, 10, { place });
  assert.equal(heard.length, 0);
  await scene.save([packOf(9, range(900, 1000))]);
  const stop = new AbortController();
  const stopped = new InterruptedError();
  const onProgress = (progress: unknown) => {
    heard.push(progress);
    stop.abort(stopped);
  };
  const stopping = { ...place, onProgress };
  await assert.rejects(look(scene, 10, { place: stopping, signal: stop.signal }), InterruptedError);
  assert.equal(heard.at(-1), null);
});

Deno.test("nothing in the cache directory tells ids or lengths, and only its owner may read it", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await look(scene, 10);
  const ids = range(0, 100).map((blob) => blobId(blob).toHex().slice(0, 16));
  for (const name of scene.names) {
    const path = `${scene.folder}/${name}`;
    const hex = (await Deno.readFile(path)).toHex();
    assert.ok(ids.every((id) => !hex.includes(id)), name);
    // The uncompressed length of blob 5, as it would stand beside the length.
    assert.ok(!hex.includes("69000000" + "8d130000"), name);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600, name);
  }
});

Deno.test("a cache directory that is no folder, or too small, leaves the index in memory", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  scene.directory.write("file", "");
  const noFolder = /Cannot keep copies in the cache directory ".*\/file": it is not a folder; name another one/;
  const caches = [
    [{ ...scene.cache, directory: scene.directory.at("file") }, noFolder],
    [{ ...scene.cache, limitBytes: 100 }, /more than the cache may take \(100 B\).*AGENT_CACHE_LIMIT/],
  ] as const;
  for (const [cache, told] of caches) {
    scene.problems.length = 0;
    await using loaded = await scene.load({ place: { cache, worthBytes: 0 } });
    assert.equal(loaded.index.stored, undefined);
    assert.deepEqual(known(loaded.index, 200), range(0, 100));
    assert.match(scene.problems.map(({ message }) => message).join(), told);
  }
});

Deno.test("a repository with few blobs gets no index on disk", async () => {
  await using scene = await SortedScene.make();
  await scene.save([packOf(1, range(0, 100))]);
  await using loaded = await scene.load({ place: { cache: scene.cache } });
  assert.equal(loaded.index.stored, undefined);
  await assert.rejects(Deno.stat(scene.folder), Deno.errors.NotFound);
});

Deno.test("a malformed index file of which rows were written already is not covered, and takes no other with it", async () => {
  await using scene = await SortedScene.make();
  // Longer than what is read of a text at a time.
  const [first, broken, last] = [range(0, 300), range(300, 10_300), range(10_300, 10_600)];
  await scene.save([packOf(1, first)]);
  const text = encodeIndex([packOf(2, broken)]);
  const malformed = await scene.repository.files.save("index", text.slice(0, -3));
  await scene.save([packOf(3, last)]);
  const told: string[] = [];
  const onUnreadable = (unreadable: readonly { readonly id: string }[]) => told.push(...unreadable.map(({ id }) => id));
  const found = await look(scene, 10_600, { rowsAtOnce: 100, onUnreadable });
  assert.deepEqual(found.known, [...first, ...last]);
  assert.deepEqual(found.stored, data([...first, ...last]));
  assert.deepEqual(told, [malformed]);
  const { names } = scene;
  assert.deepEqual(names.map((name) => name.split("-")[0]), ["lock", "manifest", "rows", "trees"]);
  // It is known to be malformed, so that the table lacks nothing.
  assert.deepEqual(
    (await look(scene, 10_600, { rowsAtOnce: 100, onUnreadable, mostMissingBytes: 0 })).stored,
    found.stored,
  );
  assert.deepEqual(scene.names, names);
});
