/** Files that must not outlive the lock they are written under. */
import assert from "node:assert/strict";
import { DeniedError, LockedError, TemporaryError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import { decodeSnapshot } from "../../../src/format/snapshot.ts";
import { saveIndexUnderLock, saveSnapshotUnderLock } from "../../../src/repository/lock/save_under_lock.ts";
import { SealedFiles } from "../../../src/repository/sealed_files.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { fakeWorld, memoryRepository, namesOf, noise } from "../../helpers/world.ts";

const JSON_TEXT = `{"time":"2026-01-01T00:00:00Z","tree":"${"0".repeat(64)}","paths":["/x"]}`;
const SNAPSHOT = decodeSnapshot(new TextEncoder().encode(JSON_TEXT), "snapshot");
const LOST = new LockedError("lost, on purpose");
const DENIED = { type: "fail", error: new DeniedError("append-only, on purpose") } as const;
const UNREACHABLE = new TemporaryError("out of reach, on purpose");

/** A lock that holds so many times, and then fails. */
function heldTimes(times: number, failure: Error): () => Promise<void> {
  return () => times-- > 0 ? Promise.resolve() : Promise.reject(failure);
}

const world = fakeWorld("save under lock");
const pack = { id: noise(32, "pack"), blobs: [] };

Deno.test("under a lock that holds before and after, the file stays", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  const id = await saveSnapshotUnderLock(files, SNAPSHOT, { confirmHeld: heldTimes(2, LOST) });
  const { id: index } = await saveIndexUnderLock(files, [pack], { confirmHeld: heldTimes(2, LOST) });
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")], [[id], [index]]);
});

Deno.test("without the lock nothing is written", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  await assert.rejects(saveSnapshotUnderLock(files, SNAPSHOT, { confirmHeld: heldTimes(0, LOST) }), LOST);
  await assert.rejects(saveIndexUnderLock(files, [pack], { confirmHeld: heldTimes(0, LOST) }), LOST);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")], [[], []]);
});

Deno.test("a snapshot whose lock was lost while it was written is no backup", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  await assert.rejects(saveSnapshotUnderLock(files, SNAPSHOT, { confirmHeld: heldTimes(1, LOST) }), LOST);
  assert.deepEqual(await namesOf(store, "snapshot"), []);
});

Deno.test("an index whose lock was lost while it was written goes where a pack of it is gone", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  await store.put({ kind: "pack", name: encodeHex(pack.id) }, [noise(10, "pack")]);
  const gone = { id: noise(32, "gone"), blobs: [] };
  await assert.rejects(saveIndexUnderLock(files, [pack, gone], { confirmHeld: heldTimes(1, LOST) }), LOST);
  assert.deepEqual(await namesOf(store, "index"), []);
  await assert.rejects(saveIndexUnderLock(files, [pack], { confirmHeld: heldTimes(1, LOST) }), LOST);
  assert.equal((await namesOf(store, "index")).length, 1, "others may have built upon it");
});

Deno.test("what cannot be taken back is named, and that the lock was lost is still what failed", async () => {
  const { repository: { sealer }, store } = await memoryRepository(world);
  const appendOnly = withFaults(store, ({ method }) => method === "remove" ? DENIED : undefined);
  const saving = saveSnapshotUnderLock(new SealedFiles(appendOnly, sealer, 2), SNAPSHOT, {
    confirmHeld: heldTimes(1, LOST),
  });
  const stays = /lost, on purpose; snapshot [0-9a-f]{64} was written and may stay.*: append-only, on purpose/;
  await assert.rejects(saving, (error) => error instanceof LockedError && stays.test(error.message));
});

Deno.test("after writing, the lock is held against the clock alone: no request may fail what is done", async () => {
  const { repository: { files } } = await memoryRepository(world);
  const asked: (string | undefined)[] = [];
  const confirmHeld = (how?: string) => Promise.resolve(void asked.push(how));
  await saveSnapshotUnderLock(files, SNAPSHOT, { confirmHeld });
  assert.deepEqual(asked, [undefined, "by the clock"]);
});

Deno.test("that nobody can tell whether the lock holds removes nothing", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  const confirmHeld = () => heldTimes(1, UNREACHABLE);
  await assert.rejects(saveSnapshotUnderLock(files, SNAPSHOT, { confirmHeld: confirmHeld() }), UNREACHABLE);
  await assert.rejects(saveIndexUnderLock(files, [pack], { confirmHeld: confirmHeld() }), UNREACHABLE);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")].map(({ length }) => length), [
    1,
    1,
  ]);
});
