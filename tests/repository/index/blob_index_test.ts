/** The index in memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BlobIndex, type BlobPlace } from "../../../src/repository/index/blob_index.ts";
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
      const index = new BlobIndex({ dataPlaces: true });
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

Deno.test("packs are numbered and named", () => {
  const index = new BlobIndex({ dataPlaces: true });
  assert.deepEqual([1, 2, 1, 3].map((n) => index.addPack(noise(32, `pack ${n}`))), [0, 1, 0, 2]);
  assert.equal(index.packId(1), noise(32, "pack 2").toHex());
  assert.equal(index.packCount, 3);
});

Deno.test("without places of data blobs only trees can be located", () => {
  const index = new BlobIndex({ dataPlaces: false });
  const where = { pack: 1, offset: 2, length: 40, uncompressedLength: 0 };
  for (const kind of ["data", "tree"] as const) index.add(kind, where, noise(32, kind));
  assert.equal(index.has("data", noise(32, "data")), true);
  assert.equal(index.locate("data", noise(32, "data")), undefined);
  assert.deepEqual(index.locate("tree", noise(32, "tree")), where);
});

Deno.test("an index of a few data blobs knows those with their places, all trees, and nothing else", () => {
  const named = [1, 2].map((n) => noise(32, `data ${n}`));
  const index = new BlobIndex({ dataPlaces: false, placesOf: named, onlyThose: true });
  const where = { pack: 1, offset: 2, length: 40, uncompressedLength: 0 };
  const added = ["data 1", "data 3", "data 1"].map((name) => index.add("data", where, noise(32, name)));
  assert.deepEqual(added, [true, false, false]);
  index.add("tree", where, noise(32, "tree"));
  assert.deepEqual([1, 2, 3].map((n) => index.has("data", noise(32, `data ${n}`))), [true, false, false]);
  assert.deepEqual(index.locate("data", named[0]!), where);
  assert.deepEqual(index.locate("tree", noise(32, "tree")), where);
  assert.equal(index.blobCount, 2);
});

Deno.test("a million blobs with their places take at most 64 bytes each, measured in a process of its own", async () => {
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
  assert.ok(bytesPerBlob > 48 && bytesPerBlob <= 64, `${bytesPerBlob} bytes a blob`);
});
