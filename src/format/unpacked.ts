/**
 * The plaintext of index, snapshot and lock files (restic design document, section Unpacked Data Format): JSON, which
 * in version 2 is usually compressed and then marked by its first byte. The caller passes in the compression.
 */
import type { RepositoryVersion } from "./config.ts";
import { damaged } from "./damage.ts";

/** First byte of a plaintext that continues with a zstd frame. */
const COMPRESSED = 0x02;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;

/** The plaintext to seal for a JSON text. Version 1 has no compression: there it is `json` itself, not a copy. */
export function wrapUnpacked(
  json: Uint8Array<ArrayBuffer>,
  version: RepositoryVersion,
  compress: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (version === 1) return json;
  const frame = compress(json);
  const plaintext = new Uint8Array(1 + frame.length);
  plaintext[0] = COMPRESSED;
  plaintext.set(frame, 1);
  return plaintext;
}

/**
 * The JSON text of an opened file; without compression, that is `plaintext` itself. Throws an `IntegrityError` that
 * names `what` if the first byte is any other, the plaintext is empty, or `decompress` throws.
 */
export function unwrapUnpacked(
  plaintext: Uint8Array<ArrayBuffer>,
  what: string,
  decompress: (frame: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  switch (plaintext[0]) {
    case OPEN_OBJECT:
    case OPEN_ARRAY:
      return plaintext;
    case COMPRESSED:
      return decompressOrFail(plaintext.subarray(1), what, decompress);
    case undefined:
      throw damaged(what, "empty");
    default:
      throw damaged(what, `unknown encoding ${plaintext[0]}`);
  }
}

function decompressOrFail(
  frame: Uint8Array<ArrayBuffer>,
  what: string,
  decompress: (frame: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  try {
    return decompress(frame);
  } catch (error) {
    throw damaged(what, "cannot be decompressed", error);
  }
}
