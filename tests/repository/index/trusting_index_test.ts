/** An index that trusts a list of chunks counts exactly those that were used and are lost. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IdTable } from "../../../src/base/id_table.ts";
import { BlobSet, NamedIndex } from "../../../src/repository/index/blob_index.ts";
import { TrustingIndex } from "../../../src/repository/index/trusting_index.ts";
import { concat, noise } from "../../helpers/world.ts";

const IDS = Array.from({ length: 40 }, (_, number) => noise(32, `chunk ${number}`));
const numbers = fc.uniqueArray(fc.nat(IDS.length - 1));

function indexTrusting(trusted: readonly number[]): TrustingIndex {
  const table = new IdTable();
  for (const number of trusted) table.add(IDS[number]!);
  return new TrustingIndex(new NamedIndex([]), table);
}

Deno.test("a chunk is lost if it is trusted, used, and not in the complete index", () => {
  const all = fc.array(fc.nat(IDS.length - 1));
  return fc.assert(fc.asyncProperty(numbers, all, numbers, async (trusted, used, complete) => {
    const index = indexTrusting(trusted);
    const all = new BlobSet();
    for (const number of complete) all.note("data", IDS[number]!);
    for (const number of used) {
      // Whoever stores streams notes a chunk that is not known.
      if (!index.has("data", IDS[number]!)) assert.ok(index.note("data", IDS[number]!));
    }
    index.use(concat(used.map((number) => IDS[number]!)));
    const lost = new Set(trusted).intersection(new Set(used)).difference(new Set(complete));
    const lists = (id: Uint8Array) => all.has("data", id);
    assert.equal(await index.countLost({ lists }, () => Promise.resolve()), lost.size);
  }));
});

Deno.test("what is trusted counts as known, and is not stored", () => {
  const index = indexTrusting([1, 2]);
  assert.ok(index.has("data", IDS[1]!));
  assert.ok(!index.note("data", IDS[2]!));
  assert.ok(!index.has("data", IDS[3]!));
});
