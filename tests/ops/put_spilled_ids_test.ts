/** Puts whose new ids do not fit in memory: no chunk is stored twice, and none is missing. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { AgentError } from "../../src/base/errors.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import type { PutInput } from "../../src/ops/put.ts";
import { SPILL_FOLDER } from "../../src/store/cache/cache_entry.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  concat,
  copyOf,
  ENGINE,
  fakeWorld,
  getBytes,
  memoryRepository,
  noise,
  putBytes,
} from "../helpers/world.ts";
import { checkStore } from "./check_fixture.ts";

const world = fakeWorld("puts with many new ids");
/** Some 60 chunks each. */
const PARTS = Array.from({ length: 6 }, (_, part) => noise(600_000, `part ${part}`));

interface Scene extends AsyncDisposable {
  readonly store: BlobStore;
  /** Keeps the ids of thirty chunks in memory. */
  readonly small: RepositoryAccess;
  /** Keeps all of them there; a copy of the repository, which cuts alike. */
  readonly large: RepositoryAccess;
  readonly problems: readonly AgentError[];
  readonly directory: TestDirectory;
  readonly spillFolder: string;
}

async function scene(): Promise<Scene> {
  const directory = new TestDirectory();
  const { store, repository } = await memoryRepository(world);
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  const idLimits = { most: 20, atOnce: 10 };
  const cache = { directory: directory.at("cache"), limitBytes: 1e9, onProblem, idLimits };
  return {
    store,
    small: { ...accessTo(store), listCache: () => Promise.resolve(cache) },
    large: accessTo(await copyOf(store)),
    problems,
    directory,
    spillFolder: directory.at(`cache/${repository.config.id}/${SPILL_FOLDER}`),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

Deno.test("a stream that repeats itself is stored once, as with all ids in memory, and comes back", async () => {
  const order = fc.array(fc.nat(PARTS.length - 1), { minLength: 2, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(order, async (order) => {
      await using made = await scene();
      const bytes = concat(order.map((part) => PARTS[part]!));
      const [small, large] = [await putBytes(made.small, world, bytes), await putBytes(made.large, world, bytes)];
      const { blobsNew, blobsReused, bytesAdded } = small.manifest.stats;
      const expected = large.manifest.stats;
      assert.deepEqual({ blobsNew, blobsReused, bytesAdded }, {
        blobsNew: expected.blobsNew,
        blobsReused: expected.blobsReused,
        bytesAdded: expected.bytesAdded,
      });
      assert.deepEqual(await getBytes(made.small, world, "prod/shop"), bytes);
      assert.deepEqual(made.problems, []);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(made.spillFolder)), []);
    }),
    { numRuns: 6 },
  );
});

Deno.test("several streams at once store each chunk once", async () => {
  await using made = await scene();
  const streams = PARTS.map((_, i) => concat([PARTS[i]!, PARTS[(i + 1) % PARTS.length]!, PARTS[0]!]));
  const input: PutInput = {
    engine: ENGINE,
    streams: streams.map((bytes, i) => ({
      path: parseStreamPath(`s${i}`),
      source: new BytesSource(bytes),
      guard: "none",
    })),
  };
  const { manifest } = await putBytes(made.small, world, new Uint8Array(0), { input, jobs: 3 });
  const total = PARTS.reduce((sum, part) => sum + part.length, 0);
  // The chunk at each seam of two parts is another one.
  assert.ok(manifest.stats.bytesAdded < total + 2 * streams.length * 40_000, `${manifest.stats.bytesAdded}`);
  const { errors } = await checkStore({ store: made.store, world }, { readData: true });
  assert.deepEqual(errors, []);
});

Deno.test("without a cache directory that can be written, all is stored as ever", async () => {
  await using made = await scene();
  made.directory.write("cache", "a file in the place of the directory");
  const bytes = concat([...PARTS, ...PARTS]);
  const { manifest } = await putBytes(made.small, world, bytes);
  assert.equal(manifest.stats.blobsNew, (await putBytes(made.large, world, bytes)).manifest.stats.blobsNew);
  assert.deepEqual(await getBytes(made.small, world, "prod/shop"), bytes);
});
