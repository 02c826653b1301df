/**
 * Puts on a machine that has no index of a large repository yet: they begin on the word of the backup before, and commit
 * only what the complete index confirms.
 */
import assert from "node:assert/strict";
import { AgentError, IntegrityError, InterruptedError, TemporaryError } from "../../src/base/errors.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { put, type PutOptions } from "../../src/ops/put.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { SORTED_FOLDER, SORTED_LOCK } from "../../src/store/cache/cache_entry.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions, StoreCallOptions } from "../../src/store/store.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { checkStore, fileOf, packsOf } from "./check_fixture.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  concat,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  putRequest,
} from "../helpers/world.ts";

/** Long enough for threads of their own. */
const CONTENT = noise(2_000_000, "content on its parent's word");
const LONGER = concat([CONTENT, noise(600_000, "more content")]);
const PARTS: Partial<PutOptions> = { partLimits: { single: 40, least: 20, most: 40 } };
const signal = new AbortController().signal;
const world = fakeWorld("puts on their parents' word");

/** A repository with backups of another machine. */
class Scene implements AsyncDisposable {
  readonly #directories: TestDirectory[] = [];
  readonly store: BlobStore;
  readonly #id: string;

  static async make(): Promise<Scene> {
    const { store, repository } = await memoryRepository(world);
    return new Scene(store, repository.config.id);
  }

  private constructor(store: BlobStore, id: string) {
    this.store = store;
    this.#id = id;
  }

  /** The access of a machine without a cache, which never takes anything on trust. */
  get elsewhere(): RepositoryAccess {
    return accessTo(this.store);
  }

  /** The access of a machine that sees the repository for the first time, and the folder of its index on disk. */
  newMachine(store = this.store): { readonly access: RepositoryAccess; readonly folder: string } {
    const directory = new TestDirectory();
    this.#directories.push(directory);
    const cache = { directory: directory.path, limitBytes: 1e9, sortedFromBytes: 1 };
    return {
      access: { ...accessTo(store), listCache: () => Promise.resolve(cache) },
      folder: `${directory.path}/${this.#id}/${SORTED_FOLDER}`,
    };
  }

  /** Loses the largest pack of data, and lists it in no index any more. Returns how many blobs it had. */
  async losePack(): Promise<number> {
    const packs = await packsOf(this.store, "data");
    const lost = packs.toSorted((a, b) => b.blobs.length - a.blobs.length)[0]!;
    await this.store.remove(fileOf(lost));
    await repairIndex(this.elsewhere, { readAllPacks: false, dryRun: false }, { world, signal });
    return lost.blobs.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const directory of this.#directories) await directory[Symbol.asyncDispose]();
  }
}

function hasTable(folder: string): boolean {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).some((name) => name.startsWith("rows-"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Calls `before` before each index file is read from the second reading of all on: that for the index on disk. */
class LateIndex extends ForwardingStore {
  readonly #before: (name: string) => Promise<void>;
  readonly #read = new Set<string>();
  onPack: () => void = () => {};

  constructor(inner: BlobStore, before: (name: string) => Promise<void>) {
    super(inner);
    this.#before = before;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind === "index") {
      if (this.#read.has(file.name)) await this.#before(file.name);
      this.#read.add(file.name);
    }
    return await super.get(file, range, options);
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    await super.put(file, content, options);
    if (file.kind === "pack") this.onPack();
  }
}

for (const [what, options] of [["one list", {}], ["parts", PARTS]] as const) {
  Deno.test(`a put knows the chunks of the backup before from ${what}, and stores while the index is made`, async () => {
    await using scene = await Scene.make();
    await putBytes(scene.elsewhere, world, CONTENT, {}, options);
    const stored = Promise.withResolvers<void>();
    // A put that waited for the index would wait for ever.
    const store = new LateIndex(scene.store, () => stored.promise);
    store.onPack = stored.resolve;
    const { access, folder } = scene.newMachine(store);
    const { manifest: { stats } } = await putBytes(access, world, LONGER, {}, { ...options, packBytes: 100_000 });
    assert.ok(stats.blobsReused > 100 && stats.bytesAdded < 700_000, JSON.stringify(stats));
    assert.ok(hasTable(folder), "the next put finds an index on disk");
    assert.deepEqual(await getBytes(scene.elsewhere, world, "prod/shop"), LONGER);
    assert.equal((await putBytes(access, world, LONGER)).manifest.stats.blobsNew, 0);
    assert.deepEqual((await checkStore({ store: scene.store, world }, { readData: true })).errors, []);
  });
}

Deno.test("nothing is committed if a chunk taken on the word is lost; without that word, it is stored again", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  const lost = await scene.losePack();
  const before = await namesOf(scene.store, "snapshot");
  await assert.rejects(putBytes(scene.newMachine().access, world, LONGER), (error) => {
    assert.ok(error instanceof IntegrityError);
    assert.equal(error.exitCode, 4);
    assert.match(error.message, /The backup prod\/shop@[0-9a-f]{8} lists \d+ chunks of this stream, .*--no-parent/);
    return true;
  });
  assert.deepEqual(await namesOf(scene.store, "snapshot"), before);
  const { access } = scene.newMachine();
  const healed = await putBytes(access, world, LONGER, {}, { trustsParent: false });
  assert.ok(healed.manifest.stats.bytesAdded > 500_000, `${lost} lost, ${JSON.stringify(healed.manifest.stats)}`);
  assert.deepEqual(await getBytes(scene.elsewhere, world, "prod/shop"), LONGER);
  // The next one takes the word of a backup that is whole.
  assert.equal((await putBytes(scene.newMachine().access, world, LONGER)).manifest.stats.blobsNew, 0);
});

Deno.test("lost chunks that the new stream does not have do not matter", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  await scene.losePack();
  const other = noise(800_000, "other content");
  await putBytes(scene.newMachine().access, world, other);
  assert.deepEqual(await getBytes(scene.elsewhere, world, "prod/shop"), other);
});

