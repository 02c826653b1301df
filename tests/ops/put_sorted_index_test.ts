/** Puts that look chunks up in the index on disk: what is known there is stored once, and nothing is ever missing. */
import assert from "node:assert/strict";
import { type AgentError, TemporaryError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { clearCache, listCache } from "../../src/ops/cache.ts";
import type { CheckFinding } from "../../src/ops/check.ts";
import { prune } from "../../src/ops/prune.ts";
import { put, type PutResult } from "../../src/ops/put.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { SORTED_FOLDER } from "../../src/store/cache/cache_entry.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, ListedFile, StoreCallOptions } from "../../src/store/store.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { checkStore, fileOf, packsOf } from "./check_fixture.ts";
import { STRICT } from "./prune_fixture.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  concat,
  fakeWorld,
  getBytes,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  putRequest,
} from "../helpers/world.ts";

/** Long enough for threads of their own. */
const CONTENT = noise(2_000_000, "content of puts");
const LONGER = concat([CONTENT, noise(300_000, "more content")]);
const signal = new AbortController().signal;
const world = fakeWorld("puts and the index on disk");

interface Scene extends AsyncDisposable {
  readonly store: BlobStore;
  /** On this machine, with a cache directory. */
  readonly here: RepositoryAccess;
  /** On another one. */
  readonly elsewhere: RepositoryAccess;
  /** The cache directory. */
  readonly directory: string;
  /** The folder of the index on disk. */
  readonly folder: string;
  /** What was told of the cache. */
  readonly problems: readonly AgentError[];
}

async function scene(): Promise<Scene> {
  const directory = new TestDirectory();
  const { store, repository } = await memoryRepository(world);
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  const cache = { directory: directory.path, limitBytes: 1e9, sortedFromBytes: 1, onProblem };
  return {
    store,
    here: { ...accessTo(store), listCache: () => Promise.resolve(cache) },
    elsewhere: accessTo(store),
    problems,
    directory: directory.path,
    folder: `${directory.path}/${repository.config.id}/${SORTED_FOLDER}`,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name);
}

Deno.test("a put stores nothing that the index on disk lists, in a series of its own as well", async () => {
  await using made = await scene();
  await putBytes(made.here, world, CONTENT);
  const again = await putBytes(made.here, world, LONGER, { series: parseSeries("prod/other") });
  assert.ok(namesIn(made.folder).some((name) => name.startsWith("rows-")));
  assert.ok(again.manifest.stats.blobsReused > 100);
  assert.ok(again.manifest.stats.bytesAdded < 400_000, `${again.manifest.stats.bytesAdded} bytes added`);
  const third = await putBytes(made.here, world, LONGER);
  assert.equal(third.manifest.stats.blobsNew, 0);
  assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), LONGER);
});

Deno.test("short streams, which need no threads, are looked up, too", async () => {
  await using made = await scene();
  const short = CONTENT.subarray(0, 200_000);
  await putBytes(made.here, world, short);
  const again = await putBytes(made.here, world, short);
  assert.equal(again.manifest.stats.blobsNew, 0);
});

Deno.test("a put that waits for the index on disk tells so, and when that is over", async () => {
  await using made = await scene();
  await putBytes(made.here, world, CONTENT);
  const heard: unknown[] = [];
  const watched = { ...world, onIndexing: (progress: unknown) => void heard.push(progress) };
  const waits = { trustsParent: false };
  await putBytes(made.here, watched, CONTENT, {}, waits);
  assert.deepEqual([heard[0], heard.at(-1)], [{ done: 0, total: 1 }, null]);
  heard.length = 0;
  await putBytes(made.here, watched, CONTENT, {}, waits);
  assert.deepEqual(heard, []);
});

Deno.test("after a prune elsewhere, a put relies on nothing that is gone", async () => {
  await using made = await scene();
  await putBytes(made.here, world, CONTENT);
  await putBytes(made.here, world, CONTENT);
  for (const name of await namesOf(made.store, "snapshot")) await made.store.remove({ kind: "snapshot", name });
  await prune(made.elsewhere, { limits: STRICT, dryRun: false, allowEmpty: true }, { world });
  assert.deepEqual(await namesOf(made.store, "pack"), []);
  const after = await putBytes(made.here, world, CONTENT);
  assert.equal(after.manifest.stats.blobsReused, 0);
  assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), CONTENT);
});

