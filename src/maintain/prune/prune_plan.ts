/**
 * The plan of a prune: which packs are removed, which are copied together, which stay, and why. Pure: values in, values
 * out.
 *
 * The rules are those of `restic prune` (restic manual, section Removing snapshots). Packs of which nothing is needed
 * are removed. Packs that mix trees and data, and packs of trees with waste, are always copied, so that caches stay
 * small. Packs of data with waste are copied, the most wasteful first, until the remaining waste is within its limit.
 * Small packs are merged if there are several. A limit applies to all copying together.
 */
import type { ListedFile } from "../../store/store.ts";
import { DEFAULT_PACK_BYTES, TREE_PACK_BYTES } from "../../repository/pack/pack_writer.ts";
import type { PackUse } from "./prune_use.ts";

/** How much waste may stay: a percentage of the repository, below 100, or bytes (`Infinity` for any amount). */
export type UnusedLimit = { readonly percent: number } | { readonly bytes: number };

/** The limits of a prune. */
export interface PruneLimits {
  /** How much waste may stay. */
  readonly maxUnused: UnusedLimit;
  /** The most bytes of packs to copy; `Infinity` for no limit. */
  readonly maxRepackBytes: number;
  /** Copy only packs that a cache holds, which are not packs of data. */
  readonly cacheableOnly: boolean;
}

/** restic's defaults. */
export const DEFAULT_PRUNE_LIMITS: PruneLimits = {
  maxUnused: { percent: 5 },
  maxRepackBytes: Infinity,
  cacheableOnly: false,
};

/** Why a pack is removed without copying anything. */
export type RemovalReason = "nothing of it is needed" | "it is missing and nothing of it is needed";
/** Why the needed blobs of a pack are copied before it is removed. */
export type RepackReason = "trees and data are mixed" | "part of it is not needed" | "it is small";

/** A pack in a plan, and the reason for its treatment. */
export interface PlannedPack<Reason extends string> {
  /** The pack, and what is needed of it. */
  readonly use: PackUse;
  /** The reason. */
  readonly reason: Reason;
}

/** The totals of some packs. */
export interface PackTotals {
  /** The number of packs. */
  readonly packs: number;
  /** Their bytes. */
  readonly bytes: number;
}

/** The totals of some blobs, including their entries in pack headers. */
export interface BlobTotals {
  /** The number of blobs. */
  readonly blobs: number;
  /** Their bytes. */
  readonly bytes: number;
}

/** The numbers of a plan. */
export interface PruneSummary {
  /** Existing packs that the index describes. */
  readonly before: PackTotals;
  /** Blobs that are needed. */
  readonly used: BlobTotals;
  /** Blobs that are not needed. */
  readonly unused: BlobTotals;
  /** Packs in no index; named as in the JSON output. */
  readonly orphans: PackTotals;
  /** Packs of which nothing is needed. */
  readonly removed: PackTotals;
  /** Packs whose needed blobs are copied. */
  readonly repacked: PackTotals;
  /** What copying the repacked packs frees. */
  readonly repackingFrees: BlobTotals;
  /** Waste that remains. */
  readonly unusedAfter: BlobTotals;
  /** Bytes of all removed packs minus those of the copies, not counting the headers of new packs. */
  readonly freedBytes: number;
}

/** The plan of a prune. */
export interface PrunePlan {
  /** Packs in no index, left by an interrupted writer. */
  readonly unindexed: readonly ListedFile[];
  /** Packs to be removed without copying. */
  readonly remove: readonly PlannedPack<RemovalReason>[];
  /** Packs to be removed after their needed blobs are copied. */
  readonly repack: readonly PlannedPack<RepackReason>[];
  /** Packs that stay unchanged. */
  readonly keep: readonly PackUse[];
  /** The plan in numbers. */
  readonly summary: PruneSummary;
}

const FULL_PACK_BYTES = { data: DEFAULT_PACK_BYTES, tree: TREE_PACK_BYTES } as const;
/** A pack is small if it has less than this share of a full one. */
const SMALL_SHARE = 1 / 4;
/** With fewer small packs of a type, none are merged, so that not every prune copies the packs of the last night. */
const LEAST_SMALL_PACKS = 10;

/**
 * Plans a prune. Every pack of `uses` is in exactly one list of the plan; `unindexed` packs have a list of their own.
 */
export function planPrune(uses: readonly PackUse[], unindexed: readonly ListedFile[], limits: PruneLimits): PrunePlan {
  const remove = uses.filter(({ usedBlobs }) => usedBlobs === 0).map(removal);
  const needed = uses.filter(({ usedBlobs }) => usedBlobs > 0);
  const repack = chooseRepacks(needed, limits);
  const chosen = new Set(repack.map(({ use }) => use));
  const keep = needed.filter((use) => !chosen.has(use));
  return { unindexed, remove, repack, keep, summary: summarize({ uses, unindexed, remove, repack, keep }) };
}

