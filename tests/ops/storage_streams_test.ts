/** Many streams into one backup: each comes back as itself, and they appear together or not at all. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type AgentError, InterruptedError, SourceError, StoreFullError, UsageError } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import type { BackupHandle } from "../../src/mod.ts";
import { withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { accessTo, copyOf, fakeWorld, macrotask, namesOf, noise, putBytes, sqlDump } from "../helpers/world.ts";
import {
  backUp,
  listed,
  NAME,
  namesIn,
  newStorage,
  readWhole,
  SHOP,
  SMALL_CHUNKS,
  storageOn,
  writeFile,
} from "./storage_fixture.ts";

/** Contents of different lengths, some of which share chunks. */
function contentOf(i: number): Uint8Array {
  return i % 3 === 0 ? noise(40_000, "shared").subarray(0, 1000 * (i % 40)) : noise(137 * i, `file ${i}`);
}

/** Leaves nothing to be reported as unhandled where a test lets a stream fail. */
function writerOf(handle: BackupHandle, path: string): WritableStreamDefaultWriter<Uint8Array> {
  const writer = handle.addFile(path).getWriter();
  writer.closed.catch(() => {});
  return writer;
}

async function assertNothing(store: BlobStore): Promise<void> {
  assert.deepEqual(await namesOf(store, "snapshot"), []);
  assert.deepEqual(await namesOf(store, "lock"), []);
}

Deno.test("a hundred files written ten at a time are one commit, and read ten at a time they are the same", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const handle = await storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  await mapConcurrently(numbers, 10, (i) => writeFile(handle, `${i % 7}/${i}`, contentOf(i), 5000));
  assert.deepEqual(await namesOf(store, "snapshot"), []);
  const { manifest } = await handle.endBackup();
  assert.equal((await namesOf(store, "snapshot")).length, 1);
  assert.equal(manifest.files.length, 100);
  const reading = await listed(storage, NAME);
  await mapConcurrently(numbers, 10, async (i) => {
    assert.deepEqual(await readWhole(reading, `${i % 7}/${i}`), new Uint8Array(contentOf(i)), `file ${i}`);
  });
});

Deno.test("however writes are interleaved, each file is its own bytes", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const writes = fc.array(fc.record({ file: fc.nat(30), bytes: fc.nat(3000) }), { maxLength: 120 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(writes, fc.infiniteStream(fc.boolean()), async (steps, waits) => {
      const name = `run ${run++}`;
      const handle = await storage.startBackup(SHOP, name, SMALL_CHUNKS);
      const writers = new Map<number, WritableStreamDefaultWriter<Uint8Array>>();
      const expected = new Map<number, Uint8Array[]>();
      for (const [step, { file, bytes }] of steps.entries()) {
        if (!writers.has(file)) writers.set(file, writerOf(handle, String(file)));
        const piece = noise(bytes, `${name} ${step}`);
        expected.set(file, [...expected.get(file) ?? [], piece]);
        const written = writers.get(file)!.write(piece);
        if (waits.next().value) await written;
      }
      await Promise.all([...writers.values()].map((writer) => writer.close()));
      await handle.endBackup();
      const reading = await listed(storage, name);
      for (const [file, pieces] of expected) {
        const bytes = await readWhole(reading, String(file));
        assert.deepEqual(bytes, new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), `${name} ${file}`);
      }
    }),
    { numRuns: 8, seed: 4 },
  );
});

Deno.test("more files are open than there are segments, and none has to be closed for another to go on", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const handle = await storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  const writers = Array.from({ length: 40 }, (_, i) => writerOf(handle, String(i)));
  for (let round = 0; round < 3; round++) {
    for (const [i, writer] of writers.entries()) await writer.write(noise(2000, `${i} ${round}`));
  }
  for (const writer of writers) await writer.close();
  await handle.endBackup();
  const bytes = await readWhole(await listed(storage, NAME), "39");
  assert.deepEqual(bytes.subarray(4000), noise(2000, "39 2"));
});

Deno.test("an aborted backup leaves no backup and no lock, but chunks that the next one reuses", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const handle = await storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  await writeFile(handle, "a", noise(200_000, "a"));
  const open = writerOf(handle, "b");
  await open.write(noise(10, "b"));
  await handle.abortBackup();
  await assert.rejects(open.write(noise(10, "b")), InterruptedError);
  await assertNothing(store);
  assert.ok((await namesOf(store, "pack")).length > 3);
  const { manifest } = await backUp(storage, NAME, { a: noise(200_000, "a") });
  assert.ok(manifest.stats.blobsReused > 100 && manifest.stats.blobsNew < 50);
});

