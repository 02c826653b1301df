/**
 * The header of a pack (restic design document, section Pack Format). A pack is `sealed blobs, sealed header, length of
 * the sealed header as u32 LE`. The header lists the blobs in order:
 *
 *     [type u8][length u32 LE][id 32]                             37 bytes, type 0 data, 1 tree
 *     [type u8][length u32 LE][plaintext length u32 LE][id 32]    41 bytes, type 2 data, 3 tree (zstd)
 */
import { invariant } from "../base/errors.ts";
import { ID_BYTES } from "../base/id.ts";
import { type BlobType, PACK_OFFSET_LIMIT, type PackedBlob } from "./blob.ts";
import { damaged } from "./damage.ts";
import type { PackBlobs } from "./pack_blobs.ts";

/** Bytes that sealing adds to any plaintext: a nonce before and a tag after it, 16 bytes each. */
export const SEAL_OVERHEAD_BYTES = 32;
/** Bytes of a pack's trailer, which holds the length of the sealed header. */
export const PACK_TRAILER_BYTES = 4;
/** restic reads no sealed header larger than this. */
export const MAX_PACK_HEADER_BYTES = 16 * 2 ** 20;

const PLAIN_ENTRY_BYTES = 1 + 4 + ID_BYTES;
const COMPRESSED_ENTRY_BYTES = PLAIN_ENTRY_BYTES + 4;
const COMPRESSED_BIT = 2;
const TREE_BIT = 1;

/** Bytes of the smallest pack that restic accepts: a header with one entry, its seal, and its length. */
export const MIN_PACK_BYTES = PLAIN_ENTRY_BYTES + SEAL_OVERHEAD_BYTES + PACK_TRAILER_BYTES;

type Entry = Pick<PackedBlob, "type" | "id" | "length" | "uncompressedLength">;

/** Bytes that one blob takes in a header's plaintext. */
export function packEntrySize(blob: Pick<PackedBlob, "uncompressedLength">): number {
  return entryBytes(blob.uncompressedLength);
}

function entryBytes(uncompressedLength: number): number {
  return uncompressedLength > 0 ? COMPRESSED_ENTRY_BYTES : PLAIN_ENTRY_BYTES;
}

/** Bytes of a blob's plaintext. An uncompressed blob is just the sealed plaintext. */
export function plaintextLength(
  { length, uncompressedLength }: Pick<PackedBlob, "length" | "uncompressedLength">,
): number {
  return uncompressedLength || length - SEAL_OVERHEAD_BYTES;
}

/** Bytes of a whole pack file with these blobs. `restic check` requires that the file has exactly this size. */
export function packFileSize(blobs: Iterable<Pick<PackedBlob, "length" | "uncompressedLength">>): number {
  let size = SEAL_OVERHEAD_BYTES + PACK_TRAILER_BYTES;
  for (const blob of blobs) size += blob.length + packEntrySize(blob);
  return size;
}

/**
 * The header's plaintext for a pack with these blobs, in this order and without gaps, so that offsets are implied.
 * Throws `BugError` if there are no blobs, if there are more than a header may list, if the pack exceeds 4 GiB, or if
 * the plaintext of a blob has 4 GiB or more.
 */
export function encodePackHeader(blobs: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const writer = new HeaderWriter(blobs.reduce((sum, blob) => sum + packEntrySize(blob), 0));
  for (const blob of blobs) {
    invariant(blob.id.length === ID_BYTES, "A blob's id has 32 bytes");
    writer.add(blob, blob.id, 0);
  }
  return writer.header;
}

/** What `encodePackHeader` returns, for many blobs. Throws as it does. */
export function headerOfBlobs(blobs: PackBlobs): Uint8Array<ArrayBuffer> {
  const { count, ids } = blobs;
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += entryBytes(blobs.uncompressedLengthOf(i));
  const writer = new HeaderWriter(bytes);
  for (let i = 0; i < count; i++) {
    const [length, uncompressedLength] = [blobs.lengthOf(i), blobs.uncompressedLengthOf(i)];
    writer.add({ type: blobs.typeOf(i), length, uncompressedLength }, ids, i * ID_BYTES);
  }
  return writer.header;
}

