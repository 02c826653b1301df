/** Level decisions: Freezer's and TwinDB's rules line by line, several at a time, and what holds for any history. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { ManifestId, SnapshotId } from "../../../src/base/id.ts";
import { RUN_TYPES, type RunType } from "../../../src/base/run_type.ts";
import { decideLevel, type LevelRecord, type LevelRequest, type LevelRules } from "../../../src/policy/level/level.ts";
import { newestChainOf } from "../../../src/policy/level/level_history.ts";
import { candidateParent, nextBackupType } from "../../../src/policy/level/level_twindb.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 2, 1);

function idOf(name: string): ManifestId {
  return name.padEnd(64, "0") as ManifestId;
}

/** A record for each level, the newest last, a day apart and the newest a day old; all on the last level 0 before. */
function history(...levels: readonly number[]): LevelRecord[] {
  let base = idOf("gone");
  return levels.map((level, i) => {
    const id = idOf(`${"abcdefgh"[i]}${level}`);
    if (level === 0) base = id;
    const startedMs = NOW_MS - (levels.length - i) * DAY_MS;
    return { id, level, base, startedMs, runType: null, engine: "tar", replays: false, problem: null };
  });
}

function decide(records: readonly LevelRecord[], rules: LevelRules = {}, request: Partial<LevelRequest> = {}) {
  const usual = { rules, runType: null, replaysChains: false, engine: "tar", nowMs: NOW_MS, unreadable: [] };
  return decideLevel(records, { ...usual, ...request });
}

/** What is decided, in short: level, parent, rule. */
function outcome(...args: Parameters<typeof decide>): readonly [number, string | null, string] {
  const { level, parent, rule } = decide(...args);
  return [level, parent?.replace(/0+$/, "") || null, rule];
}

/** Ids as `outcome` shortens them lose the zero of a level 0. */
const FREEZER: readonly (readonly [
  rule: string,
  levels: readonly number[],
  rules: LevelRules,
  expected: readonly [number, string | null, string],
])[] = [
  ["none where there is none: level 0", [], {}, [0, null, "first"]],
  ["none where there is none, whatever the rules", [], { maxLevel: 3, alwaysLevel: 2 }, [0, null, "first"]],
  ["none where the run is not incremental", [0, 1], { mode: "full" }, [0, null, "level"]],
  ["none where max_level is less than the highest", [0, 1, 2, 3], { maxLevel: 2 }, [0, null, "max-level"]],
  ["none where max_level is the highest", [0, 1, 2], { maxLevel: 2 }, [0, null, "max-level"]],
  ["else the newest: below max_level", [0, 1], { maxLevel: 2 }, [2, "b1", "newest"]],
  ["max_level 0 is as if it were not given", [0, 1, 2], { maxLevel: 0 }, [3, "c2", "newest"]],
  ["max_level counts the newest chain alone", [0, 1, 2, 0], { maxLevel: 1 }, [1, "d", "newest"]],
  ["none where always_level is less than the highest", [0, 1, 2], { alwaysLevel: 1 }, [0, null, "always-level"]],
  ["the one below where always_level is the highest", [0, 1, 2], { alwaysLevel: 2 }, [2, "b1", "always-level"]],
  ["so that it is made again and again on one base", [0, 1, 2, 2, 2], { alwaysLevel: 2 }, [2, "b1", "always-level"]],
  ["else the newest: below always_level", [0, 1], { alwaysLevel: 2 }, [2, "b1", "newest"]],
  ["always_level 0 is as if it were not given", [0, 1, 2], { alwaysLevel: 0 }, [3, "c2", "newest"]],
  ["none where so many days have passed", [0, 1], { restartAlwaysLevelDays: 2 }, [0, null, "restart-always-level"]],
  ["else the newest: fewer days have passed", [0, 1], { restartAlwaysLevelDays: 3 }, [2, "b1", "newest"]],
  ["the one below, until so many days have passed", [0, 1, 1], { alwaysLevel: 1, restartAlwaysLevelDays: 4 }, [
    1,
    "a",
    "always-level",
  ]],
  ["none where the level 0 to count from is gone", [1, 2], { restartAlwaysLevelDays: 9 }, [
    0,
    null,
    "restart-always-level",
  ]],
  ["max_level ends what always_level would repeat", [0, 1, 2], { maxLevel: 2, alwaysLevel: 2 }, [
    0,
    null,
    "max-level",
  ]],
  ["the one below is gone: level 0", [0, 2], { alwaysLevel: 2 }, [0, null, "gone-parent"]],
  ["else the newest, also above a branch", [0, 1, 2, 1], {}, [2, "d1", "newest"]],
  ["incremental goes on like auto", [0, 1], { mode: "incremental" }, [2, "b1", "newest"]],
  ["incremental is the weakest of rules", [0, 1], { mode: "incremental", maxLevel: 1 }, [0, null, "max-level"]],
];

