/** The storage interface, rule by rule: those of Vitess's `BackupStorage` and `BackupHandle`. */
import assert from "node:assert/strict";
import { ExistsError, IntegrityError, UsageError } from "../../../src/base/errors.ts";
import type { RunType } from "../../../src/base/run_type.ts";
import { accessTo, namesOf, noise, putBytes, readAllBackups } from "../../helpers/world.ts";
import { parseSeries } from "../../../src/format/manifest/series.ts";
import {
  backUp,
  listed,
  namesIn,
  newStorage,
  readWhole,
  SHOP,
  SMALL_CHUNKS,
  storageOn,
  writeFile,
} from "../storage_fixture.ts";

const FIRST = "2026-11-20.075342.zone1-0000000100";
const SECOND = "2026-11-21.075342.zone1-0000000100";

Deno.test("a directory that nobody has backed up lists as empty", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  assert.deepEqual(await storage.listBackups(SHOP), []);
  await backUp(storage, FIRST, { a: noise(10, "a") });
  assert.deepEqual(await storage.listBackups("zone1"), []);
  assert.deepEqual(await storage.listBackups("zone1/shop/below"), []);
  assert.deepEqual(await storage.listBackups(""), []);
});

Deno.test("backups list by name, whatever the order they were made in, and say where they belong", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  await backUp(storage, SECOND, {});
  await backUp(storage, "z", {});
  await backUp(storage, FIRST, {});
  await backUp(storage, "Z", {});
  const handles = await storage.listBackups(SHOP);
  assert.deepEqual(handles.map(({ name }) => name), [FIRST, SECOND, "Z", "z"]);
  assert.ok(handles.every(({ directory, isReadOnly }) => directory === SHOP && isReadOnly));
});

Deno.test("files written are files read, and a name may have directories in it", async () => {
  await using fixture = await newStorage();
  const { storage, store, world } = fixture;
  const files = { MANIFEST: noise(10, "m"), "0/ibdata1": noise(70_000, "i"), "0/shop/t.ibd": noise(5000, "t") };
  const { manifest, backup } = await backUp(storage, FIRST, files);
  assert.deepEqual(manifest.files.map(({ path }) => path), ["0/ibdata1", "0/shop/t.ibd", "MANIFEST"]);
  assert.deepEqual(manifest.engine, { name: "storage", version: "agent test", options: { backupName: FIRST } });
  assert.equal(backup.info?.name, FIRST);
  assert.equal(backup.info?.complete, null);
  assert.deepEqual([manifest.stats.bytesRead, backup.info?.files], [75_010, 3]);

  const handle = await listed(storage, FIRST);
  for (const [path, bytes] of Object.entries(files)) assert.deepEqual(await readWhole(handle, path), bytes);
  await assert.rejects(handle.readFile("ibdata1"), UsageError);
  await assert.rejects(handle.readFile("0"), UsageError);
  assert.equal((await readAllBackups(store, world)).length, 1);
});

Deno.test("a backup of no file is valid", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const { manifest, backup } = await backUp(storage, FIRST, {});
  assert.deepEqual(manifest.files, []);
  assert.equal(backup.info?.complete, null);
  assert.deepEqual(await namesIn(storage), [FIRST]);
  await assert.rejects((await listed(storage, FIRST)).readFile("data"), UsageError);
});

Deno.test("a file may be empty", async () => {
  await using fixture = await newStorage();
  await backUp(fixture.storage, FIRST, { empty: new Uint8Array(0), other: noise(100, "other") });
  assert.deepEqual(await readWhole(await listed(fixture.storage, FIRST), "empty"), new Uint8Array(0));
});

Deno.test("what belongs to reading is refused while writing, and the other way round", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const writing = await storage.startBackup(SHOP, FIRST);
  assert.deepEqual([writing.directory, writing.name, writing.isReadOnly], [SHOP, FIRST, false]);
  await assert.rejects(writing.readFile("a"), UsageError);
  await writeFile(writing, "a", noise(10, "a"));
  await writing.endBackup();
  const reading = await listed(storage, FIRST);
  assert.throws(() => reading.addFile("b"), UsageError);
  await assert.rejects(reading.endBackup(), UsageError);
  await assert.rejects(reading.abortBackup(), UsageError);
  assert.deepEqual(await readWhole(reading, "a"), noise(10, "a"));
});

