/** Batches of chunks of zeros: only of ids that were learned and are known. */
import assert from "node:assert/strict";
import { IdTable } from "../../src/base/id_table.ts";
import type { SealedBatch } from "../../src/pipeline/calls.ts";
import { ZeroIds } from "../../src/pipeline/zero_ids.ts";
import { noise } from "../helpers/world.ts";

const lengths = (...list: number[]) => Uint32Array.from(list);
const none = new Uint8Array(0);

/** A batch as it comes from a thread, with the ids that `noise` names. */
function sealedBatch(...list: number[]): SealedBatch {
  const ids = new Uint8Array(32 * list.length);
  list.forEach((length, i) => ids.set(noise(32, `${length}`), 32 * i));
  const zeros = new Uint32Array(list.length);
  const compressed = new Uint8Array(list.length);
  return { ids, md5s: none, lengths: lengths(...list), sealedLengths: zeros, compressed, sealed: none };
}

Deno.test("a batch needs every id to be learned and known", () => {
  const zeroIds = new ZeroIds();
  const known = new IdTable();
  assert.equal(zeroIds.batchOf(lengths(100), { dataBlobs: known }), undefined);
  zeroIds.learn(sealedBatch(100, 200));
  assert.equal(zeroIds.batchOf(lengths(100), { dataBlobs: known }), undefined, "it may not be stored yet");
  known.add(noise(32, "100"));
  assert.deepEqual(zeroIds.batchOf(lengths(100, 100), { dataBlobs: known }), sealedBatch(100, 100));
  assert.equal(zeroIds.batchOf(lengths(100, 200), { dataBlobs: known }), undefined);
  known.add(noise(32, "200"));
  assert.deepEqual(zeroIds.batchOf(lengths(200, 100), { dataBlobs: known }), sealedBatch(200, 100));
  assert.equal(zeroIds.batchOf(lengths(300), { dataBlobs: known }), undefined);
});

Deno.test("lengths without end are not learned", () => {
  const zeroIds = new ZeroIds();
  const known = new IdTable();
  for (let length = 1; length <= 1000; length++) {
    zeroIds.learn(sealedBatch(length));
    known.add(noise(32, `${length}`));
  }
  const learned = Array.from({ length: 1000 }, (_, i) => zeroIds.batchOf(lengths(i + 1), { dataBlobs: known })).filter(
    Boolean,
  );
  assert.equal(learned.length, 64);
});
