/** The index in memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type BlobIndex,
  BlobSet,
  ExistenceIndex,
  NamedIndex,
  PlacedIndex,
  type TreeIndex,
} from "../../../src/repository/index/blob_index.ts";
import type { BlobPlace } from "../../../src/repository/index/place_list.ts";
import { noise } from "../../helpers/world.ts";

const place: fc.Arbitrary<BlobPlace> = fc.record({
  pack: fc.nat(5),
  offset: fc.nat(2 ** 32 - 1),
  length: fc.integer({ min: 32, max: 2 ** 32 - 1 }),
  uncompressedLength: fc.nat(2 ** 32 - 1),
}, { noNullPrototype: true });
const type = fc.constantFrom("data" as const, "tree" as const);

Deno.test("the index finds what a Map finds; of several copies the first one counts; types are apart", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(type, fc.nat(40), place), { maxLength: 100 }), (added) => {
      const index = new PlacedIndex();
      const expected = new Map<string, BlobPlace>();
      for (const [kind, number, where] of added) {
        const isNew = !expected.has(`${kind} ${number}`);
        assert.equal(index.add(kind, where, noise(32, `${number}`)), isNew);
        if (isNew) expected.set(`${kind} ${number}`, where);
      }
      for (const kind of ["data", "tree"] as const) {
        for (let number = 0; number <= 41; number++) {
          const where = expected.get(`${kind} ${number}`);
          assert.deepEqual(index.locate(kind, noise(32, `${number}`)), where);
          assert.equal(index.has(kind, noise(32, `${number}`)), where !== undefined);
        }
      }
      assert.equal(index.blobCount, expected.size);
    }),
    { numRuns: 100, seed: 7 },
  );
});

Deno.test("further copies of a tree are known, but for those of the same place, and those of data are not", () => {
  const index = new PlacedIndex();
  const [tree, other] = [noise(32, "tree"), noise(32, "other")];
  const places = [0, 1, 2].map((pack) => ({ pack, offset: 40 * pack, length: 40, uncompressedLength: 0 }));
  for (const place of [...places, ...places]) index.add("tree", place, tree);
  for (const place of places) index.add("data", place, other);
  index.add("tree", places[0]!, other);
  assert.deepEqual(index.locate("tree", tree), places[0]);
  assert.deepEqual(index.furtherPlaces("tree", tree), places.slice(1));
  assert.deepEqual(index.furtherPlaces("tree", other), []);
  assert.deepEqual(index.furtherPlaces("data", other), []);
  assert.deepEqual(index.furtherPlaces("tree", noise(32, "unknown")), []);
});

Deno.test("whoever lists trees a million times takes little memory and time", () => {
  const index = new PlacedIndex();
  const ids = noise(32 * 30_000, "trees");
  for (let copy = 0; copy < 33; copy++) {
    const place = { pack: 0, offset: 100 * copy, length: 40, uncompressedLength: 0 };
    for (let at = 0; at < ids.length; at += 32) index.add("tree", place, ids, at);
  }
  let further = 0;
  for (let at = 0; at < ids.length; at += 32) {
    const places = index.furtherPlaces("tree", ids, at);
    assert.ok(places.length <= 3);
    further += places.length;
  }
  assert.equal(further, 65_536);
});

Deno.test("packs are numbered and named", () => {
  const index = new PlacedIndex();
  assert.deepEqual([1, 2, 1, 3].map((n) => index.addPack(noise(32, `pack ${n}`))), [0, 1, 0, 2]);
  assert.equal(index.packId(1), noise(32, "pack 2").toHex());
  assert.equal(index.packCount, 3);
});

const WHERE: BlobPlace = { pack: 1, offset: 2, length: 40, uncompressedLength: 0 };

/** Whether an index is one to read data by, as far as the compiler knows. */
type LocatesData<Index> = Index extends BlobIndex ? true : false;

