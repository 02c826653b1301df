/** Plans: groups, what is kept of each, and the last good backup that no policy removes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseKeepSpan } from "../../../src/base/text/duration.ts";
import { goodOf } from "../../../src/policy/good_backup.ts";
import {
  applyPolicy,
  isBackupInFuture,
  type KeepRules,
  newestFirstOf,
} from "../../../src/policy/retention/retention.ts";
import {
  DEFAULT_GROUPING,
  GROUP_WORDS,
  type GroupWord,
  type PlannedBackup,
  planRetention,
} from "../../../src/policy/retention/retention_plan.ts";
import { groupBySeriesAndHost } from "../../../src/policy/series_and_host.ts";
import { candidate, candidates, nows } from "../candidates.ts";

const NOW = new Date("2026-01-10T00:00:00Z");

interface Asked {
  readonly selected?: readonly PlannedBackup[];
  readonly groupBy?: readonly GroupWord[];
  readonly allowLast?: boolean;
  readonly isPolicy?: boolean;
  readonly now?: Date;
}

function plan(all: readonly PlannedBackup[], rules: KeepRules, asked: Asked = {}) {
  const { selected = all, groupBy = DEFAULT_GROUPING, allowLast = false, isPolicy = true, now = NOW } = asked;
  return planRetention(all, selected, {
    judge: (group) => applyPolicy(group, rules, now),
    isPolicy,
    groupBy,
    allowLast,
    now,
  });
}

const ids = (backups: readonly PlannedBackup[]) => backups.map(({ id }) => id);
const NONE: KeepRules = { tags: [["never"]] };
const LAST: KeepRules = { counts: { last: 1 } };

Deno.test("each group is judged on its own, and says what it has in common", () => {
  const backups = [
    candidate("2026-01-01", { host: "db2" }),
    candidate("2026-01-02", { tags: ["b", "a"] }),
    candidate("2026-01-03", { tags: ["a", "b"] }),
    candidate("2026-01-04", { series: "etc", paths: ["/etc", "/home"] }),
    candidate("2026-01-05", { series: "home", paths: ["/home", "/etc"] }),
  ];
  const kept = (...groupBy: GroupWord[]) =>
    plan(backups, LAST, { groupBy, allowLast: true }).flatMap(({ keep }) => ids(keep));
  assert.deepEqual(kept("host", "paths"), ["2026-01-05", "2026-01-03", "2026-01-01"]);
  assert.deepEqual(kept(), ["2026-01-05"]);
  assert.deepEqual(kept("host"), ["2026-01-05", "2026-01-01"]);
  assert.deepEqual(kept("tags").sort(), ["2026-01-03", "2026-01-05"]);
  assert.deepEqual(kept("series").sort(), ["2026-01-03", "2026-01-04", "2026-01-05"]);
  const [first, second] = plan(backups, LAST, { groupBy: ["host", "paths", "tags"] });
  assert.deepEqual([first!.host, first!.paths, first!.series, first!.tags], ["db1", ["/etc", "/home"], null, []]);
  assert.deepEqual([second!.host, second!.paths, second!.series, second!.tags], ["db1", ["/prod/shop"], "prod/shop", [
    "a",
    "b",
  ]]);
  assert.deepEqual(ids(second!.remove), ["2026-01-02"]);
});

Deno.test("the newest good backup of a series on a host stays where a policy would leave none", () => {
  const backups = [
    candidate("2026-01-01"),
    candidate("2026-01-02"),
    candidate("2026-01-03", { health: "broken" }),
    candidate("2026-01-04", { host: "db2" }),
  ];
  const [db1, db2] = plan(backups, NONE);
  assert.deepEqual([ids(db1!.keep), ids(db1!.remove)], [["2026-01-03", "2026-01-02"], ["2026-01-01"]]);
  assert.deepEqual(db1!.reasons.map(({ matches }) => matches), [["newest backup of the series"], ["last good backup"]]);
  assert.deepEqual(ids(db2!.keep), ["2026-01-04"]);
  assert.ok(db1!.policyKeepsNothing);
  const [allowed] = plan(backups, NONE, { allowLast: true });
  assert.deepEqual(ids(allowed!.keep), []);
});

Deno.test("an incomplete backup that a policy keeps does not stand for its series", () => {
  const backups = [candidate("2026-01-01"), candidate("2026-01-02"), candidate("2026-01-03", { health: "broken" })];
  const [group] = plan(backups, LAST);
  assert.deepEqual(ids(group!.keep), ["2026-01-03", "2026-01-02"]);
  assert.ok(!group!.policyKeepsNothing);
});

Deno.test("an old good backup that a policy keeps does not stand for the newest good one", () => {
  const backups = [
    candidate("2025-12-05"),
    candidate("2026-01-02"),
    candidate("2026-01-03"),
    candidate("2026-01-04", { health: "unjudged" }),
  ];
  const [group] = plan(backups, { counts: { last: 1, monthly: 2 } });
  assert.deepEqual([ids(group!.keep), ids(group!.remove)], [["2026-01-04", "2026-01-03", "2025-12-05"], [
    "2026-01-02",
  ]]);
  const [named] = plan(backups, NONE, { selected: [backups[2]!], isPolicy: false });
  assert.deepEqual(ids(named!.remove), ["2026-01-03"], "who names a backup is no policy");
});

Deno.test("of a series without a good backup only the newest is spared", () => {
  const backups = ["2026-01-01", "2026-01-02"].map((day) => candidate(day, { health: "broken" }));
  const [group] = plan(backups, NONE);
  assert.deepEqual([ids(group!.keep), ids(group!.remove)], [["2026-01-02"], ["2026-01-01"]]);
  const [named] = plan(backups, NONE, { isPolicy: false });
  assert.deepEqual(ids(named!.keep), [], "who names a backup is no policy");
});

Deno.test("what is not asked about counts, too: a backup that stays elsewhere may be the last good one", () => {
  const backups = [candidate("2026-01-01"), candidate("2026-01-02", { tags: ["x"] })];
  const [group] = plan(backups, NONE, { selected: [backups[0]!] });
  assert.deepEqual([group!.keep, ids(group!.remove)], [[], ["2026-01-01"]]);
});

Deno.test("backups from a clock that ran ahead do not stand in for the real ones, whatever keeps them", () => {
  const backups = [candidate("2026-01-01"), candidate("2026-01-02"), candidate("2037-01-01"), candidate("2038-01-19")];
  const [none] = plan(backups, NONE);
  const ahead = ["2038-01-19", "2037-01-01"];
  assert.deepEqual(ids(none!.keep), [...ahead, "2026-01-02"]);
  const [last] = plan(backups, LAST);
  assert.deepEqual(ids(last!.keep), [...ahead, "2026-01-02"]);
  assert.deepEqual(last!.reasons.map(({ matches }) => matches.join()), [
    "in the future",
    "in the future",
    "last snapshot",
  ]);
  assert.deepEqual(ids(last!.inFuture), ahead);
  const [incomplete] = plan([backups[0]!, candidate("2026-01-02", { health: "broken" }), backups[3]!], LAST);
  assert.deepEqual(ids(incomplete!.keep), ["2038-01-19", "2026-01-02", "2026-01-01"]);
  const [onlyFuture] = plan(backups.slice(2), NONE);
  assert.deepEqual(ids(onlyFuture!.keep), ahead, "where all are ahead, the clock that is wrong may be this one");
  assert.ok(!onlyFuture!.policyKeepsNothing);
  const [named] = plan(backups, NONE, { selected: [backups[3]!], isPolicy: false });
  assert.deepEqual(ids(named!.remove), ["2038-01-19"], "who names one may mean it");
});

Deno.test("what is on hold stays, whatever the policy and whatever is allowed", () => {
  const backups = [candidate("2026-01-01", { tags: ["hold", "x"] }), candidate("2026-01-02"), candidate("2026-01-03")];
  const [group] = plan(backups, LAST, { allowLast: true });
  assert.deepEqual(ids(group!.keep), ["2026-01-03", "2026-01-01"]);
  assert.deepEqual(group!.reasons.map(({ matches }) => matches), [["last snapshot"], ["on hold"]]);
  assert.ok(plan(backups, NONE)[0]!.policyKeepsNothing, "a hold does not make a policy of one that keeps nothing");
});

Deno.test("the last good backup before a series shrank stays until a second one of the new size is there", () => {
  const whole = candidate("2026-01-02");
  const shrunk = candidate("2026-01-04", { shrunk: true });
  const kept = (backups: readonly PlannedBackup[], asked: Asked = {}) => ids(plan(backups, LAST, asked)[0]!.keep);
  const older = [candidate("2026-01-01"), whole, candidate("2026-01-03", { health: "unjudged" })];
  assert.deepEqual(kept([...older, shrunk]), ["2026-01-04", "2026-01-02"]);
  const broken = candidate("2026-01-05", { health: "broken" });
  assert.deepEqual(kept([...older, shrunk, broken]), ["2026-01-05", "2026-01-04", "2026-01-02"]);
  assert.deepEqual(kept([...older, shrunk, candidate("2026-01-05")]), ["2026-01-05"]);
  const further = candidate("2026-01-05", { shrunk: true });
  assert.deepEqual(kept([...older, shrunk, further]), ["2026-01-05", "2026-01-02"], "they are of two sizes");
  assert.deepEqual(kept([...older, shrunk], { allowLast: true }), ["2026-01-04"]);
  assert.deepEqual(kept([...older, shrunk, candidate("2037-01-01")]), ["2037-01-01", "2026-01-04", "2026-01-02"]);
  const [group] = plan([...older, shrunk], LAST);
  assert.deepEqual(group!.reasons.at(-1)!.matches, ["last good backup before the series shrank"]);
});

Deno.test("clocks of two machines may differ by some minutes", () => {
  const soon = candidate("2026-01-10T00:04:00Z");
  const [group] = plan([candidate("2026-01-01"), soon], LAST);
  assert.deepEqual([ids(group!.keep), group!.inFuture], [[soon.id], []]);
});

Deno.test("a plan loses and doubles nothing, and leaves a good backup of every series that had one", () => {
  const rules: fc.Arbitrary<KeepRules> = fc.record({
    counts: fc.record({ last: fc.nat(3), daily: fc.nat(3) }),
    tags: fc.constantFrom([], [["keep"]]),
    runTypes: fc.constantFrom(new Map<string, number>(), new Map([["hourly", 1]])),
  });
  const grouping = fc.subarray([...GROUP_WORDS]);
  fc.assert(fc.property(candidates, rules, grouping, nows, fc.boolean(), (all, policy, groupBy, now, onlyDb1) => {
    const selected = onlyDb1 ? all.filter(({ host }) => host === "db1") : all;
    const groups = plan(all, policy, { selected, groupBy, now });
    const planned = groups.flatMap(({ keep, remove }) => [...keep, ...remove]);
    assert.equal(planned.length, selected.length);
    assert.deepEqual(new Set(planned), new Set(selected));
    for (const { keep, reasons } of groups) {
      assert.deepEqual(reasons.map(({ backup }) => backup), keep);
      assert.ok(reasons.every(({ matches }) => matches.length > 0));
    }
    const going = new Set(groups.flatMap(({ remove }) => remove));
    const isInFuture = (backup: PlannedBackup) => isBackupInFuture(backup, now);
    for (const place of groupBySeriesAndHost(all)) {
      const past = place.filter((backup) => !isInFuture(backup));
      const good = goodOf(place, { healthOf: ({ health }) => health, isInFuture });
      const [newest] = newestFirstOf(past.length > 0 ? past : place);
      assert.ok(!going.has(newest!), "the newest stays");
      for (const some of [good, good.filter((backup) => !isInFuture(backup))]) {
        assert.ok(some.length === 0 || some.some((backup) => !going.has(backup)), "a good one stays");
      }
    }
    assert.ok([...going].every((backup) => !isInFuture(backup) && !backup.tags.includes("hold")));
  }));
});

Deno.test("whatever claims to be of the future changes nothing of what becomes of the others", () => {
  const rules: fc.Arbitrary<KeepRules> = fc.record({
    counts: fc.record({ last: fc.nat(3), daily: fc.nat(3), monthly: fc.nat(2) }),
    within: fc.constantFrom(parseKeepSpan("0d"), parseKeepSpan("20d")),
    runTypes: fc.constantFrom(new Map<string, number>(), new Map([["hourly", 1]])),
  });
  fc.assert(fc.property(candidates, rules, fc.boolean(), nows, (all, policy, allowLast, now) => {
    const past = all.filter((backup) => !isBackupInFuture(backup, now));
    const removed = (backups: readonly PlannedBackup[]) =>
      new Set(plan(backups, policy, { allowLast, now }).flatMap(({ remove }) => remove));
    assert.deepEqual(removed(all), removed(past));
  }));
});
