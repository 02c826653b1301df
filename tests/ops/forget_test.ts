/** Forget: what is removed from a repository, what is refused before, and what stops it. */
import assert from "node:assert/strict";
import { parseAgeSpan } from "../../src/base/text/duration.ts";
import { DeniedError, InterruptedError, LockedError, UsageError } from "../../src/base/errors.ts";
import { formatTimestamp, type Rfc3339 } from "../../src/format/time.ts";
import { forget, type ForgetOptions, type RetentionRequest } from "../../src/ops/forget.ts";
import { listBackups } from "../../src/ops/list.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { DEFAULT_ROTATION } from "../../src/policy/retention/retention_rotation.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, fakeWorld, getBytes, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";
import { A_MONTH_MS, day, LAST, named, policy, repositoryWith, type SavedShape } from "./forget_fixture.ts";

Deno.test("forget removes what no rule keeps, and the lock afterwards", async () => {
  const { access, store, world, left } = await repositoryWith({ a: day(1), b: day(2), c: { ...day(1), host: "db2" } });
  const { groups, damaged } = await forget(access, LAST, { world });
  assert.deepEqual(groups.map(({ host, keep, remove }) => [host, keep.length, remove.length]), [["db1", 1, 1], [
    "db2",
    1,
    0,
  ]]);
  assert.deepEqual(damaged, []);
  assert.deepEqual(await left(), ["b", "c"]);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a dry run plans the same, takes no lock and changes nothing", async () => {
  const { repository, store, world, left } = await repositoryWith({ a: day(1), b: day(2), c: day(2) });
  const strict = withFaults(store, ({ method }) => {
    return method === "put" || method === "remove" ? { type: "fail", error: new Error("a dry run writes") } : undefined;
  });
  const lock = await acquireLock(repository.files, world, { exclusive: true });
  const planned = await forget(accessTo(strict), LAST, { world, dryRun: true });
  await lock.confirmed;
  await lock.release();
  assert.deepEqual(await left(), ["a", "b", "c"]);
  const done = await forget(accessTo(store), LAST, { world });
  assert.deepEqual(done.groups, planned.groups);
});

Deno.test("filters by host, series, path and tags say which backups a policy is about", async () => {
  const shapes = {
    old: { ...day(1), tags: ["a", "b"] },
    new: { ...day(2), tags: ["a"] },
    below: { ...day(1), series: "prod/shop/eu" },
    belowNew: { ...day(2), series: "prod/shop/eu" },
    beside: { ...day(1), series: "prod/shops" },
    besideNew: { ...day(2), series: "prod/shops", tags: ["b"] },
    other: { ...day(1), host: "db2" },
    otherNew: { ...day(2), host: "db2" },
  };
  const gone = async (filter: object) => {
    const { access, world, left } = await repositoryWith(shapes);
    await forget(access, policy({ counts: { last: 1 } }, filter), { world });
    const names = await left();
    return Object.keys(shapes).filter((name) => !names.includes(name));
  };
  assert.deepEqual(await gone({}), ["old", "below", "beside", "other"]);
  assert.deepEqual(await gone({ hosts: ["db2"] }), ["other"]);
  assert.deepEqual(await gone({ hosts: ["db2", "db1"], series: ["prod/shop/eu"] }), ["below"]);
  await assert.rejects(gone({ hosts: ["db2", "db3"] }), {
    code: "usage",
    message: /host "db3"; did you mean "db1"\?$/,
  });
  await assert.rejects(gone({ series: ["prod/shpo"] }), { code: "usage", message: /did you mean "prod\/shop"\?$/ });
  assert.deepEqual(await gone({ series: ["prod/shop"], hosts: ["db1"] }), ["old", "below"]);
  assert.deepEqual(await gone({ paths: ["/prod/shops"] }), ["beside"]);
  assert.deepEqual(await gone({ tags: [["a"], ["b"]] }), ["old"]);
  assert.deepEqual(await gone({ tags: [["a", "b"]] }), []);
  assert.deepEqual(await gone({ tags: [[""]], series: ["prod/shop/eu"] }), ["below"]);
});

