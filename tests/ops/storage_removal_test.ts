/** Removals through the storage interface: beside what else it does, and beside other processes. */
import assert from "node:assert/strict";
import { InterruptedError, LockedError } from "../../src/base/errors.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { fakeWorld, IDENTITY, macrotask, memoryRepository, namesOf, noise } from "../helpers/world.ts";
import {
  backUp,
  listed,
  NAME,
  namesIn,
  newStorage,
  readWhole,
  SHOP,
  SMALL_CHUNKS,
  type StorageFixture,
  storageOn,
  writeFile,
} from "./storage_fixture.ts";

const NIGHTS = ["1", "2", "3", "4", "5", "6"];
const DAY_MS = 86_400_000;

/** A storage with a backup for each of the names, a day apart, the last one the newest. All processes are alive. */
async function storageWith(names: readonly string[]): Promise<StorageFixture> {
  const { store, world } = await newStorage();
  const fixture = storageOn(store, { ...world, processExists: () => true });
  for (const name of names) {
    fixture.world.clock.jump(DAY_MS);
    await backUp(fixture.storage, name, { a: noise(50_000, name) });
  }
  return fixture;
}

/** One more storage, of another process of the machine. */
function storageOfProcess({ store, world }: StorageFixture, pid: number): StorageFixture {
  return storageOn(store, { ...world, identity: { ...IDENTITY, pid } });
}

Deno.test("a backup is removed while others are read and written; the newest one waits until nobody does", async () => {
  await using fixture = await storageWith(["1", "2", "3"]);
  const { storage } = fixture;
  const reading = (await (await listed(storage, "2")).readFile("a")).getReader();
  const first = await reading.read();
  const writing = await storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  await storage.removeBackup(SHOP, "1");
  assert.deepEqual(await namesIn(storage), ["2", "3"]);
  await storage.removeBackup(SHOP, "2");
  await assert.rejects(storage.removeBackup(SHOP, "3"), LockedError);
  await writeFile(writing, "a", noise(1000, "new"));
  await writing.endBackup();

  let size = first.value!.length;
  for (let piece = await reading.read(); !piece.done; piece = await reading.read()) size += piece.value.length;
  assert.equal(size, 50_000, "what is read was removed, and its chunks are there");
  await storage.removeBackup(SHOP, "3");
  await storage.removeBackup(SHOP, NAME);
  assert.deepEqual(await namesIn(storage), []);
});

Deno.test("the removal of the newest backup goes on right after a read is cancelled, by whatever means", async () => {
  for (const how of ["cancel", "awaited cancel", "signal", "break", "cancel of two"] as const) {
    await using fixture = await storageWith(["1", "2"]);
    // Every call takes a turn, so that a read that was cancelled is not over at once.
    const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: macrotask };
    const slow = withFaults(fixture.store, () => ({ type: "delay", delayMs: 0, clock }));
    await using other = storageOn(slow, fixture.world);
    const { storage } = other;
    const stop = new AbortController();
    const handle = await listed(storage, "2");
    const stream = await handle.readFile("a", { signal: stop.signal });
    const second = how === "cancel of two" ? await (await listed(storage, "1")).readFile("a") : undefined;
    switch (how) {
      case "break":
        for await (const _ of stream) break;
        break;
      case "signal":
        stop.abort();
        break;
      case "awaited cancel":
        await stream.cancel();
        break;
      default:
        void stream.cancel();
        void second?.cancel();
    }
    await storage.removeBackup(SHOP, "2");
    assert.deepEqual(await namesIn(storage), ["1"], how);
    assert.deepEqual(await readWhole(await listed(storage, "1"), "a"), noise(50_000, "1"), how);
  }
});

