/** Index files, loaded into one index. */
import assert from "node:assert/strict";
import { DeniedError, IntegrityError, NotFoundError, TemporaryError } from "../../../src/base/errors.ts";
import type { IndexId } from "../../../src/base/id.ts";
import type { IndexedPack } from "../../../src/format/index/index_file.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import {
  forEachIndexFile,
  loadIndex,
  loadIndexInto,
  unreadableIndexProblem,
} from "../../../src/repository/index/index_files.ts";
import { SealedFileWriter } from "../../../src/repository/sealed_files.ts";
import { ExistenceIndex, NamedIndex, PlacedIndex } from "../../../src/repository/index/blob_index.ts";
import { firstOf, withFaults } from "../../helpers/fault_store.ts";
import { fakeWorld, macrotask, memoryRepository, namesOf, noise } from "../../helpers/world.ts";

const world = fakeWorld("index files");

function pack(number: number, blobs: readonly number[]): IndexedPack {
  return {
    id: noise(32, `pack ${number}`),
    blobs: blobs.map((blob, i) => ({
      type: "data",
      id: noise(32, `blob ${blob}`),
      offset: i * 100,
      length: 100,
      uncompressedLength: 0,
    })),
  };
}

Deno.test("the index is the union of all index files", async () => {
  const { repository: { files } } = await memoryRepository(world);
  await files.save("index", encodeIndex([pack(1, [1, 2]), pack(2, [3])]));
  await files.save("index", encodeIndex([pack(3, [3, 4])]));
  await files.save("index", encodeIndex([]));
  const index = await loadIndex(files);
  assert.equal(index.blobCount, 4);
  assert.equal(index.packCount, 3);
  for (const [blob, packs, offset] of [[1, [1], 0], [2, [1], 100], [3, [2, 3], 0], [4, [3], 100]] as const) {
    const place = index.locate("data", noise(32, `blob ${blob}`))!;
    assert.equal(place.offset, offset);
    assert.ok(packs.some((number) => index.packId(place.pack) === noise(32, `pack ${number}`).toHex()));
  }
});

Deno.test("an index of a few data blobs finds them in whichever file they are", async () => {
  const { repository: { files } } = await memoryRepository(world);
  await files.save("index", encodeIndex([pack(1, [1, 2, 3]), pack(2, [4])]));
  await files.save("index", encodeIndex([pack(3, [5, 6, 7])]));
  const names = [2, 6, 9].map((blob) => noise(32, `blob ${blob}`));
  const index = await loadIndexInto(() => new NamedIndex(names), files);
  const packOf = (id: Uint8Array) => {
    const place = index.locate("data", id);
    return place && [index.packId(place.pack), place.offset];
  };
  assert.deepEqual(names.map(packOf), [
    [noise(32, "pack 1").toHex(), 100],
    [noise(32, "pack 3").toHex(), 100],
    undefined,
  ]);
});

Deno.test("a repository without index files has an empty index", async () => {
  const { repository } = await memoryRepository(world);
  assert.equal((await loadIndex(repository.files)).blobCount, 0);
});

Deno.test("a damaged index file fails the whole index", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  await files.save("index", encodeIndex([pack(1, [1])]));
  await files.save("index", new TextEncoder().encode('{"packs":[{"id":"12"}]}'));
  await assert.rejects(loadIndex(files), IntegrityError);
  await store.put({ kind: "index", name: noise(32, "name").toHex() }, [noise(100, "junk")]);
  await assert.rejects(loadIndex(files), IntegrityError);
});

Deno.test("damaged index files are passed over where somebody is told, and leave nothing of theirs in the index", async () => {
  const { repository: { files }, store } = await memoryRepository(world);
  await files.save("index", encodeIndex([pack(1, [1, 2])]));
  const half = new TextDecoder().decode(encodeIndex([pack(2, [3]), pack(3, [4])])).trimEnd().slice(0, -3);
  const broken = await files.save("index", new TextEncoder().encode(half));
  const junk = noise(32, "name").toHex();
  await store.put({ kind: "index", name: junk }, [noise(100, "junk")]);
  const told: string[] = [];
  for (const make of [() => new PlacedIndex(), () => new ExistenceIndex()]) {
    told.length = 0;
    const index = await loadIndexInto<PlacedIndex | ExistenceIndex>(make, files, {
      onUnreadable: (unreadable) => {
        told.push(...unreadable.map(({ id }) => id));
        assert.match(unreadableIndexProblem(unreadable).message, /Passing over index files .*"agent repair index"/);
      },
    });
    const isThere = [1, 2, 3, 4].map((blob) => index.has("data", noise(32, `blob ${blob}`)));
    assert.deepEqual(isThere, [true, true, false, false]);
    assert.deepEqual(told.sort(), [broken, junk].sort());
  }
});