Deno.test("run types are counted apart", async () => {
  const runs = ["hourly", "daily", "hourly", "hourly"].map((
    runType,
    i,
  ) => [`${runType} ${i}`, { ...day(i + 1), runType }]);
  const { access, world, left } = await repositoryWith({ ...Object.fromEntries(runs), untyped: day(1) });
  await forget(access, policy({ runTypes: new Map([["hourly", 2], ["daily", 7]]) }), { world });
  assert.deepEqual(await left(), ["daily 1", "hourly 2", "hourly 3", "untyped"]);
});

Deno.test("policies that keep nothing are refused, of all or of one group, before anything is removed", async () => {
  const { access, world, left } = await repositoryWith({
    a: day(1),
    b: { ...day(2), tags: ["x"] },
    c: { ...day(1), host: "z" },
  });
  const rotation = { ...DEFAULT_ROTATION, days: 0, weeks: 0, months: 0, years: 0 };
  for (
    const request of [
      policy({}),
      policy({ counts: { last: 0 } }),
      { kind: "rotation", series: "prod/shop", rotation },
    ] satisfies RetentionRequest[]
  ) {
    await assert.rejects(forget(access, request, { world, allowLast: true }), UsageError);
  }
  const onlyTagged = policy({ tags: [["x"]] });
  for (const dryRun of [true, false]) {
    await assert.rejects(forget(access, onlyTagged, { world, dryRun }), (error) => {
      return error instanceof UsageError && /nothing of "prod\/shop" on z.*--allow-last/.test(error.message);
    });
  }
  assert.deepEqual(await left(), ["a", "b", "c"]);
  await forget(access, onlyTagged, { world, allowLast: true });
  assert.deepEqual(await left(), ["b"]);
});

Deno.test("by age everything old goes but the last good backup, also of a series that ended", async () => {
  const { access, world, left } = await repositoryWith({
    old: { time: "2025-01-01T00:00:00Z" },
    older: { time: "2024-01-01T00:00:00Z" },
    young: { time: "2025-12-31T00:00:00Z", host: "db2" },
    tooOld: { time: "2025-01-01T00:00:00Z", host: "db2" },
    future: { time: "2030-01-01T00:00:00Z", host: "db2" },
  }, { aheadMs: 0 });
  const byAge = policy({ notOlderThan: parseAgeSpan("3M2D") });
  const { groups } = await forget(access, byAge, { world });
  assert.deepEqual(await left(), ["old", "young", "future"]);
  assert.deepEqual(groups[0]!.reasons[0]!.matches, ["newest backup of the series"]);
  await forget(access, byAge, { world, allowLast: true });
  assert.deepEqual(await left(), ["young", "future"]);
});

Deno.test("the last good one is judged whole, or not judged, or of another tool, as the series has them", async () => {
  const shapes = {
    foreign: { ...day(2), isForeign: true },
    unjudged: { ...day(1), complete: null },
    good: day(1),
    laterUnjudged: { ...day(3), complete: null },
    laterForeign: { ...day(4), isForeign: true },
    incomplete: { ...day(5), complete: false },
  };
  const leftOf = async (...names: (keyof typeof shapes)[]) => {
    const { access, world, left } = await repositoryWith(
      Object.fromEntries([...names, "incomplete" as const].map((name) => [name, shapes[name]])),
    );
    await forget(access, policy({ notOlderThan: parseAgeSpan("1s") }), { world });
    return await left();
  };
  assert.deepEqual(await leftOf("foreign"), ["foreign", "incomplete"]);
  assert.deepEqual(await leftOf("foreign", "unjudged"), ["unjudged", "incomplete"]);
  assert.deepEqual(await leftOf("unjudged", "good"), ["good", "incomplete"]);
  assert.deepEqual(await leftOf("good", "laterUnjudged", "laterForeign"), ["good", "incomplete"]);
});