class HeaderWriter {
  readonly header: Uint8Array<ArrayBuffer>;
  #position = 0;
  #packBytes = 0;

  constructor(bytes: number) {
    invariant(bytes > 0, "A pack holds at least one blob");
    invariant(bytes + SEAL_OVERHEAD_BYTES <= MAX_PACK_HEADER_BYTES, "A pack header exceeds 16 MiB");
    this.header = new Uint8Array(bytes);
  }

  /** Adds a blob whose id is in `ids` at `at`. */
  add({ type, length, uncompressedLength }: Omit<Entry, "id">, ids: Uint8Array, at: number): void {
    this.#packBytes += length;
    const isPossible = this.#packBytes <= PACK_OFFSET_LIMIT && uncompressedLength < PACK_OFFSET_LIMIT;
    invariant(isPossible, "A pack exceeds 4 GiB");
    const isCompressed = uncompressedLength > 0;
    this.header[this.#position++] = (type === "tree" ? TREE_BIT : 0) | (isCompressed ? COMPRESSED_BIT : 0);
    this.#writeUint32(length);
    if (isCompressed) this.#writeUint32(uncompressedLength);
    for (let i = 0; i < ID_BYTES; i++) this.header[this.#position++] = ids[at + i]!;
  }

  #writeUint32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.header[this.#position++] = value >>> shift;
  }
}

/**
 * The blobs listed in a header's plaintext, with the offsets that follow from their order. Owns: the ids are views of
 * `header`. Throws an `IntegrityError` that names `what`.
 */
export function decodePackHeader(header: Uint8Array, what: string): PackedBlob[] {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const blobs: PackedBlob[] = [];
  let offset = 0;
  for (let position = 0; position < header.length;) {
    const kind = header[position]!;
    if (kind > (TREE_BIT | COMPRESSED_BIT)) throw damaged(what, `unknown type of blob ${kind} in the header`);
    const isCompressed = (kind & COMPRESSED_BIT) !== 0;
    const end = position + (isCompressed ? COMPRESSED_ENTRY_BYTES : PLAIN_ENTRY_BYTES);
    if (end > header.length) throw damaged(what, "the header ends within an entry");
    const type: BlobType = kind & TREE_BIT ? "tree" : "data";
    const length = view.getUint32(position + 1, true);
    const uncompressedLength = isCompressed ? view.getUint32(position + 5, true) : 0;
    if (isCompressed && uncompressedLength === 0) throw damaged(what, "a compressed blob without plaintext");
    if (length < SEAL_OVERHEAD_BYTES) throw damaged(what, "a blob shorter than its seal");
    blobs.push({ type, id: header.subarray(end - ID_BYTES, end), offset, length, uncompressedLength });
    offset += length;
    if (offset > PACK_OFFSET_LIMIT) throw damaged(what, "blobs beyond 4 GiB");
    position = end;
  }
  if (blobs.length === 0) throw damaged(what, "the header lists no blob");
  return blobs;
}

/** The last four bytes of a pack with a sealed header of this length. */
export function encodePackTrailer(sealedHeaderBytes: number): Uint8Array<ArrayBuffer> {
  const trailer = new Uint8Array(PACK_TRAILER_BYTES);
  new DataView(trailer.buffer).setUint32(0, sealedHeaderBytes, true);
  return trailer;
}

/**
 * The length of the sealed header, read from the last four bytes of a pack that has `packBytes` bytes. Throws an
 * `IntegrityError` that names `what` if no header of that length fits into the pack.
 */
export function decodePackTrailer(trailer: Uint8Array, packBytes: number, what: string): number {
  if (packBytes < MIN_PACK_BYTES || trailer.length !== PACK_TRAILER_BYTES) {
    throw damaged(what, `${packBytes} bytes are too few for a pack`);
  }
  const length = new DataView(trailer.buffer, trailer.byteOffset, PACK_TRAILER_BYTES).getUint32(0, true);
  const isPossible = length >= PLAIN_ENTRY_BYTES + SEAL_OVERHEAD_BYTES && length <= MAX_PACK_HEADER_BYTES &&
    length <= packBytes - PACK_TRAILER_BYTES;
  if (!isPossible) throw damaged(what, `a header of ${length} bytes in a pack of ${packBytes}`);
  return length;
}
