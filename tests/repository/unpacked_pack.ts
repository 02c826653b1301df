/** Takes packs apart by their headers alone, as a reader without an index would. */
import type { Sealer } from "../../src/crypto/seal.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import { decodePackHeader, decodePackTrailer, PACK_TRAILER_BYTES } from "../../src/format/pack_header.ts";

/** A blob of a pack with its sealed bytes. */
interface UnpackedBlob extends PackedBlob {
  readonly sealed: Uint8Array;
}

/** The blobs of a pack, in their order. */
export function unpacked(sealer: Sealer, pack: Uint8Array): UnpackedBlob[] {
  const trailerAt = pack.length - PACK_TRAILER_BYTES;
  const headerBytes = decodePackTrailer(pack.subarray(trailerAt), pack.length, "pack");
  const header = sealer.open(pack.subarray(trailerAt - headerBytes, trailerAt), "header");
  return decodePackHeader(header, "header").map((blob) => ({
    ...blob,
    sealed: pack.slice(blob.offset, blob.offset + blob.length),
  }));
}
