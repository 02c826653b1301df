/** A blob's place in a pack, as pack headers and indexes describe it. */

/** What a blob holds: a chunk of a stream, or a tree. */
export type BlobType = "data" | "tree";

/** A blob and its place in a pack. */
export interface PackedBlob {
  readonly type: BlobType;
  /** The 32 bytes of the blob's id. */
  readonly id: Uint8Array;
  /** Position in the pack, in bytes from its beginning. */
  readonly offset: number;
  /** Bytes that the blob takes in the pack, including its seal. */
  readonly length: number;
  /** Bytes of the plaintext if the blob is compressed, else 0. */
  readonly uncompressedLength: number;
}

/** No offset or length in a pack may exceed this. */
export const PACK_OFFSET_LIMIT = 2 ** 32;
