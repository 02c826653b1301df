/** Reads single blobs: trees, manifests, whatever is small. Streams are read by the batch, see backup/read_stream.ts. */
import { IntegrityError, NotFoundError, ShortFileError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import type { PackId } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { decompress } from "../../codec/compression.ts";
import type { BlobType } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/limits.ts";
import type { GetOptions } from "../../store/store.ts";
import type { BlobPlace } from "../index/blob_index.ts";
import type { IndexedRepository, Repository } from "../repository.ts";

/**
 * The plaintext of the blob whose id stands in `id` at `offset`, verified. What does not open is read once more from the
 * store itself: a copy of it in a cache may be damaged. Throws `IntegrityError` where the blob is not in the index, its
 * pack is gone, or its content is not what its id says.
 */
export async function readBlob<Type extends BlobType>(
  repository: IndexedRepository<Type>,
  type: Type,
  id: Uint8Array,
  offset = 0,
): Promise<Uint8Array> {
  const digest = encodeHex(id, offset, 32);
  const place = repository.index.locate(type, id, offset);
  if (place === undefined) {
    throw new IntegrityError(`Missing ${type} blob ${digest}: no index lists it; run "agent check"`);
  }
  const pack = repository.index.packId(place.pack);
  const problem = blobSizeProblem(place);
  if (problem !== null) {
    throw new IntegrityError(`Damaged index: by it, ${type} blob ${digest} in pack ${pack} ${problem}`);
  }
  const blob = { place, pack, digest, what: `${type} blob ${digest} in pack ${pack}` };
  const sealed = await readSealed(repository, blob, { keep: true });
  try {
    return openBlob(repository, blob, sealed);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    return openBlob(repository, blob, await readSealed(repository, blob, { keep: true, fresh: true }));
  }
}

/** A blob that an index lists. */
interface LocatedBlob {
  readonly place: BlobPlace;
  readonly pack: PackId;
  readonly digest: string;
  readonly what: string;
}

async function readSealed(
  { store }: Repository,
  { place, pack, what }: LocatedBlob,
  options: GetOptions,
): Promise<Uint8Array> {
  const { offset, length } = place;
  try {
    return await store.get({ kind: "pack", name: pack }, { offset, length }, options);
  } catch (error) {
    throw packError(error, what);
  }
}

function openBlob({ sealer }: Repository, { place, digest, what }: LocatedBlob, sealed: Uint8Array): Uint8Array {
  return openSealed(sealer, { digest, uncompressedLength: place.uncompressedLength }, sealed, what);
}

/** What a sealed blob is compared with. */
export interface ExpectedPlaintext {
  /** SHA-256 of its plaintext, 64 hex digits. */
  readonly digest: string;
  /** Bytes of its plaintext where it is compressed, else 0. */
  readonly uncompressedLength: number;
}

/** The plaintext of a sealed blob, verified. Throws `IntegrityError` naming `what` where it is not what is expected. */
export function openSealed(
  sealer: Sealer,
  { digest, uncompressedLength }: ExpectedPlaintext,
  sealed: Uint8Array,
  what: string,
): Uint8Array {
  const payload = sealer.open(sealed, what);
  const plaintext = uncompressedLength > 0
    ? decompress(payload, uncompressedLength, uncompressedLength, what)
    : payload;
  if (sha256Hex(plaintext) !== digest) {
    throw new IntegrityError(`Damaged ${what}: its content does not have the SHA-256 it is named by`);
  }
  return plaintext;
}

/**
 * An error of reading a pack that an index names: that it is missing or short is damage. All else stays as it is: a store
 * that cannot be reached says nothing about what lies in it.
 */
export function packError(error: unknown, what: string): unknown {
  if (error instanceof NotFoundError) return new IntegrityError(`Missing ${what}: the pack is gone`, { cause: error });
  if (error instanceof ShortFileError) {
    return new IntegrityError(`Damaged ${what}: ${error.message}`, { cause: error });
  }
  return error;
}
