/** The calls to the pipeline's threads and their answers. All of it is sent with `postMessage`. */
import { ID_BYTES } from "../base/id.ts";
import type { KnownChunksView } from "./known/known_chunks.ts";
import type { CompressionLevel } from "../codec/compression.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { BuiltInGuardChoice, Verdict } from "../guard/guard.ts";
import type { DecodedIndex, IndexRequest } from "./index/read_index.ts";
import type { RunVerdict, VerifyRequest } from "./pack_verification.ts";
import type { StreamTables } from "./stream_tables.ts";
import type { OpenedTrees, TreesRequest } from "./trees/read_trees.ts";
import type { ResealedBlobs, ResealedForm, ResealRequest } from "./resealing.ts";

/** The chunks of one segment, to be named, looked up and, if they are new, sealed. */
export interface SealRequest {
  /**
   * The first `carryBytes` bytes are the beginning of the first chunk, from earlier segments. There is room for the rest
   * of that chunk behind them, unless there are none.
   */
  readonly carry: SharedArrayBuffer;
  readonly carryBytes: number;
  readonly segment: SharedArrayBuffer;
  /**
   * Where each chunk ends in the segment, ascending. The first chunk begins with the carry; each other one begins where
   * the last one ends.
   */
  readonly cuts: Uint32Array<ArrayBuffer>;
  /** Whether each chunk is a whole file, whose MD5 is asked for. */
  readonly wantsMd5?: boolean;
}

/** The chunks of a request, in order. */
export interface SealedBatch {
  /** 32 bytes for each chunk: the SHA-256 of its plaintext. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** 16 bytes for each chunk: the MD5 of its plaintext; empty unless it was asked for. */
  readonly md5s: Uint8Array<ArrayBuffer>;
  /** The length of each chunk's plaintext. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** How many bytes of `sealed` each chunk takes, in the same order; 0 for a known chunk, which is not in it. */
  readonly sealedLengths: Uint32Array<ArrayBuffer>;
  /** 1 if the chunk was compressed. */
  readonly compressed: Uint8Array<ArrayBuffer>;
  /** The sealed blobs back to back. */
  readonly sealed: Uint8Array<ArrayBuffer>;
  /** Whether what is known on disk was asked for every sealed chunk and has none of them. */
  readonly isNotOnDisk?: boolean;
}

/**
 * The positions of a blob's numbers in `table`: where it is in the parts of an `OpenRequest`, and where its plaintext
 * goes.
 */
export const OPEN_FIELDS = { part: 0, offset: 1, length: 2, uncompressedLength: 3, target: 4, count: 5 } as const;

/** A blob to be opened: its 32-byte id, and its numbers in `table`. */
type BlobToOpen = { readonly id: Uint8Array } & { readonly [Field in OpenField]: number };

/** The name of one of a blob's numbers in `table`. */
export type OpenField = Exclude<keyof typeof OPEN_FIELDS, "count">;

/** The fields of an `OpenRequest` that describe these blobs. */
export function openTable(blobs: readonly BlobToOpen[]): Pick<OpenRequest, "ids" | "table"> {
  const ids = new Uint8Array(blobs.length * ID_BYTES);
  const table = new Uint32Array(blobs.length * OPEN_FIELDS.count);
  blobs.forEach(({ id, part, offset, length, uncompressedLength, target }, i) => {
    ids.set(id, i * ID_BYTES);
    const at = i * OPEN_FIELDS.count;
    table[at + OPEN_FIELDS.part] = part;
    table[at + OPEN_FIELDS.offset] = offset;
    table[at + OPEN_FIELDS.length] = length;
    table[at + OPEN_FIELDS.uncompressedLength] = uncompressedLength;
    table[at + OPEN_FIELDS.target] = target;
  });
  return { ids, table };
}

/** Blobs to be opened, decompressed, verified, and written to their places in a segment. */
export interface OpenRequest {
  /** Pieces of packs as they were read. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** The name of each part's pack, for messages. */
  readonly packs: readonly string[];
  /** 32 bytes for each blob. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** `OPEN_FIELDS.count` numbers for each blob. An `uncompressedLength` of 0 means not compressed. */
  readonly table: Uint32Array<ArrayBuffer>;
  readonly segment: SharedArrayBuffer;
}

/** How many bytes of plaintext a request opens, or somewhat more. */
export function plaintextBytes({ table }: OpenRequest): number {
  let bytes = 0;
  for (let at = 0; at < table.length; at += OPEN_FIELDS.count) {
    bytes += Math.max(table[at + OPEN_FIELDS.length]!, table[at + OPEN_FIELDS.uncompressedLength]!);
  }
  return bytes;
}

/** What is known of a whole stream that was read: its digests, in lower-case hex, and its guard's verdict. */
export interface ReadSummary {
  /** Bytes. */
  readonly size: number;
  /** Of the whole stream; null if it was not asked for. */
  readonly md5: string | null;
  /** Of the whole stream. */
  readonly sha256: string;
  /** What its guard says. */
  readonly verdict: Verdict;
  /** The tables in it; absent unless it is a whole dump that has some. */
  readonly tables?: StreamTables;
}

/** What is known of a stream with all its digests. */
export interface StreamSummary extends ReadSummary {
  /** Of the whole stream. */
  readonly md5: string;
}

/** Which digests of a stream are computed besides its SHA-256. */
export interface WantedDigests {
  /** Whether its MD5 is. It takes more time than everything else that a thread does to read a stream. */
  readonly md5: boolean;
}

/** Calls of a thread that seals and opens blobs. */
export type BlobCalls = {
  configure: { request: { keys: SealingKeys; compression: CompressionLevel }; response: null };
  known: { request: KnownChunksView; response: null };
  seal: { request: SealRequest; response: SealedBatch };
  open: { request: OpenRequest; response: null };
  verify: { request: VerifyRequest; response: RunVerdict };
  readIndex: { request: IndexRequest; response: DecodedIndex };
  readTrees: { request: TreesRequest; response: OpenedTrees };
  /** Says for which repository `reseal` seals, and how. */
  resealFor: { request: { keys: SealingKeys; form: ResealedForm }; response: null };
  reseal: { request: ResealRequest; response: ResealedBlobs };
};

/** Calls of a thread that digests streams; each stream has a unique number. */
export type DigestCalls = {
  begin: { request: { stream: number; guard: BuiltInGuardChoice } & WantedDigests; response: null };
  /** Bytes `start` to `end` of a segment come next; the answer means that the segment is no longer needed. */
  update: { request: { stream: number; segment: SharedArrayBuffer; start: number; end: number }; response: null };
  finish: { request: { stream: number }; response: ReadSummary };
  /** Gives the stream up. */
  drop: { request: { stream: number }; response: null };
};
