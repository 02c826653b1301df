/**
 * How large the parts of a repository may be. Without a limit that is checked before reading, anybody who can write to
 * a repository could decide how much memory reading it takes. All limits are well above what restic, rustic and this
 * program write; docs/format.md lists them.
 */
import type { PackedBlob } from "./blob.ts";
import { plaintextLength, SEAL_OVERHEAD_BYTES } from "./pack_header.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Config and key files: some 300 to 500 bytes. */
export const MOST_SMALL_FILE_BYTES = 64 * KIB;

/** How large a sealed file may be. */
interface SealedFileLimits {
  /** Bytes of the file in the store. */
  readonly bytes: number;
  /** Bytes of its content if compressed. The compressed and the plain form are in memory together for a moment. */
  readonly frameBytes: number;
  /** Bytes of its JSON text. */
  readonly jsonBytes: number;
}

/**
 * An index of a million blobs takes 150 MB as text. Locks are small. A snapshot lists the paths that were backed up,
 * possibly thousands.
 */
export const SEALED_FILE_LIMITS: Readonly<Record<"index" | "snapshot" | "lock", SealedFileLimits>> = {
  index: { bytes: 128 * MIB, frameBytes: 80 * MIB, jsonBytes: 192 * MIB },
  snapshot: { bytes: 8 * MIB, frameBytes: 8 * MIB, jsonBytes: 8 * MIB },
  lock: { bytes: MOST_SMALL_FILE_BYTES, frameBytes: MOST_SMALL_FILE_BYTES, jsonBytes: MOST_SMALL_FILE_BYTES },
};

/** Ids are random, so no index shrinks to less than a sixth. A higher ratio than this is an attempt to fill memory. */
const MOST_JSON_RATIO = 32;
const FREE_JSON_BYTES = 4 * MIB;

/** Most bytes that the JSON text of a compressed file may have. */
export function mostJsonBytes({ jsonBytes }: SealedFileLimits, frameBytes: number): number {
  return Math.min(jsonBytes, Math.max(FREE_JSON_BYTES, frameBytes * MOST_JSON_RATIO));
}

/** Most plaintext bytes of any data blob. */
const MOST_BLOB_BYTES = 64 * MIB;

/**
 * Most plaintext bytes of a tree. A directory of 100,000 files takes 35 MB. A file is one content list, as in restic: 67
 * bytes for each chunk, so that one of 4 TB in chunks of 1 MiB has room. restic has no limit but that of a pack's header,
 * 4 GiB.
 */
export const MOST_TREE_BYTES = 256 * MIB;

/**
 * Most plaintext bytes of a chunk. Several chunks are in memory together; restic and this program cut at 8 MiB at most.
 */
export const MOST_CHUNK_BYTES = 16 * MIB;

/** Bytes that compressing and sealing may add to a plaintext that does not shrink. */
const SLACK_BYTES = 128;

/**
 * Why a blob with these lengths is impossible or too large to read, as the rest of a sentence that begins with its
 * name; null if it is neither. `mostBytes` limits its plaintext; by default the limit is that of its type.
 */
export function blobSizeProblem(
  { type, length, uncompressedLength }: Pick<PackedBlob, "type" | "length" | "uncompressedLength">,
  mostBytes = type === "tree" ? MOST_TREE_BYTES : MOST_BLOB_BYTES,
): string | null {
  const plaintextBytes = plaintextLength({ length, uncompressedLength });
  if (length < SEAL_OVERHEAD_BYTES) return `has ${length} bytes in its pack, fewer than sealing takes`;
  if (plaintextBytes > mostBytes) return `has ${plaintextBytes} bytes, more than the ${mostBytes} that are read`;
  if (length > SEAL_OVERHEAD_BYTES + plaintextBytes + (plaintextBytes >> 7) + SLACK_BYTES) {
    return `takes ${length} bytes in its pack for ${plaintextBytes} of content`;
  }
  return null;
}

/** Most entries in one directory. */
export const MOST_TREE_NODES = 300_000;

/** Most levels of nested directories. Paths on usual systems have at most 2,048 names. */
export const MOST_TREE_DEPTH = 2_048;

/** Most bytes in the text of a manifest, which takes some 300 bytes a file. */
export const MOST_MANIFEST_BYTES = 32 * MIB;
