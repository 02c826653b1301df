/** Removals side by side: whoever takes what from a series, and in whatever order, it keeps a good backup. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type PlannedBackup, planRetention } from "../../../src/policy/retention/retention_plan.ts";
import { lastToStay } from "../../../src/policy/retention/last_to_stay.ts";
import { candidate } from "../candidates.ts";

const NOW = new Date("2026-01-14T12:00:00Z");

function idsToStay(...backups: readonly PlannedBackup[]): string[] {
  return [...lastToStay(backups, NOW)].map(({ id }) => id).sort();
}

Deno.test("the newest good backup of each series on each host is the last to stay", () => {
  const older = candidate("2026-01-10");
  const newer = candidate("2026-01-11");
  const other = candidate("2026-01-09", { host: "db2" });
  const dev = candidate("2026-01-08", { series: "dev" });
  assert.deepEqual(idsToStay(newer, older, other, dev), [dev.id, other.id, newer.id]);
  assert.deepEqual(idsToStay(older, candidate("2026-01-12", { health: "broken" })), [older.id]);
  assert.deepEqual(idsToStay(candidate("2026-01-12", { health: "broken" })), []);
  assert.deepEqual(idsToStay(), []);
});

Deno.test("what one clock takes for the future may be the newest by another: both stay", () => {
  const real = candidate("2026-01-14");
  const future = candidate("2026-01-15");
  assert.deepEqual(idsToStay(candidate("2026-01-13"), real, future), [real.id, future.id]);
});

/** Somebody who removes one backup: looks, and then, at some later moment, acts upon what was seen. */
class Remover {
  state: "about to look" | "beside" | "wants to be alone" | "over" = "about to look";
  readonly #target: PlannedBackup;
  readonly #now: Date;

  constructor(target: PlannedBackup, now: Date) {
    this.#target = target;
    this.#now = now;
  }

  look(present: ReadonlySet<PlannedBackup>): void {
    if (!this.#mayGo(present)) this.state = "over";
    else this.state = lastToStay([...present], this.#now).has(this.#target) ? "wants to be alone" : "beside";
  }

  removeBeside(present: Set<PlannedBackup>): void {
    present.delete(this.#target);
    this.state = "over";
  }

  removeAlone(present: Set<PlannedBackup>): void {
    if (this.#mayGo(present)) present.delete(this.#target);
    this.state = "over";
  }

  /** Whether it is there, and the plan does not spare it as the last good one. */
  #mayGo(present: ReadonlySet<PlannedBackup>): boolean {
    const options = { groupBy: ["host", "series"], isPolicy: false, allowLast: false, now: this.#now } as const;
    const judge = (group: readonly PlannedBackup[]) => group.map((backup) => ({ backup, matches: [], counters: {} }));
    const groups = planRetention([...present], [...present].filter((backup) => backup === this.#target), {
      ...options,
      judge,
    });
    return groups.some(({ remove }) => remove.includes(this.#target));
  }
}

/** Lets them act one after the other; `turns` says whose turn it is each time. Gives what is left. */
function after(backups: readonly PlannedBackup[], removers: readonly Remover[], turns: Iterable<number>) {
  const present = new Set(backups);
  const takeTurn = (turn: number) => {
    const isAlone = removers.every(({ state }) => state !== "beside");
    const able = removers.filter(({ state }) => state !== "over" && (state !== "wants to be alone" || isAlone));
    const remover = able[turn % able.length];
    if (remover?.state === "about to look") remover.look(present);
    else if (remover?.state === "beside") remover.removeBeside(present);
    else remover?.removeAlone(present);
  };
  for (const turn of turns) takeTurn(turn);
  while (removers.some(({ state }) => state !== "over")) takeTurn(0);
  return present;
}

const someBackups = fc.array(
  fc.record({
    hours: fc.integer({ min: -72, max: 48 }),
    health: fc.constantFrom("ok", "broken"),
    host: fc.constantFrom("db1", "db2"),
  }),
  { minLength: 1, maxLength: 8 },
).map((rows) =>
  rows.map(({ hours, ...shape }, i) => {
    const time = new Date(NOW.getTime() + hours * 3_600_000).toISOString();
    return candidate(time, { ...shape, id: `${i}` });
  })
);
const turns = fc.array(fc.nat({ max: 1000 }), { maxLength: 30 });

Deno.test("whoever removes what at once, each series and host keeps a good backup, also where clocks differ", () => {
  const clocks = fc.array(fc.integer({ min: -60, max: 60 }), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(someBackups, clocks, turns, (backups, clockHours, order) => {
      const removers = [...backups, ...backups].map((backup, i) =>
        new Remover(backup, new Date(NOW.getTime() + clockHours[i]! * 3_600_000))
      );
      const left = after(backups, removers, order);
      for (const { host } of backups.filter(({ health }) => health === "ok")) {
        assert.ok([...left].some((backup) => backup.host === host && backup.health === "ok"), host);
      }
    }),
    { seed: 20260114, numRuns: 3000 },
  );
});

Deno.test("as many removals as backups, at once and by one clock, leave the last good one and no other", () => {
  const good = fc.integer({ min: 1, max: 6 }).map((count) =>
    Array.from({ length: count }, (_, i) => candidate(`2026-01-0${i + 1}`))
  );
  fc.assert(
    fc.property(good, turns, (backups, order) => {
      const left = after(backups, backups.map((backup) => new Remover(backup, NOW)), order);
      assert.equal(left.size, 1);
    }),
    { seed: 20260115, numRuns: 2000 },
  );
});
