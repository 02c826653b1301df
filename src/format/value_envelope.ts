/**
 * The envelope of a value that has a password of its own: how it was encrypted, the ciphertext, and a checksum that
 * tells damage from a wrong password (docs/format.md). Numbers are big-endian.
 *
 *     offset  bytes
 *     0       8      AGENTKV1
 *     8       1      flags: 1 JSON text, 2 compressed with zstd before the encryption
 *     9       1      Argon2id: lanes
 *     10      2      Argon2id: passes
 *     12      4      Argon2id: memory in KiB
 *     16      16     salt
 *     32      12     nonce
 *     44      16     check of the password
 *     60      4      length of the content before the compression
 *     64      …      ciphertext of AES-256-GCM with its tag
 *     end-4   4      CRC-32 of all before
 */
import { updateCrc32 } from "../codec/deflate.ts";
import { damaged } from "./damage.ts";

/** What stands before the ciphertext. */
export interface ValueEnvelopeHeader {
  /** Whether the content is JSON text. */
  readonly isJson: boolean;
  /** Whether the content was compressed before it was encrypted. */
  readonly isCompressed: boolean;
  /** The cost of Argon2id: memory in KiB, passes and lanes. */
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  /** 16 bytes. */
  readonly salt: Uint8Array<ArrayBuffer>;
  /** 12 bytes. */
  readonly nonce: Uint8Array<ArrayBuffer>;
  /** 16 bytes that follow from the password, as the key does. */
  readonly check: Uint8Array<ArrayBuffer>;
  /** Bytes of the content before the compression. */
  readonly contentBytes: number;
}

/** An envelope in its parts. */
interface ValueEnvelope {
  readonly header: ValueEnvelopeHeader;
  /** The header as bytes, which the ciphertext is bound to. */
  readonly headerBytes: Uint8Array<ArrayBuffer>;
  /** With the tag behind it. */
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

const MAGIC = new TextEncoder().encode("AGENTKV1");
const HEADER_BYTES = 64;
const CHECKSUM_BYTES = 4;
const TAG_BYTES = 16;
const [SALT_AT, NONCE_AT, CHECK_AT, LENGTH_AT] = [16, 32, 44, 60];
const IS_JSON = 1;
const IS_COMPRESSED = 2;

/** Bytes of the check of a password. */
export const VALUE_CHECK_BYTES = 16;

/** The header as bytes. */
export function encodeEnvelopeHeader(header: ValueEnvelopeHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes[8] = (header.isJson ? IS_JSON : 0) | (header.isCompressed ? IS_COMPRESSED : 0);
  bytes[9] = header.lanes;
  view.setUint16(10, header.passes);
  view.setUint32(12, header.memoryKib);
  bytes.set(header.salt, SALT_AT);
  bytes.set(header.nonce, NONCE_AT);
  bytes.set(header.check, CHECK_AT);
  view.setUint32(LENGTH_AT, header.contentBytes);
  return bytes;
}

/** The envelope of a header, as `encodeEnvelopeHeader` gives it, and a ciphertext. */
export function joinEnvelope(headerBytes: Uint8Array, ciphertext: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + ciphertext.length + CHECKSUM_BYTES);
  bytes.set(headerBytes);
  bytes.set(ciphertext, HEADER_BYTES);
  const checkedBytes = bytes.length - CHECKSUM_BYTES;
  new DataView(bytes.buffer).setUint32(checkedBytes, updateCrc32(bytes.subarray(0, checkedBytes)));
  return bytes;
}

/** Takes an envelope apart. Throws an `IntegrityError` that names `what` for bytes that are none, or are damaged. */
export function decodeEnvelope(bytes: Uint8Array<ArrayBuffer>, what: string): ValueEnvelope {
  if (bytes.length < HEADER_BYTES + TAG_BYTES + CHECKSUM_BYTES) throw damaged(what, "cut off");
  if (!MAGIC.every((byte, i) => byte === bytes[i])) throw damaged(what, "it does not begin with AGENTKV1");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const checkedBytes = bytes.length - CHECKSUM_BYTES;
  if (view.getUint32(checkedBytes) !== updateCrc32(bytes.subarray(0, checkedBytes))) {
    throw damaged(what, "its checksum does not match");
  }
  const flags = bytes[8]!;
  if ((flags & ~(IS_JSON | IS_COMPRESSED)) !== 0) {
    throw damaged(what, "unknown flags; perhaps a newer version wrote it");
  }
  const header = {
    isJson: (flags & IS_JSON) !== 0,
    isCompressed: (flags & IS_COMPRESSED) !== 0,
    lanes: bytes[9]!,
    passes: view.getUint16(10),
    memoryKib: view.getUint32(12),
    salt: bytes.slice(SALT_AT, NONCE_AT),
    nonce: bytes.slice(NONCE_AT, CHECK_AT),
    check: bytes.slice(CHECK_AT, LENGTH_AT),
    contentBytes: view.getUint32(LENGTH_AT),
  };
  return {
    header,
    headerBytes: bytes.slice(0, HEADER_BYTES),
    ciphertext: bytes.subarray(HEADER_BYTES, checkedBytes),
  };
}