/** The waste that may stay beside this many needed bytes. */
export function toleratedBytes(limit: UnusedLimit, usedBytes: number): number {
  return "bytes" in limit ? limit.bytes : usedBytes * limit.percent / (100 - limit.percent);
}

function removal(use: PackUse): PlannedPack<RemovalReason> {
  const isMissing = use.state === "missing";
  return { use, reason: isMissing ? "it is missing and nothing of it is needed" : "nothing of it is needed" };
}

function chooseRepacks(needed: readonly PackUse[], limits: PruneLimits): PlannedPack<RepackReason>[] {
  const choice = new RepackChoice(needed, limits);
  choice.take(needed.filter(({ type }) => type === "mixed"), "trees and data are mixed");
  choice.take(needed.filter(({ type, unusedBytes }) => type === "tree" && unusedBytes > 0), "part of it is not needed");
  if (!limits.cacheableOnly) choice.takeWasteful();
  choice.mergeSmall("tree");
  if (!limits.cacheableOnly) choice.mergeSmall("data");
  return choice.taken;
}

class RepackChoice {
  readonly taken: PlannedPack<RepackReason>[] = [];
  readonly #needed: readonly PackUse[];
  readonly #chosen = new Set<PackUse>();
  readonly #tolerated: number;
  #bytesLeft: number;
  #unusedBytes: number;

  constructor(needed: readonly PackUse[], { maxUnused, maxRepackBytes }: PruneLimits) {
    this.#needed = needed;
    this.#tolerated = toleratedBytes(maxUnused, sum(needed, ({ usedBytes }) => usedBytes));
    this.#unusedBytes = sum(needed, ({ unusedBytes }) => unusedBytes);
    this.#bytesLeft = maxRepackBytes;
  }

  /** Takes the candidates that fit within the limit, the most wasteful first. */
  take(candidates: readonly PackUse[], reason: RepackReason): void {
    for (const use of candidates.toSorted(byWaste)) this.#takeOne(use, reason);
  }

  /** Takes packs of data with waste until the remaining waste is tolerated. */
  takeWasteful(): void {
    const candidates = this.#needed.filter(({ type, unusedBytes }) => type === "data" && unusedBytes > 0);
    for (const use of candidates.toSorted(byWaste)) {
      if (this.#unusedBytes <= this.#tolerated) return;
      this.#takeOne(use, "part of it is not needed");
    }
  }

  /** Takes the small packs of a type if there are enough, and if at least two fit: a single one would stay small. */
  mergeSmall(type: "data" | "tree"): void {
    const small = this.#needed
      .filter((use) => use.type === type && use.bytes < FULL_PACK_BYTES[type] * SMALL_SHARE && !this.#chosen.has(use))
      .toSorted((a, b) => a.bytes - b.bytes || a.pack - b.pack);
    if (small.length < LEAST_SMALL_PACKS || small[0]!.bytes + small[1]!.bytes > this.#bytesLeft) return;
    for (const use of small) this.#takeOne(use, "it is small");
  }

  #takeOne(use: PackUse, reason: RepackReason): void {
    if (use.bytes > this.#bytesLeft) return;
    this.#bytesLeft -= use.bytes;
    this.#unusedBytes -= use.unusedBytes;
    this.#chosen.add(use);
    this.taken.push({ use, reason });
  }
}

/** The largest share of waste first; ties in the order of the packs. */
function byWaste(a: PackUse, b: PackUse): number {
  return b.unusedBytes / b.bytes - a.unusedBytes / a.bytes || a.pack - b.pack;
}

function summarize(
  { uses, unindexed, remove, repack, keep }: Omit<PrunePlan, "summary"> & { readonly uses: readonly PackUse[] },
): PruneSummary {
  const present = uses.filter(({ state }) => state !== "missing");
  const goes = remove.map(({ use }) => use).filter(({ state }) => state !== "missing");
  const copied = repack.map(({ use }) => use);
  const orphans = { packs: unindexed.length, bytes: sum(unindexed, ({ size }) => size) };
  const repackingFrees = unusedOf(copied);
  const removed = totalsOf(goes);
  return {
    before: totalsOf(present),
    used: { blobs: sum(uses, ({ usedBlobs }) => usedBlobs), bytes: sum(uses, ({ usedBytes }) => usedBytes) },
    unused: unusedOf(present),
    orphans,
    removed,
    repacked: totalsOf(copied),
    repackingFrees,
    unusedAfter: unusedOf(keep),
    freedBytes: orphans.bytes + removed.bytes + repackingFrees.bytes,
  };
}

function totalsOf(uses: readonly PackUse[]): PackTotals {
  return { packs: uses.length, bytes: sum(uses, ({ bytes }) => bytes) };
}

function unusedOf(uses: readonly PackUse[]): BlobTotals {
  return { blobs: sum(uses, ({ unusedBlobs }) => unusedBlobs), bytes: sum(uses, ({ unusedBytes }) => unusedBytes) };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
