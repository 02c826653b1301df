/** What is known of blobs while a lock settles, with an index on disk and without. */
import assert from "node:assert/strict";
import { IntegrityError, LockedError } from "../../../../src/base/errors.ts";
import { SealedFiles } from "../../../../src/repository/sealed_files.ts";
import { ForwardingStore } from "../../../../src/store/forwarding.ts";
import type {
  ByteRange,
  FileKind,
  FileName,
  GetOptions,
  ListedFile,
  StoreCallOptions,
} from "../../../../src/store/store.ts";
import { macrotask, noise } from "../../../helpers/world.ts";
import { blobId, packOf, SortedScene } from "./sorted_repository.ts";

/** Counts how often the index files are listed. */
class CountedListings extends ForwardingStore {
  count = 0;

  override list(kind: FileKind, options?: StoreCallOptions): AsyncIterable<ListedFile> {
    if (kind === "index") this.count++;
    return this.inner.list(kind, options);
  }
}

/** Answers nothing about the content of index files before it is told to give up. */
class SilentIndexes extends ForwardingStore {
  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind !== "index") return await this.inner.get(file, range, options);
    const { promise, reject } = Promise.withResolvers<never>();
    options!.signal!.addEventListener("abort", ({ target }) => reject((target as AbortSignal).reason));
    return await promise;
  }
}

for (const [form, forced] of [["in memory", { place: undefined }], ["on disk", {}]] as const) {
  Deno.test(`an index ${form} counts if none of its files has vanished while the lock settled`, async () => {
    await using scene = await SortedScene.make();
    const { files, sealer, store } = scene.repository;
    const merged = await scene.save([packOf(1, [1]), packOf(2, [2])]);
    const other = await scene.save([packOf(3, [3])]);
    const changes: readonly (readonly [() => Promise<unknown>, boolean, readonly number[]])[] = [
      [() => Promise.resolve(), false, [1, 2, 3]],
      [() => scene.save([packOf(4, [4])]), false, [1, 2, 3]],
      [() => files.remove("index", other), true, [1, 2, 4]],
      [() => scene.save([packOf(5, [2])]).then(() => files.remove("index", merged)), true, [2, 4]],
    ];
    for (const [meanwhile, isLoadedAgain, known] of changes) {
      const listings = new CountedListings(store);
      const lock = Promise.withResolvers<void>();
      const loading = scene.load({ files: new SealedFiles(listings, sealer), confirmed: lock.promise, ...forced });
      for (let turn = 0; turn < 20; turn++) await macrotask();
      assert.equal(listings.count, 1, "begins before the lock is confirmed");
      await meanwhile();
      lock.resolve();
      await using loaded = await loading;
      assert.equal(listings.count, isLoadedAgain ? 3 : 2);
      assert.deepEqual([1, 2, 3, 4].filter((blob) => loaded.index.has("data", blobId(blob))), known);
      assert.equal(loaded.index.stored === undefined, form === "in memory");
    }
  });

  Deno.test(`a file that cannot be read ahead is told once, under the lock, with an index ${form}`, async () => {
    await using scene = await SortedScene.make();
    await scene.save([packOf(1, [1])]);
    const name = noise(32, "damaged").toHex();
    await scene.repository.store.put({ kind: "index", name }, [noise(100, "junk")]);
    const told: string[][] = [];
    const onUnreadable = (unreadable: readonly { readonly id: string }[]) => told.push(unreadable.map(({ id }) => id));
    await using loaded = await scene.load({ ...forced, onUnreadable });
    assert.ok(loaded.index.has("data", blobId(1)));
    assert.deepEqual(told, [[name]]);
    await assert.rejects(scene.load(forced), IntegrityError);
  });

  Deno.test(`a lock that is refused does not wait for an index ${form}`, async () => {
    await using scene = await SortedScene.make();
    await scene.save([packOf(1, [1])]);
    const { store, sealer } = scene.repository;
    const { promise: confirmed, reject } = Promise.withResolvers<never>();
    const loading = scene.load({ files: new SealedFiles(new SilentIndexes(store), sealer), confirmed, ...forced });
    for (let turn = 0; turn < 20; turn++) await macrotask();
    reject(new LockedError("locked by somebody"));
    await assert.rejects(loading, LockedError);
  });

  Deno.test(`nothing is loaded for a lock that does not hold, with an index ${form}`, async () => {
    await using scene = await SortedScene.make();
    await scene.save([packOf(1, [1])]);
    const confirmed = Promise.reject(new LockedError("locked by somebody"));
    await assert.rejects(scene.load({ ...forced, confirmed }), LockedError);
  });
}
