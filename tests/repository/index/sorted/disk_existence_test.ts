/** The index of a put when its table on disk breaks: it says that it cannot tell, and tells again after a renewal. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, InterruptedError, TemporaryError } from "../../../../src/base/errors.ts";
import { IdTable } from "../../../../src/base/id_table.ts";
import { type BlobRegister, type ExistenceIndex, NamedIndex } from "../../../../src/repository/index/blob_index.ts";
import { TrustingIndex } from "../../../../src/repository/index/trusting_index.ts";
import { SealedFiles } from "../../../../src/repository/sealed_files.ts";
import { blobId, isTree, packOf, SortedScene } from "./sorted_repository.ts";

const ALL = Array.from({ length: 800 }, (_, i) => i);
const DATA = ALL.filter((blob) => !isTree(blob));

async function scene(): Promise<SortedScene> {
  const made = await SortedScene.make();
  await made.save([packOf(1, ALL.slice(0, 500))]);
  await made.save([packOf(2, ALL.slice(500))]);
  return made;
}

async function renew(index: BlobRegister): Promise<void> {
  await index.renew!();
}

/** Changes one byte of each of these blocks of the only run. */
async function damage(made: SortedScene, blocks: readonly number[]): Promise<void> {
  const path = `${made.folder}/${made.names.find((name) => name.startsWith("rows-"))}`;
  const bytes = await Deno.readFile(path);
  for (const block of blocks) bytes[block * 4096 + 50]! ^= 1;
  await Deno.writeFile(path, bytes);
}

/** The blobs that the index cannot tell of. */
function untold(index: ExistenceIndex, blobs: readonly number[]): number[] {
  return blobs.filter((blob) => {
    try {
      assert.equal(index.note("data", blobId(blob)), false, `blob ${blob} is stored`);
      return false;
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      return true;
    }
  });
}

Deno.test("whichever blocks break, no stored blob ever counts as new, and all are known after a renewal", async () => {
  await using made = await scene();
  await (await made.load())[Symbol.asyncDispose]();
  const blocks = fc.uniqueArray(fc.nat(5), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(blocks, fc.subarray(DATA), async (broken, before) => {
      made.problems.length = 0;
      await using loaded = await made.load();
      const { index } = loaded;
      assert.equal(index.note("data", blobId(1001)), true);
      await damage(made, broken);
      const hidden = untold(index, before);
      for (const blob of hidden) assert.equal(index.has("data", blobId(blob)), false);
      assert.equal(untold(index, DATA).length > 0, true);
      await Promise.all([renew(index), renew(index)]);
      assert.deepEqual(untold(index, DATA), []);
      for (const blob of ALL) assert.ok(index.has(isTree(blob) ? "tree" : "data", blobId(blob)));
      assert.deepEqual([1001, 1002, 1002].map((blob) => index.note("data", blobId(blob))), [false, true, false]);
      assert.equal(index.stored, undefined);
      assert.equal(index.dataBlobs.size, DATA.length + 2);
      assert.deepEqual(made.problems.map(({ message }) => message.replace(/".*"/, "FILE")), [
        "FILE is damaged; it is made again when it is needed next; until then, the index files themselves say what is " +
        "stored",
      ]);
    }),
    { numRuns: 12 },
  );
});

/** Fails for every index file once it is told to. */
class FailingFiles extends SealedFiles {
  failure: Error | undefined;

  override load: SealedFiles["load"] = (kind, id, options) =>
    this.failure === undefined ? super.load(kind, id, options) : Promise.reject(this.failure);
}

function failing({ repository: { store, sealer } }: SortedScene): FailingFiles {
  return new FailingFiles(store, sealer);
}

Deno.test("if the index files cannot be read either, what cannot be told is new, once, and that is said", async () => {
  await using made = await scene();
  const files = failing(made);
  await using loaded = await made.load({ files });
  const { index } = loaded;
  await damage(made, [2]);
  files.failure = new TemporaryError("no index files today");
  const [hidden, ...others] = untold(index, DATA);
  assert.ok(others.length > 50 && others.length < 130, `${others.length} blobs hidden`);
  await renew(index);
  assert.equal(index.note("data", blobId(hidden!)), true);
  assert.equal(index.note("data", blobId(hidden!)), false);
  assert.equal(DATA.filter((blob) => !index.has("data", blobId(blob))).length, others.length);
  await renew(index);
  // Whoever must be sure hears of it.
  assert.throws(() => index.lists(blobId(others[0]!)), IntegrityError);
  assert.equal(made.problems.length, 1);
  assert.match(made.problems[0]!.message, /cannot be read either, .* stored twice, .*: no index files today$/);
});

Deno.test("an index file that broke meanwhile is told of when it is needed, and the others count", async () => {
  await using made = await scene();
  const files = failing(made);
  const told: string[] = [];
  await using loaded = await made.load({ files, onUnreadable: (unreadable) => told.push(...unreadable.map(String)) });
  const { index } = loaded;
  await damage(made, [0, 1, 2, 3, 4, 5]);
  files.failure = new IntegrityError("damaged");
  assert.equal(untold(index, DATA).length, DATA.length);
  await renew(index);
  assert.deepEqual([told.length, index.dataBlobs.size], [2, 0]);
});

Deno.test("a renewal that is interrupted says so", async () => {
  await using made = await scene();
  const files = failing(made);
  const stop = new AbortController();
  await using loaded = await made.load({ files, signal: stop.signal });
  await damage(made, [0]);
  stop.abort(files.failure = new InterruptedError());
  await assert.rejects(renew(loaded.index), InterruptedError);
  assert.deepEqual(made.problems, []);
});

Deno.test("a trusted chunk is not taken for lost because the index on disk cannot tell", async () => {
  await using made = await scene();
  await (await made.load())[Symbol.asyncDispose]();
  await using loaded = await made.load();
  const { index } = loaded;
  const trusted = new IdTable();
  for (const blob of [...DATA, 1001]) trusted.add(blobId(blob));
  const trusting = new TrustingIndex(new NamedIndex([]), trusted);
  for (const blob of [...DATA, 1001]) trusting.use(blobId(blob));
  const countLost = () => trusting.countLost(index, () => Promise.resolve());
  assert.equal(await countLost(), 1);
  await damage(made, [0, 1, 2, 3, 4, 5]);
  await assert.rejects(countLost(), IntegrityError);
  await renew(index);
  assert.equal(await countLost(), 1);
});