for (const [rule, levels, rules, expected] of FREEZER) {
  Deno.test(`Freezer: ${rule}`, () => assert.deepEqual(outcome(history(...levels), rules), expected));
}

Deno.test("the days are counted from the level 0 of the newest chain, less five minutes, and have fractions", () => {
  const records = history(0, 1, 2);
  const startedMs = records[0]!.startedMs;
  for (const days of [7, 6.5, 3.25]) {
    const rules = { restartAlwaysLevelDays: days };
    const nowMs = startedMs + days * DAY_MS - 5 * MINUTE_MS;
    assert.equal(decide(records, rules, { nowMs: nowMs - 1 }).level, 3, `${days}`);
    assert.equal(decide(records, rules, { nowMs }).level, 0, `${days}`);
  }
  const { reason } = decide(records, { restartAlwaysLevelDays: 2.5 });
  assert.equal(reason, "2.5 days have passed since level 0 of the newest chain, a0000000");
});

Deno.test("a level 0 of another chain, or a later member, does not make the newest chain older or younger", () => {
  const [first, second, third] = history(0, 0, 1) as [LevelRecord, LevelRecord, LevelRecord];
  const late = { ...third, id: idOf("late"), base: first.id };
  const rules = { restartAlwaysLevelDays: 3 };
  const { level, parent } = decide([first, second, late], rules);
  assert.deepEqual([level, parent], [1, second.id], "the newest of the chain whose level 0 is newest");
  const withoutRules = decide([first, second, late]);
  assert.deepEqual([withoutRules.level, withoutRules.parent], [2, late.id], "the newest of all");
  assert.deepEqual(decide([first, late], rules).rule, "restart-always-level");
});

Deno.test("a chain whose level 0 is gone has the place of its oldest member among the others", () => {
  const [first, second, third] = history(0, 0, 1) as [LevelRecord, LevelRecord, LevelRecord];
  const orphan = { ...third, base: idOf("gone") };
  assert.equal(newestChainOf([first, second, orphan])?.newest, orphan);
  const older = { ...orphan, id: idOf("older"), startedMs: first.startedMs - 1 };
  assert.equal(newestChainOf([first, second, orphan, older])?.newest, second);
});

const nightlyJitter = fc.array(fc.integer({ min: 0, max: 5 * MINUTE_MS }), { minLength: 800, maxLength: 800 });

/** The levels of nights in a row, each so late; retention may take backups away after each. */
function levelsOfNights(jitters: readonly number[], rules: LevelRules, keep = Infinity): number[] {
  let records: LevelRecord[] = [];
  return jitters.map((jitterMs, night) => {
    const startedMs = NOW_MS + night * DAY_MS + jitterMs;
    const { level, parent } = decide(records, rules, { nowMs: startedMs });
    const id = night.toString(16).padStart(64, "0") as ManifestId;
    const base = records.find((record) => record.id === parent)?.base ?? id;
    records = [...records, { id, level, base, startedMs, runType: null, engine: "tar", replays: false, problem: null }]
      .slice(-keep);
    return level;
  });
}

Deno.test("a nightly job begins a chain every N days, whatever the minutes of its jitter", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 31 }), fc.boolean(), nightlyJitter, (days, isDifferential, jitters) => {
      const rules = { restartAlwaysLevelDays: days, ...isDifferential && { alwaysLevel: 1 } };
      const levels = levelsOfNights(jitters, rules);
      assert.deepEqual(levels, jitters.map((_, night) => isDifferential ? Math.min(night % days, 1) : night % days));
    }),
    { seed: 20260302, numRuns: 40, endOnFailure: true },
  );
});

