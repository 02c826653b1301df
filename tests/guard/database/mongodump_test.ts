/** mongodump archives: the list of collections, blocks, and the checksum that closes each collection. */
import { strict as assert } from "node:assert";
import { bytesOf, concat, judge, littleEndianBytes, noise } from "../judging.ts";
import { bson, MONGODUMP, MONGODUMP_END, mongodumpBlock, mongodumpClosing, mongodumpPrelude } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["mongodump", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

const DOCUMENTS = [bson({ _id: 1 }), bson({ _id: 2 })];
const PRELUDE = mongodumpPrelude({ "shop.orders": "" });

Deno.test("mongodump: every collection of the list has to be closed", async () => {
  await expect(MONGODUMP, true, /holds its 4 collections, each with the right checksum/);
  await expect(PRELUDE, false, /1 of its 1 collections are not closed, among them "shop\.orders"/);
  const block = mongodumpBlock("shop.orders", ...DOCUMENTS);
  await expect(concat(PRELUDE, block), false, /are not closed/);
  await expect(concat(PRELUDE, block, mongodumpClosing("shop.orders", ...DOCUMENTS)), true, /its one collection/);
});

Deno.test("mongodump: so has one that the list does not name", async () => {
  const listed = concat(PRELUDE, mongodumpClosing("shop.orders"));
  await expect(concat(listed, mongodumpBlock("shop.more", ...DOCUMENTS)), false, /1 of its 2 .*"shop\.more"/);
  await expect(concat(listed, mongodumpClosing("shop.more")), true, /its 2 collections/);
});

Deno.test("mongodump: a document that is missing, changed or of another collection is found", async () => {
  const closing = mongodumpClosing("shop.orders", ...DOCUMENTS);
  for (const documents of [[DOCUMENTS[0]!], [DOCUMENTS[1]!, DOCUMENTS[0]!], []]) {
    await expect(concat(PRELUDE, mongodumpBlock("shop.orders", ...documents), closing), false, /wrong checksum/);
  }
});

Deno.test("mongodump: a time series lies in its buckets, or under its own name since server 8.3", async () => {
  const prelude = mongodumpPrelude({ "shop.visits": "timeseries" });
  for (const name of ["shop.system.buckets.visits", "shop.visits"]) {
    const stream = concat(prelude, mongodumpBlock(name, ...DOCUMENTS), mongodumpClosing(name, ...DOCUMENTS));
    await expect(stream, true, /its one collection/);
  }
  const other = mongodumpClosing("shop.system.buckets.orders");
  await expect(concat(PRELUDE, other), false, /1 of its 2 .*"shop\.orders"/);
});

Deno.test("mongodump: a collection is closed once, and a block that closes one holds nothing", async () => {
  const closed = concat(PRELUDE, mongodumpClosing("shop.orders"));
  await expect(concat(closed, mongodumpBlock("shop.orders")), false, /a collection that was closed/);
  await expect(concat(closed.subarray(0, -4), DOCUMENTS[0]!, MONGODUMP_END), false, /closes a collection and goes on/);
});

Deno.test("mongodump: an archive of nothing is not whole", async () => {
  await expect(mongodumpPrelude({}), false, /holds no collection/);
  await expect(concat(bytesOf("\x6d\xe2\x99\x81"), MONGODUMP_END), false, /its prelude is empty/);
});

Deno.test("mongodump: what is no document is refused before memory is spent on it", async () => {
  const start = concat(PRELUDE, mongodumpBlock("shop.orders").subarray(0, -4));
  for (const length of [0, 4, 2 ** 25, 2 ** 31]) {
    const bytes = concat(start, littleEndianBytes(length, 4), noise(100));
    await expect(bytes, false, new RegExp(`at byte ${start.length} is neither a document nor the end of a block`));
    await expect(concat(PRELUDE.subarray(0, -4), littleEndianBytes(length, 4)), false, /neither a document/);
  }
  await expect(
    concat(start, littleEndianBytes(9, 4), bytesOf("abcde")),
    false,
    /document that ends at byte \d+ is malformed/,
  );
  await expect(concat(PRELUDE, MONGODUMP_END), false, /no block begins at byte/);
  await expect(concat(PRELUDE, DOCUMENTS[0]!, MONGODUMP_END), false, /no block begins at byte/);
  await expect(concat(PRELUDE, littleEndianBytes(5000, 4)), false, /neither a document/);
});
