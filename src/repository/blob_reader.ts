/** Reads single blobs: trees, manifests, whatever is small. Streams are read by the batch, see ops/read_stream.ts. */
import { AgentError, IntegrityError, NotFoundError } from "../base/errors.ts";
import { encodeHex } from "../base/hex.ts";
import { sha256 } from "../crypto/digest.ts";
import { decompress } from "../crypto/zstd.ts";
import type { BlobType } from "../format/blob.ts";
import type { BlobIndex } from "./blob_index.ts";
import type { Repository } from "./repository.ts";

/** A repository whose index is loaded: what can find blobs. */
export interface IndexedRepository extends Repository {
  readonly index: BlobIndex;
}

/**
 * The plaintext of the blob whose id stands in `id` at `offset`, verified. Throws `IntegrityError` where the blob is not
 * in the index, its pack is gone, or its content is not what its id says.
 */
export async function readBlob(
  repository: IndexedRepository,
  type: BlobType,
  id: Uint8Array,
  offset = 0,
): Promise<Uint8Array> {
  const digest = encodeHex(id, offset, 32);
  const place = repository.index.locate(type, id, offset);
  if (place === undefined) {
    throw new IntegrityError(`Missing ${type} blob ${digest}: no index lists it; run "agent check"`);
  }
  const pack = repository.index.packId(place.pack);
  const what = `${type} blob ${digest} in pack ${pack}`;
  const sealed = await readSealed(repository, pack, place, what);
  const payload = repository.sealer.open(sealed, what);
  const plaintext = place.uncompressedLength > 0
    ? decompress(payload, place.uncompressedLength, place.uncompressedLength, what)
    : payload;
  if (encodeHex(sha256(plaintext)) !== digest) {
    throw new IntegrityError(`Damaged ${what}: its content does not have the SHA-256 it is named by`);
  }
  return plaintext;
}

async function readSealed(
  { store }: IndexedRepository,
  pack: string,
  { offset, length }: { offset: number; length: number },
  what: string,
): Promise<Uint8Array> {
  try {
    return await store.get({ kind: "pack", name: pack }, { offset, length });
  } catch (error) {
    throw packError(error, what);
  }
}

/** An error of reading a pack that an index names: that it is missing or short is damage, all else stays as it is. */
export function packError(error: unknown, what: string): unknown {
  if (error instanceof NotFoundError) return new IntegrityError(`Missing ${what}: the pack is gone`, { cause: error });
  if (error instanceof AgentError && error.code === "failed") {
    return new IntegrityError(`Damaged ${what}: ${error.message}`, { cause: error });
  }
  return error;
}
