/** Commands that find in the cache directory what snapshots say: they see what the store has, and believe nothing else. */
import assert from "node:assert/strict";
import { concatBytes } from "../../src/base/bytes.ts";
import { IntegrityError, StoreError } from "../../src/base/errors.ts";
import type { BlobId, SnapshotId } from "../../src/base/id.ts";
import type { Sealer } from "../../src/crypto/seal.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { encodeKeptSnapshots } from "../../src/repository/kept_snapshots_file.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { LENIENT, loadBackups } from "../../src/backup/load_backups.ts";
import { openAccess, type RepositoryAccess } from "../../src/ops/access.ts";
import { clearCache, listCache } from "../../src/ops/cache.ts";
import { check } from "../../src/ops/check.ts";
import { forget } from "../../src/ops/forget.ts";
import { listBackups } from "../../src/ops/list.ts";
import { prune } from "../../src/ops/prune.ts";
import { SNAPSHOTS_FOLDER } from "../../src/store/cache/cache_entry.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { flipBit, replace } from "./check_fixture.ts";
import { LAST } from "./forget_fixture.ts";
import { STRICT } from "./prune_fixture.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { thrownBy } from "../helpers/thrown.ts";
import { accessTo, copyOf, fakeWorld, getBytes, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";

const world = fakeWorld("kept snapshots");
const signal = new AbortController().signal;
const CONTENT = noise(1000, "content");
const FOREIGN: Snapshot = {
  time: "2026-01-01T00:00:00Z" as Rfc3339,
  parent: null,
  tree: noise(32, "tree").toHex() as BlobId,
  paths: [],
  hostname: "h",
  username: "u",
  uid: 1,
  gid: 2,
  excludes: [],
  tags: [],
  original: null,
  programVersion: "restic 0.19.1",
  summary: null,
  agent: null,
};

/** A repository with some backups, and a cache directory that keeps what their snapshots say. */
class Scene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly store: BlobStore;
  readonly #repository: UnlockedRepository;

  static async make(backups = 3): Promise<Scene> {
    const { store, repository } = await memoryRepository(world);
    const scene = new Scene(store, repository);
    for (let i = 0; i < backups; i++) await scene.put(`prod/${i}`);
    return scene;
  }

  private constructor(store: BlobStore, repository: UnlockedRepository) {
    this.store = store;
    this.#repository = repository;
  }

  get folder(): string {
    return `${this.directory.path}/${this.#repository.config.id}/${SNAPSHOTS_FOLDER}`;
  }

  /** Seals what the repository stores. */
  get sealer(): Sealer {
    return this.#repository.sealer;
  }

  /** A put from another machine. */
  async put(series: string): Promise<SnapshotId> {
    world.clock.adjust(1000);
    const { backup } = await putBytes(accessTo(this.store), world, CONTENT, { series: parseSeries(series) });
    return backup.snapshotId;
  }

  /** Stores snapshots of another tool. */
  async save(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await saveSnapshot(this.#repository.files, { ...FOREIGN, paths: [`/foreign/${i}`] });
    }
  }

  access(store = this.store): RepositoryAccess {
    const cache = { directory: this.directory.path, limitBytes: 1e9, keptFromSnapshots: 1 };
    return { ...accessTo(store), listCache: () => Promise.resolve(cache) };
  }

  /** Runs a command and tells which snapshots it loaded, and what it returned. */
  async loadedBy<T>(work: (access: RepositoryAccess) => Promise<T>) {
    const store = withFaults(this.store, () => undefined);
    const result = await work(this.access(store));
    const calls = store.calls.filter(({ kind }) => kind === "snapshot");
    return {
      result,
      loaded: calls.flatMap(({ method, file }) => method === "get" ? [file!.name] : []),
      listings: calls.filter(({ method }) => method === "list").length,
    };
  }

  /** The series that a list tells of. */
  async series(): Promise<string[]> {
    return seriesIn(await this.list());
  }

  list() {
    return listOf(this.access());
  }

  /** The files that there are. */
  files(): string[] {
    try {
      return Array.from(Deno.readDirSync(this.folder), ({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.directory[Symbol.asyncDispose]();
  }
}

type BackupsFound = Awaited<ReturnType<typeof listOf>>;

function listOf(access: RepositoryAccess) {
  return listBackups(access, {}, { world, signal });
}

function seriesIn({ backups }: BackupsFound): string[] {
  return backups.map(({ series }) => series).sort();
}

Deno.test("once they are kept, no snapshot is loaded for a get or a list, and for a put only that which it continues", async () => {
  await using scene = await Scene.make();
  const first = await scene.loadedBy(listOf);
  assert.deepEqual(first.loaded.sort(), await namesOf(scene.store, "snapshot"));
  const again = await scene.loadedBy(listOf);
  assert.deepEqual([again.loaded, again.listings], [[], 1]);
  assert.deepEqual(again.result, first.result);
  const restored = await scene.loadedBy((access) => getBytes(access, world, "prod/1"));
  assert.deepEqual([restored.loaded, restored.listings], [[], 1]);
  assert.deepEqual(restored.result, CONTENT);
  const made = await scene.loadedBy((access) => putBytes(access, world, CONTENT, { series: parseSeries("prod/1") }));
  const { backup, manifest } = made.result;
  const before = first.result.backups.find(({ series }) => series === "prod/1")!;
  assert.deepEqual([made.loaded, made.listings], [[before.snapshotId], 1]);
  assert.deepEqual([manifest.parent, backup.snapshot.parent], [before.id, before.snapshotId]);
  const after = await scene.loadedBy(listOf);
  assert.deepEqual(after.loaded, [backup.snapshotId], "what came since is loaded");
});

Deno.test("a put does not continue a backup whose snapshot is damaged in the store, though it is kept", async () => {
  await using scene = await Scene.make();
  const before = (await scene.list()).backups.find(({ series }) => series === "prod/1")!;
  await replace(scene.store, { kind: "snapshot", name: before.snapshotId }, flipBit(50));
  const { manifest } = await putBytes(scene.access(), world, CONTENT, { series: parseSeries("prod/1") });
  assert.equal(manifest.parent, null);
});

Deno.test("neither a put nor a get asks a store on another machine more often because of other backups", async () => {
  const requestsBeside = async (others: number) => {
    await using scene = await Scene.make();
    await scene.save(others);
    const remote = (access: RepositoryAccess) => ({ ...access, cache: access.listCache! });
    const requests = async (work: (access: RepositoryAccess) => Promise<unknown>) => {
      const store = withFaults(scene.store, () => undefined);
      await work(remote(scene.access(store)));
      return store.calls.length;
    };
    await requests(listOf);
    return [
      await requests((access) => getBytes(access, world, "prod/1")),
      await requests((access) => putBytes(access, world, CONTENT, { series: parseSeries("prod/1") })),
      await requests((access) => getBytes(access, world, "prod/1")),
    ];
  };
  assert.deepEqual(await requestsBeside(100), await requestsBeside(1));
});

Deno.test("nothing is read for who knows all snapshots", async () => {
  await using scene = await Scene.make();
  const { backups } = await scene.list();
  await using repository = await openAccess(scene.access(), { world });
  const [first, ...others] = backups.map(({ snapshotId }) => snapshotId);
  await Deno.writeFile(`${scene.folder}/recent`, new Uint8Array(9));
  const all = await loadSnapshots(repository.files, signal, new Set([first!, ...others]));
  assert.deepEqual([all.snapshots, all.listed.length], [[], 3]);
  assert.deepEqual(scene.files(), ["recent"], "who reads what is damaged drops it");
  assert.equal((await loadSnapshots(repository.files, signal, new Set(others))).snapshots[0]!.id, first);
});

Deno.test("what came since is loaded once, and what is gone is gone", async () => {
  await using scene = await Scene.make();
  const [gone] = (await scene.list()).backups;
  const added = await scene.put("prod/new");
  await scene.store.remove({ kind: "snapshot", name: gone!.snapshotId });
  const next = await scene.loadedBy(listOf);
  assert.deepEqual([next.loaded, seriesIn(next.result)], [[added], ["prod/1", "prod/2", "prod/new"]]);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
  const { result: { backups } } = await scene.loadedBy(listOf);
  assert.ok(backups.every(({ snapshotId }) => snapshotId !== gone!.snapshotId));
});

Deno.test("few snapshots that came since are written to a file of their own, many of them into one with all", async () => {
  await using scene = await Scene.make();
  assert.deepEqual(scene.files(), []);
  await scene.list();
  assert.deepEqual(scene.files(), ["recent"]);
  await scene.save(70);
  assert.equal((await scene.loadedBy(listOf)).loaded.length, 70);
  assert.deepEqual(scene.files(), ["most"]);
  const added = await scene.put("prod/late");
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, [added]);
  assert.deepEqual(scene.files(), ["most", "recent"]);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
  // Once most of them are gone, they are not kept any longer.
  const size = (await Deno.stat(`${scene.folder}/most`)).size;
  const names = await namesOf(scene.store, "snapshot");
  for (const name of names.slice(0, 69)) await scene.store.remove({ kind: "snapshot", name });
  const left = await scene.loadedBy(listOf);
  assert.deepEqual([left.loaded, left.result.backups.length], [[], 5]);
  assert.deepEqual(scene.files(), ["most"]);
  assert.ok((await Deno.stat(`${scene.folder}/most`)).size < size / 4);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
});

/** Files that must not be used, made of the right one. */
const SPOILT: Record<string, (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> | Uint8Array> = {
  "cut off": (bytes) => bytes.subarray(0, bytes.length - 40),
  empty: () => new Uint8Array(0),
  "with a flipped bit": flipBit(30),
  noise: () => noise(5000, "noise"),
  "of another repository": async () => {
    await using other = await Scene.make(1);
    await other.list();
    return await Deno.readFile(`${other.folder}/recent`);
  },
};

for (const [what, spoil] of Object.entries(SPOILT)) {
  Deno.test(`a file that is ${what} is not used, and made anew`, async () => {
    await using scene = await Scene.make();
    const before = await scene.list();
    const path = `${scene.folder}/recent`;
    await Deno.writeFile(path, await spoil(await Deno.readFile(path)));
    const next = await scene.loadedBy(listOf);
    assert.deepEqual(next.result, before);
    assert.equal(next.loaded.length, 3);
    assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
  });
}

Deno.test("another digest behind a changed file does not help who has no key", async () => {
  await using scene = await Scene.make();
  await scene.list();
  const path = `${scene.folder}/recent`;
  const content = (await Deno.readFile(path)).slice(0, -32);
  content[20]! ^= 1;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  await Deno.writeFile(path, new Uint8Array([...content, ...digest]));
  const next = await scene.loadedBy(listOf);
  assert.deepEqual([next.loaded.length, seriesIn(next.result)], [3, ["prod/0", "prod/1", "prod/2"]]);
});

Deno.test("a chunk that holds what such a file holds does not pass for one", async () => {
  await using scene = await Scene.make();
  const before = await scene.list();
  const chosen = new Map(before.backups.map(({ snapshotId }) => [snapshotId, FOREIGN]));
  const chunk = encodeKeptSnapshots(chosen, scene.sealer)!;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", chunk));
  await Deno.writeFile(`${scene.folder}/recent`, concatBytes([chunk, digest]));
  const next = await scene.loadedBy(listOf);
  assert.deepEqual(next.result, before);
  assert.equal(next.loaded.length, 3);
});

Deno.test("older files, and one in the place of the other, only cost time", async () => {
  await using scene = await Scene.make();
  await scene.list();
  const old = await Deno.readFile(`${scene.folder}/recent`);
  const added = await scene.put("prod/new");
  await scene.list();
  await Deno.writeFile(`${scene.folder}/recent`, old);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, [added]);
  await Deno.rename(`${scene.folder}/recent`, `${scene.folder}/most`);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
  assert.deepEqual(await scene.series(), ["prod/0", "prod/1", "prod/2", "prod/new"]);
});

Deno.test("what a store gives under a wrong name is never kept", async () => {
  await using scene = await Scene.make();
  const [first, second] = (await scene.list()).backups;
  await clearCache(scene.directory.path);
  const swapped = await copyOf(scene.store);
  const file = { kind: "snapshot", name: first!.snapshotId } as const;
  const other = await scene.store.get({ kind: "snapshot", name: second!.snapshotId });
  await replace(swapped, file, () => other);
  const wrong = await listOf(scene.access(swapped));
  assert.deepEqual(wrong.damaged.map(({ id }) => id), [first!.snapshotId]);
  assert.ok(wrong.damaged[0]!.error instanceof IntegrityError);
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, [first!.snapshotId]);
  assert.deepEqual(await scene.series(), ["prod/0", "prod/1", "prod/2"]);
});

Deno.test("check, prune and forget read the snapshots in the store", async () => {
  await using scene = await Scene.make();
  const [first] = (await scene.list()).backups;
  await replace(scene.store, { kind: "snapshot", name: first!.snapshotId }, flipBit(50));
  assert.deepEqual((await scene.list()).damaged, [], "whoever only reads need not know");
  const { errors } = await check(scene.access(), { noLock: false, readData: false }, { world, signal });
  assert.ok(errors.some(({ kind, id }) => kind === "snapshot" && id === first!.snapshotId));
  const pruned = (dryRun: boolean) => prune(scene.access(), { limits: STRICT, dryRun }, { world, signal });
  for (const dryRun of [true, false]) assert.ok(await thrownBy(pruned(dryRun)) instanceof IntegrityError);
  const planned = await forget(scene.access(), LAST, { world, dryRun: true });
  assert.deepEqual(planned.damaged.map(({ id }) => id), [first!.snapshotId]);
  assert.match(
    String(await thrownBy(forget(scene.access(), LAST, { world }))),
    /Nothing was removed: what cannot be read/,
  );
});

Deno.test("a snapshot that the store does not list is not made up, and a store that fails is not covered up", async () => {
  await using scene = await Scene.make();
  await scene.list();
  const empty = openMemoryStore();
  for (const kind of ["config", "key"] as const) {
    for (const name of await namesOf(scene.store, kind)) {
      await empty.put({ kind, name }, [await scene.store.get({ kind, name })]);
    }
  }
  assert.deepEqual((await listOf(scene.access(empty))).backups, []);
  const error = new StoreError("input/output error, on purpose");
  const failing = withFaults(
    scene.store,
    ({ method, kind }) => method === "list" && kind === "snapshot" ? { type: "fail", error } : undefined,
  );
  await assert.rejects(listOf(scene.access(failing)), error);
});

Deno.test("two processes at once both see everything", async () => {
  await using scene = await Scene.make();
  await scene.list();
  for (let round = 0; round < 4; round++) {
    await scene.put(`prod/${round}`);
    const lists = await Promise.all([scene.list(), scene.list(), scene.list()]);
    for (const { backups, damaged } of lists) assert.deepEqual([backups.length, damaged.length], [4 + round, 0]);
  }
  assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
});

Deno.test("a directory that cannot be written gets in nobody's way", async () => {
  await using scene = await Scene.make();
  await Deno.writeTextFile(`${scene.directory.path}/file`, "not a folder");
  const cache = { directory: `${scene.directory.path}/file`, limitBytes: 1e9, keptFromSnapshots: 1 };
  const access = { ...accessTo(scene.store), listCache: () => Promise.resolve(cache) };
  for (const _ of [1, 2]) assert.equal((await listOf(access)).backups.length, 3);
  await putBytes(access, world, CONTENT);
});

for (const part of ["recent", "most"]) {
  Deno.test(`a file "${part}" that cannot be replaced gets in nobody's way, and loses nothing`, async () => {
    await using scene = await Scene.make();
    await scene.list();
    if (part === "recent") await Deno.remove(`${scene.folder}/recent`);
    await Deno.mkdir(`${scene.folder}/${part}/occupied`, { recursive: true });
    await scene.save(70);
    for (const _ of [1, 2]) assert.equal((await scene.list()).backups.length, 73);
    await Deno.remove(`${scene.folder}/${part}`, { recursive: true });
    assert.equal((await scene.list()).backups.length, 73);
    assert.deepEqual((await scene.loadedBy(listOf)).loaded, []);
    assert.ok(scene.files().every((name) => !name.includes("tmp")), "nothing half written stays");
  });
}

Deno.test("it is private, counts for the cache, and goes with it", async () => {
  await using scene = await Scene.make();
  await scene.list();
  const { mode, size } = await Deno.stat(`${scene.folder}/recent`);
  assert.equal(mode! & 0o777, 0o600);
  const [row] = await listCache(scene.directory.path);
  assert.deepEqual([row!.files, row!.bytes], [1, size]);
  assert.deepEqual(await clearCache(scene.directory.path), { files: 1, bytes: size });
  assert.deepEqual(await listCache(scene.directory.path), []);
  const few = { directory: scene.directory.path, limitBytes: 100, keptFromSnapshots: 1 };
  assert.equal((await listOf({ ...accessTo(scene.store), listCache: () => Promise.resolve(few) })).backups.length, 3);
  assert.deepEqual(scene.files(), [], "more than the cache may take is not kept");
});

Deno.test("without a cache directory, and below a lock, everything is loaded", async () => {
  await using scene = await Scene.make();
  await scene.list();
  const store = withFaults(scene.store, () => undefined);
  assert.equal((await listOf(accessTo(store))).backups.length, 3);
  assert.equal(store.calls.filter(({ method, kind }) => method === "get" && kind === "snapshot").length, 3);
  const { loaded } = await scene.loadedBy(async (access) => {
    await using repository = await openAccess(access, { world, signal });
    await using lock = await repository.lock({ exclusive: true });
    await loadBackups((await lock.confirmed).files, { ...LENIENT, rewritten: "unread" });
  });
  assert.equal(loaded.length, 3);
});