for (const machine of ["with the index on disk", "that sees the repository for the first time"] as const) {
  Deno.test(`a machine ${machine} stores again what a parent lists whose pack is gone`, async () => {
    await using made = await scene();
    await putBytes(made.here, world, CONTENT);
    const parent = await putBytes(made.here, world, LONGER);
    const packs = await packsOf(made.store, "data");
    const lost = packs.toSorted((a, b) => b.blobs.length - a.blobs.length)[0]!;
    await made.store.remove(fileOf(lost));
    await repairIndex(made.elsewhere, { readAllPacks: false, dryRun: false }, { world, signal });
    const access = machine === "with the index on disk" ? made.here : made.elsewhere;
    const healing = await putBytes(access, world, LONGER, {}, { trustsParent: false });
    const { blobsNew, blobsReused } = healing.manifest.stats;
    const { stats } = parent.manifest;
    assert.deepEqual([blobsNew, blobsReused], [stats.blobsReused, stats.blobsNew], "what was lost is stored once more");
    assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), LONGER);
    assert.deepEqual(await getBytes(made.here, world, "prod/shop"), LONGER);
    const checked = await checkStore({ store: made.store, world }, { readData: true });
    const isOfHealing = ({ backups }: CheckFinding) => backups.some(({ id }) => id === healing.backup.id);
    assert.deepEqual(checked.errors.filter(isOfHealing), []);
  });
}

Deno.test("the index on disk counts as part of the cache, and goes when that is cleared", async () => {
  await using made = await scene();
  await putBytes(made.here, world, CONTENT);
  await putBytes(made.here, world, CONTENT);
  const names = namesIn(made.folder);
  const [row] = await listCache(made.directory);
  const bytes = names.reduce((sum, name) => sum + Deno.statSync(`${made.folder}/${name}`).size, 0);
  assert.deepEqual([row!.files, row!.bytes], [names.length, bytes]);
  await clearCache(made.directory);
  assert.deepEqual(namesIn(made.directory).filter((name) => name !== "CACHEDIR.TAG"), []);
  assert.equal((await putBytes(made.here, world, CONTENT)).manifest.stats.blobsNew, 0);
});

/** Calls `harm` when the index files are listed for the second time: the index on disk is open then. */
class HarmedMeanwhile extends ForwardingStore {
  readonly #harm: () => Promise<void>;
  #listings = 0;

  constructor(inner: BlobStore, harm: () => Promise<void>) {
    super(inner);
    this.#harm = harm;
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    if (kind === "index" && ++this.#listings === 2) await this.#harm();
    yield* this.inner.list(kind, options);
  }
}

/** New content and more than a segment of known, and behind it as much again that is known. */
const NEWS_FIRST = concat([noise(300_000, "news"), CONTENT]);
const MIDDLE_BYTES = 1_500_000;
/** So that a pack is stored before the middle. */
const packBytes = 65536;

/** Calls `harm` when the first pack is stored: chunks have been looked up then. */
class HarmedInTheMiddle extends ForwardingStore {
  readonly #harm: () => Promise<void>;
  readonly #harmed = Promise.withResolvers<void>();
  #isHarmed = false;

  constructor(inner: BlobStore, harm: () => Promise<void>) {
    super(inner);
    this.#harm = harm;
  }

  override async put(...args: Parameters<BlobStore["put"]>): Promise<void> {
    if (args[0].kind === "pack" && !this.#isHarmed) {
      this.#isHarmed = true;
      await this.#harm();
      this.#harmed.resolve();
    }
    await super.put(...args);
  }

  /** A source that gives its second half after the harm. */
  source(bytes: Uint8Array): BytesSource {
    return new HalvedSource(bytes, this.#harmed.promise);
  }
}

class HalvedSource extends BytesSource {
  readonly #middle: Promise<void>;
  #given = 0;

  constructor(bytes: Uint8Array, middle: Promise<void>) {
    super(bytes);
    this.#middle = middle;
  }

