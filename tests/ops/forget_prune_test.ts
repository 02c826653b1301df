/** Forget with a prune in the same run: what is freed, when it is left out, and what a dry run says of it. */
import assert from "node:assert/strict";
import { parseAgeSpan } from "../../src/base/text/duration.ts";
import { IntegrityError, LockedError } from "../../src/base/errors.ts";
import { forget, type ForgetOptions, type Forgotten, type RetentionRequest } from "../../src/ops/forget.ts";
import { prune } from "../../src/ops/prune.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, fakeWorld, namesOf, noise } from "../helpers/world.ts";
import { assertHolds, fiveBackups, openStore, PACK_BYTES, STRICT } from "./prune_fixture.ts";

const PRUNE = { limits: STRICT, packBytes: PACK_BYTES };
const signal = new AbortController().signal;

function keepLast(last: number): RetentionRequest {
  return { kind: "policy", rules: { counts: { last } }, filter: {} };
}

/** A world in which the five backups are of the past. */
function laterWorld(seed: string) {
  const world = fakeWorld(seed, []);
  world.clock.jump(86_400_000);
  return world;
}

function forgetIn(store: BlobStore, request: RetentionRequest, options: Partial<ForgetOptions> = {}) {
  return forget(accessTo(store), request, { world: laterWorld("forget"), prune: PRUNE, ...options });
}

Deno.test("what only the removed backups used is freed under the same lock", async () => {
  const store = await fiveBackups();
  const told: Forgotten[] = [];
  const { groups, pruned } = await forgetIn(store, keepLast(2), {
    onForgotten: (forgotten) => void told.push(forgotten),
  });
  assert.deepEqual([told.length, groups[0]!.remove.length], [1, 3]);
  assert.ok(pruned!.applied!.packsRemoved > 0);
  assert.equal(pruned!.plan.summary.unusedAfter.bytes, 0);
  await assertHolds(store, [4, 5], "after both");
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a dry run of both plans what is then done, and changes nothing", async () => {
  const store = await fiveBackups();
  const planned = await forgetIn(store, keepLast(1), { dryRun: true });
  await assertHolds(store, [1, 2, 3, 4, 5], "after the dry run");
  assert.equal(planned.pruned!.applied, null);
  assert.ok(planned.pruned!.plan.summary.freedBytes > 0);
  const done = await forgetIn(store, keepLast(1));
  assert.deepEqual(done.pruned!.plan.summary, planned.pruned!.plan.summary);
});

Deno.test("a repository whose last backup went is emptied", async () => {
  const store = await fiveBackups();
  const age = { kind: "policy", rules: { notOlderThan: parseAgeSpan("1s") }, filter: {} } as const;
  await forgetIn(store, age, { allowLast: true });
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "pack")], [[], []]);
});

Deno.test("where nothing went nothing is pruned", async () => {
  const store = await fiveBackups();
  await forget(accessTo(store), keepLast(3), { world: laterWorld("forget") });
  const packs = await namesOf(store, "pack");
  const { groups, pruned } = await forgetIn(store, keepLast(3));
  assert.deepEqual([groups[0]!.remove, pruned], [[], null]);
  assert.deepEqual(await namesOf(store, "pack"), packs);
  assert.ok(
    (await prune(accessTo(store), { ...PRUNE, dryRun: false }, { world: laterWorld("prune"), signal })).plan.remove
      .length > 0,
  );
});

Deno.test("beside a snapshot that cannot be read nothing goes where a prune would follow, whatever is skipped", async () => {
  const store = await fiveBackups();
  await store.put({ kind: "snapshot", name: noise(32, "junk").toHex() }, [noise(100, "junk")]);
  const packs = await namesOf(store, "pack");
  for (const skipUnreadable of [false, true]) {
    const planned = await forgetIn(store, keepLast(4), { dryRun: true, skipUnreadable });
    assert.deepEqual([planned.groups[0]!.remove.length, planned.damaged.length, planned.pruned], [1, 1, null]);
    await assert.rejects(forgetIn(store, keepLast(4), { skipUnreadable }), (error) => {
      assert.deepEqual(error, planned.refusal);
      return error instanceof IntegrityError && /^Nothing was removed/.test(error.message);
    });
  }
  assert.match(
    (await forgetIn(store, keepLast(4), { dryRun: true, skipUnreadable: true })).refusal!.message,
    /--prune/,
  );
  assert.equal((await namesOf(store, "snapshot")).length, 6);
  assert.deepEqual(await namesOf(store, "pack"), packs);
});

Deno.test("what a prune would stumble over is found before a backup goes", async () => {
  const store = await fiveBackups();
  const [index] = await namesOf(store, "index");
  const file = { kind: "index", name: index! } as const;
  const bytes = await store.get(file);
  await store.remove(file);
  await store.put(file, [noise(100, "damage")]);
  const told: Forgotten[] = [];
  await assert.rejects(
    forgetIn(store, keepLast(4), { onForgotten: (forgotten) => void told.push(forgotten) }),
    IntegrityError,
  );
  assert.deepEqual(told, []);
  await store.remove(file);
  await store.put(file, [bytes]);
  await assertHolds(store, [1, 2, 3, 4, 5], "with the index back");
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a dry run of both waits for nobody who removes", async () => {
  const store = await fiveBackups();
  const other = {
    ...laterWorld("other"),
    identity: { ...laterWorld("other").identity, pid: 1, hostname: "elsewhere" },
  };
  const lock = await acquireLock((await openStore(store)).files, other, { exclusive: true });
  await lock.confirmed;
  await assert.rejects(forgetIn(store, keepLast(1), { dryRun: true }), LockedError);
  await lock.release();
});
