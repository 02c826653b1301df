/**
 * What is needed of each pack. Of several copies of a blob, exactly one counts as needed; the others are waste.
 *
 * The copy that counts is in a pack that is needed anyway, if possible, otherwise in the pack with the least waste. So
 * a prune that was interrupted after copying is not repeated, and the packs it had emptied are removed.
 */
import { IntegrityError } from "../../base/errors.ts";
import type { PackId } from "../../base/id.ts";
import type { BlobType } from "../../format/blob.ts";
import { packEntrySize } from "../../format/pack_header.ts";
import type { ComparedPacks, ExpectedPack, PackState } from "../../repository/pack/stored_packs.ts";
import type { BlobCopy, PruneIndex } from "./prune_index.ts";
import { type BlobUse, MARKED } from "./prune_mark.ts";

/** How much of one pack is needed. Bytes of blobs include their entries in the header. */
export interface PackUse {
  /** Its number in the `PruneIndex`. */
  readonly pack: number;
  /** The pack. */
  readonly id: PackId;
  /** Whether it exists in its full size. */
  readonly state: PackState;
  /** The type of its blobs. */
  readonly type: BlobType | "mixed";
  /** Bytes of its file; 0 if it is missing. */
  readonly bytes: number;
  /** The number of needed blobs. */
  readonly usedBlobs: number;
  /** Their bytes. */
  readonly usedBytes: number;
  /** The number of blobs that are not needed. */
  readonly unusedBlobs: number;
  /** Their bytes. */
  readonly unusedBytes: number;
}

/** The packs that the index describes, by number, and the packs that it does not. */
export type ListedPacks = ComparedPacks<ExpectedPack>;

/** How much of all packs is needed. */
export interface RepositoryUse {
  /** By number of pack. */
  readonly packs: readonly PackUse[];
  /** Whether this copy is the one of its blob that is kept. */
  isKept(copy: BlobCopy): boolean;
}

/**
 * Determines how much of each pack is needed. Throws `IntegrityError` if a needed blob is in no pack of full size.
 * Changes `used`: afterwards needed blobs have a value other than `MARKED`.
 */
export function usePacks(index: PruneIndex, listed: ListedPacks, used: BlobUse): RepositoryUse {
  const kept = new Uint8Array(index.copyCount);
  for (const pack of choosingOrder(index, listed, used)) {
    index.forEachCopy(pack, ({ number, type, entry }) => {
      if (used[type][entry] !== MARKED) return;
      used[type][entry] = FOUND;
      kept[number] = 1;
    });
  }
  refuseLost(index, listed, used);
  const packs = Array.from({ length: index.packCount }, (_, pack) => useOf(index, pack, listed, kept));
  return { packs, isKept: ({ number }) => kept[number] === 1 };
}

/** Replaces `MARKED` when the copy that counts is chosen. */
const FOUND = 2;

/** The whole packs, those first whose copies should be kept. */
function choosingOrder(index: PruneIndex, { packs: listed }: ListedPacks, used: BlobUse): number[] {
  const packs = Array.from({ length: index.packCount }, (_, pack) => pack).filter((pack) =>
    listed[pack]!.state === "whole"
  );
  if (index.copyCount === index.blobCount) return packs;
  const isSingle = singleCopies(index, packs);
  const ranks = new Map(packs.map((pack) => {
    let isNeeded = false;
    let unusedBytes = 0;
    index.forEachCopy(pack, ({ type, entry, length }) => {
      if (used[type][entry] === 0) unusedBytes += length;
      else isNeeded ||= isSingle(type, entry);
    });
    return [pack, { isNeeded, waste: unusedBytes / index.packBytes(pack) }];
  }));
  return packs.sort((a, b) => {
    const [left, right] = [ranks.get(a)!, ranks.get(b)!];
    return Number(right.isNeeded) - Number(left.isNeeded) || left.waste - right.waste || a - b;
  });
}

/** A function that tells whether a blob has a single copy in the given packs. */
function singleCopies(index: PruneIndex, packs: readonly number[]): (type: BlobType, entry: number) => boolean {
  const counts = { data: new Uint8Array(index.ids.data.size), tree: new Uint8Array(index.ids.tree.size) };
  for (const pack of packs) {
    index.forEachCopy(pack, ({ type, entry }) => {
      if (counts[type][entry]! < 2) counts[type][entry]!++;
    });
  }
  return (type, entry) => counts[type][entry] === 1;
}

function refuseLost(index: PruneIndex, { packs: listed }: ListedPacks, used: BlobUse): void {
  for (let pack = 0; pack < index.packCount; pack++) {
    const { state } = listed[pack]!;
    if (state === "whole") continue;
    let lost = 0;
    index.forEachCopy(pack, ({ type, entry }) => {
      if (used[type][entry] === MARKED) lost++;
    });
    if (lost === 0) continue;
    const problem = state === "missing" ? "Missing pack" : "Damaged pack";
    const detail = state === "missing" ? "" : `: it does not have the ${index.packBytes(pack)} bytes it must have`;
    throw new IntegrityError(`${problem} ${index.packId(pack)}${detail}; backups need ${lost} blobs of it`);
  }
}

function useOf(index: PruneIndex, pack: number, { packs }: ListedPacks, kept: Uint8Array): PackUse {
  const use = { usedBlobs: 0, usedBytes: 0, unusedBlobs: 0, unusedBytes: 0 };
  const types = new Set<BlobType>();
  index.forEachCopy(pack, (copy) => {
    const copyBytes = copy.length + packEntrySize(copy);
    types.add(copy.type);
    if (kept[copy.number] === 1) {
      use.usedBlobs++;
      use.usedBytes += copyBytes;
    } else {
      use.unusedBlobs++;
      use.unusedBytes += copyBytes;
    }
  });
  const [type = "data"] = types;
  const { pack: { id }, state, bytes } = packs[pack]!;
  return { pack, id, state, type: types.size > 1 ? "mixed" : type, bytes, ...use };
}