Deno.test("after its end a handle is of no use", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const ended = await storage.startBackup(SHOP, FIRST);
  await ended.endBackup();
  assert.throws(() => ended.addFile("b"), UsageError);
  await assert.rejects(ended.endBackup(), UsageError);
  await assert.rejects(ended.abortBackup(), UsageError);
  assert.deepEqual(await namesIn(storage), [FIRST]);

  const aborted = await storage.startBackup(SHOP, SECOND);
  await aborted.abortBackup();
  await aborted.abortBackup();
  assert.throws(() => aborted.addFile("b"), UsageError);
  await assert.rejects(aborted.endBackup(), UsageError);
  assert.deepEqual(await namesIn(storage), [FIRST]);
});

Deno.test("paths are checked when a file is added; the backup goes on", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const handle = await storage.startBackup(SHOP, FIRST);
  await writeFile(handle, "a/b", noise(10, "b"));
  const refused = ["", "/a", "a/", "a//c", "..", "a/../c", "a\n", "a\\c", "x".repeat(256), "x/".repeat(600) + "x"];
  for (const path of [...refused, "a/b", "a", "a/b/c"]) assert.throws(() => handle.addFile(path), UsageError, path);
  await writeFile(handle, `${"x".repeat(255)}/c`, noise(10, "c"));
  const { manifest } = await handle.endBackup();
  assert.deepEqual(manifest.files.map(({ path }) => path.length), [3, 257]);
});

Deno.test("names and directories are checked at the start", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  for (const name of ["", "a/b", ".", "a\n", "x".repeat(256)]) {
    await assert.rejects(storage.startBackup(SHOP, name), UsageError, name);
  }
  for (const directory of ["", "/a", "a@b"]) await assert.rejects(storage.startBackup(directory, "a"), UsageError);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a run type that nobody knows is refused at the start, also as that of a full backup", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  const unknown = "fortnightly" as RunType;
  await assert.rejects(storage.startBackup(SHOP, FIRST, { runType: unknown }), {
    message: /"fortnightly".*hourly, daily, weekly, monthly, yearly/,
  });
  const levelRules = { fullBackup: unknown };
  await assert.rejects(storage.startBackup(SHOP, FIRST, { runType: "daily", levelRules }), UsageError);
  await assert.rejects(putBytes(accessTo(store), fixture.world, noise(10, "a"), { runType: "" }), UsageError);
  assert.deepEqual([await namesOf(store, "snapshot"), await namesOf(store, "lock")], [[], []]);
  await backUp(storage, FIRST, {}, { runType: "daily" });
});

Deno.test("a name that exists is refused at the start; another directory may have it, too", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, FIRST, {});
  await assert.rejects(storage.startBackup(SHOP, FIRST), ExistsError);
  await (await storage.startBackup("zone2/shop", FIRST)).endBackup();
  assert.deepEqual(await namesIn(storage, "zone2/shop"), [FIRST]);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("of two backups of one name in one storage the second is refused at its start, until the first is over", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const starts = await Promise.allSettled([storage.startBackup(SHOP, FIRST), storage.startBackup(SHOP, FIRST)]);
  assert.deepEqual(starts.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert.ok((starts[1] as PromiseRejectedResult).reason instanceof ExistsError);
  await (starts[0] as PromiseFulfilledResult<Awaited<ReturnType<typeof storage.startBackup>>>).value.abortBackup();
  await backUp(storage, FIRST, {});
});

Deno.test("of two backups of one name by two processes the one that ends later fails, and nothing of it appears", async () => {
  await using one = await newStorage();
  await using other = storageOn(one.store, one.world);
  const mine = await one.storage.startBackup(SHOP, FIRST, SMALL_CHUNKS);
  const theirs = await other.storage.startBackup(SHOP, FIRST, SMALL_CHUNKS);
  await writeFile(mine, "a", noise(10, "mine"));
  await writeFile(theirs, "a", noise(10, "theirs"));
  await theirs.endBackup();
  await assert.rejects(mine.endBackup(), ExistsError);
  await mine.abortBackup();
  assert.deepEqual(await namesIn(one.storage), [FIRST]);
  assert.deepEqual(await readWhole(await listed(one.storage, FIRST), "a"), noise(10, "theirs"));
});

Deno.test("another backup that ends meanwhile does not matter", async () => {
  await using fixture = await newStorage();
  const { storage } = fixture;
  const slow = await storage.startBackup(SHOP, FIRST);
  await backUp(storage, SECOND, {});
  await slow.endBackup();
  assert.deepEqual(await namesIn(storage), [FIRST, SECOND]);
});

