/** Walks for a copy: what is wanted, in lists of bounded length, and where trees are read. */
import { equal, ok, rejects } from "node:assert/strict";
import { encodeHex } from "../../../src/base/hex.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import { sha256 } from "../../../src/crypto/digest.ts";
import { type CopyTarget, CountingTarget, TargetFailure } from "../../../src/maintain/copy/copy_target.ts";
import { TreeCopier } from "../../../src/maintain/copy/copy_tree.ts";
import type { WantedBlobs } from "../../../src/maintain/copy/wanted_blobs.ts";
import { BlobSet, ExistenceIndex } from "../../../src/repository/index/blob_index.ts";
import { loadIndex, loadIndexInto } from "../../../src/repository/index/index_files.ts";
import { openRepository } from "../../../src/repository/repository.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { copyOf, fakeWorld, PASSWORD, readAllBackups } from "../../helpers/world.ts";
import { fileOf, flipBit, packsOf, replace } from "../../ops/check_fixture.ts";
import { fiveBackups } from "../../ops/prune_fixture.ts";

const { signal } = new AbortController();

async function opened(store: BlobStore) {
  const repository = await openRepository(store, { password: PASSWORD, randomBytes: fakeWorld("open").randomBytes });
  return { ...repository, index: await loadIndex(repository.files) };
}

/** The trees of all nights, oldest first. */
async function rootsOf(store: BlobStore) {
  return (await readAllBackups(store, fakeWorld("read"))).map(({ backup }) => backup.snapshot.tree);
}

/** Takes everything, and notes what it got and in how many blobs at a time. */
class NotingTarget implements CopyTarget {
  readonly bytes = { read: 0, added: 0 };
  readonly #known = new BlobSet();
  readonly trees: string[] = [];
  readonly data: string[] = [];
  readonly lists: number[] = [];

  readonly has: CopyTarget["has"] = (type, id, offset) => this.#known.has(type, id, offset);

  addTree(tree: Uint8Array): Promise<void> {
    const id = sha256(tree);
    this.#known.note("tree", id);
    this.trees.push(encodeHex(id));
    return Promise.resolve();
  }

  async addData(blobs: WantedBlobs): Promise<void> {
    this.lists.push(blobs.size);
    for (const read of blobs.reads()) {
      await Promise.resolve();
      const ids = blobs.idsOf(read.blobs);
      read.blobs.forEach((_, i) => {
        this.#known.note("data", ids, 32 * i);
        this.data.push(encodeHex(ids, 32 * i, 32));
      });
    }
  }
}

for (const mostWanted of [1, 7, undefined]) {
  Deno.test(`every blob of a backup is wanted once, in lists from ${mostWanted ?? "very many"} blobs on`, async () => {
    const store = await fiveBackups();
    const source = await opened(store);
    const target = new NotingTarget();
    const trees = new TreeCopier({
      source,
      other: { ...source, index: new ExistenceIndex().named },
      target,
      signal,
      mostWanted,
    });
    for (const root of await rootsOf(store)) await trees.copy(root);
    equal(target.trees.length, new Set(target.trees).size);
    equal(target.data.length, new Set(target.data).size);
    equal(target.trees.length + target.data.length, source.index.blobCount);
    ok(mostWanted === undefined || target.lists.length > 5);
  });
}

Deno.test("trees that the other repository has are read there, and what lies below them is still wanted", async () => {
  const store = await fiveBackups();
  const other = await copyOf(store);
  for (const pack of await packsOf(other, "data")) await other.remove(fileOf(pack));
  const target = new CountingTarget(new BlobSet({ has: (type) => type === "tree" }));
  const faulty = withFaults(store, ({ kind, method }) => {
    return kind === "pack" && method === "get"
      ? { type: "fail", error: new IntegrityError("read at the source") }
      : undefined;
  });
  const index = await loadIndexInto(() => new ExistenceIndex(), (await opened(other)).files);
  const trees = new TreeCopier({
    source: await opened(faulty),
    other: { ...await opened(other), index: index.named },
    target,
    signal,
  });
  for (const root of await rootsOf(store)) await trees.copy(root);
  ok(target.bytes.read > 100_000, `${target.bytes.read}`);
});

Deno.test("a tree that is damaged in the other repository is read at the source, and an outage there is no damage", async () => {
  const store = await fiveBackups();
  const [root] = await rootsOf(store);
  const damaged = await copyOf(store);
  for (const pack of await packsOf(store, "tree")) await replace(damaged, fileOf(pack), flipBit(20));
  const source = await opened(store);
  const copier = async (other: BlobStore) => {
    const target = new NotingTarget();
    return { target, trees: new TreeCopier({ source, other: await opened(other), target, signal }) };
  };
  const { target, trees } = await copier(damaged);
  await trees.copy(root!);
  ok(target.data.length > 0);
  const gone = withFaults(await copyOf(store), ({ kind }) => kind === "pack" ? { type: "tear" } : undefined);
  await rejects((await copier(gone)).trees.copy(root!), TargetFailure);
});