Deno.test("a file that is open at the end ends the backup", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const handle = await storage.startBackup(SHOP, NAME);
  await writeFile(handle, "a", noise(10, "a"));
  const open = writerOf(handle, "b");
  await open.write(noise(10, "b"));
  await assert.rejects(handle.endBackup(), UsageError);
  await assert.rejects(open.closed, UsageError);
  await assertNothing(store);
  await handle.abortBackup();
});

Deno.test("a file whose close is under way at the end is waited for", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const handle = await storage.startBackup(SHOP, NAME);
  const writer = writerOf(handle, "a");
  await writer.write(noise(100_000, "a"));
  const closed = writer.close();
  await macrotask();
  await handle.endBackup();
  await closed;
  assert.deepEqual(await readWhole(await listed(storage, NAME), "a"), noise(100_000, "a"));
});

Deno.test("a stream that fails ends the backup with its error, for every other stream, too", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const handle = await storage.startBackup(SHOP, NAME);
  const other = writerOf(handle, "other");
  await other.write(noise(10, "other"));
  const mine = new TypeError("the source of my own died");
  const failing = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(mine) });
  await assert.rejects(failing.pipeTo(handle.addFile("a")), (error) => error === mine);
  await assert.rejects(other.write(noise(10, "other")), (error) => error === mine);
  assert.throws(() => handle.addFile("late"), (error) => error === mine);
  await assert.rejects(handle.endBackup(), (error) => error === mine);
  await assertNothing(store);
});

Deno.test("a stream that is aborted ends the backup", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const handle = await storage.startBackup(SHOP, NAME);
  await writerOf(handle, "a").abort();
  await assert.rejects(handle.endBackup(), InterruptedError);
  await assertNothing(store);
});

Deno.test("only bytes can be written", async () => {
  await using fixture = await newStorage();
  const handle = await fixture.storage.startBackup(SHOP, NAME);
  await assert.rejects(writerOf(handle, "a").write("text" as unknown as Uint8Array), UsageError);
  await assert.rejects(handle.endBackup(), UsageError);
});

Deno.test("a guard refuses a file that is not whole; without one it is taken as it is", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const half = sqlDump(100, "half").subarray(0, 5000);
  const handle = await storage.startBackup(SHOP, NAME);
  const writer = handle.addFile("dump.sql", { guard: "auto" }).getWriter();
  writer.closed.catch(() => {});
  await writer.write(half);
  await assert.rejects(writer.close(), SourceError);
  await assert.rejects(handle.endBackup(), SourceError);
  await assertNothing(store);
  await backUp(storage, NAME, { "dump.sql": half });
});

Deno.test("a full store ends the backup, and whoever writes is told", async () => {
  await using fixture = await newStorage();
  const full = new StoreFullError("no space, on purpose");
  const store = withFaults(
    fixture.store,
    ({ method, kind }) => method === "put" && kind === "pack" ? { type: "fail", error: full } : undefined,
  );
  await using filling = storageOn(store, fixture.world);
  const handle = await filling.storage.startBackup(SHOP, NAME, SMALL_CHUNKS);
  const writer = writerOf(handle, "a");
  await assert.rejects(async () => {
    for (let i = 0; i < 1000; i++) await writer.write(noise(50_000, String(i)));
  }, StoreFullError);
  await assert.rejects(handle.endBackup(), StoreFullError);
  await assertNothing(fixture.store);
});

Deno.test("whichever call to the store a signal stops, nothing or everything is committed, and no lock stays", async () => {
  const empty = await newStorage();
  const outcomes: (string | undefined)[] = [];
  for (let stopAt = 1; outcomes.at(-1) !== "never stopped"; stopAt++) {
    const stop = new AbortController();
    const store = withFaults(await copyOf(empty.store), ({ number }) => {
      if (number === stopAt) stop.abort();
      return undefined;
    });
    await using fixture = storageOn(store, fakeWorld());
    let error: unknown;
    try {
      const options = { ...SMALL_CHUNKS, signal: stop.signal };
      await backUp(fixture.storage, NAME, { a: noise(60_000, "a"), "b/c": noise(3000, "b") }, options);
    } catch (thrown) {
      error = thrown;
    }
    const isStopped = stop.signal.aborted;
    const names = await namesIn(fixture.storage);
    assert.deepEqual(await namesOf(store, "lock"), [], `stopped at call ${stopAt}`);
    if (error !== undefined) assert.ok(error instanceof InterruptedError, `stopped at call ${stopAt}: ${error}`);
    assert.deepEqual(names, error === undefined ? [NAME] : [], `stopped at call ${stopAt}`);
    outcomes.push(isStopped ? (error as AgentError | undefined)?.code : "never stopped");
  }
  assert.ok(outcomes.length > 15 && outcomes.slice(0, 12).every((code) => code === "interrupted"), outcomes.join());
});

