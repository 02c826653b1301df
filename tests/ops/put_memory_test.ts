/** A series has a memory: what put and the storage make of streams that are less than those before. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { SourceError } from "../../src/base/errors.ts";
import { formatLocalTime } from "../../src/base/text/local_time.ts";
import type { Backup } from "../../src/backup/backup.ts";
import { parseFileName, parseSeries } from "../../src/format/manifest/series.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { GuardChoice } from "../../src/guard/guard.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { BZIP2, LZ4, XZ } from "../guard/container/samples.ts";
import {
  accessTo,
  fakeWorld,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  readAllBackups,
  sqlDump,
} from "../helpers/world.ts";
import { newStorage, SHOP, type StorageFixture } from "./storage_fixture.ts";

const DUMP = sqlDump(400, "memory");
/** What is left of a dump command that failed, and of a dump that lost its comments. */
const RUBBISH = new TextEncoder().encode("no such service\n");
const HOUR_MS = 3_600_000;
const auto = { guard: "auto" } as const;

type Files = Readonly<Record<string, Uint8Array>>;

/** Puts into a new repository; an hour passes before each. */
async function newSeries() {
  const world = fakeWorld();
  const { access, store, repository } = await memoryRepository(world);
  const put = (bytes: Uint8Array, overrides: Parameters<typeof putBytes>[3] = auto) => {
    world.clock.jump(HOUR_MS);
    return putBytes(access, world, bytes, overrides);
  };
  return { world, store, repository, put };
}

async function assertRefused(store: BlobStore, putting: () => Promise<unknown>, pattern: RegExp): Promise<void> {
  const before = await namesOf(store, "snapshot");
  await assert.rejects(putting(), (error) => {
    assert.ok(error instanceof SourceError, String(error));
    assert.match(error.message, pattern);
    assert.match(error.message, /nothing was committed(; see what its program said)?$/);
    return true;
  });
  assert.deepEqual(await namesOf(store, "snapshot"), before);
  assert.deepEqual(await namesOf(store, "lock"), []);
}

Deno.test("a stream that no guard recognises is refused where one before was, and the message says which", async () => {
  const { put, store } = await newSeries();
  const { backup } = await put(DUMP);
  const when = RegExp.escape(formatLocalTime(new Date(backup.started)));
  const which = `backup ${backup.id.slice(0, 8)} \\(${when}\\) was mysqldump`;
  const pattern = new RegExp(`^Refusing to back up "prod/shop": .*${which}; --guard none .*--guard FORMAT`);
  await assertRefused(store, () => put(RUBBISH), pattern);
});

Deno.test("a night without a guard is accepted and does not end the memory; nor does a newer level 0", async () => {
  const { put, store } = await newSeries();
  await put(DUMP);
  const { notes } = await put(RUBBISH, { guard: "none" });
  assert.deepEqual(notes, []);
  await put(RUBBISH, { guard: "none", levelRules: { mode: "full" } });
  await assertRefused(store, () => put(RUBBISH), /was mysqldump/);
});

Deno.test("the memory ends with the last backup that was recognised", async () => {
  const { put, store } = await newSeries();
  const { backup } = await put(DUMP);
  await put(RUBBISH, { guard: "none" });
  await store.remove({ kind: "snapshot", name: backup.snapshotId });
  await put(RUBBISH);
});

Deno.test("a container whose content nobody can judge is less than a judged content", async () => {
  const { put, store } = await newSeries();
  const packed = gzipSync(noise(5000, "unknown"));
  await put(packed);
  const { notes } = await put(gzipSync(DUMP));
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /^the stream is recognised as gzip\+mysqldump, that of backup \w+ \(.*\) was gzip$/);
  await assertRefused(store, () => put(packed), /nobody can judge what is in the gzip stream, .* was gzip\+mysqldump;/);
  await assertRefused(store, () => put(RUBBISH), /the stream is of no format .* was gzip\+mysqldump;/);
  assert.deepEqual((await put(packed, { guard: "gzip" })).notes, []);
});

Deno.test("so is one that nobody looks into", async () => {
  const { put, store } = await newSeries();
  await put(DUMP);
  for (const [format, bytes] of Object.entries({ xz: XZ, bzip2: BZIP2, lz4: LZ4 })) {
    await assertRefused(store, () => put(bytes), new RegExp(`nobody can judge what is in the ${format} stream`));
  }
});

Deno.test("a stream that lacks a kind of dump it held before is refused", async () => {
  const { put, store } = await newSeries();
  const other = new TextEncoder().encode("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n");
  await put(new Uint8Array([...other, ...DUMP]));
  await put(gzipSync(new Uint8Array([...DUMP, ...other])));
  await assertRefused(
    store,
    () => put(DUMP),
    /the stream holds mysqldump and no sqlite, .* was gzip\+mysqldump,sqlite;/,
  );
  await assertRefused(store, () => put(other), /the stream holds sqlite and no mysqldump/);
  await put(DUMP, { guard: "mysqldump" });
});

