/** Runs in a thread: opens an index file and decodes what it says of each pack. */
import { freeBuffer } from "../../base/bytes.ts";
import type { IndexId, PackId } from "../../base/id.ts";
import { decompress } from "../../codec/compression.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { type BlobParts, PackBlobs } from "../../format/blob.ts";
import { packsOfIndex } from "../../format/index/index_packs.ts";
import { headerOfBlobs, MAX_PACK_HEADER_BYTES, PACK_TRAILER_BYTES, packFileSize } from "../../format/pack_header.ts";
import { openSealedFile } from "../../format/unpacked.ts";

/** An index file as it was read. */
export interface IndexRequest {
  readonly id: IndexId;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether the digests of the packs' headers are asked for. */
  readonly wantsHeaders: boolean;
}

/** What an index file says of one pack, besides its blobs. */
interface PackDescription {
  readonly id: PackId;
  /** The size that its file must have, in bytes. */
  readonly bytes: number;
  /** SHA-256 that its header's plaintext must have; null if no pack can match the description, or nobody asked. */
  readonly headerSha256: string | null;
}

/** What an index file says of one pack. */
export interface DecodedPack extends PackDescription {
  /** Its blobs by offset. */
  readonly blobs: PackBlobs;
}

/** What an index file says: the packs with the numbers of their blobs, and these blobs, of all packs back to back. */
export interface DecodedIndex extends BlobParts {
  readonly packs: readonly (PackDescription & { readonly blobs: number })[];
}

/** Opens and decodes an index file. Throws `IntegrityError` if it is damaged or malformed. Owns: its bytes are freed. */
export function readIndex({ id, bytes, wantsHeaders }: IndexRequest, sealer: Sealer): DecodedIndex {
  const json = openSealedFile({ kind: "index", id, bytes }, { sha256Hex, sealer, decompress });
  const decoded = decodePacks(json, `index ${id}`, { wantsHeaders });
  freeBuffer(json);
  return decoded;
}

/** Decodes the text of an index file. Throws `IntegrityError` if it is malformed. */
export function decodePacks(
  json: Uint8Array,
  what: string,
  { wantsHeaders }: Pick<IndexRequest, "wantsHeaders">,
): DecodedIndex {
  const described = packsOfIndex(json, what);
  const all = PackBlobs.concat([...described.values()]);
  const packs = Array.from(described, ([id, blobs]) => ({
    id,
    blobs: blobs.count,
    bytes: packFileSize(blobs.lengths()),
    headerSha256: wantsHeaders ? headerDigest(blobs) : null,
  }));
  for (const blobs of described.values()) blobs.free();
  return { packs, ...all.parts };
}

/** The packs of a decoded index file. Owns: the blobs share the memory of `decoded`. */
export function* splitByPack({ packs, ids, numbers }: DecodedIndex): Generator<DecodedPack> {
  const all = PackBlobs.of({ ids, numbers });
  let start = 0;
  for (const pack of packs) {
    const end = start + pack.blobs;
    yield { ...pack, blobs: all.slice(start, end) };
    start = end;
  }
}

/** SHA-256 of the header of a pack that holds exactly these blobs; null if no pack can. */
export function headerDigest(blobs: PackBlobs): string | null {
  let end = 0;
  for (let i = 0; i < blobs.count; i++) {
    if (blobs.offsetOf(i) !== end) return null;
    end += blobs.lengthOf(i);
  }
  const headerBytes = packFileSize(blobs.lengths()) - end - PACK_TRAILER_BYTES;
  return headerBytes > MAX_PACK_HEADER_BYTES ? null : sha256Hex(headerOfBlobs(blobs));
}