for (const error of [new TemporaryError("for a while"), new DeniedError("403")]) {
  Deno.test(`a store that throws ${error.name} is not taken for an index that cannot be read`, async () => {
    const { repository, store } = await memoryRepository(world);
    await repository.files.save("index", encodeIndex([pack(1, [1])]));
    const failing = withFaults(store, firstOf(({ method }) => method === "get", { type: "fail", error }));
    const files = new SealedFileWriter(failing, repository.sealer, 2);
    await assert.rejects(loadIndex(files, { onUnreadable: () => {} }), error);
  });
}

Deno.test("an index file that vanishes after it was listed is passed over", async () => {
  const { repository, store } = await memoryRepository(world);
  const gone = await repository.files.save("index", encodeIndex([pack(1, [1])]));
  await repository.files.save("index", encodeIndex([pack(2, [2])]));
  const vanishing = withFaults(store, ({ method, file }) => {
    if (method === "get" && file?.name === gone) void store.remove(file);
    return undefined;
  });
  const index = await loadIndex(new SealedFileWriter(vanishing, repository.sealer, 2));
  assert.equal(index.blobCount, 1);
  assert.equal((await namesOf(store, "index")).length, 1);
});

Deno.test("an index file that is listed and not found is asked for again, and passed over where the store goes on so", async () => {
  const { repository, store } = await memoryRepository(world);
  await repository.files.save("index", encodeIndex([pack(1, [1])]));
  const loadOn = (times: number) => {
    const missing = { type: "fail", error: new NotFoundError("on purpose") } as const;
    const hiding = withFaults(store, firstOf(({ method }) => method === "get", missing, times));
    return loadIndex(new SealedFileWriter(hiding, repository.sealer, 2));
  };
  assert.equal((await loadOn(1)).blobCount, 1);
  assert.equal((await loadOn(2)).blobCount, 0);
});

Deno.test("an aborted signal stops the loading", async () => {
  const { repository: { files } } = await memoryRepository(world);
  await files.save("index", encodeIndex([pack(1, [1])]));
  const signal = AbortSignal.abort(new RangeError("stop"));
  await assert.rejects(loadIndex(files, { signal }), { message: "stop" });
});

Deno.test("while files are taken, those behind them are loaded: a few small ones, or a single large one", async () => {
  const { repository: { files } } = await memoryRepository(world);
  const MIB = 1024 * 1024;
  const sizes = [1, 1, 1, 1, 1, 1, 5, 5, 20, 1, 9, 1, 1].map((size) => size * MIB);
  const rows = sizes.map((size, i) => ({ id: i.toString(16).padStart(64, "0") as IndexId, size }));
  const sizeOf = new Map(rows.map(({ id, size }) => [id, size]));
  const held = new Map<IndexId, number>();
  let most = 0;
  const taken: IndexId[] = [];
  await forEachIndexFile(files, {
    signal: new AbortController().signal,
    rows,
    load: async (id) => {
      held.set(id, sizeOf.get(id)!);
      const bytes = [...held.values()].reduce((sum, size) => sum + size, 0);
      assert.ok(held.size === 1 || bytes <= 8 * MIB, `${held.size} files of ${bytes} bytes together`);
      most = Math.max(most, held.size);
      await macrotask();
      return id;
    },
    take: (id, loaded) => {
      assert.equal(id, loaded);
      held.delete(id);
      taken.push(id);
    },
    onProgress: () => {},
  });
  assert.deepEqual(taken, rows.map(({ id }) => id));
  assert.equal(most, 4);
});
