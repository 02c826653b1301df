/**
 * Reads packs: any range, single blobs, the header, or the whole to verify it. Streams are read in batches
 * (backup/content/read_stream.ts), by the ranges that `pack_ranges.ts` plans.
 */
import { createHash } from "node:crypto";
import { concatBytes, freeBuffer } from "../../base/bytes.ts";
import { IntegrityError, NotFoundError, ShortFileError } from "../../base/errors.ts";
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { decompress } from "../../codec/compression.ts";
import type { BlobType, PackedBlob } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/bounds.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_BYTES } from "../../format/pack_header.ts";
import type { GetOptions, StoreReader } from "../../store/store.ts";
import { type BlobIndex, withRenewal } from "../index/blob_index.ts";
import type { BlobPlace } from "../index/place_list.ts";
import type { IndexedRepository, Repository } from "../repository.ts";
import type { PackRange } from "./pack_ranges.ts";

/**
 * Reads a range of a pack that an index names. If the pack is missing or too short, the repository is damaged: throws
 * `IntegrityError` naming `what`. Other errors pass through, since a store that cannot be reached says nothing about
 * its content.
 */
export async function readRange(
  store: StoreReader,
  { pack, offset, length }: PackRange,
  what: string,
  options: GetOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await store.get({ kind: "pack", name: pack }, { offset, length }, options);
  } catch (error) {
    if (error instanceof NotFoundError) throw new IntegrityError(`Missing ${what}: the pack is gone`, { cause: error });
    if (!(error instanceof ShortFileError)) throw error;
    throw new IntegrityError(`Damaged ${what}: ${error.message}`, { cause: error });
  }
}

/**
 * Where the blob is whose id is in `id` at `offset`. Throws `IntegrityError` if no index lists it, or if its
 * description is impossible for a blob. `mostBytes` limits its plaintext; by default the limit is that of its type.
 */
export function placeOf<Type extends BlobType>(
  index: BlobIndex<Type>,
  type: Type,
  id: Uint8Array,
  offset: number,
  mostBytes?: number,
): BlobPlace {
  const place = index.locate(type, id, offset);
  if (place === undefined) {
    throw new IntegrityError(`Missing ${nameOf(type, id, offset)}: no index lists it; run "agent check"`);
  }
  const problem = blobSizeProblem({ ...place, type }, mostBytes);
  if (problem === null) return place;
  const pack = index.packId(place.pack);
  throw new IntegrityError(`Damaged index: according to it, ${nameOf(type, id, offset)} in pack ${pack} ${problem}`);
}

function nameOf(type: BlobType, id: Uint8Array, offset: number): string {
  return `${type} blob ${encodeHex(id, offset, ID_BYTES)}`;
}

/**
 * The verified plaintext of the blob whose id is in `id` at `offset`. With `fresh` no cache is asked. If it does not
 * open, it is read once more from the store itself, because a copy in a cache may be damaged; then further copies of a
 * tree are tried, and at last an index on disk is loaded from the store. Throws `IntegrityError` if the blob is not in
 * the index, its pack is gone, or its content does not match its id.
 */
export async function readBlob<Type extends BlobType>(
  repository: IndexedRepository<Type>,
  type: Type,
  id: Uint8Array,
  offset = 0,
  options: Pick<GetOptions, "fresh"> = {},
): Promise<Uint8Array> {
  return await withRenewal(repository.index, () => readListed(repository, type, { id, offset }, options));
}

async function readListed<Type extends BlobType>(
  repository: IndexedRepository<Type>,
  type: Type,
  { id, offset }: Pick<BlobCopy<Type>, "id" | "offset">,
  options: Pick<GetOptions, "fresh">,
): Promise<Uint8Array> {
  const { index } = repository;
  try {
    return await readCopy(repository, { type, id, offset, place: placeOf(index, type, id, offset) }, options);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    for (const place of index.furtherPlaces(type, id, offset)) {
      const bytes = await readCopyIfWhole(repository, { type, id, offset, place }, options);
      if (bytes !== null) return bytes;
    }
    throw error;
  }
}

/** One of the copies of a blob. */
interface BlobCopy<Type extends BlobType> {
  readonly type: Type;
  /** Its id is in `id` at `offset`. */
  readonly id: Uint8Array;
  readonly offset: number;
  readonly place: BlobPlace;
}

