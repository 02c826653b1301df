/** Index files decoded in another thread: all of them, in the order of their names, and nothing after an end. */
import assert from "node:assert/strict";
import { DeniedError, IntegrityError, InterruptedError } from "../../../src/base/errors.ts";
import type { IndexId } from "../../../src/base/id.ts";
import type { IndexedPack } from "../../../src/format/index/index_file.ts";
import { forEachDecodedIndex } from "../../../src/maintain/check/decoded_indexes.ts";
import { splitByPack } from "../../../src/pipeline/index/read_index.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { fakeWorld, memoryRepository, namesOf, noise } from "../../helpers/world.ts";

const world = fakeWorld("decoded indexes");

/** Many blobs, so that a thread decodes them. */
const BLOBS = 4000;

function pack(name: string): IndexedPack {
  const ids = noise(32 * BLOBS, name);
  return {
    id: noise(32, name),
    blobs: Array.from({ length: BLOBS }, (_, i) => ({
      type: "data",
      id: ids.subarray(32 * i, 32 * (i + 1)),
      offset: i * 100,
      length: 100,
      uncompressedLength: 0,
    })),
  };
}

/** A repository with some index files, and the pack that each of them lists. */
async function withIndexes(count: number) {
  const { repository, store } = await memoryRepository(world);
  const packs = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const json = encodeIndex([pack(`pack ${i}`)]);
    packs.set(await repository.files.save("index", json), noise(32, `pack ${i}`).toHex());
  }
  return { repository, store, packs };
}

interface Walked {
  /** What was seen: a pack and the number of its blobs, or "damaged". */
  readonly seen: (readonly [IndexId, ...unknown[]])[];
  readonly progress: (readonly [number, number])[];
}

async function walk(
  { files, keys }: Pick<Repository, "files" | "keys">,
  { signal = new AbortController().signal, load, onTaken }: {
    signal?: AbortSignal;
    load?: (id: IndexId) => Promise<Uint8Array<ArrayBuffer> | null>;
    onTaken?: (walked: Walked) => void;
  } = {},
): Promise<Walked> {
  const walked: Walked = { seen: [], progress: [] };
  await forEachDecodedIndex({ files, keys }, {
    signal,
    wantsHeaders: true,
    load: load ?? ((id) => files.loadSealed("index", id, { signal })),
    take: (id, decoded) => {
      for (const { id: pack, blobs } of splitByPack(decoded)) walked.seen.push([id, pack, blobs.count]);
      onTaken?.(walked);
    },
    damaged: (id, error) => {
      assert.ok(error instanceof IntegrityError);
      walked.seen.push([id, "damaged"]);
    },
    onProgress: (done, total) => walked.progress.push([done, total]),
  });
  return walked;
}

Deno.test("every file is taken, in the order of the names", async () => {
  const { repository, packs } = await withIndexes(9);
  const { seen, progress } = await walk(repository);
  assert.deepEqual(seen, [...packs].sort().map(([id, pack]) => [id, pack, BLOBS]));
  assert.deepEqual(progress, Array.from({ length: 10 }, (_, done) => [done, 9]));
});

Deno.test("a damaged file is told of in its turn, one that has gone is passed over", async () => {
  const { repository, store, packs } = await withIndexes(7);
  const ids = [...packs.keys()].sort() as IndexId[];
  const damaged = { kind: "index", name: ids[2]! } as const;
  const bytes = await store.get(damaged);
  bytes[bytes.length >> 1]! ^= 1;
  const load = async (id: IndexId) => {
    if (id === ids[4]) return null;
    return id === ids[2] ? bytes : await repository.files.loadSealed("index", id);
  };
  const { seen } = await walk(repository, { load });
  const expected = ids.map((id) => [id, packs.get(id), BLOBS]).with(2, [ids[2], "damaged"]).toSpliced(4, 1);
  assert.deepEqual(seen, expected);
  assert.equal((await namesOf(store, "index")).length, 7);
});

Deno.test("what the store throws ends the walk in its turn, when no file is being loaded any more", async () => {
  const { repository, packs } = await withIndexes(9);
  const ids = [...packs.keys()].sort() as IndexId[];
  let loading = 0;
  const load = async (id: IndexId) => {
    loading++;
    try {
      const bytes = await repository.files.loadSealed("index", id);
      if (id === ids[3]) throw new DeniedError("No access");
      return bytes;
    } finally {
      loading--;
    }
  };
  let taken = 0;
  await assert.rejects(walk(repository, { load, onTaken: ({ seen }) => taken = seen.length }), DeniedError);
  assert.deepEqual([taken, loading], [3, 0]);
});

Deno.test("a walk that is interrupted takes no further file", async () => {
  const { repository } = await withIndexes(9);
  const controller = new AbortController();
  let taken = 0;
  const onTaken = () => {
    if (++taken === 2) controller.abort(new InterruptedError("Stopped"));
  };
  await assert.rejects(walk(repository, { signal: controller.signal, onTaken }), InterruptedError);
  assert.equal(taken, 2);
});