Deno.test("backups that are named go, by any selector, but not the last good one", async () => {
  const { access, world, ids, left } = await repositoryWith({ a: day(1), b: day(2), c: day(3) });
  await assert.rejects(forget(access, named("@ffffffff"), { world }), UsageError);
  await assert.rejects(forget(access, named(`@${ids["a"]}`, "prod/shop@ffffffff"), { world }), UsageError);
  assert.deepEqual(await left(), ["a", "b", "c"]);
  await forget(access, named(`@${ids["a"]!.slice(0, 12)}`, "prod/shop@2026-01-01"), { world });
  assert.deepEqual(await left(), ["b", "c"]);
  await assert.rejects(forget(access, named("prod/shop@latest", `@${ids["b"]}`), { world }), (error) => {
    return error instanceof UsageError && /last good backup of "prod\/shop" on db1.*--allow-last/.test(error.message);
  });
  await forget(access, named("prod/shop@latest"), { world });
  assert.deepEqual(await left(), ["b"]);
  await forget(access, named("prod/shop"), { world, allowLast: true });
  assert.deepEqual(await left(), []);
});

Deno.test("backups of the future count for nothing beside real ones, and the result names them", async () => {
  const shapes = {
    older: day(1),
    newer: day(2),
    future: { time: "2031-01-01T00:00:00Z" },
    further: { time: "2031-01-02T00:00:00Z" },
    otherFuture: { time: "2031-01-02T00:00:00Z", host: "db2" },
  };
  const after = async (request: RetentionRequest, options: Partial<ForgetOptions> = {}) => {
    const { access, world, left } = await repositoryWith(shapes);
    const { groups } = await forget(access, request, { world, ...options });
    const inFuture = groups.map((group) => group.inFuture.length);
    return [(await left()).join(" "), inFuture.join(" ")];
  };
  assert.deepEqual(await after(LAST), ["newer future further otherFuture", "2 1"]);
  assert.deepEqual(await after(LAST, { allowLast: true }), ["newer future further otherFuture", "2 1"]);
  const byAge = policy({ notOlderThan: parseAgeSpan("1D") });
  assert.deepEqual(await after(byAge), ["newer future further otherFuture", "2 1"]);
  const rotation = { ...DEFAULT_ROTATION, days: 1, weeks: 0, months: 0 };
  assert.deepEqual(await after({ kind: "rotation", series: "prod/shop", rotation }), [
    "newer future further otherFuture",
    "2 1",
  ]);
  assert.deepEqual(await after(named("prod/shop@latest")), [
    "older newer future otherFuture",
    "1",
  ]);
  const { access, world, ids } = await repositoryWith(shapes);
  await assert.rejects(forget(access, named(`@${ids["otherFuture"]}`), { world }), {
    message: /last good backup of "prod\/shop" on db2: --allow-last/,
  });
  const real = named("prod/shop@2026-01-01", "prod/shop@2026-01-02");
  await assert.rejects(after(real), (error) => {
    return error instanceof UsageError &&
      /last good backup.* on db1, apart from backups that claim.*future/.test(error.message);
  });
});

Deno.test("a day with more backups than any before is told of, of the series that the policy is about", async () => {
  const at = (day: number, hour: number, shape: SavedShape = {}) => ({
    time: `2026-01-3${day}T0${hour}:00:00Z`,
    ...shape,
  });
  const { access, world } = await repositoryWith({
    ...{ a: day(1), b: day(2), c: at(0, 1), d: at(0, 2), e: at(0, 3) },
    ...{ f: { ...day(1), series: "dev" }, g: at(0, 1, { series: "dev" }), h: at(0, 2, { series: "dev" }) },
    ahead: { time: "2031-01-01T00:00:00Z" },
    furtherAhead: { time: "2031-01-01T01:00:00Z" },
  });
  const ofShop = policy({ counts: { last: 3 } }, { series: ["prod/shop"] });
  const { bursts } = await forget(access, ofShop, { world, dryRun: true });
  assert.deepEqual(bursts.map(({ series, host, count, most }) => [series, host, count, most]), [[
    "prod/shop",
    "db1",
    3,
    1,
  ]]);
  const all = await forget(access, LAST, { world, dryRun: true });
  assert.deepEqual(all.bursts.map(({ series }) => series).sort(), ["dev", "prod/shop"]);
});

