/** A blob's place in a pack, as pack headers and indexes describe it. */

/** What a blob holds: a chunk of a stream or a tree. */
export type BlobType = "data" | "tree";

/** Where a blob lies in its pack. */
export interface PackedBlob {
  readonly type: BlobType;
  /** The 32 bytes of the blob's id. */
  readonly id: Uint8Array;
  /** Bytes from the beginning of the pack. */
  readonly offset: number;
  /** Bytes in the pack, sealing included. */
  readonly length: number;
  /** Bytes of the plaintext where the blob is compressed, 0 where it is not. */
  readonly uncompressedLength: number;
}

/** What every offset and length in a pack stays below. */
export const PACK_OFFSET_LIMIT = 2 ** 32;