Deno.test("a job of several runs a day begins a chain at the run that is due, also by half days", () => {
  const halfDays = Array.from({ length: 60 }, (_, run) => NOW_MS + run * DAY_MS / 2);
  let records: LevelRecord[] = [];
  const levels = halfDays.map((startedMs, run) => {
    const { level } = decide(records, { restartAlwaysLevelDays: 6.5 }, { nowMs: startedMs });
    const id = idOf(`r${run}`);
    records = [...records, {
      id,
      level,
      base: level === 0 ? id : records.at(-1)!.base,
      startedMs,
      runType: null,
      engine: "tar",
      replays: false,
      problem: null,
    }];
    return level;
  });
  assert.deepEqual(levels, halfDays.map((_, run) => run % 13));
});

Deno.test("a chain begins at least every N days where retention keeps fewer", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 14 }),
      fc.integer({ min: 1, max: 10 }),
      nightlyJitter,
      (days, keep, jitters) => {
        const levels = levelsOfNights(jitters, { restartAlwaysLevelDays: days }, keep);
        assert.ok(Math.max(...levels) < days, `level ${Math.max(...levels)} with ${keep} kept`);
      },
    ),
    { seed: 20260303, numRuns: 40, endOnFailure: true },
  );
});

Deno.test("without rules a chain that is replayed ends at level 6; streams go on", () => {
  const series = (rules: LevelRules, replaysChains: boolean) => {
    let records: LevelRecord[] = [];
    for (let night = 0; night < 16; night++) {
      const nowMs = NOW_MS + night * DAY_MS;
      const { level } = decide(records, rules, { replaysChains, nowMs });
      const id = idOf(`n${night}`);
      const base = level === 0 ? id : records.at(-1)!.base;
      records = [...records, {
        id,
        level,
        base,
        startedMs: nowMs,
        runType: null,
        engine: "tar",
        replays: false,
        problem: null,
      }];
    }
    return records.map(({ level }) => level);
  };
  const inOneRow = Array.from({ length: 16 }, (_, night) => night);
  const inSevens = inOneRow.map((night) => night % 7);
  assert.deepEqual(series({}, true), inSevens);
  assert.deepEqual(series({ mode: "auto", maxLevel: 0, alwaysLevel: 0 }, true), inSevens, "as if none were given");
  assert.deepEqual(series({ mode: "auto" }, false), inOneRow);
  assert.deepEqual(series({ mode: "incremental" }, true), inOneRow, "that is asked for");
  assert.deepEqual(series({ maxLevel: 9 }, true), inOneRow.map((night) => night % 10));
  assert.deepEqual(series({ restartAlwaysLevelDays: 3 }, true), inOneRow.map((night) => night % 3));
  const { rule, reason } = decide(history(0, 1, 2, 3, 4, 5, 6), {}, { replaysChains: true });
  assert.deepEqual([rule, reason], [
    "max-level",
    "the newest chain has reached level 6, and without rules none goes beyond 6",
  ]);
});

Deno.test("TwinDB's next_backup_type for every pair of intervals, with and without a full copy", () => {
  for (const [f, fullBackup] of RUN_TYPES.entries()) {
    for (const [r, runType] of RUN_TYPES.entries()) {
      const isAlwaysFull = f <= r;
      const expected = isAlwaysFull ? "full" : "incremental";
      assert.equal(nextBackupType({ fullBackup, runType, fullCopyExists: true }), expected, `${fullBackup} ${runType}`);
      assert.equal(nextBackupType({ fullBackup, runType, fullCopyExists: false }), "full");
    }
  }
  const types = RUN_TYPES.map((runType) => nextBackupType({ fullBackup: "daily", runType, fullCopyExists: true }));
  assert.deepEqual(types, ["incremental", "full", "full", "full", "full"], "the example of full_backup=daily");
});

/** Full backups of these run types, a day apart, the newest last. */
function fulls(...runTypes: readonly (RunType | null)[]): LevelRecord[] {
  return history(...runTypes.map(() => 0)).map((record, i) => ({ ...record, runType: runTypes[i]! }));
}

Deno.test("TwinDB's candidate_parent: the newest full one of the run type, then of each longer one", () => {
  const records = fulls("weekly", "daily", "daily", "weekly", "monthly");
  const found = RUN_TYPES.map((runType) => records.indexOf(candidateParent(records, runType)!));
  assert.deepEqual(found, [2, 2, 3, 4, -1], "of its own type first, though a longer one's is newer");
  const [increment] = history(1);
  assert.equal(candidateParent([{ ...increment!, runType: "daily" }], "hourly"), undefined, "only full ones");
  const untyped = fulls(null);
  assert.equal(candidateParent(untyped, "hourly"), untyped[0], "without a run type it counts as hourly");
  assert.equal(candidateParent(untyped, "daily"), undefined);
});