Deno.test("rotation is about exactly one series, each host on its own", async () => {
  const { access, world, left } = await repositoryWith({
    first: { time: "2026-01-02T00:00:00Z" },
    second: { time: "2026-01-02T01:00:00Z" },
    other: { time: "2026-01-02T02:00:00Z", host: "db2" },
    below: { time: "2025-01-02T03:00:00Z", series: "prod/shop/eu" },
    ancient: { time: "2024-01-02T03:00:00Z" },
  }, { aheadMs: 0 });
  const rotate = (series: string): RetentionRequest => ({ kind: "rotation", series, rotation: DEFAULT_ROTATION });
  await forget(access, rotate("prod/shop"), { world });
  assert.deepEqual(await left(), ["first", "second", "other", "below"], "the first of the day, and the newest");
  await forget(access, rotate("prod/shop/eu"), { world });
  assert.deepEqual(await left(), ["first", "second", "other", "below"], "the newest one");
  await assert.rejects(forget(access, rotate("prod/none"), { world }), UsageError);
});

/** The same repository, whose removals of snapshots go through `onRemove` first. */
function watched(store: BlobStore, onRemove: () => Error | undefined): RepositoryAccess {
  return accessTo(withFaults(store, ({ method, kind }) => {
    const error = method === "remove" && kind === "snapshot" ? onRemove() : undefined;
    return error ? { type: "fail", error } : undefined;
  }));
}

Deno.test("a store that does not let files be removed is told of in one line; the lock goes all the same", async () => {
  const { store, world, left } = await repositoryWith({ a: day(1), b: day(2), c: day(3) });
  const access = watched(store, () => new DeniedError("append-only"));
  await assert.rejects(forget(access, LAST, { world }), (error) => {
    return error instanceof DeniedError &&
      /0 of 2 are gone.*where deletions are allowed.*append-only/.test(error.message);
  });
  assert.deepEqual(await left(), ["a", "b", "c"]);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("an interruption ends it between two removals, the oldest went first", async () => {
  const shapes = Object.fromEntries(Array.from({ length: 60 }, (_, i) => {
    return [`${i}`, { time: formatTimestamp(new Date(Date.UTC(2025, 0, 1 + i))) as Rfc3339 }];
  }));
  const { store, world, left } = await repositoryWith(shapes);
  const stop = new AbortController();
  let removals = 0;
  const access = watched(store, () => {
    if (++removals === 10) stop.abort(new InterruptedError());
    return undefined;
  });
  await assert.rejects(forget(access, LAST, { world, signal: stop.signal }), InterruptedError);
  const names = await left();
  assert.ok(names.length > 20 && names.length < 60, `${names.length} are left`);
  assert.deepEqual(names, Object.keys(shapes).slice(-names.length), "the newest are left");
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("forget waits for nobody: a lock of somebody else stops it", async () => {
  const { access, repository, world, left } = await repositoryWith({ a: day(1), b: day(2) });
  const other = { ...world, identity: { ...world.identity, pid: 1, hostname: "elsewhere" } };
  const lock = await acquireLock(repository.files, other, { exclusive: false });
  await lock.confirmed;
  const options: Partial<ForgetOptions> = { signal: new AbortController().signal };
  await assert.rejects(forget(access, LAST, { world, ...options }), LockedError);
  assert.deepEqual(await left(), ["a", "b"]);
  await lock.release();
});

Deno.test("what is left of a chain restores: every backup stands alone", async () => {
  const world = fakeWorld("forget a chain");
  const { access } = await memoryRepository(world);
  const streams = [1, 2, 3].map((night) => noise(20_000 * night, "chain"));
  for (const [i, stream] of streams.entries()) {
    await putBytes(access, world, stream, { time: new Date(Date.UTC(2026, 0, i + 1)) });
  }
  world.clock.jump(A_MONTH_MS);
  await forget(access, LAST, { world });
  const { backups } = await listBackups(access, {}, { world });
  assert.deepEqual(backups.map(({ info }) => info?.level), [2]);
  assert.deepEqual(await getBytes(access, world, "prod/shop"), streams[2]);
});