/** Null for a copy that is damaged or gone. */
async function readCopyIfWhole<Type extends BlobType>(
  repository: IndexedRepository<Type>,
  copy: BlobCopy<Type>,
  options: Pick<GetOptions, "fresh">,
): Promise<Uint8Array | null> {
  if (blobSizeProblem({ ...copy.place, type: copy.type }) !== null) return null;
  try {
    return await readCopy(repository, copy, options);
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}

async function readCopy<Type extends BlobType>(
  { store, sealer, index }: IndexedRepository<Type>,
  { type, id, offset, place }: BlobCopy<Type>,
  options: Pick<GetOptions, "fresh">,
): Promise<Uint8Array> {
  const pack = index.packId(place.pack);
  const what = `${nameOf(type, id, offset)} in pack ${pack}`;
  const expected = { digest: encodeHex(id, offset, ID_BYTES), uncompressedLength: place.uncompressedLength };
  const range = { pack, offset: place.offset, length: place.length };
  const sealed = await readRange(store, range, what, { ...options, keep: true });
  try {
    return openSealed(sealer, expected, sealed, what);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    return openSealed(sealer, expected, await readRange(store, range, what, { keep: true, fresh: true }), what);
  }
}

/** What a blob's plaintext must be. */
interface ExpectedPlaintext {
  /** SHA-256 of its plaintext, 64 hex digits. */
  readonly digest: string;
  /** The length of its plaintext in bytes if it is compressed, else 0. */
  readonly uncompressedLength: number;
}

/** The verified plaintext of a sealed blob. Throws `IntegrityError` naming `what` if it is not as expected. */
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

/** The header of a pack. */
export interface PackHeader {
  /** In order, without gaps, up to the header itself. */
  readonly blobs: readonly PackedBlob[];
  /** The digest of its plaintext, in hex. */
  readonly sha256: string;
}

/** How much of a pack's end is read at once: enough for the header of a usual pack and its length. */
const TAIL_BYTES = 64 * 1024;

/** The header of a pack of `bytes` bytes. Throws `IntegrityError` if it is damaged or the pack is gone. */
export async function readPackHeader(
  { store, sealer }: Repository,
  pack: { readonly id: PackId; readonly bytes: number },
  signal: AbortSignal,
): Promise<PackHeader> {
  const { id, bytes } = pack;
  const what = `pack ${id}`;
  const read = (offset: number, end: number) =>
    readRange(store, { pack: id, offset, length: end - offset }, what, { signal });
  const tailStart = Math.max(0, bytes - TAIL_BYTES);
  let tail: Uint8Array = await read(tailStart, bytes);
  const wanted = PACK_TRAILER_BYTES + decodePackTrailer(tail.subarray(-PACK_TRAILER_BYTES), bytes, what);
  if (wanted > tail.length) tail = concatBytes([await read(bytes - wanted, tailStart), tail]);
  return openHeader(tail.subarray(-wanted), { packBytes: bytes, sealer, what });
}

/** How much is read at once of a pack that is compared with its name: its writer chose its size, so it may be huge. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Reads a whole pack, in pieces. Throws `IntegrityError` if its content does not match its name. */
export async function compareWithName(
  { store }: Repository,
  pack: { readonly id: PackId; readonly bytes: number },
  signal: AbortSignal,
): Promise<void> {
  const { id, bytes } = pack;
  const sha256 = createHash("sha256");
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) {
    const range = { offset, length: Math.min(PIECE_BYTES, bytes - offset) };
    const piece = await store.get({ kind: "pack", name: id }, range, { signal });
    sha256.update(piece);
    freeBuffer(piece);
  }
  if (sha256.digest("hex") !== id) {
    throw new IntegrityError(`Damaged pack ${id}: its content does not have the SHA-256 it is named by`);
  }
}

/** The header of a pack that is in memory as a whole. Throws `IntegrityError`. */
export function headerOfPack(bytes: Uint8Array, sealer: Sealer, what: string): PackHeader {
  const wanted = PACK_TRAILER_BYTES + decodePackTrailer(bytes.subarray(-PACK_TRAILER_BYTES), bytes.length, what);
  return openHeader(bytes.subarray(bytes.length - wanted), { packBytes: bytes.length, sealer, what });
}

/** `tail` is the sealed header and the trailer. */
function openHeader(
  tail: Uint8Array,
  { packBytes, sealer, what }: { packBytes: number; sealer: Sealer; what: string },
) {
  const plaintext = sealer.open(tail.subarray(0, tail.length - PACK_TRAILER_BYTES), `the header of ${what}`);
  const blobs = decodePackHeader(plaintext, what);
  const last = blobs.at(-1)!;
  if (last.offset + last.length !== packBytes - tail.length) {
    throw new IntegrityError(
      `Damaged ${what}: according to its header, its blobs have ${last.offset + last.length} bytes, not ${
        packBytes - tail.length
      }`,
    );
  }
  return { blobs, sha256: sha256Hex(plaintext) };
}
