/** What a policy keeps of one group, and why. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAgeSpan, parseKeepSpan } from "../../../src/base/text/duration.ts";
import { applyPolicy, isEmptyPolicy, KEEP_UNITS, type KeepRules } from "../../../src/policy/retention/retention.ts";
import { candidate, candidates, nows } from "../candidates.ts";

const NOW = new Date("2026-01-10T00:00:00Z");

/** Backups by their ids, with their reasons; those that go have none. */
function reasons(times: readonly string[], rules: KeepRules, now = NOW): Record<string, string> {
  const judgements = applyPolicy(times.map((time) => candidate(time)), rules, now);
  return Object.fromEntries(judgements.map(({ backup, matches }) => [backup.id, matches.join(", ")]));
}

const DAYS = ["2026-01-01", "2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", "2026-01-03", "2026-01-05"];

Deno.test("counts keep the newest backup of each of the newest units", () => {
  assert.deepEqual(reasons(DAYS, { counts: { last: 1, daily: 3, weekly: 0 } }), {
    "2026-01-05": "last snapshot, daily snapshot",
    "2026-01-03": "daily snapshot",
    "2026-01-02T04:00:00Z": "daily snapshot",
    "2026-01-02T03:00:00Z": "",
    "2026-01-01": "",
  });
});

Deno.test("a count that is left over keeps the oldest backup, too", () => {
  const { "2026-01-01": oldest, "2026-01-02T03:00:00Z": second } = reasons(DAYS, { counts: { yearly: 2 } });
  assert.deepEqual([oldest, second], ["oldest yearly snapshot", ""]);
  assert.equal(reasons(DAYS, { counts: { yearly: 1 } })["2026-01-01"], "");
  assert.equal(reasons(DAYS, { counts: { monthly: Infinity } })["2026-01-01"], "oldest monthly snapshot");
});

Deno.test("counters tell what is left behind each backup", () => {
  const judgements = applyPolicy(DAYS.map((time) => candidate(time)), { counts: { daily: 2, last: Infinity } }, NOW);
  assert.deepEqual(judgements.map(({ counters }) => counters), [
    { daily: 1, last: -1 },
    ...Array.from({ length: 4 }, () => ({ daily: 0, last: -1 })),
  ]);
});

Deno.test("spans are measured from the newest backup that is not in the future", () => {
  const within = parseKeepSpan("2d");
  const times = ["2026-01-01", "2026-01-04T12:00:00Z", "2026-01-06", "2026-02-01"];
  assert.deepEqual(reasons(times, { within }), {
    "2026-02-01": "within 2d",
    "2026-01-06": "within 2d",
    "2026-01-04T12:00:00Z": "",
    "2026-01-01": "",
  });
  const allAhead = reasons(times, { within }, new Date("2025-01-01T00:00:00Z"));
  assert.ok(
    Object.values(allAhead).every((reason) => reason === "within 2d"),
    "a clock that is behind removes nothing",
  );
  assert.deepEqual(reasons(DAYS, { withinUnits: { weekly: parseKeepSpan("3d") } }), {
    "2026-01-05": "weekly within 3d",
    "2026-01-03": "weekly within 3d",
    "2026-01-02T04:00:00Z": "",
    "2026-01-02T03:00:00Z": "",
    "2026-01-01": "",
  });
});

Deno.test("tag lists are joined by and inside, by or between; the empty tag is that of backups without any", () => {
  const backups = [
    candidate("2026-01-01", { tags: ["a", "b"] }),
    candidate("2026-01-02", { tags: ["b"] }),
    candidate("2026-01-03"),
  ];
  const kept = (...tags: string[][]) =>
    applyPolicy(backups, { tags }, NOW).filter(({ matches }) => matches.length > 0).map(({ backup }) => backup.id);
  assert.deepEqual(kept(["b", "a"]), ["2026-01-01"]);
  assert.deepEqual(kept(["a"], ["b"]), ["2026-01-02", "2026-01-01"]);
  assert.deepEqual(kept([""]), ["2026-01-03"]);
  assert.deepEqual(kept(["c"]), []);
});

