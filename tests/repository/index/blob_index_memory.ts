/** Prints how many bytes of memory a blob takes in an index of a million; run by blob_index_test.ts. */
import { PlacedIndex } from "../../../src/repository/index/blob_index.ts";

const BLOBS = 1_000_000;

/** Shared memory, where ids lie, is not among what the runtime reports, so it is counted as it is set aside. */
let sharedBytes = 0;
/** The slots of the table, which grow past all else. */
let slotBytes = 0;
const SharedBuffer = SharedArrayBuffer;
globalThis.SharedArrayBuffer = class extends SharedBuffer {
  constructor(bytes: number) {
    super(bytes);
    sharedBytes += bytes;
    slotBytes = Math.max(slotBytes, bytes);
  }
} as SharedArrayBufferConstructor;

const index = new PlacedIndex();
const id = new Uint8Array(32);
const words = new Uint32Array(id.buffer);
const before = Deno.memoryUsage();
const sharedBefore = sharedBytes;
for (let i = 0; i < BLOBS; i++) {
  for (let word = 0; word < 8; word++) words[word] = Math.imul(i * 8 + word, 0x9e3779b1) ^ (i >>> word);
  index.add("data", { pack: i >> 10, offset: i, length: 5000, uncompressedLength: 10_000 }, id);
}
const after = Deno.memoryUsage();
if (index.blobCount !== BLOBS) throw new RangeError("Not all ids were distinct");
const unshared = after.external - before.external;
/** Growing doubles the slots; all the earlier ones together are as large as the last ones and are garbage by then. */
const shared = sharedBytes - sharedBefore - outgrownSlotBytes(slotBytes);
Deno.stdout.writeSync(new TextEncoder().encode(String((unshared + shared) / BLOBS)));

function outgrownSlotBytes(slotBytes: number): number {
  return slotBytes - 2 * 4 * (1 << 12);
}
