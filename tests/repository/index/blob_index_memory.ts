/** Prints how many bytes of memory a blob takes in an index of a million; run by blob_index_test.ts. */
import { PlacedIndex } from "../../../src/repository/index/blob_index.ts";

const BLOBS = 1_000_000;
const index = new PlacedIndex();
const id = new Uint8Array(32);
const words = new Uint32Array(id.buffer);
const before = Deno.memoryUsage();
for (let i = 0; i < BLOBS; i++) {
  for (let word = 0; word < 8; word++) words[word] = Math.imul(i * 8 + word, 0x9e3779b1) ^ (i >>> word);
  index.add("data", { pack: i >> 10, offset: i, length: 5000, uncompressedLength: 10_000 }, id);
}
const bytes = Deno.memoryUsage().external - before.external;
if (index.blobCount !== BLOBS) throw new RangeError("Not all ids were distinct");
Deno.stdout.writeSync(new TextEncoder().encode(String(bytes / BLOBS)));
