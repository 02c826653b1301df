/** Reading with the index on disk: what comes is the same, whatever becomes of the table and of the packs meanwhile. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../../src/base/errors.ts";
import type { CacheAccess, RepositoryAccess } from "../../../src/ops/access.ts";
import { drawChains } from "../../../src/ops/chain.ts";
import { prune } from "../../../src/ops/prune.ts";
import { chooseFile, withBackup } from "../../../src/ops/restore/get.ts";
import { diff } from "../../../src/ops/stats/diff.ts";
import { listEntries } from "../../../src/ops/trees/list_entries.ts";
import { SORTED_FOLDER } from "../../../src/store/cache/cache_entry.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions } from "../../../src/store/store.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { accessTo, concat, fakeWorld, memoryRepository, namesOf, noise, putBytes } from "../../helpers/world.ts";
import { copyInto, OTHER_PASSWORD, otherRepository } from "../copy_fixture.ts";
import { STRICT } from "../prune_fixture.ts";
import { backupOf, directory, file, restored } from "./files/files_fixture.ts";

const HOUR_MS = 3_600_000;
const COMMON = noise(1_500_000, "common content");
const FIRST = concat([COMMON, noise(800_000, "first content")]);
const SECOND = concat([COMMON, noise(200_000, "second content")]);

/** Counts the files that are read, and does something when a file of a kind is first read. */
class WatchedStore extends ForwardingStore {
  readonly counts = new Map<FileKind, number>();
  readonly #kind: FileKind | undefined;
  readonly #act: () => Promise<void>;

  constructor(inner: BlobStore, kind?: FileKind, act = () => Promise.resolve()) {
    super(inner);
    this.#kind = kind;
    this.#act = act;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const count = this.counts.get(file.kind) ?? 0;
    this.counts.set(file.kind, count + 1);
    if (file.kind === this.#kind && count === 0) await this.#act();
    return await this.inner.get(file, range, options);
  }
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name);
}

