/** Expectations: how they are written, and which ones are not met, whatever clocks say. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { type Evidence, judgeExpectations, parseExpectation } from "../../src/policy/expectation.ts";
import { CLOCK_TOLERANCE_MS, isInFuture } from "../../src/base/clock.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 2, 2, 12);

const READ: readonly (readonly [text: string, series: string | null, host: string | null, runType: string | null])[] = [
  ["prod/shop=26h", "prod/shop", null, null],
  ["prod/shop@db1=26h", "prod/shop", "db1", null],
  ["prod/shop:daily=26h", "prod/shop", null, "daily"],
  ["prod/shop@db1:weekly=26h", "prod/shop", "db1", "weekly"],
  ["26h", null, null, null],
  ["=26h", null, null, null],
  ["@db1=26h", null, "db1", null],
  [":daily=26h", null, null, "daily"],
  ["a=b:c=26h", "a=b:c", null, null],
  ["shop@[::1]:yearly=26h", "shop", "[::1]", "yearly"],
];

for (const [text, series, host, runType] of READ) {
  Deno.test(`"${text}" is an expectation`, () => {
    assert.deepEqual(parseExpectation(text), { text, series, host, runType, spanMs: 26 * HOUR });
  });
}

Deno.test("what is no expectation is refused with an example", () => {
  for (const text of ["", "prod/shop", "prod/shop=", "prod/shop=soon", "prod/shop=-1h", "prod/shop@=26h", "x=26h="]) {
    assert.throws(() => parseExpectation(text), (error) => error instanceof UsageError && error.message.includes(text));
  }
});

function evidence(series: string, host: string, ageHours: number | null, runType: string | null = null): Evidence {
  return { series, host, runType, startedMs: ageHours === null ? null : NOW - ageHours * HOUR };
}

/** `SERIES@HOST age` for each verdict, with a `!` where it is overdue. */
function verdicts(expected: readonly string[], found: readonly Evidence[], nowMs = NOW): string[] {
  return judgeExpectations(expected.map(parseExpectation), found, nowMs).map(({ series, host, ageMs, isOverdue }) =>
    `${series}@${host} ${ageMs === null ? "none" : `${ageMs / HOUR}h`}${isOverdue ? "!" : ""}`
  );
}

Deno.test("the newest backup that counts decides, to the millisecond", () => {
  const found = [evidence("shop", "db1", 30, "daily"), evidence("shop", "db1", 2, "hourly")];
  assert.deepEqual(verdicts(["shop=26h"], found), ["shop@db1 2h"]);
  assert.deepEqual(verdicts(["shop:daily=26h"], found), ["shop@db1 30h!"]);
  assert.deepEqual(verdicts(["shop:daily=30h"], found), ["shop@db1 30h"]);
  assert.deepEqual(verdicts(["shop:daily=1799m59s"], found), ["shop@db1 30h!"]);
  assert.deepEqual(verdicts(["shop:weekly=300d"], found), ["shop@db1 none!"]);
});

Deno.test("an expectation without a host is about each host, one without a series about each series", () => {
  const found = [evidence("shop", "db1", 2), evidence("shop", "db2", 40), evidence("wiki", "db2", 3)];
  assert.deepEqual(verdicts(["shop=26h"], found), ["shop@db1 2h", "shop@db2 40h!"]);
  assert.deepEqual(verdicts(["shop@db1=26h"], found), ["shop@db1 2h"]);
  assert.deepEqual(verdicts(["26h"], found), ["shop@db1 2h", "shop@db2 40h!", "wiki@db2 3h"]);
  assert.deepEqual(verdicts(["@db2=26h"], found), ["shop@db2 40h!", "wiki@db2 3h"]);
});

Deno.test("where there is no backup at all, or no good one, it is overdue", () => {
  assert.deepEqual(verdicts(["shop=26h", "26h", "shop@db9=26h"], []), [
    "shop@null none!",
    "null@null none!",
    "shop@db9 none!",
  ]);
  assert.deepEqual(verdicts(["26h"], [evidence("shop", "db1", null)]), ["shop@db1 none!"]);
});

Deno.test("a backup of the future proves nothing, but for what clocks may differ", () => {
  assert.deepEqual(verdicts(["shop=26h"], [evidence("shop", "db1", -1)]), ["shop@db1 none!"]);
  const both = [evidence("shop", "db1", -1, "hourly"), evidence("shop", "db1", 30, "daily")];
  assert.deepEqual(verdicts(["shop=26h"], both), ["shop@db1 30h!"]);
  const tolerated = CLOCK_TOLERANCE_MS / HOUR;
  assert.deepEqual(verdicts(["shop=26h"], [evidence("shop", "db1", -tolerated)]), ["shop@db1 0h"]);
  assert.equal(isInFuture(NOW + CLOCK_TOLERANCE_MS + 1, NOW), true);
  assert.deepEqual(verdicts(["26h"], [evidence("shop", "db1", 1)], 0), ["shop@db1 none!"], "a clock that began anew");
  assert.deepEqual(verdicts(["26h"], [evidence("shop", "db1", 1)], NOW + 1000 * HOUR), ["shop@db1 1001h!"]);
});

Deno.test("whatever backups there are: not overdue only where one is young enough and not in the future", () => {
  const hours = fc.option(fc.integer({ min: -50, max: 50 }));
  fc.assert(
    fc.property(fc.array(hours), fc.integer({ min: 0, max: 50 }), (ages, limit) => {
      const [verdict] = judgeExpectations(
        [parseExpectation(`shop=${limit}h`)],
        ages.map((age) => evidence("shop", "db1", age)),
        NOW,
      );
      const isMet = ages.some((age) => age !== null && age >= 0 && age <= limit);
      assert.equal(verdict!.isOverdue, !isMet);
    }),
    { seed: 11, numRuns: 200 },
  );
});
