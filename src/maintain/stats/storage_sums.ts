/** What blobs take, summed up by who uses them. Of several copies of a blob, the one that a prune would keep counts. */
import type { BlobType } from "../../format/blob.ts";
import { packEntrySize, plaintextLength } from "../../format/pack_header.ts";
import type { PruneIndex } from "../prune/prune_index.ts";
import { MARKED } from "../prune/prune_mark.ts";
import { type ListedPacks, type RepositoryUse, usePacks } from "../prune/prune_use.ts";
import { type BlobUser, type BlobUsers, NOBODY } from "./blob_users.ts";

/** What some blobs take. Sizes are in bytes. */
export interface BlobSums {
  /** How many distinct blobs. */
  readonly blobs: number;
  /** Their plaintext. */
  readonly plainBytes: number;
  /** The blobs as they lie in packs: compressed and sealed. */
  readonly sealedBytes: number;
  /** Their entries in the headers of packs. */
  readonly headerBytes: number;
}

/** Blobs by type: chunks, and trees. */
export type StorageSums = Readonly<Record<BlobType, BlobSums>>;

/** No blobs. */
export const NO_BLOBS: BlobSums = { blobs: 0, plainBytes: 0, sealedBytes: 0, headerBytes: 0 };

/** Both together. */
function addBlobs(a: BlobSums, b: BlobSums): BlobSums {
  return {
    blobs: a.blobs + b.blobs,
    plainBytes: a.plainBytes + b.plainBytes,
    sealedBytes: a.sealedBytes + b.sealedBytes,
    headerBytes: a.headerBytes + b.headerBytes,
  };
}

/** All together, by type. */
export function addSums(sums: Iterable<StorageSums>): StorageSums {
  let total: StorageSums = { data: NO_BLOBS, tree: NO_BLOBS };
  for (const { data, tree } of sums) total = { data: addBlobs(total.data, data), tree: addBlobs(total.tree, tree) };
  return total;
}

/** What was summed up. */
interface SummedUse {
  /** The blobs by user. Users without any are absent. */
  readonly sums: ReadonlyMap<BlobUser, StorageSums>;
  /** How much of each pack is used. */
  readonly use: RepositoryUse;
}

/** Sums up. Throws `IntegrityError` if a used blob is in no pack of full size. */
export function sumByUser(index: PruneIndex, listed: ListedPacks, users: BlobUsers): SummedUse {
  const used = { data: marksOf(users.data), tree: marksOf(users.tree) };
  const use = usePacks(index, listed, used);
  const sums = new Map<BlobUser, { data: Writable; tree: Writable }>();
  for (let pack = 0; pack < index.packCount; pack++) {
    index.forEachCopy(pack, (copy) => {
      if (!use.isKept(copy)) return;
      const user = users[copy.type][copy.entry]!;
      let sum = sums.get(user);
      if (sum === undefined) sums.set(user, sum = { data: { ...NO_BLOBS }, tree: { ...NO_BLOBS } });
      const ofType = sum[copy.type];
      ofType.blobs++;
      ofType.plainBytes += plaintextLength(copy);
      ofType.sealedBytes += copy.length;
      ofType.headerBytes += packEntrySize(copy);
    });
  }
  return { sums, use };
}

type Writable = { -readonly [Field in keyof BlobSums]: BlobSums[Field] };

function marksOf(users: Uint32Array): Uint8Array {
  const marks = new Uint8Array(users.length);
  for (let entry = 0; entry < users.length; entry++) if (users[entry] !== NOBODY) marks[entry] = MARKED;
  return marks;
}

/** Chunks and trees together. */
export function allBlobs({ data, tree }: StorageSums): BlobSums {
  return addBlobs(data, tree);
}

/** What blobs take in packs, in bytes: themselves, and their entries in the headers. */
export function storedBytesOf(sums: StorageSums): number {
  const { sealedBytes, headerBytes } = allBlobs(sums);
  return sealedBytes + headerBytes;
}

/** How many bytes were read for each byte that is stored. Null if nothing is stored, so that there is no ratio. */
interface Ratios {
  /** Bytes read for each distinct byte. */
  readonly deduplication: number | null;
  /** Distinct bytes for each stored byte. */
  readonly compression: number | null;
  /** The product of both. */
  readonly both: number | null;
}

/** The ratios of blobs from which `readBytes` can be restored. */
export function ratiosOf(readBytes: number, sums: StorageSums): Ratios {
  const [plainBytes, storedBytes] = [allBlobs(sums).plainBytes, storedBytesOf(sums)];
  const ratio = (bytes: number, by: number) => by === 0 ? null : bytes / by;
  return {
    deduplication: ratio(readBytes, plainBytes),
    compression: ratio(plainBytes, storedBytes),
    both: ratio(readBytes, storedBytes),
  };
}