class Scene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly world = fakeWorld("gets and the index on disk");
  readonly cache: CacheAccess = { directory: this.directory.path, limitBytes: 1e9, sortedFromBytes: 1 };
  readonly store: BlobStore;
  readonly folder: string;

  static async make(): Promise<Scene> {
    const { store, repository } = await memoryRepository(fakeWorld("gets and the index on disk"));
    const scene = new Scene(store, repository.config.id);
    await putBytes(accessTo(store), scene.world, FIRST);
    await scene.world.clock.advance(HOUR_MS);
    await putBytes(accessTo(store), scene.world, SECOND);
    return scene;
  }

  private constructor(store: BlobStore, id: string) {
    this.store = store;
    this.folder = `${this.directory.path}/${id}/${SORTED_FOLDER}`;
  }

  /** Access with the cache directory. */
  on(store = this.store): RepositoryAccess {
    return { ...accessTo(store), listCache: () => Promise.resolve(this.cache) };
  }

  async get(access: RepositoryAccess, selector = "prod/shop"): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    await withBackup(access, { selector, noLock: true }, { world: this.world }, async ({ files, read }) => {
      await read(chooseFile(files, undefined), { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
    });
    return concat(pieces);
  }

  get rows(): string[] {
    return namesIn(this.folder).filter((name) => name.startsWith("rows-"));
  }

  /** Changes a bit in each block of the table. */
  async flipRows(): Promise<void> {
    for (const name of this.rows) {
      const bytes = await Deno.readFile(`${this.folder}/${name}`);
      for (let at = 100; at < bytes.length - 200; at += 4096) bytes[at]! ^= 1;
      await Deno.writeFile(`${this.folder}/${name}`, bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}

/** Removes the first backup, and packs what is left anew. */
async function pruneElsewhere({ store, world }: Scene): Promise<void> {
  const packs = await namesOf(store, "pack");
  const chain = await drawChains(accessTo(store), { selector: "prod/shop", all: true }, { world });
  await store.remove({ kind: "snapshot", name: chain.members[0]!.backup!.snapshotId });
  await prune(accessTo(store), { limits: STRICT, dryRun: false }, { world });
  const left = new Set(await namesOf(store, "pack"));
  assert.ok(packs.some((name) => !left.has(name)), "a pack was replaced");
}

Deno.test("a get builds the table, and the next one reads no index file", async () => {
  await using scene = await Scene.make();
  assert.deepEqual(await scene.get(scene.on()), SECOND);
  assert.equal(scene.rows.length, 1);
  const watched = new WatchedStore(scene.store);
  assert.deepEqual(await scene.get(scene.on(watched)), SECOND);
  assert.equal(watched.counts.get("index"), undefined);
});

Deno.test("listings, chains and comparisons say the same with the table", async () => {
  await using scene = await Scene.make();
  const { world, store } = scene;
  const say = async (access: RepositoryAccess) => {
    const entries: string[] = [];
    const chain = await drawChains(access, { selector: "prod/shop", all: true }, { world });
    const [a, b] = chain.members.map(({ id }) => `@${id}`);
    await listEntries(access, { selector: a!, isRecursive: true, noLock: true }, {
      world,
      onEntries: (some) => Promise.resolve(void some.forEach(({ path }) => entries.push(path))),
    });
    const { streams } = await diff(access, { selectors: [a!, b!], noLock: true }, { world });
    return { entries, streams, states: chain.members.map(({ state }) => state) };
  };
  const said = await say(accessTo(store));
  assert.ok(said.streams[0]!.chunksInCommon > 10);
  assert.deepEqual(await say(scene.on()), said);
  const watched = new WatchedStore(store);
  assert.deepEqual(await say(scene.on(watched)), said);
  assert.equal(watched.counts.get("index"), undefined);
});

for (const harm of ["removed", "cut off", "flipped"] as const) {
  Deno.test(`what is read is right when the table is ${harm} meanwhile, and the next get has one again`, async () => {
    await using scene = await Scene.make();
    await scene.get(scene.on());
    const watched = new WatchedStore(scene.store, "pack", async () => {
      if (harm === "flipped") return await scene.flipRows();
      for (const name of scene.rows) {
        const path = `${scene.folder}/${name}`;
        await (harm === "removed" ? Deno.remove(path) : Deno.truncate(path, 0));
      }
    });
    assert.deepEqual(await scene.get(scene.on(watched)), SECOND);
    assert.equal(watched.counts.get("index") === undefined, harm === "removed", "who has it open keeps it");
    assert.deepEqual(await scene.get(scene.on()), SECOND);
    assert.equal(scene.rows.length, 1);
  });
}

Deno.test("what a prune by others moves after the index was opened is read where it is", async () => {
  await using scene = await Scene.make();
  await scene.get(scene.on());
  // The manifest is read first, from packs that are there yet or not.
  const watched = new WatchedStore(scene.store, "pack", () => pruneElsewhere(scene));
  assert.deepEqual(await scene.get(scene.on(watched)), SECOND);
  assert.ok(watched.counts.get("index")! > 0, "the index was loaded from the store");
});

Deno.test("what a prune by others moves while a stream is read is read where it is", async () => {
  await using scene = await Scene.make();
  await scene.get(scene.on());
  const { world } = scene;
  const pieces: Uint8Array[] = [];
  await withBackup(scene.on(), { selector: "prod/shop", noLock: true }, { world }, async ({ files, read }) => {
    await pruneElsewhere(scene);
    await read(chooseFile(files, undefined), { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
  });
  assert.deepEqual(concat(pieces), SECOND);
});

Deno.test("a pack that is lost is told as without the table", async () => {
  await using scene = await Scene.make();
  await scene.get(scene.on());
  const packs = await namesOf(scene.store, "pack");
  const sizes = await Promise.all(packs.map((name) => scene.store.size({ kind: "pack", name })));
  const largest = packs[sizes.indexOf(Math.max(...sizes))]!;
  await scene.store.remove({ kind: "pack", name: largest });
  const messages: string[] = [];
  for (const access of [accessTo(scene.store), scene.on()]) {
    await assert.rejects(scene.get(access), (error) => {
      assert.ok(error instanceof IntegrityError);
      return messages.push(error.message) > 0;
    });
  }
  assert.match(messages[0]!, new RegExp(largest));
  assert.equal(messages[1], messages[0]);
});

for (const harm of ["none", "cut off"] as const) {
  Deno.test(`trees of files are restored with a table, to which happens: ${harm}`, async () => {
    const chunks = Array.from({ length: 20 }, (_, i) => noise(3000 + i, `chunk ${i}`));
    const backup = await backupOf([directory("d", file("long", ...chunks), file("short", chunks[3]!, chunks[1]!))]);
    await using target = new TestDirectory();
    await using caches = new TestDirectory();
    const cache = { directory: caches.path, limitBytes: 1e9, sortedFromBytes: 1 };
    await Deno.mkdir(target.at("first"));
    await restored(target.at("first"), backup, { cache });
    const id = namesIn(caches.path).find((name) => name.length === 64);
    const folder = `${caches.path}/${id}/${SORTED_FOLDER}`;
    const rows = namesIn(folder).filter((name) => name.startsWith("rows-"));
    assert.equal(rows.length, 1);
    let watched: WatchedStore | undefined;
    const through = (store: BlobStore) =>
      watched = new WatchedStore(store, "pack", async () => {
        if (harm === "cut off") await Deno.truncate(`${folder}/${rows[0]}`, 100);
      });
    await Deno.mkdir(target.at("second"));
    const { result, damages, problems } = await restored(target.at("second"), backup, { cache, through });
    assert.deepEqual([damages, problems, result.files], [[], [], 2]);
    assert.deepEqual(new Uint8Array(await Deno.readFile(target.at("second/d/long"))), concat(chunks));
    assert.equal(watched!.counts.has("index"), harm === "cut off");
  });
}

Deno.test("a copy takes places from a table that is cut off meanwhile", async () => {
  await using scene = await Scene.make();
  await scene.get(scene.on());
  const watched = new WatchedStore(scene.store, "pack", () => Deno.truncate(`${scene.folder}/${scene.rows[0]}`, 0));
  const target = await otherRepository();
  const { copied } = await copyInto(target, scene.store, { from: scene.on(watched) });
  assert.equal(copied.length, 2);
  assert.deepEqual(await scene.get(accessTo(target, OTHER_PASSWORD)), SECOND);
});