Deno.test("another format is accepted with a note, once", async () => {
  const { put } = await newSeries();
  const packed = gzipSync(DUMP);
  assert.deepEqual((await put(DUMP)).notes, []);
  assert.match((await put(packed)).notes.join("\n"), /^the stream is recognised as gzip\+mysqldump, .* was mysqldump$/);
  assert.deepEqual((await put(packed)).notes, []);
});

Deno.test("other series, hosts and file names remember nothing of it", async () => {
  const { put } = await newSeries();
  await put(DUMP);
  for (
    const other of [
      { series: parseSeries("prod/other") },
      { series: parseSeries("prod/shop/deeper") },
      { host: "db2" },
      { fileName: parseFileName("errors.log") },
    ]
  ) assert.deepEqual((await put(RUBBISH, { ...auto, ...other })).warnings, []);
});

Deno.test("a stream that is not whole is told to be that, whatever it was before", async () => {
  const { put, store } = await newSeries();
  await put(gzipSync(DUMP));
  await assertRefused(store, () => put(DUMP.subarray(0, DUMP.length - 100)), /the mysqldump stream is not whole/);
});

Deno.test("the snapshots alone tell: no pack is read for it", async () => {
  const { put, store, world } = await newSeries();
  await put(DUMP);
  await put(DUMP.subarray(), { guard: "none" });
  const calls = async (bytes: Uint8Array, guard: "auto" | "none") => {
    const counted = withFaults(store, () => undefined);
    await putBytes(accessTo(counted), world, bytes, { guard }).catch(() => {});
    return counted.calls.filter(({ method, kind }) => method === "get" && kind === "pack").length;
  };
  // The manifest of the parent is read before it is relied on.
  assert.equal(await calls(RUBBISH, "auto"), 1);
  assert.equal(await calls(RUBBISH, "none"), 1);
});

