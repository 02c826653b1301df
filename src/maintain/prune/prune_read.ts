/** Reads of the blobs that prune wants of a pack: near ones together, each read small enough that several fit in memory. */
import { READ_BYTES, READ_PLAINTEXT_BYTES } from "../../backup/buffers.ts";
import { IntegrityError } from "../../base/errors.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import type { BlobType } from "../../format/blob.ts";
import { blobSizeProblem } from "../../format/limits.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import type { StoreReader } from "../../store/store.ts";
import { packError } from "../../repository/pack/blob_reader.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";

/** A part of a pack as it was read, and the blobs that are wanted of it, all of one type. */
export interface SealedRead {
  readonly pack: PackId;
  readonly type: BlobType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly blobs: readonly SealedPiece[];
}

/** Where a sealed blob lies in a read; `id` is 32 bytes, `uncompressedLength` 0 where it is not compressed. */
export interface SealedPiece {
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  readonly id: Uint8Array;
}

/** Opens blobs and compares them with their ids. Throws `IntegrityError` naming one that is damaged; changes nothing. */
export type VerifyBlobs = (read: SealedRead) => Promise<void>;

/** Holes up to this size are read along: one call costs more than they do. */
const GAP_BYTES = 64 * 1024;

/** A part of a pack to be read: blobs of one type in the order they lie there. */
export interface PlannedRead {
  readonly pack: number;
  readonly copies: readonly BlobCopy[];
  readonly offset: number;
  readonly end: number;
}

/** The reads of what is wanted of some packs, planned one pack at a time. */
export function* planReads(
  index: PruneIndex,
  packs: Iterable<number>,
  isWanted: (copy: BlobCopy) => boolean,
): Generator<PlannedRead> {
  for (const pack of packs) {
    const reads: GrowingRead[] = [];
    index.forEachCopy(pack, (copy) => {
      if (isWanted(copy)) addToReads(reads, pack, copy);
    });
    yield* reads;
  }
}

/** Makes a read. Throws `IntegrityError` where the pack is gone or short, or is said to hold what no pack can. */
export async function readSealed(
  store: StoreReader,
  index: PruneIndex,
  { pack, copies, offset, end }: PlannedRead,
  signal: AbortSignal,
): Promise<SealedRead> {
  const name = index.packId(pack);
  for (const copy of copies) {
    const problem = blobSizeProblem(copy);
    if (problem !== null) {
      throw new IntegrityError(`Damaged index: by it, a ${copy.type} blob in pack ${name} ${problem}`);
    }
  }
  try {
    const bytes = await store.get({ kind: "pack", name }, { offset, length: end - offset }, { signal });
    return { pack: name, type: copies[0]!.type, bytes, blobs: piecesOf(index, copies, offset) };
  } catch (error) {
    throw packError(error, `blobs in pack ${name}`);
  }
}

/** What is found damaged while nothing needed is gone yet: says so, and what to do. Other errors stay as they are. */
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

interface GrowingRead extends PlannedRead {
  readonly copies: BlobCopy[];
  end: number;
  plaintextBytes: number;
}

/** Lets the last read take the blob along where it lies near enough and room is left; else a further one begins. */
function addToReads(reads: GrowingRead[], pack: number, copy: BlobCopy): void {
  const end = copy.offset + copy.length;
  const plaintextBytes = plaintextLength(copy);
  const last = reads.at(-1);
  const fits = last !== undefined && last.copies[0]!.type === copy.type && copy.offset - last.end <= GAP_BYTES &&
    end - last.offset <= READ_BYTES && last.plaintextBytes + plaintextBytes <= READ_PLAINTEXT_BYTES;
  if (!fits) {
    reads.push({ pack, copies: [copy], offset: copy.offset, end, plaintextBytes });
    return;
  }
  last.copies.push(copy);
  last.end = end;
  last.plaintextBytes += plaintextBytes;
}
