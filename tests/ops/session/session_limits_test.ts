/** Content lists of many open streams: together they stay within bounds, and a few long ones are cut as if alone. */
import assert from "node:assert/strict";
import { PART_LIMITS } from "../../../src/backup/content/content_list.ts";
import { SharedPartLimits } from "../../../src/ops/session/session_limits.ts";

function limitsWith({ lists, chunks }: { lists: number; chunks: number }): SharedPartLimits {
  const limits = new SharedPartLimits(PART_LIMITS);
  limits.countLists(lists);
  limits.countHeld(chunks);
  return limits;
}

function values({ single, least, most }: SharedPartLimits) {
  return { single, least, most };
}

Deno.test("as long as open lists hold little, each has the limits of a list alone", () => {
  assert.deepEqual(values(limitsWith({ lists: 300, chunks: 600_000 })), PART_LIMITS);
});

Deno.test("when they hold much, long lists are stored in the parts they would come to at their end", () => {
  const { least, most } = PART_LIMITS;
  assert.deepEqual(values(limitsWith({ lists: 10, chunks: 600_001 })), { single: least, least, most });
});

Deno.test("when many hold much, parts get shorter, but not so short that content never ends them", () => {
  assert.deepEqual(values(limitsWith({ lists: 60, chunks: 600_001 })), { single: 10_000, least: 10_000, most: 15_000 });
  assert.deepEqual(values(limitsWith({ lists: 9000, chunks: 600_001 })), { single: 5000, least: 5000, most: 7500 });
});

Deno.test("what is stored away or closed counts no more", () => {
  const limits = limitsWith({ lists: 10, chunks: 600_001 });
  limits.countHeld(-1);
  assert.deepEqual(values(limits), PART_LIMITS);
});