Deno.test("only an index that knows where data lies is one to read data by", () => {
  const answers: [LocatesData<PlacedIndex>, LocatesData<NamedIndex>] = [true, true];
  const others: [LocatesData<ExistenceIndex>, LocatesData<TreeIndex>, LocatesData<BlobIndex<"tree">>] = [
    false,
    false,
    false,
  ];
  assert.deepEqual([...answers, ...others], [true, true, false, false, false]);
});

Deno.test("an index of existence knows all data blobs, and the places of trees and of the data blobs that were named", () => {
  const [named, lost, other] = ["named", "lost", "other"].map((name) => noise(32, name)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const index = new ExistenceIndex(new NamedIndex([named, lost]));
  for (const id of [named, other]) assert.equal(index.add("data", WHERE, id), true);
  assert.equal(index.add("tree", WHERE, noise(32, "tree")), true);
  assert.deepEqual([named, lost, other].map((id) => index.has("data", id)), [true, false, true]);
  assert.deepEqual(index.named.locate("tree", noise(32, "tree")), WHERE);
  assert.deepEqual([named, lost].map((id) => index.named.locate("data", id)), [WHERE, undefined]);
  assert.throws(() => index.named.locate("data", other), /none of those whose places were asked for/);
  assert.equal(index.named.treeCount, 1);
});

Deno.test("what an index of existence is told to be stored is known, and known to lie nowhere yet", () => {
  const index = new ExistenceIndex();
  index.add("tree", WHERE, noise(32, "old"));
  for (const type of ["data", "tree"] as const) {
    assert.deepEqual([1, 2].map(() => index.note(type, noise(32, "new"))), [true, false]);
    assert.equal(index.has(type, noise(32, "new")), true);
  }
  assert.equal(index.note("tree", noise(32, "old")), false);
  assert.equal(index.named.locate("tree", noise(32, "new")), undefined);
  assert.equal(index.dataBlobs.size, 1);
});

Deno.test("a set of blobs knows its own and those of the index that it is laid upon, which it leaves alone", () => {
  const index = new PlacedIndex();
  index.add("data", WHERE, noise(32, "old"));
  const set = new BlobSet(index);
  assert.deepEqual(["old", "new", "new"].map((name) => set.note("data", noise(32, name))), [false, true, false]);
  assert.deepEqual(["old", "new", "none"].map((name) => set.has("data", noise(32, name))), [true, true, false]);
  assert.equal(set.has("tree", noise(32, "new")), false);
  assert.deepEqual([index.has("data", noise(32, "new")), index.blobCount], [false, 1]);
});

Deno.test("an index of a few data blobs knows those with their places and all trees, and says so of all others", () => {
  const named = [1, 2, 4].map((n) => noise(32, `data ${n}`));
  const index = new NamedIndex(named);
  const added = ["data 1", "data 3", "data 1"].map((name) => index.add("data", WHERE, noise(32, name)));
  assert.deepEqual(added, [true, false, false]);
  index.add("tree", WHERE, noise(32, "tree"));
  assert.deepEqual(named.map((id) => index.has("data", id)), [true, false, false]);
  assert.deepEqual(named.map((id) => index.locate("data", id)), [WHERE, undefined, undefined]);
  assert.deepEqual(index.locate("tree", noise(32, "tree")), WHERE);
  for (const look of ["has", "locate"] as const) {
    assert.throws(() => index[look]("data", noise(32, "data 3")), /none of those whose places were asked for/);
  }
});

Deno.test("a million blobs with their places take at most 52 bytes each, measured in a process of its own", async () => {
  const program = new URL("./blob_index_memory.ts", import.meta.url).pathname;
  const output = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--quiet",
      "--config",
      new URL("../../../deno.json", import.meta.url).pathname,
      program,
    ],
  }).output();
  const bytesPerBlob = Number(new TextDecoder().decode(output.stdout));
  assert.ok(bytesPerBlob > 36 && bytesPerBlob <= 52, `${bytesPerBlob} bytes a blob`);
});