Deno.test("the signal of one file ends the backup, one that was aborted before keeps it from starting", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const stop = new AbortController();
  const handle = await storage.startBackup(SHOP, NAME);
  const writer = handle.addFile("a", { signal: stop.signal }).getWriter();
  writer.closed.catch(() => {});
  stop.abort();
  await assert.rejects(writer.write(noise(10, "a")), InterruptedError);
  await assert.rejects(handle.endBackup(), InterruptedError);
  const { signal } = stop;
  await assert.rejects(storage.startBackup(SHOP, NAME, { signal }), InterruptedError);
  await assert.rejects(storage.listBackups(SHOP, { signal }), InterruptedError);
  await assert.rejects(storage.removeBackup(SHOP, NAME, { signal }), InterruptedError);
  await backUp(storage, NAME, { a: noise(10, "a") });
  const reading = await listed(storage, NAME);
  await assert.rejects(reading.readFile("a", { signal }), InterruptedError);
  await assert.rejects(storage.startBackup(SHOP, NAME), { code: "store-exists" });
  assert.equal((await namesOf(store, "snapshot")).length, 1);
});

Deno.test("a reader that stops early or is stopped leaves nothing running", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, NAME, { a: noise(100_000, "a") });
  const handle = await listed(storage, NAME);
  const reader = (await handle.readFile("a")).getReader();
  assert.ok((await reader.read()).value!.length > 0);
  await reader.cancel();
  const stop = new AbortController();
  const stream = await handle.readFile("a", { signal: stop.signal });
  stop.abort();
  await assert.rejects(Array.fromAsync(stream), InterruptedError);
  assert.deepEqual(await readWhole(handle, "a"), noise(100_000, "a"));
  await storage.close();
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("files that together are long are stored in parts, so that no tree holds all their chunks", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const partLimits = { single: 150, least: 20, most: 40 };
  const files = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`${i}`, noise(110_000, `long ${i}`)]));
  const small = { small: noise(3000, "small") };
  const { manifest } = await backUp(storage, NAME, { ...files, ...small }, { ...SMALL_CHUNKS, partLimits });
  const parts = manifest.files.map((file) => (file.parts ?? 0) > 2);
  assert.deepEqual(parts, [false, true, true, true, false]);
  const handle = await listed(storage, NAME);
  for (const [path, bytes] of Object.entries({ ...files, ...small })) {
    assert.deepEqual(await readWhole(handle, path), bytes);
  }
});

Deno.test("a backup of the same files again adds nothing but its manifest", async () => {
  await using fixture = await newStorage();
  const { storage, world } = fixture;
  const files = { a: noise(50_000, "a"), "b/c": noise(50_000, "c") };
  const first = await backUp(storage, "1", files);
  world.clock.jump(3_600_000);
  const second = await backUp(storage, "2", files);
  assert.equal(second.manifest.stats.blobsNew, 0);
  assert.equal(second.backup.info?.modified, first.backup.info?.modified);
  assert.equal(second.manifest.parent, first.backup.id);
});

Deno.test("rules for levels are those of a put", async () => {
  await using fixture = await newStorage();
  const { storage, world } = fixture;
  const levels: number[] = [];
  for (const name of ["1", "2", "3", "4"]) {
    world.clock.jump(3_600_000);
    levels.push((await backUp(storage, name, {}, { levelRules: { maxLevel: 1 } })).manifest.level);
  }
  assert.deepEqual(levels, [0, 1, 0, 1]);
});

Deno.test("a put and a storage backup go on from each other", async () => {
  await using fixture = await newStorage();
  const { storage, store, world } = fixture;
  const bytes = noise(50_000, "a");
  const { manifest } = await backUp(storage, "1", { data: bytes }, { ...SMALL_CHUNKS, host: "db1" });
  world.clock.jump(3_600_000);
  const { manifest: next } = await putBytes(accessTo(store), world, bytes, { series: manifest.series });
  assert.equal(next.stats.blobsNew, 0);
  assert.equal(next.level, manifest.level + 1);
});