Deno.test("a removed backup does not appear any more; one that is not there counts as removed", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, FIRST, { a: noise(10, "a") });
  await backUp(storage, SECOND, { a: noise(10, "a") });
  assert.deepEqual(await readWhole(await listed(storage, FIRST), "a"), noise(10, "a"));
  await storage.removeBackup(SHOP, FIRST);
  assert.deepEqual(await namesIn(storage), [SECOND]);
  await storage.removeBackup(SHOP, FIRST);
  await storage.removeBackup("nobody", SECOND);
  assert.deepEqual(await readWhole(await listed(storage, SECOND), "a"), noise(10, "a"));
  await storage.removeBackup(SHOP, SECOND);
  assert.deepEqual(await namesIn(storage), []);
  await backUp(storage, FIRST, {});
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("backups of a put are listed under time and id, and read", async () => {
  await using fixture = await newStorage();
  const { storage, store, world } = fixture;
  const series = parseSeries(SHOP);
  const time = new Date("2026-11-21T07:53:42.120Z");
  const { backup } = await putBytes(accessTo(store), world, noise(3000, "put"), { series, time });
  await backUp(storage, SECOND, {});
  const name = `2026-11-21.075342.120-${backup.id.slice(0, 8)}`;
  assert.deepEqual(await namesIn(storage), [name, SECOND]);
  assert.deepEqual(await readWhole(await listed(storage, name), "data"), noise(3000, "put"));
  await assert.rejects(storage.startBackup(SHOP, name), ExistsError);
});

Deno.test("the name is in the manifest, so that it survives a snapshot that lost ours", async () => {
  await using fixture = await newStorage();
  const { storage, store, world } = fixture;
  await backUp(storage, FIRST, { a: noise(10, "a") });
  const [read] = await readAllBackups(store, world);
  assert.deepEqual(read!.manifest.engine.options, { backupName: FIRST });
});

Deno.test("closing aborts what is being written and releases everything; the storage can be used again", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, FIRST, { a: noise(50_000, "a") });
  const handle = await listed(storage, FIRST);
  const reading = await handle.readFile("a");
  const writing = await storage.startBackup(SHOP, SECOND);
  const writer = writing.addFile("b").getWriter();
  writer.closed.catch(() => {});
  await writer.write(noise(10, "b"));
  await storage.close();
  assert.deepEqual(await namesOf(store, "lock"), []);
  await assert.rejects(Array.fromAsync(reading), { code: "interrupted" });
  await assert.rejects(writer.write(noise(10, "b")), { code: "interrupted" });
  await assert.rejects(writing.endBackup(), { code: "interrupted" });

  assert.deepEqual(await namesIn(storage), [FIRST]);
  assert.deepEqual(await readWhole(handle, "a"), noise(50_000, "a"));
  await backUp(storage, SECOND, {});
  await storage.close();
  await storage.close();
  assert.deepEqual(await namesIn(storage), [FIRST, SECOND]);
});

Deno.test("a backup that came after the first read is read, too", async () => {
  await using fixture = await newStorage();
  await using other = storageOn(fixture.store, fixture.world);
  const { storage } = fixture;
  await backUp(storage, FIRST, { a: noise(10, "a") });
  assert.deepEqual(await readWhole(await listed(storage, FIRST), "a"), noise(10, "a"));
  await backUp(other.storage, SECOND, { a: noise(20_000, "later") });
  assert.deepEqual(await readWhole(await listed(storage, SECOND), "a"), noise(20_000, "later"));
});

Deno.test("a file that is damaged fails instead of ending", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, FIRST, { a: noise(100_000, "a"), b: noise(10, "b") });
  const [first] = await Array.fromAsync(store.list("pack"));
  const pack = { kind: "pack", name: first!.name } as const;
  const bytes = await store.get(pack);
  bytes[100]! ^= 1;
  await store.remove(pack);
  await store.put(pack, [bytes]);
  const handle = await listed(storage, FIRST);
  await assert.rejects(readWhole(handle, "a"), IntegrityError);
  assert.deepEqual(await readWhole(handle, "b"), noise(10, "b"));
});

Deno.test("a snapshot that cannot be read is told, or thrown", async () => {
  await using fixture = await newStorage();
  const { storage, store } = fixture;
  await backUp(storage, FIRST, {});
  await store.put({ kind: "snapshot", name: "ab".repeat(32) }, [noise(200, "junk")]);
  await assert.rejects(storage.listBackups(SHOP), IntegrityError);
  const told: string[] = [];
  const handles = await storage.listBackups(SHOP, { onDamaged: ({ id }) => told.push(id) });
  assert.deepEqual([handles.length, told], [1, ["ab".repeat(32)]]);
  await backUp(storage, SECOND, {});
});