Deno.test("TwinDB: an hourly run is level 1 on the newest full daily one, however many came since", () => {
  const [weekly, daily] = fulls("weekly", "daily");
  const hourly = history(0, 0, 1, 1).slice(2).map((record) => ({ ...record, base: daily!.id, runType: "hourly" }));
  const records = [weekly!, daily!, ...hourly];
  const decided = decide(records, { fullBackup: "daily" }, { runType: "hourly" });
  assert.deepEqual([decided.level, decided.parent, decided.rule], [1, daily!.id, "full-backup"]);
  assert.equal(decide(records, { fullBackup: "daily" }, { runType: "weekly" }).level, 0);
  assert.equal(decide(hourly, { fullBackup: "daily" }, { runType: "hourly" }).level, 0, "no full copy is left");
});

Deno.test("TwinDB's parent is taken although a longer run's full one, as good a level, is newer", () => {
  const [daily, weekly] = fulls("daily", "weekly") as [LevelRecord, LevelRecord];
  const { level, parent } = decide([daily, weekly], { fullBackup: "daily" }, { runType: "hourly" });
  assert.deepEqual([level, parent], [1, daily.id]);
});

Deno.test("where several rules apply the fullest wins, and what the others would have had is told", () => {
  const records = fulls("daily");
  const { level, rule, overruled } = decide(
    records,
    { mode: "incremental", fullBackup: "hourly" },
    { runType: "daily" },
  );
  assert.deepEqual([level, rule], [0, "full-backup"]);
  assert.deepEqual(overruled.map((other) => [other.rule, other.level]), [["newest", 1]]);
  assert.deepEqual(outcome(history(0, 1, 2), { maxLevel: 9, mode: "full" }), [0, null, "level"]);
});

Deno.test("a parent with a problem makes a level 0 and a warning; a problem elsewhere does not", () => {
  const [first, second] = history(0, 1) as [LevelRecord, LevelRecord];
  const problem = "its manifest is gone";
  const { level, parent, rule, warnings } = decide([first, { ...second, problem }]);
  assert.deepEqual([level, parent, rule, warnings.length], [0, null, "damaged-parent", 1]);
  assert.match(
    warnings[0]!,
    /^the parent b1000000 cannot be continued: its manifest is gone; this backup is a level 0; run "agent check --read-data"$/,
  );
  assert.deepEqual(outcome([{ ...first, problem }, second]), [2, "b1", "newest"]);
  assert.deepEqual(decide([first, { ...second, problem }], { mode: "full" }).warnings, []);
});

Deno.test("a snapshot that cannot be read may be the parent", () => {
  const ids = ["1a", "2b"].map((name) => name.padEnd(64, "0") as SnapshotId);
  const { level, rule, warnings } = decide(history(0, 1), {}, { unreadable: ids.slice(0, 1) });
  assert.deepEqual([level, rule], [0, "damaged-parent"]);
  assert.match(
    warnings.join(),
    /^snapshot 1a000000 cannot be read and may be .*; this backup is a level 0; run "agent check/,
  );
  assert.match(decide(history(0), {}, { unreadable: ids }).warnings.join(), /^2 snapshots cannot be read, .*1a000000/);
  assert.deepEqual(decide(history(0), { mode: "full" }, { unreadable: ids }).warnings, []);
});

Deno.test("backups from the future are continued only where there are no others, and not in silence", () => {
  const [first, second] = history(0, 1) as [LevelRecord, LevelRecord];
  const future = { ...second, startedMs: NOW_MS + DAY_MS };
  const passedOver = decide([first, future]);
  assert.deepEqual([passedOver.level, passedOver.parent], [1, first.id]);
  assert.match(passedOver.warnings[0]!, /passed over a backup that claims to be begun in the future/);
  const alone = decide([future]);
  assert.deepEqual([alone.level, alone.parent], [2, future.id]);
  assert.match(alone.warnings[0]!, /the parent b1000000 claims to be begun in the future/);
  const tolerated = { ...second, startedMs: NOW_MS + 1000 };
  assert.deepEqual(decide([first, tolerated]).warnings, [], "clocks of two machines differ a little");
});

