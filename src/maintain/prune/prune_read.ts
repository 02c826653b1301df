/**
 * Plans and makes the reads of blobs for a prune. Adjacent blobs are read together, but each read is small enough that
 * several fit in memory.
 */
import { READ_BYTES, READ_PLAINTEXT_BYTES } from "../../backup/buffers.ts";
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import type { BlobType } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/bounds.ts";
import type { StoreReader } from "../../store/store.ts";
import { GAP_BYTES, type PlannedRange, planRanges } from "../../repository/pack/pack_ranges.ts";
import { readRange } from "../../repository/pack/pack_reader.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";

/** A part of a pack as read, and the wanted blobs in it, all of one type. */
export interface SealedRead {
  readonly pack: PackId;
  readonly type: BlobType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly blobs: readonly SealedPiece[];
}

/** The place of a sealed blob in a read. `id` is 32 bytes; `uncompressedLength` is 0 if the blob is not compressed. */
interface SealedPiece {
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  readonly id: Uint8Array;
}

/**
 * Opens blobs and compares them with their ids, without changing them. Throws `IntegrityError` that names a damaged
 * blob.
 */
export type VerifyBlobs = (read: SealedRead) => Promise<void>;

/** A part of a pack to be read: blobs of one type, in the order of their offsets. */
export interface PlannedRead extends PlannedRange<BlobCopy> {
  readonly pack: number;
}

const LIMITS = { gapBytes: GAP_BYTES, mostBytes: READ_BYTES, mostPlaintextBytes: READ_PLAINTEXT_BYTES };

/** Plans the reads of the wanted blobs of some packs, one pack at a time. */
export function* planReads(
  index: PruneIndex,
  packs: Iterable<number>,
  isWanted: (copy: BlobCopy) => boolean,
): Generator<PlannedRead> {
  for (const pack of packs) {
    const wanted: BlobCopy[] = [];
    index.forEachCopy(pack, (copy) => void (isWanted(copy) && wanted.push(copy)));
    for (const copies of Map.groupBy(wanted, ({ type }) => type).values()) {
      for (const range of planRanges(copies, LIMITS)) yield { pack, ...range };
    }
  }
}

/** Makes a read. Throws `IntegrityError` if the pack is missing or truncated, or if its description is impossible. */
export async function readSealed(
  store: StoreReader,
  index: PruneIndex,
  { pack, blobs, offset, length }: PlannedRead,
  signal: AbortSignal,
): Promise<SealedRead> {
  const name = index.packId(pack);
  for (const copy of blobs) {
    const problem = blobSizeProblem(copy);
    if (problem !== null) {
      throw new IntegrityError(`Damaged index: by it, a ${copy.type} blob in pack ${name} ${problem}`);
    }
  }
  const bytes = await readRange(store, { pack: name, offset, length }, `blobs in pack ${name}`, { signal });
  return { pack: name, type: blobs[0]!.type, bytes, blobs: piecesOf(index, blobs, offset) };
}

/**
 * Adds advice to an `IntegrityError` that is found before anything needed is removed. Returns other errors unchanged.
 */
export function withRepairAdvice(error: unknown, pack: PackId): unknown {
  if (!(error instanceof IntegrityError)) return error;
  const advice = `no pack that a backup needs was removed; run "agent repair packs ${pack}" and prune again`;
  return new IntegrityError(`${error.message}; ${advice}`, { cause: error });
}

function piecesOf(index: PruneIndex, copies: readonly BlobCopy[], readOffset: number): SealedPiece[] {
  const ids = new Uint8Array(copies.length * ID_BYTES);
  return copies.map((copy, i) => {
    const id = ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
    index.copyId(copy, id);
    const { length, uncompressedLength } = copy;
    return { id, offset: copy.offset - readOffset, length, uncompressedLength };
  });
}
