/** Holds: what retention may not remove, and the snapshots that take each other's places for that. */
import assert from "node:assert/strict";
import { DeniedError, IntegrityError, UsageError } from "../../src/base/errors.ts";
import { forget } from "../../src/ops/forget.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { listBackups } from "../../src/ops/list.ts";
import { DEFAULT_ROTATION } from "../../src/policy/retention/retention_rotation.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, fakeWorld, getBytes, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";
import { LAST } from "./forget_fixture.ts";

const DAY_MS = 86_400_000;

async function nights(count: number) {
  const world = fakeWorld("hold");
  const { store, repository, access } = await memoryRepository(world);
  const backups = [];
  for (let night = 1; night <= count; night++) {
    backups.push((await putBytes(access, world, noise(20_000, `night ${night}`), { tags: ["nightly"] })).backup);
    await world.clock.advance(DAY_MS);
  }
  const listed = async () => (await listBackups(access, {}, { world })).backups;
  return { world, store, repository, access, backups, listed };
}

Deno.test("a backup on hold is the same in all but a tag, and its snapshot is another one", async () => {
  const { world, store, access, backups, listed } = await nights(2);
  const [first] = backups;
  const { backup: held, isUnchanged } = await setHold(access, { selector: `@${first!.id}`, hold: true }, { world });
  assert.ok(!isUnchanged);
  const [found, second] = await listed();
  assert.deepEqual(found, held);
  assert.deepEqual(second, backups[1]);
  const { snapshotId, snapshot } = first!;
  assert.deepEqual({ ...held, snapshotId, snapshot }, first);
  assert.deepEqual(held.snapshot, { ...snapshot, tags: ["nightly", "hold"], original: snapshotId });
  assert.equal((await namesOf(store, "snapshot")).length, 2);
  assert.deepEqual(await getBytes(access, world, `@${first!.id}`), noise(20_000, "night 1"));

  const again = await setHold(access, { selector: "prod/shop@2026-01-02", hold: true }, { world });
  assert.deepEqual(again, { backup: held, isUnchanged: true });
  const released = await setHold(access, { selector: `@${first!.id}`, hold: false }, { world });
  assert.deepEqual(released.backup.snapshot, { ...snapshot, original: snapshotId });
  assert.deepEqual((await listed()).length, 2);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("no policy removes what is on hold, and who names it is told the way", async () => {
  const { world, access, backups, listed } = await nights(4);
  const [first, second] = backups;
  await setHold(access, { selector: `@${first!.id}`, hold: true }, { world });
  const rotation = { ...DEFAULT_ROTATION, days: 2, weeks: 0, months: 0 };
  await forget(access, { kind: "rotation", series: "prod/shop", rotation }, { world, allowLast: true });
  await forget(access, LAST, { world, allowLast: true });
  assert.deepEqual((await listed()).map(({ id }) => id), [first!.id, backups[3]!.id]);
  const named = { kind: "backups", selectors: [`@${first!.id}`] } as const;
  await assert.rejects(forget(access, named, { world, allowLast: true }), (error) => {
    return error instanceof UsageError && /is on hold: "agent release prod\/shop@[0-9a-f]{8}"/.test(error.message);
  });
  await setHold(access, { selector: `@${first!.id}`, hold: false }, { world });
  await forget(access, named, { world });
  assert.deepEqual((await listed()).map(({ id }) => id), [backups[3]!.id]);
  await assert.rejects(setHold(access, { selector: `@${second!.id}`, hold: true }, { world }), UsageError);
});

/** Runs a hold that ends before any snapshot goes; gives what it threw. */
async function interrupted(store: BlobStore, selector: string, world: ReturnType<typeof fakeWorld>): Promise<unknown> {
  const strict = withFaults(store, ({ method, kind }) => {
    const isRefused = method === "remove" && kind === "snapshot";
    return isRefused ? { type: "fail", error: new DeniedError("append-only") } : undefined;
  });
  return await setHold(accessTo(strict), { selector, hold: true }, { world }).catch((error) => error);
}

Deno.test("an interruption between the two snapshots loses nothing, and the next hold puts it right", async () => {
  const { world, store, access, backups, listed } = await nights(2);
  const [first] = backups;
  const error = await interrupted(store, `@${first!.id}`, world);
  assert.ok(error instanceof DeniedError && /both exist/.test(error.message));
  const copies = (await listed()).filter(({ id }) => id === first!.id);
  assert.deepEqual(copies.map(({ snapshot }) => snapshot.tags.includes("hold")).sort(), [false, true]);
  assert.deepEqual(await getBytes(access, world, `@${first!.id}`), noise(20_000, "night 1"), "an id means one of them");
  await forget(access, LAST, { world });
  assert.deepEqual((await listed()).map(({ id, snapshot }) => [id, snapshot.tags.length]), [
    [first!.id, 2],
    [backups[1]!.id, 1],
  ]);

  await setHold(access, { selector: `@${first!.id}`, hold: false }, { world });
  await interrupted(store, `@${first!.id}`, world);
  assert.equal((await listed()).length, 3);
  await setHold(access, { selector: `@${first!.id}`, hold: true }, { world });
  assert.deepEqual((await listed()).map(({ snapshot }) => snapshot.tags), [["nightly", "hold"], ["nightly"]]);
});

Deno.test("the next backup continues one on hold, and a hold costs no index afterwards", async () => {
  const { world, store, access, backups } = await nights(1);
  await setHold(access, { selector: "prod/shop", hold: true }, { world });
  const withoutIndex = withFaults(store, ({ method, kind }) => {
    const isRead = method === "get" && (kind === "index" || kind === "pack");
    return isRead ? { type: "fail", error: new Error("a list reads packs") } : undefined;
  });
  const { backups: [held] } = await listBackups(accessTo(withoutIndex), {}, { world });
  assert.equal(held!.id, backups[0]!.id);
  const next = await putBytes(access, world, noise(20_000, "night 2"));
  assert.deepEqual([next.manifest.level, next.manifest.parent], [1, backups[0]!.id]);
});

Deno.test("a hold of what restic rewrote writes down again what restic dropped", async () => {
  const { world, store, repository, access, backups, listed } = await nights(1);
  const { id, snapshot } = (await loadSnapshots(repository.files)).snapshots[0]!;
  const bare = await saveSnapshot(repository.files, { ...snapshot, agent: null, original: id });
  await repository.files.remove("snapshot", id);
  const { backup } = await setHold(access, { selector: `@${backups[0]!.id}`, hold: true }, { world });
  assert.deepEqual([backup.snapshot.agent, backup.snapshot.original], [snapshot.agent, id]);
  assert.equal((await namesOf(store, "snapshot")).includes(bare), false);
  assert.deepEqual((await listed()).map(({ damage }) => damage), [null]);
});

Deno.test("beside a snapshot that cannot be read only an id may be held", async () => {
  const { world, store, access, backups } = await nights(1);
  await store.put({ kind: "snapshot", name: noise(32, "junk").toHex() }, [noise(100, "junk")]);
  await assert.rejects(setHold(access, { selector: "prod/shop", hold: true }, { world }), IntegrityError);
  assert.ok((await setHold(access, { selector: `@${backups[0]!.id}`, hold: true }, { world })).backup);
});
