/** The plan of a prune: which packs go, which are copied, and why. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PackId } from "../../../src/base/id.ts";
import {
  DEFAULT_PRUNE_LIMITS,
  planPrune,
  type PruneLimits,
  type PrunePlan,
  toleratedBytes,
} from "../../../src/maintain/prune/prune_plan.ts";
import type { PackUse } from "../../../src/maintain/prune/prune_use.ts";

const MB = 1024 * 1024;

/** A pack by what is needed and not needed of it, in MiB; one blob a MiB. */
function pack(usedMb: number, unusedMb: number, other: Partial<PackUse> = {}): PackUse {
  const number = other.pack ?? 0;
  return {
    pack: number,
    id: number.toString(16).padStart(64, "0") as PackId,
    state: "whole",
    type: "data",
    bytes: (usedMb + unusedMb) * MB,
    usedBlobs: Math.ceil(usedMb),
    usedBytes: usedMb * MB,
    unusedBlobs: Math.ceil(unusedMb),
    unusedBytes: unusedMb * MB,
    ...other,
  };
}

function numbered(packs: readonly PackUse[]): PackUse[] {
  return packs.map((use, i) => ({ ...use, pack: i, id: i.toString(16).padStart(64, "0") as PackId }));
}

/** What a plan does with each pack, by number. */
function actions({ remove, repack, keep }: PrunePlan): string[] {
  const result: string[] = [];
  for (const { use, reason } of remove) result[use.pack] = `remove: ${reason}`;
  for (const { use, reason } of repack) result[use.pack] = `copy: ${reason}`;
  for (const use of keep) result[use.pack] = "keep";
  return result;
}

const PARTLY = "copy: part of it is not needed";
const SMALL = "copy: it is small";
const UNNEEDED = "remove: nothing of it is needed";
const STRICT = { maxUnused: { bytes: 0 } } as const;

const TABLE: readonly {
  readonly name: string;
  readonly packs: readonly PackUse[];
  readonly limits?: Partial<PruneLimits>;
  readonly expected: readonly string[];
}[] = [
  { name: "nothing", packs: [], expected: [] },
  { name: "all is needed", packs: [pack(16, 0), pack(16, 0)], expected: ["keep", "keep"] },
  { name: "nothing is needed", packs: [pack(0, 16), pack(0, 1)], expected: [UNNEEDED, UNNEEDED] },
  {
    name: "a missing pack that nobody needs",
    packs: [pack(0, 16, { state: "missing", bytes: 0 })],
    expected: ["remove: it is missing and nothing of it is needed"],
  },
  { name: "waste below 5 %", packs: [pack(16, 0), pack(15.5, 0.5)], expected: ["keep", "keep"] },
  {
    name: "waste above 5 %: the most wasteful first, until it is below",
    packs: [pack(15, 1), pack(4, 12), pack(8, 8), pack(16, 0)],
    expected: ["keep", PARTLY, PARTLY, "keep"],
  },
  { name: "no waste at all", packs: [pack(15.9, 0.1)], limits: STRICT, expected: [PARTLY] },
  { name: "any waste", packs: [pack(1, 15)], limits: { maxUnused: { bytes: Infinity } }, expected: ["keep"] },
  { name: "waste of a size", packs: [pack(12, 4)], limits: { maxUnused: { bytes: 4 * MB } }, expected: ["keep"] },
  {
    name: "waste above a size",
    packs: [pack(12, 4)],
    limits: { maxUnused: { bytes: 4 * MB - 1 } },
    expected: [PARTLY],
  },
  {
    name: "trees with waste are always copied",
    packs: [pack(3.9, 0.1, { type: "tree" }), pack(15.9, 0.1)],
    limits: { maxUnused: { bytes: Infinity } },
    expected: [PARTLY, "keep"],
  },
  {
    name: "mixed packs are always copied",
    packs: [pack(16, 0, { type: "mixed" })],
    expected: ["copy: trees and data are mixed"],
  },
  {
    name: "only trees",
    packs: [pack(2, 2, { type: "tree" }), pack(2, 14), ...Array.from({ length: 10 }, () => pack(1, 0))],
    limits: { cacheableOnly: true },
    expected: [PARTLY, "keep", ...Array.from({ length: 10 }, () => "keep")],
  },
  {
    name: "nine small packs stay",
    packs: Array.from({ length: 9 }, () => pack(1, 0)),
    expected: Array.from({ length: 9 }, () => "keep"),
  },
  {
    name: "ten small packs are merged, one of a quarter of 8 MiB is not small",
    packs: [...Array.from({ length: 10 }, () => pack(1.9, 0)), pack(2, 0)],
    expected: [...Array.from({ length: 10 }, () => SMALL), "keep"],
  },
  {
    name: "packs of trees are small below a quarter of 4 MiB",
    packs: [...Array.from({ length: 10 }, () => pack(0.9, 0, { type: "tree" })), pack(1, 0, { type: "tree" })],
    expected: [...Array.from({ length: 10 }, () => SMALL), "keep"],
  },
  {
    name: "small packs of two types are not counted together",
    packs: [...Array.from({ length: 5 }, () => pack(0.5, 0, { type: "tree" })), ...Array(5).fill(pack(0.5, 0))],
    expected: Array.from({ length: 10 }, () => "keep"),
  },
  {
    name: "merging keeps to the limit of copying, the smallest first",
    packs: [pack(1.9, 0), ...Array.from({ length: 9 }, () => pack(1, 0))],
    limits: { maxRepackBytes: 9 * MB },
    expected: ["keep", ...Array.from({ length: 9 }, () => SMALL)],
  },
  {
    name: "one small pack alone is not copied",
    packs: Array.from({ length: 10 }, () => pack(1, 0)),
    limits: { maxRepackBytes: 1.5 * MB },
    expected: Array.from({ length: 10 }, () => "keep"),
  },
  {
    name: "the limit of copying: what fits, the most wasteful first",
    packs: [pack(8, 8), pack(4, 12), pack(2, 4)],
    limits: { ...STRICT, maxRepackBytes: 22 * MB },
    expected: ["keep", PARTLY, PARTLY],
  },
];

