/** Indexes and snapshots under a lock: what becomes of them where it is lost while they are written. */
import assert from "node:assert/strict";
import { BugError, DeniedError, LockedError, TemporaryError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import { decodeSnapshot } from "../../../src/format/snapshot.ts";
import { firstOf, withFaults } from "../../helpers/fault_store.ts";
import { locked } from "../../helpers/locked.ts";
import { fakeWorld, memoryRepository, namesOf, noise } from "../../helpers/world.ts";
import { withStore } from "../../../src/repository/repository.ts";

const JSON_TEXT = `{"time":"2026-01-01T00:00:00Z","tree":"${"0".repeat(64)}","paths":["/x"]}`;
const SNAPSHOT = decodeSnapshot(new TextEncoder().encode(JSON_TEXT), "snapshot");
const LOST = new LockedError("lost, on purpose");
const DENIED = { type: "fail", error: new DeniedError("append-only, on purpose") } as const;
const UNREACHABLE = new TemporaryError("out of reach, on purpose");

/** A lock that is asked so many times, whichever way, and then fails. */
function heldTimes(times: number, failure: Error) {
  const assertHeld = () => {
    if (times-- <= 0) throw failure;
  };
  return { assertHeld, confirmHeld: () => Promise.resolve().then(assertHeld) };
}

const world = fakeWorld("locked files");
const pack = { id: noise(32, "pack"), blobs: [] };

async function emptyRepository() {
  const { repository, store } = await memoryRepository(world);
  return { store, filesHeld: (times: number, failure = LOST) => locked(repository, heldTimes(times, failure)).files };
}

Deno.test("under a lock that holds before and after, the file stays", async () => {
  const { filesHeld, store } = await emptyRepository();
  const id = await filesHeld(2).saveSnapshot(SNAPSHOT);
  const { id: index } = await filesHeld(2).saveIndex([pack]);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")], [[id], [index]]);
});

Deno.test("without the lock nothing is written and nothing removed", async () => {
  const { filesHeld, store } = await emptyRepository();
  await assert.rejects(filesHeld(0).saveSnapshot(SNAPSHOT), LOST);
  await assert.rejects(filesHeld(0).saveIndex([pack]), LOST);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")], [[], []]);
  const id = await filesHeld(2).saveSnapshot(SNAPSHOT);
  await assert.rejects(filesHeld(0).remove("snapshot", id), LOST);
  assert.deepEqual(await namesOf(store, "snapshot"), [id]);
  await filesHeld(1).remove("snapshot", id);
  assert.deepEqual(await namesOf(store, "snapshot"), []);
});

Deno.test("a snapshot whose lock was lost while it was written is no backup", async () => {
  const { filesHeld, store } = await emptyRepository();
  await assert.rejects(filesHeld(1).saveSnapshot(SNAPSHOT), LOST);
  assert.deepEqual(await namesOf(store, "snapshot"), []);
});

Deno.test("an index whose lock was lost while it was written goes where a pack of it is gone", async () => {
  const { filesHeld, store } = await emptyRepository();
  await store.put({ kind: "pack", name: encodeHex(pack.id) }, [noise(10, "pack")]);
  const gone = { id: noise(32, "gone"), blobs: [] };
  await assert.rejects(filesHeld(1).saveIndex([pack, gone]), LOST);
  assert.deepEqual(await namesOf(store, "index"), []);
  await assert.rejects(filesHeld(1).saveIndex([pack]), LOST);
  assert.equal((await namesOf(store, "index")).length, 1, "others may have built upon it");
});

Deno.test("what cannot be taken back is named, and that the lock was lost is still what failed", async () => {
  const { repository, store } = await memoryRepository(world);
  const appendOnly = withFaults(store, ({ method }) => method === "remove" ? DENIED : undefined);
  const saving = locked(withStore(repository, appendOnly), heldTimes(1, LOST)).files.saveSnapshot(SNAPSHOT);
  const stays = /lost, on purpose; snapshot [0-9a-f]{64} was written and may stay.*: append-only, on purpose/;
  await assert.rejects(saving, (error) => error instanceof LockedError && stays.test(error.message));
});

Deno.test("that nobody can tell whether the lock holds removes nothing", async () => {
  const { filesHeld, store } = await emptyRepository();
  await assert.rejects(filesHeld(1, UNREACHABLE).saveSnapshot(SNAPSHOT), UNREACHABLE);
  await assert.rejects(filesHeld(1, UNREACHABLE).saveIndex([pack]), UNREACHABLE);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "index")].map(({ length }) => length), [
    1,
    1,
  ]);
});

Deno.test("an index that could not be stored is stored by the next attempt, and takes no more packs", async () => {
  const { repository, store } = await memoryRepository(world);
  const faulty = withFaults(store, firstOf(({ method }) => method === "put", DENIED));
  const index = locked(withStore(repository, faulty), heldTimes(9, LOST)).files.newIndex();
  assert.ok(index.isEmpty);
  index.add(pack);
  await assert.rejects(index.save(), DENIED.error);
  assert.throws(() => index.add(pack), BugError);
  const { id } = await index.save();
  assert.deepEqual(await namesOf(store, "index"), [id]);
});

Deno.test("an index whose text could not be made is never stored, and one that is stored not once more", async () => {
  const { repository, store } = await memoryRepository(world);
  const { files } = locked(repository, heldTimes(9, LOST));
  const index = files.newIndex();
  index.add(pack);
  const unreadable = {
    id: noise(32, "unreadable"),
    get blobs(): never {
      throw new RangeError("no memory, on purpose");
    },
  };
  assert.throws(() => index.add(unreadable), RangeError);
  assert.equal(index.isWhole, false);
  await assert.rejects(index.save(), BugError);
  assert.deepEqual(await namesOf(store, "index"), []);
  const other = files.newIndex();
  other.add(pack);
  await other.save();
  await assert.rejects(other.save(), BugError);
  assert.equal((await namesOf(store, "index")).length, 1);
});