Deno.test("where levels are replayed, the backup of another engine is not continued, and said so", () => {
  const of = (engine: string, replays: boolean) => history(0, 1).map((record) => ({ ...record, engine, replays }));
  for (const [records, replaysChains] of [[of("stream", false), true], [of("binlog", true), false]] as const) {
    const { level, parent, rule, reason, warnings } = decide(records, {}, { replaysChains });
    assert.deepEqual([level, parent, rule], [0, null, "other-engine"]);
    assert.match(reason, /was made by the engine "(stream|binlog)", not by "tar"/);
    assert.deepEqual(warnings, [`${reason}; this backup is a level 0`]);
    assert.deepEqual(decide(records, { mode: "full" }, { replaysChains }).warnings, [], "who asks for a full one");
  }
  assert.equal(decide(of("stream", false)).level, 2, "streams that restore alone continue each other");
});

Deno.test("a whole parent that the source cannot go on from is a level 0, without a word of damage", () => {
  const records = history(0, 1).map((record) => ({ ...record, misfit: "the parent was read with another exclude" }));
  const { level, rule, warnings } = decide(records, {}, { replaysChains: true });
  assert.deepEqual([level, rule], [0, "unfit-parent"]);
  assert.deepEqual(warnings, ["the parent was read with another exclude; this backup is a level 0"]);
});

Deno.test("of backups begun at one moment the highest level is the newest", () => {
  const records = history(0, 1, 2).map((record) => ({ ...record, startedMs: NOW_MS }));
  assert.deepEqual(outcome(records.toReversed()), [3, "c2", "newest"]);
});

const runType = fc.option(fc.constantFrom(...RUN_TYPES), { nil: null });
const small = fc.option(fc.nat({ max: 5 }), { nil: undefined });

/** Any history at all, chains that make no sense included. */
const records = fc.array(
  fc.record({
    level: fc.nat({ max: 6 }),
    base: fc.constantFrom("x", "y", "z").map(idOf),
    startedMs: fc.integer({ min: NOW_MS - 20 * DAY_MS, max: NOW_MS + 5 * DAY_MS }),
    runType: fc.oneof(runType, fc.constant("fortnightly")),
    engine: fc.constant("tar"),
    replays: fc.constant(false),
    problem: fc.option(fc.constant("damaged"), { nil: null }),
  }),
  { maxLength: 12 },
).map((list): LevelRecord[] =>
  list.map((record, i) => ({ ...record, id: i.toString(16).padStart(64, "0") as ManifestId }))
);

const rulesArbitrary = fc.record({
  mode: fc.constantFrom("auto" as const, "full" as const, "incremental" as const),
  maxLevel: small,
  alwaysLevel: small,
  restartAlwaysLevelDays: fc.option(fc.integer({ min: 1, max: 80 }).map((quarters) => quarters / 4), {
    nil: undefined,
  }),
  fullBackup: fc.option(fc.constantFrom(...RUN_TYPES), { nil: undefined }),
}).map((rules) =>
  Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)) as unknown as LevelRules
);

Deno.test("whatever the history, a decision fits its parent, keeps to max-level and is as full as each rule alone", () => {
  fc.assert(
    fc.property(records, rulesArbitrary, runType, fc.boolean(), (list, rules, type, isDamaged) => {
      const request = { runType: type, unreadable: isDamaged ? ["1a".padEnd(64, "0") as SnapshotId] : [] };
      const decision = decide(list, rules, request);
      const parent = list.find(({ id }) => id === decision.parent);
      assert.equal(decision.level, parent === undefined ? 0 : parent.level + 1);
      assert.equal(parent?.problem ?? null, null, "never an unfit one");
      if (rules.maxLevel) assert.ok(decision.level <= rules.maxLevel);
      if (rules.mode === "full" || list.length === 0) assert.equal(decision.level, 0);
      if (decision.rule.endsWith("-parent")) assert.ok(decision.warnings.length > 0);
      for (const [name, value] of Object.entries(rules)) {
        const alone = decide(list, { [name]: value } as LevelRules, request);
        assert.ok(decision.level <= alone.level || alone.rule === "damaged-parent", `${name} alone is fuller`);
      }
      assert.deepEqual(decide(list.toReversed(), rules, request).level, decision.level);
    }),
    { seed: 20260301, numRuns: 2000 },
  );
});
