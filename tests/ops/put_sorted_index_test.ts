/** Puts that look chunks up in the index on disk: what is known there is stored once, and nothing is ever missing. */
import assert from "node:assert/strict";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { clearCache, listCache } from "../../src/ops/cache.ts";
import type { CheckFinding } from "../../src/ops/check.ts";
import { prune } from "../../src/ops/prune.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { SORTED_FOLDER } from "../../src/store/cache/cache_entry.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, ListedFile, StoreCallOptions } from "../../src/store/store.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { checkStore, fileOf, packsOf } from "./check_fixture.ts";
import { STRICT } from "./prune_fixture.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { accessTo, concat, fakeWorld, getBytes, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";

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
}

async function scene(): Promise<Scene> {
  const directory = new TestDirectory();
  const { store, repository } = await memoryRepository(world);
  const cache = { directory: directory.path, limitBytes: 1e9, sortedFromBytes: 1 };
  return {
    store,
    here: { ...accessTo(store), listCache: () => Promise.resolve(cache) },
    elsewhere: accessTo(store),
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

for (const harm of ["removed", "cut off", "flipped"] as const) {
  Deno.test(`a backup is whole when the index on disk is ${harm} meanwhile`, async () => {
    await using made = await scene();
    await putBytes(made.here, world, CONTENT);
    await putBytes(made.here, world, CONTENT);
    const doHarm = async () => {
      const rows = namesIn(made.folder).filter((name) => name.startsWith("rows-"));
      assert.equal(rows.length, 1);
      const path = `${made.folder}/${rows[0]}`;
      if (harm === "removed") await Deno.remove(path);
      else if (harm === "cut off") await Deno.truncate(path, 0);
      else {
        const bytes = await Deno.readFile(path);
        for (let at = 100; at < bytes.length; at += 4096) bytes[at]! ^= 1;
        await Deno.writeFile(path, bytes);
      }
    };
    const store = new HarmedMeanwhile(made.store, doHarm);
    const during = await putBytes({ ...made.here, openStore: () => Promise.resolve(store) }, world, LONGER);
    assert.deepEqual(await getBytes(made.elsewhere, world, "prod/shop"), LONGER);
    const { blobsReused } = during.manifest.stats;
    // This process has the file open; the threads open it by its name.
    assert.equal(blobsReused > 100, harm === "removed", `${blobsReused} chunks reused`);
    await putBytes(made.here, world, LONGER);
    assert.ok(namesIn(made.folder).some((name) => name.startsWith("rows-")), "the table was built anew");
    assert.equal((await putBytes(made.here, world, LONGER)).manifest.stats.blobsNew, 0);
  });
}
