/** What a prune knows of packs and blobs: every copy of every blob, or nothing at all. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, InterruptedError } from "../../../src/base/errors.ts";
import { ID_BYTES } from "../../../src/base/id.ts";
import type { IndexedPack } from "../../../src/format/index/index_file.ts";
import { loadPruneIndex, type PruneIndex } from "../../../src/maintain/prune/prune_index.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import type { Spill } from "../../../src/store/spill/spill.ts";
import { preparedSpill } from "../../store/spill/spills.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { fakeWorld, memoryRepository, noise } from "../../helpers/world.ts";

/** The numbers of blobs, and their lengths; a pack has no gaps. */
interface MadePack {
  readonly pack: number;
  readonly blobs: readonly { readonly blob: number; readonly length: number; readonly uncompressedLength: number }[];
}

function indexed({ pack, blobs }: MadePack): IndexedPack {
  let end = 0;
  return {
    id: noise(ID_BYTES, `pack ${pack}`),
    blobs: blobs.map(({ blob, length, uncompressedLength }) => {
      end += length;
      return {
        type: blob % 7 === 0 ? "tree" : "data",
        id: noise(ID_BYTES, `blob ${blob}`),
        offset: end - length,
        length,
        uncompressedLength,
      };
    }),
  };
}

/** Stores index files and returns what a prune loads of them. */
async function loaded(files: readonly (readonly MadePack[])[], spill?: Spill): Promise<PruneIndex> {
  const { repository } = await memoryRepository(fakeWorld("prune index"));
  for (const packs of files) await repository.files.save("index", encodeIndex(packs.map(indexed)));
  return await load({ ...repository, spill });
}

function load(repository: Repository, signal = new AbortController().signal, onProgress = () => {}) {
  return loadPruneIndex(repository, { signal, onProgress });
}

/** All packs by their names, each with its blobs as text. */
function described(index: PruneIndex): Record<string, readonly string[]> {
  const id = new Uint8Array(ID_BYTES);
  return Object.fromEntries(
    Array.from({ length: index.packCount }, (_, pack) => {
      const blobs: string[] = [];
      index.forEachCopy(pack, (copy) => {
        index.copyId(copy, id);
        assert.equal(index.ids[copy.type].find(id), copy.entry);
        blobs.push([copy.type, id.toHex(), copy.offset, copy.length, copy.uncompressedLength].join());
      });
      return [index.packId(pack), blobs];
    }),
  );
}

function expected(packs: readonly MadePack[]): Record<string, readonly string[]> {
  return Object.fromEntries(packs.map((pack) => {
    const { id, blobs } = indexed(pack);
    const rows = blobs.map(({ type, id, offset, length, uncompressedLength }) => {
      return [type, id.toHex(), offset, length, uncompressedLength].join();
    });
    return [id.toHex(), rows];
  }));
}

/** Many blobs, so that a thread decodes them. */
function large(pack: number, firstBlob: number, count = 3000): MadePack {
  const blobs = Array.from({ length: count }, (_, i) => ({
    blob: firstBlob + i,
    length: 40 + (i * 31) % 5000,
    uncompressedLength: i % 2 === 0 ? 0 : 9000,
  }));
  return { pack, blobs };
}

async function holdsEveryCopy(spill?: Spill): Promise<void> {
  const blob = fc.record({
    blob: fc.nat(40),
    length: fc.oneof(fc.integer({ min: 32, max: 9000 }), fc.constantFrom(0xff_fffe, 0xff_ffff, 0x1ff_ffff)),
    uncompressedLength: fc.oneof(fc.nat(9000), fc.constantFrom(0xff_ffff, 0x1ff_ffff)),
  }, { noNullPrototype: true });
  const pack = fc.array(blob, { minLength: 1, maxLength: 40 });
  const files = fc.array(fc.array(fc.nat(5), { maxLength: 4 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(pack, { minLength: 6, maxLength: 6 }), files, async (contents, files) => {
      const packs = contents.map((blobs, pack) => ({ pack, blobs }));
      const listed = [...new Set(files.flat())];
      const index = await loaded(files.map((numbers) => [...new Set(numbers)].map((number) => packs[number]!)), spill);
      assert.deepEqual(described(index), expected(listed.map((number) => packs[number]!)));
      const blobs = listed.flatMap((number) => packs[number]!.blobs);
      assert.equal(index.copyCount, blobs.length);
      assert.equal(index.blobCount, new Set(blobs.map(({ blob }) => blob)).size);
    }),
    { numRuns: 40 },
  );
}

const EVERY_COPY = "every copy of every blob is there, also of blobs in several packs and of packs in several files";

Deno.test(EVERY_COPY, () => holdsEveryCopy());

Deno.test(`${EVERY_COPY}, if tables spill`, async () => {
  await using directory = new TestDirectory();
  using spill = await preparedSpill(directory.path);
  await holdsEveryCopy(spill);
});

Deno.test("files that a thread decodes, with blobs that lie in two packs", async () => {
  const packs = [large(1, 0), large(2, 2500), large(3, 20_000, 5), large(4, 2000)];
  await using directory = new TestDirectory();
  using spill = await preparedSpill(directory.path);
  const index = await loaded(packs.map((pack) => [pack]));
  assert.deepEqual(described(index), expected(packs));
  const spilled = await loaded(packs.map((pack) => [pack]), spill);
  assert.deepEqual(described(spilled), expected(packs));
  assert.deepEqual([index.copyCount, index.blobCount], [9005, 5505]);
});

Deno.test("files that contradict each other are refused, whichever thread decodes them", async () => {
  const pack = large(1, 0);
  const other = { ...pack, blobs: pack.blobs.with(-1, { blob: 99_999, length: 50, uncompressedLength: 0 }) };
  await assert.rejects(loaded([[pack], [other]]), /Damaged description of pack .* another index describes it/);
  await assert.rejects(
    loaded([[{ pack: 1, blobs: pack.blobs.slice(0, 3) }], [{ pack: 1, blobs: pack.blobs.slice(0, 2) }]]),
    IntegrityError,
  );
});

/** A repository with six large index files. */
async function sixFiles(): Promise<{ repository: Repository; store: BlobStore }> {
  const made = await memoryRepository(fakeWorld("prune index"));
  for (let i = 0; i < 6; i++) {
    await made.repository.files.save("index", encodeIndex([indexed(large(i, i * 3000))]));
  }
  return made;
}

Deno.test("one damaged file among many is named, and nothing is loaded", async () => {
  const { repository, store } = await sixFiles();
  const [row] = await Array.fromAsync(store.list("index"));
  const file = { kind: "index", name: row!.name } as const;
  const bytes = await store.get(file);
  bytes[bytes.length >> 1]! ^= 1;
  await store.remove(file);
  await store.put(file, [bytes]);
  await assert.rejects(load(repository), (error) => {
    return error instanceof IntegrityError && error.message.includes(row!.name);
  });
});

Deno.test("loading is interrupted in the middle", async () => {
  const { repository } = await sixFiles();
  const controller = new AbortController();
  let seen = 0;
  const onProgress = () => {
    if (++seen === 3) controller.abort(new InterruptedError("Stopped"));
  };
  await assert.rejects(load(repository, controller.signal, onProgress), InterruptedError);
  assert.equal(seen, 3);
});