Deno.test("a series without a backup waits for the index, and knows the chunks of all series", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  const { access } = scene.newMachine();
  const other = await putBytes(access, world, CONTENT, { series: parseSeries("prod/other") });
  assert.equal(other.manifest.stats.blobsNew, 0);
});

Deno.test("an index that could not be loaded is loaded once more before the commit", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  let failures = 0;
  const store = new LateIndex(scene.store, () => {
    if (failures++ === 0) throw new TemporaryError("the server is busy");
    return Promise.resolve();
  });
  const { access } = scene.newMachine(store);
  await putBytes(access, world, LONGER);
  assert.ok(failures > 1);
  assert.deepEqual(await getBytes(scene.elsewhere, world, "prod/shop"), LONGER);
});

Deno.test("nothing is committed as long as the index cannot be loaded", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  const before = await namesOf(scene.store, "snapshot");
  const store = new LateIndex(scene.store, () => Promise.reject(new TemporaryError("the server is busy")));
  await assert.rejects(putBytes(scene.newMachine(store).access, world, LONGER), (error) => {
    return error instanceof AgentError && error.message.includes("the server is busy");
  });
  assert.deepEqual(await namesOf(scene.store, "snapshot"), before);
  assert.deepEqual((await checkStore({ store: scene.store, world }, { readData: true })).errors, []);
});

Deno.test("an interruption while the index is made ends the put, and the next one makes it", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  const stopping = new AbortController();
  const store = new LateIndex(scene.store, async () => {
    stopping.abort();
    await Promise.resolve();
  });
  const { access, folder } = scene.newMachine(store);
  await assert.rejects(putBytes(access, world, LONGER, {}, { signal: stopping.signal }), InterruptedError);
  assert.ok(!hasTable(folder));
  await putBytes(access, world, LONGER);
  assert.ok(hasTable(folder));
  assert.deepEqual(await getBytes(scene.elsewhere, world, "prod/shop"), LONGER);
});

Deno.test("a backup whose lists cannot be read gives no word", async () => {
  await using scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT, {}, PARTS);
  for (const pack of await packsOf(scene.store, "tree")) await scene.store.remove(fileOf(pack));
  const { manifest: { stats } } = await putBytes(scene.newMachine().access, world, CONTENT);
  assert.equal(stats.blobsNew, 0);
});

/** Chunks that the series does not have yet, but another one. */
const OTHER = noise(1_500_000, "content of another series");
/** Some chunks where two streams were put together, and one at the end. */
const MOST_BORDER_BYTES = 400_000;

/** Waits before the bytes from `pauseAt` on. */
class PausingSource extends BytesSource {
  readonly #pause: () => Promise<void>;
  #leftBytes: number;

  constructor(bytes: Uint8Array, pauseAt: number, pause: () => Promise<void>) {
    super(bytes);
    this.#leftBytes = pauseAt;
    this.#pause = pause;
  }

  override async read(target: Uint8Array): Promise<number | null> {
    if (this.#leftBytes === 0) await this.#pause();
    const count = await super.read(this.#leftBytes > 0 ? target.subarray(0, this.#leftBytes) : target);
    this.#leftBytes -= count ?? 0;
    return count;
  }
}

async function withAnotherSeries(): Promise<Scene> {
  const scene = await Scene.make();
  await putBytes(scene.elsewhere, world, CONTENT);
  await putBytes(scene.elsewhere, world, OTHER, { series: parseSeries("prod/other") });
  return scene;
}

Deno.test("where no index can be kept on disk, a put waits for that in memory, and stores nothing twice", async () => {
  await using scene = await withAnotherSeries();
  let readAgain = 0;
  const { access, folder } = scene.newMachine(new LateIndex(scene.store, () => Promise.resolve(void readAgain++)));
  await Deno.mkdir(`${folder}/${SORTED_LOCK}`, { recursive: true });
  const { manifest: { stats } } = await putBytes(access, world, concat([CONTENT, OTHER]));
  assert.equal(readAgain, 0, "what begins without the index reads it later");
  assert.ok(stats.bytesAdded < MOST_BORDER_BYTES, JSON.stringify(stats));
});

Deno.test("an index that came to be loaded into memory tells what other backups have", async () => {
  await using scene = await withAnotherSeries();
  const isRead = Promise.withResolvers<void>();
  const expected = new Set(await namesOf(scene.store, "index"));
  const store = new LateIndex(scene.store, (name) => {
    expected.delete(name);
    if (expected.size === 0) isRead.resolve();
    return Promise.resolve();
  });
  const { access, folder } = scene.newMachine(store);
  await Deno.mkdir(folder, { recursive: true });
  // Another process is making the index on disk.
  using lock = await Deno.open(`${folder}/${SORTED_LOCK}`, { write: true, create: true });
  await lock.lock(true);
  const source = new PausingSource(concat([CONTENT, OTHER]), CONTENT.length, async () => {
    await isRead.promise;
    for (let turn = 0; turn < 100; turn++) await macrotask();
  });
  const { manifest: { stats } } = await put(access, putRequest(source), { world, signal });
  assert.ok(!hasTable(folder));
  assert.ok(stats.bytesAdded < MOST_BORDER_BYTES, JSON.stringify(stats));
});
