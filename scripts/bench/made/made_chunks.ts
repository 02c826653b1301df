/** Chunks for generated repositories: random, sealed and stored without a stream. */
import { ID_BYTES } from "../../../src/base/id.ts";
import { sha256 } from "../../../src/crypto/digest.ts";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { SEAL_OVERHEAD_BYTES, type Sealer } from "../../../src/crypto/seal.ts";
import type { PackWriter } from "../../../src/repository/pack/pack_writer.ts";

/** How many chunks a backup adds, and how long they are. */
export interface ChunkShape {
  /** Chunks that each backup adds. */
  readonly chunksEach: number;
  /** A multiple of 16. */
  readonly chunkBytes: number;
}

/** Adds the random chunks of one backup. Returns their ids, 32 bytes each. */
export async function addChunks(sealer: Sealer, writer: PackWriter, { chunksEach, chunkBytes }: ChunkShape) {
  const ids = new Uint8Array(chunksEach * ID_BYTES);
  const region = systemRandomBytes(chunksEach * chunkBytes);
  const pieces = Array.from({ length: chunksEach }, (_, i) => ({ offset: i * chunkBytes, length: chunkBytes }));
  pieces.forEach(({ offset, length }, i) => ids.set(sha256(region.subarray(offset, offset + length)), i * ID_BYTES));
  const sealed = sealer.sealBatch(region, pieces).bytes;
  const sealedBytes = chunkBytes + SEAL_OVERHEAD_BYTES;
  for (let i = 0; i < chunksEach; i++) {
    const id = ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
    await writer.addData({
      id,
      sealed: sealed.subarray(i * sealedBytes, (i + 1) * sealedBytes),
      uncompressedLength: 0,
    });
  }
  return ids;
}