Deno.test("removals of one storage, all at once, do not hinder each other, the newest included", async () => {
  await using fixture = await storageWith(NIGHTS);
  const { storage, store } = fixture;
  assert.deepEqual((await readWhole(await listed(storage, "6"), "a")).length, 50_000);
  await Promise.all(["6", "2", "4", "3", "5"].map((name) => storage.removeBackup(SHOP, name)));
  assert.deepEqual(await namesIn(storage), ["1"]);
  await Promise.all([storage.removeBackup(SHOP, "1"), storage.removeBackup(SHOP, "1")]);
  assert.deepEqual(await namesIn(storage), []);
  await storage.close();
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("five storages of five processes remove five backups at once, and the newest is left", async () => {
  await using fixture = await storageWith(NIGHTS);
  const others = NIGHTS.slice(0, 5).map((_, i) => storageOfProcess(fixture, 100 + i));
  await Promise.all(others.map(({ storage }, i) => storage.removeBackup(SHOP, NIGHTS[i]!)));
  assert.deepEqual(await namesIn(fixture.storage), ["6"]);
  for (const { storage } of others) await storage.close();
});

Deno.test("what another process removes at the same moment counts as removed", async () => {
  await using fixture = await storageWith(["1", "2", "3"]);
  await using other = storageOfProcess(fixture, 100);
  await Promise.all([fixture, other].map(({ storage }) => storage.removeBackup(SHOP, "1")));
  assert.deepEqual(await namesIn(fixture.storage), ["2", "3"]);
  let locks = 0;
  const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: () => other.storage.removeBackup(SHOP, "2") };
  const raced = withFaults(fixture.store, ({ method, kind }) => {
    // The removal has listed the backups by then, and is about to take its lock.
    return method === "put" && kind === "lock" && ++locks === 1 ? { type: "delay", delayMs: 0, clock } : undefined;
  });
  await using racing = storageOn(raced, fixture.world);
  await racing.storage.removeBackup(SHOP, "2");
  assert.deepEqual([await namesIn(fixture.storage), locks > 0], [["3"], true]);
});

Deno.test("a removal that waits for another one is stopped by its signal, and the next one is not", async () => {
  await using fixture = await storageWith(["1", "2", "3"]);
  const { storage } = fixture;
  const stop = new AbortController();
  const first = storage.removeBackup(SHOP, "1");
  const second = storage.removeBackup(SHOP, "2", { signal: stop.signal });
  const third = storage.removeBackup(SHOP, "3");
  stop.abort();
  await assert.rejects(second, InterruptedError);
  await Promise.all([first, third]);
  assert.deepEqual(await namesIn(storage), ["2"]);
});

Deno.test("a backup is whole of whose chain members are removed meanwhile; its parent, the newest, stays", async () => {
  await using fixture = await storageWith(["1", "2"]);
  const { storage, world } = fixture;
  world.clock.jump(DAY_MS);
  const writing = await storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  await writeFile(writing, "a", noise(50_000, "2"));
  await using other = storageOfProcess(fixture, 100);
  await assert.rejects(other.storage.removeBackup(SHOP, "2"), LockedError, "the newest is what a backup may rely on");
  await other.storage.removeBackup(SHOP, "1");
  const { manifest } = await writing.endBackup();
  assert.equal(manifest.level, 2);
  assert.deepEqual(await readWhole(await listed(storage, NAME), "a"), noise(50_000, "2"));
});

Deno.test("a signal given to the start of a backup does nothing after that, whatever the moment", async () => {
  const world = fakeWorld();
  await using fixture = storageOn((await memoryRepository(world)).store, world);
  const { storage } = fixture;
  for (const [name, when] of ["at once", "later", "after the end"].entries()) {
    const stop = new AbortController();
    const handle = await storage.startBackup(SHOP, `${name}`, { ...SMALL_CHUNKS, signal: stop.signal });
    if (when === "at once") stop.abort();
    const writer = handle.addFile("a").getWriter();
    await writer.write(noise(30_000, "a"));
    if (when === "later") stop.abort();
    await macrotask();
    await writer.write(noise(30_000, "b"));
    await writer.close();
    await handle.endBackup();
    stop.abort();
  }
  assert.deepEqual(await namesIn(storage), ["0", "1", "2"]);
});