Deno.test("a stream below half of the one before is committed, marked and warned of; a second one is not", async () => {
  const { put, store, world } = await newSeries();
  const first = await put(DUMP);
  const small = sqlDump(100, "memory");
  const second = await put(small);
  assert.deepEqual(second.manifest.files[0]!.shrunk, { from: DUMP.length, of: first.backup.id });
  assert.equal(second.backup.info!.shrunk, true);
  assert.equal(second.warnings.length, 1);
  const sizes = /^"prod\/shop" shrank: the stream has .* KiB, below 50 % of the .* KiB of backup (\w{8}) \(2026-/;
  assert.equal(sizes.exec(second.warnings[0]!)?.[1], first.backup.id.slice(0, 8));
  const third = await put(small);
  assert.deepEqual([third.warnings, third.manifest.files[0]!.shrunk, third.backup.info!.shrunk], [
    [],
    undefined,
    undefined,
  ]);
  const read = await readAllBackups(store, world);
  assert.deepEqual(read.map(({ backup }) => backup.info!.shrunk ?? false), [false, true, false]);
  assert.deepEqual(read[1]!.manifest, second.manifest);
});

Deno.test("what did not shrink below the share is not marked, and off compares nothing", async () => {
  const { put } = await newSeries();
  await put(DUMP);
  const { warnings, backup } = await put(sqlDump(210, "memory"));
  assert.deepEqual([warnings, backup.info!.shrunk], [[], undefined]);
  const off = await put(sqlDump(10, "memory"), { ...auto, minOfParent: "off" });
  assert.deepEqual([off.warnings, off.backup.info!.shrunk], [[], undefined]);
});

Deno.test("below the share that was asked for a stream is refused, every night", async () => {
  const { put, store } = await newSeries();
  await put(DUMP);
  const small = sqlDump(200, "memory");
  const pattern = /the stream has .*, below 60 % of the .* of backup \w{8} .*; --min-of-parent off accepts it/;
  for (let night = 0; night < 2; night++) {
    await assertRefused(store, () => put(small, { ...auto, minOfParent: 60 }), pattern);
  }
  await put(small, { ...auto, minOfParent: 40 });
});

Deno.test("streams that nobody recognised are compared with such", async () => {
  const { put } = await newSeries();
  await put(noise(10_000, "a"));
  await put(DUMP);
  const { warnings } = await put(noise(4000, "b"), { guard: "none" });
  assert.match(warnings.join("\n"), /below 50 % of the 9.77 KiB/);
});

Deno.test("an empty stream that is allowed has shrunk from whatever was there, and is no substitute for a dump", async () => {
  const { put, store } = await newSeries();
  await put(DUMP);
  const empty = new Uint8Array(0);
  await assertRefused(store, () => put(empty, { ...auto, allowEmpty: true }), /was mysqldump/);
  const { warnings, backup } = await put(empty, { guard: "none", allowEmpty: true });
  assert.match(warnings.join("\n"), /the stream has 0 B, below 50 %/);
  assert.equal(backup.info!.shrunk, true);
});

Deno.test("the level does not depend on it", async () => {
  const { put } = await newSeries();
  const levels: number[] = [];
  for (const rows of [400, 100, 10]) levels.push((await put(sqlDump(rows, "memory"))).manifest.level);
  assert.deepEqual(levels, [0, 1, 2]);
});

Deno.test("what restic rewrote is remembered by its manifest", async () => {
  const { put, store, repository } = await newSeries();
  const { backup } = await put(DUMP);
  await replace(repository, backup, { agent: null, original: backup.snapshotId, tags: ["kept"] });
  await assertRefused(store, () => put(RUBBISH), /was mysqldump/);
  const { warnings } = await put(sqlDump(10, "memory"));
  assert.match(warnings.join("\n"), new RegExp(`of backup ${backup.id.slice(0, 8)} `));
});

Deno.test("a snapshot without our summary, which no tool rewrote, counts for nothing", async () => {
  const { put, repository } = await newSeries();
  const { backup } = await put(DUMP);
  await replace(repository, backup, { agent: null });
  assert.deepEqual((await put(RUBBISH)).warnings, []);
});

Deno.test("a snapshot of an older program, which lists no streams, is remembered by its only guard", async () => {
  const { put, store, repository } = await newSeries();
  const { backup } = await put(DUMP);
  const { streams, ...agent } = backup.info!;
  assert.deepEqual(streams, [{ path: "data", size: DUMP.length, guard: "mysqldump", complete: true }]);
  await replace(repository, backup, { agent });
  await assertRefused(store, () => put(RUBBISH, { ...auto, fileName: parseFileName("any.sql") }), /was mysqldump/);
  assert.equal((await put(sqlDump(10, "memory"))).warnings.length, 1);
});

/** Puts another snapshot in the place of a backup's. */
async function replace({ files }: UnlockedRepository, backup: Backup, change: Partial<Snapshot>): Promise<void> {
  await saveSnapshot(files, { ...backup.snapshot, ...change });
  await files.remove("snapshot", backup.snapshotId);
}

const dump = { "0/shop.sql": DUMP };

/** Writes a backup of files with a guard, or with none said. */
async function storeFiles({ storage }: StorageFixture, name: string, files: Files, guard?: GuardChoice) {
  const handle = await storage.startBackup(SHOP, name);
  try {
    for (const [path, bytes] of Object.entries(files)) {
      const writer = handle.addFile(path, guard === undefined ? {} : { guard }).getWriter();
      await writer.write(bytes);
      await writer.close();
    }
  } catch (error) {
    await handle.abortBackup();
    throw error;
  }
  return await handle.endBackup();
}

Deno.test("the storage remembers each file; only a guard that is given says that less is meant", async () => {
  await using fixture = await newStorage("memory");
  const { backup } = await storeFiles(fixture, "1", { ...dump, "0/notes": RUBBISH }, "auto");
  assert.deepEqual(backup.info!.streams!.map(({ path, guard }) => [path, guard]), [
    ["0/notes", "none"],
    ["0/shop.sql", "mysqldump"],
  ]);
  const refused = {
    code: "source-incomplete",
    message: /"zone1\/shop\/0\/shop.sql": the stream is of no format/,
  } as const;
  await assert.rejects(storeFiles(fixture, "2", { "0/shop.sql": RUBBISH }, "auto"), refused);
  await assert.rejects(storeFiles(fixture, "2", dump), refused);
  await storeFiles(fixture, "2", dump, "none");
  await storeFiles(fixture, "3", dump, "auto");
  await storeFiles(fixture, "4", { "0/notes": RUBBISH, "1/shop.sql": RUBBISH });
  assert.deepEqual((await fixture.storage.listBackups(SHOP)).map(({ name }) => name), ["1", "2", "3", "4"]);
});

Deno.test("the storage marks the file that shrank, and tells of each note and warning whose it is", async () => {
  await using fixture = await newStorage("memory");
  await storeFiles(fixture, "1", { a: DUMP, b: DUMP }, "auto");
  const { manifest, warnings, notes } = await storeFiles(
    fixture,
    "2",
    { a: sqlDump(9, "a"), b: gzipSync(DUMP) },
    "auto",
  );
  assert.deepEqual(manifest.files.map(({ shrunk }) => shrunk?.from), [DUMP.length, undefined]);
  assert.match(warnings.join("\n"), /^"zone1\/shop\/a" shrank: [^\n]*$/);
  assert.match(notes.join("\n"), /^b: the stream is recognised as gzip\+mysqldump, [^\n]*$/);
});