for (const { name, packs, limits, expected } of TABLE) {
  Deno.test(`plan: ${name}`, () => {
    const plan = planPrune(numbered(packs), [], { ...DEFAULT_PRUNE_LIMITS, ...limits });
    assert.deepEqual(actions(plan), expected);
  });
}

Deno.test("plan: the numbers add up", () => {
  const packs = numbered([pack(0, 16), pack(4, 12), pack(16, 0), pack(0, 8, { state: "missing", bytes: 0 })]);
  const { unindexed, summary } = planPrune(packs, [{ name: "ab", size: 3 * MB }], DEFAULT_PRUNE_LIMITS);
  assert.deepEqual(unindexed, [{ name: "ab", size: 3 * MB }]);
  assert.deepEqual(summary, {
    before: { packs: 3, bytes: 48 * MB },
    used: { blobs: 20, bytes: 20 * MB },
    unused: { blobs: 28, bytes: 28 * MB },
    orphans: { packs: 1, bytes: 3 * MB },
    removed: { packs: 1, bytes: 16 * MB },
    repacked: { packs: 1, bytes: 16 * MB },
    repackingFrees: { blobs: 12, bytes: 12 * MB },
    unusedAfter: { blobs: 0, bytes: 0 },
    freedBytes: 31 * MB,
  });
});

const packs = fc.array(
  fc.record({
    usedBytes: fc.oneof(fc.constant(0), fc.nat(20 * MB)),
    unusedBytes: fc.oneof(fc.constant(0), fc.nat(20 * MB)),
    type: fc.constantFrom("data", "data", "data", "tree", "mixed"),
  }),
  { maxLength: 60 },
).map((rows) =>
  numbered(rows.map(({ usedBytes, unusedBytes, type }) => ({
    ...pack(0, 0),
    type: type as PackUse["type"],
    bytes: usedBytes + unusedBytes + 36,
    usedBytes,
    unusedBytes,
    usedBlobs: usedBytes > 0 ? 1 : 0,
    unusedBlobs: unusedBytes > 0 ? 1 : 0,
  })))
);

const limits: fc.Arbitrary<PruneLimits> = fc.record({
  maxUnused: fc.oneof(
    fc.record({ percent: fc.nat(99) }),
    fc.record({ bytes: fc.oneof(fc.nat(100 * MB), fc.constant(Infinity)) }),
  ),
  maxRepackBytes: fc.oneof(fc.nat(200 * MB), fc.constant(Infinity)),
  cacheableOnly: fc.boolean(),
});

Deno.test("plan: whatever there is, nothing needed goes uncopied and the limits hold", () => {
  fc.assert(fc.property(packs, limits, (uses, limits) => {
    const plan = planPrune(uses, [], limits);
    const everything = [...plan.remove, ...plan.repack].map(({ use }) => use).concat(plan.keep);
    assert.deepEqual(everything.map(({ pack }) => pack).sort((a, b) => a - b), uses.map(({ pack }) => pack));
    for (const { use } of plan.remove) assert.equal(use.usedBlobs, 0);
    for (const use of plan.keep) assert.ok(use.usedBlobs > 0);
    const copied = plan.repack.reduce((sum, { use }) => sum + use.bytes, 0);
    assert.ok(copied <= limits.maxRepackBytes);
    if (limits.cacheableOnly) assert.ok(plan.repack.every(({ use }) => use.type !== "data"));
    if (limits.cacheableOnly || limits.maxRepackBytes < Infinity) return;
    const used = uses.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    assert.ok(plan.summary.unusedAfter.bytes <= toleratedBytes(limits.maxUnused, used));
  }));
});