Deno.test("run types are counted each on its own, and those without a count stay", () => {
  const rows = [["1", "hourly"], ["2", "daily"], ["3", "hourly"], ["4", null], ["5", "hourly"], [
    "6",
    "yearly",
  ]] as const;
  const backups = rows.map(([day, runType]) => candidate(`2026-01-0${day}`, { runType }));
  const judge = (counts: [string, number][]) =>
    applyPolicy(backups, { runTypes: new Map(counts) }, NOW).reverse().map(({ matches }) => matches.join());
  const free = "run type without a limit";
  assert.deepEqual(judge([["hourly", 2], ["daily", 1]]), ["", "daily run", "hourly run", free, "hourly run", free]);
  assert.deepEqual(judge([["hourly", 0]]), ["", free, "", free, "", free]);
  assert.deepEqual(judge([["hourly", Infinity]]).filter((reason) => reason === ""), []);
});

Deno.test("an age is measured from now, and what lies in the future is not old", () => {
  const times = ["2025-10-09T23:59:59Z", "2025-10-10T00:00:00Z", "2026-03-01"];
  assert.deepEqual(reasons(times, { notOlderThan: parseAgeSpan("3M") }), {
    "2026-03-01": "not older than 3M",
    "2025-10-10T00:00:00Z": "not older than 3M",
    "2025-10-09T23:59:59Z": "",
  });
});

Deno.test("counts and spans of nothing are no policy", () => {
  const nothing = parseKeepSpan("0d");
  for (
    const rules of [{}, { counts: { last: 0 } }, { within: nothing, withinUnits: { daily: nothing } }, { tags: [] }]
  ) {
    assert.ok(isEmptyPolicy(rules), JSON.stringify(rules));
  }
  for (const rules of [{ counts: { last: 1 } }, { tags: [[""]] }, { runTypes: new Map([["daily", 0]]) }]) {
    assert.ok(!isEmptyPolicy(rules), JSON.stringify(rules));
  }
});

const count = fc.constantFrom(0, 1, 2, 3, 7, Infinity);
const span = fc.constantFrom("0d", "5h", "3d", "2m", "1y").map(parseKeepSpan);
const counts = fc.record(Object.fromEntries(["last", ...KEEP_UNITS].map((rule) => [rule, count])));
const policies: fc.Arbitrary<KeepRules> = fc.record({
  counts,
  within: span,
  withinUnits: fc.record(Object.fromEntries(KEEP_UNITS.map((unit) => [unit, span]))),
});

/** Ids of what is kept. */
function keptBy(rules: KeepRules, backups: readonly ReturnType<typeof candidate>[], now: Date): Set<string> {
  return new Set(
    applyPolicy(backups, rules, now).filter(({ matches }) => matches.length > 0).map(({ backup }) => backup.id),
  );
}

Deno.test("every backup is judged once, newest first, however they are given", () => {
  fc.assert(fc.property(candidates, policies, nows, (backups, rules, now) => {
    const judged = applyPolicy(backups, rules, now).map(({ backup }) => backup);
    assert.deepEqual(new Set(judged), new Set(backups));
    assert.equal(judged.length, backups.length);
    for (const [i, backup] of judged.slice(1).entries()) {
      assert.ok(backup.time.nanoseconds <= judged[i]!.time.nanoseconds);
    }
    assert.deepEqual(applyPolicy(backups.toReversed(), rules, now), applyPolicy(backups, rules, now));
  }));
});

Deno.test("where there is a policy of counts or spans, the newest backup is kept", () => {
  fc.assert(fc.property(candidates, policies, nows, (backups, rules, now) => {
    fc.pre(!isEmptyPolicy(rules) && backups.length > 0);
    const newest = applyPolicy(backups, rules, now)[0]!;
    assert.ok(newest.matches.length > 0);
  }));
});

Deno.test("greater counts and further rules never keep less", () => {
  fc.assert(fc.property(candidates, counts, counts, policies, nows, (backups, some, more, other, now) => {
    const larger = Object.fromEntries(Object.entries(some).map(([rule, n]) => [rule, Math.max(n, more[rule]!)]));
    const kept = keptBy({ counts: some }, backups, now);
    const keptByMore = keptBy({ counts: larger }, backups, now);
    assert.ok(kept.isSubsetOf(keptByMore), "greater counts");
    const both = keptBy({ ...other, counts: some }, backups, now);
    assert.ok(kept.isSubsetOf(both), "further rules");
  }));
});

Deno.test("of each unit no more is kept than the count says, and the oldest", () => {
  fc.assert(
    fc.property(candidates, fc.integer({ min: 1, max: 9 }), fc.constantFrom(...KEEP_UNITS), (backups, n, unit) => {
      const kept = keptBy({ counts: { [unit]: n } }, backups, NOW);
      assert.ok(kept.size <= n);
    }),
  );
});
