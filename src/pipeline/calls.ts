/** What the threads of the pipeline are asked, and what they answer. Everything here travels by `postMessage`. */
import { ID_BYTES } from "../base/id.ts";
import type { IdTableView } from "../base/id_table.ts";
import type { CompressionLevel } from "../codec/compression.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { GuardChoice, Verdict } from "../guard/guard.ts";
import type { RunVerdict, VerifyRequest } from "./pack_verification.ts";

/** Chunks of one segment, to be named, looked up and, where they are new, sealed. */
export interface SealRequest {
  /** What the segments before left of the first chunk; may be empty. */
  readonly carry: Uint8Array<ArrayBuffer>;
  readonly segment: SharedArrayBuffer;
  /** Where each chunk ends in the segment, ascending; the first one begins with `carry`, the next where it ends. */
  readonly cuts: Uint32Array<ArrayBuffer>;
}

/** The chunks of a request in their order. */
export interface SealedBatch {
  /** 32 bytes a chunk: the SHA-256 of its plaintext. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** Bytes of plaintext of each chunk. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** Bytes each chunk takes in `sealed`, in the same order; 0 where it was known and is not there. */
  readonly sealedLengths: Uint32Array<ArrayBuffer>;
  /** 1 where the chunk was compressed. */
  readonly compressed: Uint8Array<ArrayBuffer>;
  /** The sealed blobs back to back. */
  readonly sealed: Uint8Array<ArrayBuffer>;
}

/** Where one blob lies in the parts of an `OpenRequest`, and where its plaintext goes; numbers a blob in `table`. */
export const OPEN_FIELDS = { part: 0, offset: 1, length: 2, uncompressedLength: 3, target: 4, count: 5 } as const;

/** A blob to be opened: its id of 32 bytes, and its numbers in `table`. */
type BlobToOpen = { readonly id: Uint8Array } & { readonly [Field in OpenField]: number };

/** A number of a blob in `table`. */
export type OpenField = Exclude<keyof typeof OPEN_FIELDS, "count">;

/** These blobs as an `OpenRequest` has them. */
export function openTable(blobs: readonly BlobToOpen[]): Pick<OpenRequest, "ids" | "table"> {
  const ids = new Uint8Array(blobs.length * ID_BYTES);
  const table = new Uint32Array(blobs.length * OPEN_FIELDS.count);
  blobs.forEach(({ id, part, offset, length, uncompressedLength, target }, i) => {
    ids.set(id, i * ID_BYTES);
    table.set([part, offset, length, uncompressedLength, target], i * OPEN_FIELDS.count);
  });
  return { ids, table };
}

/** Blobs to be opened, decompressed, verified, and written to their places in a segment. */
export interface OpenRequest {
  /** Pieces of packs as they were read. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** Names each part's pack, for messages. */
  readonly packs: readonly string[];
  /** 32 bytes a blob. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** `OPEN_FIELDS.count` numbers a blob. `uncompressedLength` 0: not compressed. */
  readonly table: Uint32Array<ArrayBuffer>;
  readonly segment: SharedArrayBuffer;
}

/** Digests of a whole stream, in lower-case hex, and what its guard says. */
export interface StreamSummary {
  /** Bytes. */
  readonly size: number;
  /** Of the whole stream. */
  readonly md5: string;
  /** Of the whole stream. */
  readonly sha256: string;
  /** What its guard says. */
  readonly verdict: Verdict;
}

/** Calls of a thread that seals and opens blobs. */
export type BlobCalls = {
  configure: { request: { keys: SealingKeys; compression: CompressionLevel }; response: null };
  known: { request: IdTableView; response: null };
  seal: { request: SealRequest; response: SealedBatch };
  open: { request: OpenRequest; response: null };
  verify: { request: VerifyRequest; response: RunVerdict };
};

/** Calls of a thread that digests streams, each of which has a number that no other one gets. */
export type DigestCalls = {
  begin: { request: { stream: number; guard: GuardChoice }; response: null };
  /** Bytes `start` to `end` of a segment come next; the answer says that the segment is not needed any more. */
  update: { request: { stream: number; segment: SharedArrayBuffer; start: number; end: number }; response: null };
  finish: { request: { stream: number }; response: StreamSummary };
  /** The stream is given up. */
  drop: { request: { stream: number }; response: null };
};
