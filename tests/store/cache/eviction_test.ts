/** The plan of eviction keeps the limit, and what was used last. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type CachedFile, planEviction, totalOf, unusedRepositories } from "../../../src/store/cache/eviction.ts";

const NOW_MS = Date.UTC(2026, 0, 2);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const anyFiles: fc.Arbitrary<CachedFile[]> = fc.array(fc.record({
  bytes: fc.nat(1000),
  lastUsedMs: fc.nat(10 * HOUR_MS).map((ago) => NOW_MS - ago),
  isBeingWritten: fc.boolean(),
})).map((files) => files.map((file, i) => ({ ...file, path: `file ${i}` })));

Deno.test("what stays keeps the limit, but for what is being written", () => {
  fc.assert(
    fc.property(anyFiles, fc.nat(20_000), (files, limitBytes) => {
      const evicted = new Set(planEviction(files, limitBytes, NOW_MS));
      const kept = files.filter((file) => !evicted.has(file));
      assert.ok(totalOf(kept) <= limitBytes || kept.every(({ isBeingWritten }) => isBeingWritten));
      for (const file of files.filter(({ isBeingWritten }) => isBeingWritten)) {
        assert.equal(evicted.has(file), NOW_MS - file.lastUsedMs > HOUR_MS);
      }
    }),
    { seed: 24 },
  );
});

Deno.test("nothing goes that was used later than what stays, and nothing without need", () => {
  fc.assert(
    fc.property(anyFiles, fc.nat(20_000), (files, limitBytes) => {
      const plan = planEviction(files, limitBytes, NOW_MS);
      const evicted = plan.filter(({ isBeingWritten }) => !isBeingWritten);
      const kept = files.filter((file) => !plan.includes(file));
      const lastEvicted = evicted.at(-1);
      if (lastEvicted === undefined) return;
      for (const { isBeingWritten, bytes, lastUsedMs } of kept) {
        assert.ok(isBeingWritten || bytes === 0 || lastUsedMs >= lastEvicted.lastUsedMs);
      }
      assert.ok(totalOf(kept) + lastEvicted.bytes > limitBytes);
    }),
    { seed: 25 },
  );
});

Deno.test("an empty file stays, however old: it may be locked, and makes no room", () => {
  const [empty, full] = [0, 5].map((bytes) => ({ path: `${bytes}`, bytes, lastUsedMs: 0, isBeingWritten: false }));
  assert.deepEqual(planEviction([empty!, full!], 1, NOW_MS), [full]);
});

Deno.test("a repository counts as unused after 30 days", () => {
  const repository = (id: string, ...ages: number[]) => ({
    id,
    files: ages.map((age, i) => ({ path: `${i}`, bytes: 1, lastUsedMs: NOW_MS - age * DAY_MS, isBeingWritten: false })),
  });
  const repositories = [repository("a", 90, 29), repository("b", 90, 31), repository("c")];
  assert.deepEqual(unusedRepositories(repositories, NOW_MS).map(({ id }) => id), ["b", "c"]);
});