  override async read(target: Uint8Array): Promise<number | null> {
    if (this.#given >= MIDDLE_BYTES) await this.#middle;
    const count = await super.read(target);
    this.#given += count ?? 0;
    return count;
  }
}

const HARMS = ["removed", "cut off", "flipped"] as const;

/** Does this to the table on disk. */
async function harmTable(folder: string, harm: typeof HARMS[number]): Promise<void> {
  const rows = namesIn(folder).filter((name) => name.startsWith("rows-"));
  assert.equal(rows.length, 1);
  const path = `${folder}/${rows[0]}`;
  if (harm === "removed") return await Deno.remove(path);
  if (harm === "cut off") return await Deno.truncate(path, 0);
  const bytes = await Deno.readFile(path);
  for (let at = 100; at < bytes.length; at += 4096) bytes[at]! ^= 1;
  await Deno.writeFile(path, bytes);
}

/** How many blobs lie in more than one pack. */
async function blobsStoredTwice(store: BlobStore): Promise<number> {
  const ids = (await packsOf(store, "data")).flatMap(({ blobs }) => blobs.map(({ id }) => encodeHex(id)));
  return ids.length - new Set(ids).size;
}

/** What every put must leave after whose beginning the table was harmed. */
async function assertNothingTwice(made: Scene, { manifest }: PutResult, content: Uint8Array): Promise<void> {
  const { bytesAdded, blobsReused } = manifest.stats;
  assert.ok(bytesAdded < 400_000 && blobsReused > 100, `${bytesAdded} bytes added, ${blobsReused} chunks reused`);
  assert.equal(await blobsStoredTwice(made.store), 0);
  assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), content);
  for (const { message } of made.problems) assert.match(message, /damaged.*; until then, the index files themselves/);
  await putBytes(made.here, world, content);
  assert.ok(namesIn(made.folder).some((name) => name.startsWith("rows-")), "the table was built anew");
  assert.equal((await putBytes(made.here, world, content)).manifest.stats.blobsNew, 0);
}

for (const harm of HARMS) {
  // This process has the file open that was removed; the threads open it by its name.
  const warnings = harm === "removed" ? 0 : 1;

  Deno.test(`nothing is stored twice when the index on disk is ${harm} before the first chunk`, async () => {
    await using made = await scene();
    await putBytes(made.here, world, CONTENT);
    await putBytes(made.here, world, CONTENT);
    const store = new HarmedMeanwhile(made.store, () => harmTable(made.folder, harm));
    const during = await putBytes({ ...made.here, openStore: () => Promise.resolve(store) }, world, LONGER);
    assert.equal(made.problems.length, warnings);
    await assertNothingTwice(made, during, LONGER);
  });

  Deno.test(`nothing is stored twice when the index on disk is ${harm} in the middle of a put`, async () => {
    await using made = await scene();
    await putBytes(made.here, world, CONTENT);
    await putBytes(made.here, world, CONTENT);
    const store = new HarmedInTheMiddle(made.store, () => harmTable(made.folder, harm));
    const access = { ...made.here, openStore: () => Promise.resolve(store) };
    const during = await put(access, putRequest(store.source(NEWS_FIRST)), { world, signal, packBytes });
    assert.equal(made.problems.length, warnings);
    await assertNothingTwice(made, during, NEWS_FIRST);
  });
}

Deno.test("a put goes on if neither the index on disk nor the index files can be read any more, and says so", async () => {
  await using made = await scene();
  await putBytes(made.here, world, CONTENT);
  await putBytes(made.here, world, CONTENT);
  let areGone = false;
  const store = new HarmedInTheMiddle(new FailingIndexes(made.store, () => areGone), async () => {
    await harmTable(made.folder, "cut off");
    areGone = true;
  });
  const access = { ...made.here, openStore: () => Promise.resolve(store) };
  const during = await put(access, putRequest(store.source(NEWS_FIRST)), { world, signal, packBytes });
  assert.equal(made.problems.length, 1);
  assert.match(made.problems[0]!.message, /cannot be read either.*may be stored twice.*no index today/);
  assert.ok(during.manifest.stats.bytesAdded > 400_000);
  assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), NEWS_FIRST);
  assert.deepEqual((await checkStore({ store: made.store, world }, { readData: true })).errors, []);
});

/** Gives no index files while `areGone`. */
class FailingIndexes extends ForwardingStore {
  readonly #areGone: () => boolean;

  constructor(inner: BlobStore, areGone: () => boolean) {
    super(inner);
    this.#areGone = areGone;
  }

  override get(...args: Parameters<BlobStore["get"]>): ReturnType<BlobStore["get"]> {
    if (args[0].kind === "index" && this.#areGone()) return Promise.reject(new TemporaryError("no index today"));
    return super.get(...args);
  }
}
