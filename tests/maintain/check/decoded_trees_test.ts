/** Trees that threads read ahead of a walk: the walk gets what it gets without them, whatever is damaged. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError, IntegrityError, InterruptedError, NotFoundError } from "../../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../../src/base/hex.ts";
import type { BlobId } from "../../../src/base/id.ts";
import type { Rfc3339 } from "../../../src/format/time.ts";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../../../src/format/tree/file_mode.ts";
import { makeNode, type WalkedNode } from "../../../src/format/tree/node.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { withDecodedTrees } from "../../../src/maintain/check/decoded_trees.ts";
import { type BlobIndex, BlobSet } from "../../../src/repository/index/blob_index.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import type { IndexedRepository } from "../../../src/repository/repository.ts";
import { TreeNumbers, type TreeVisit, walkTrees, walkTreesFrom } from "../../../src/repository/tree/tree_walk.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import { locked } from "../../helpers/locked.ts";
import { fakeWorld, memoryRepository, noise } from "../../helpers/world.ts";

const TIME = "2026-01-01T00:00:00Z" as Rfc3339;
const times = { mtime: TIME, atime: TIME, ctime: TIME };
const ABSENT = "ab".repeat(32) as BlobId;
const NOW = new AbortController().signal;

/** Below each tree, by number, those it has as directories: only earlier ones. */
type Shape = readonly (readonly number[])[];

/** What may be wrong with a tree. */
type Fault = "none" | "flipped" | "malformed" | "another" | "absent below";

interface Forest {
  readonly repository: IndexedRepository<"tree"> & { readonly store: DamagingStore };
  /** By number; all are distinct. */
  readonly ids: readonly BlobId[];
}

/** Flips bits of packs, or hides the packs; counts what is read. */
class DamagingStore extends ForwardingStore {
  readonly flipped: { readonly pack: string; readonly position: number }[] = [];
  isGone = false;
  reads = 0;
  bytesRead = 0;

  override get connections(): number {
    return 20;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind === "pack" && this.isGone) throw new NotFoundError(`There is no pack ${file.name}`);
    const bytes = await super.get(file, range, options);
    this.reads++;
    this.bytesRead += bytes.length;
    for (const { pack, position } of this.flipped) {
      const at = position - (range?.offset ?? 0);
      if (pack === file.name && at >= 0 && at < bytes.length) bytes[at]! ^= 1;
    }
    return bytes;
  }
}

/** Stores trees of that shape: in each a file with so many chunks, and directories `0`, `1` … */
async function planted(shape: Shape, { faults = [] as readonly Fault[], chunks = 0 } = {}): Promise<Forest> {
  const world = fakeWorld("forest");
  const { repository } = await memoryRepository(world);
  const writer = new PackWriter({ ...world, repository: locked(repository), index: new BlobSet() });
  const ids: BlobId[] = [];
  for (const [i, below] of shape.entries()) {
    const dirs: [string, BlobId][] = below.map((n, position) => [`${position}`, ids[n]!]);
    if (faults[i] === "absent below") dirs.push(["gone", ABSENT]);
    const nodes = dirs.map(([name, subtree]) =>
      makeNode({ name, type: "dir", mode: DIR_MODE_0755, ...times, subtree })
    );
    const content = noise(32 * chunks, `chunks of ${i}`);
    const file = makeNode({ name: `f${i}`, type: "file", mode: FILE_MODE_0644, ...times, size: i, content });
    const link = makeNode({ name: `l${i}`, type: "symlink", mode: FILE_MODE_0644, ...times, linkTarget: "x" });
    const text = encodeTree([...nodes, file, link]);
    if (faults[i] === "malformed") text[0]! ^= 1;
    ids.push(encodeHex(await writer.addPlaintext("tree", text)) as BlobId);
  }
  await writer.finish();
  const store = new DamagingStore(repository.store as BlobStore);
  const index = await loadIndex(repository.files);
  for (const [i, id] of ids.entries()) {
    if (faults[i] !== "flipped") continue;
    const place = index.locate("tree", decodeHex(id))!;
    store.flipped.push({ pack: index.packId(place.pack), position: place.offset + place.length - 1 - i % 3 });
  }
  const swapped = new Set(ids.filter((_, i) => faults[i] === "another"));
  return { repository: { ...repository, store, index: withSwapped(index, swapped, ids[0]!) }, ids };
}

/** An index that says that some trees are where another one is. */
function withSwapped(index: BlobIndex<"tree">, swapped: ReadonlySet<BlobId>, other: BlobId): BlobIndex<"tree"> {
  return {
    has: (type, id, offset) => index.has(type, id, offset),
    locate: (type, id, offset = 0) => {
      const isSwapped = swapped.has(encodeHex(id, offset, 32) as BlobId);
      return isSwapped ? index.locate(type, decodeHex(other)) : index.locate(type, id, offset);
    },
    furtherPlaces: () => [],
    packId: (pack) => index.packId(pack),
    treeCount: index.treeCount,
  };
}

const rethrow = (error: unknown): never => {
  throw error;
};

function picked({ name, type, size, content, subtree }: WalkedNode): WalkedNode {
  // Nodes are valid only while they are read.
  return { name, type, size, content: content && content.slice(), subtree };
}

/** What the walk takes, in order: each tree with its nodes, or why it cannot be read. */
async function taken(forest: Forest, root: number, threads: "threads" | "none", keep = false) {
  const { repository, ids } = forest;
  const seen: [BlobId, string | readonly WalkedNode[]][] = [];
  const walk = {
    repository,
    met: new TreeNumbers(),
    read: (nodes: readonly WalkedNode[]) => nodes.map(picked),
    unreadable: (error: unknown) => {
      assert.ok(error instanceof IntegrityError);
      return error.message;
    },
    take: (found: string | readonly WalkedNode[], { tree }: TreeVisit) => {
      seen.push([tree, found]);
      return typeof found === "string"
        ? []
        : found.flatMap(({ subtree }) => subtree === null ? [] : [{ tree: subtree }]);
    },
  };
  const roots = [{ tree: ids[root]! }];
  if (threads === "none") await walkTrees(roots, walk);
  else {
    await withDecodedTrees(
      { repository, signal: NOW, budget: { blobThreads: 2 }, keep },
      (source) => walkTreesFrom<TreeVisit, string | readonly WalkedNode[], WalkedNode>(source, roots, walk),
    );
  }
  return seen;
}

/** Enough chunks that a few trees are more than what is opened without a thread. */
const MANY_CHUNKS = 2000;

const shapes: fc.Arbitrary<Shape> = fc.array(fc.array(fc.nat(30), { maxLength: 5 }), { minLength: 1, maxLength: 30 })
  .map((trees) => trees.map((below, i) => i === 0 ? [] : below.map((n) => n % i)));
const fault = fc.constantFrom<Fault>("none", "none", "none", "flipped", "malformed", "another", "absent below");

for (const chunks of [0, MANY_CHUNKS]) {
  Deno.test(`with ${chunks} chunks in each tree, threads find what is found without them`, async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.array(fault, { minLength: 30, maxLength: 30 }),
        fc.boolean(),
        fc.boolean(),
        async (shape, faults, isGone, keep) => {
          const forest = await planted(shape, { faults, chunks });
          forest.repository.store.isGone = isGone;
          const root = shape.length - 1;
          assert.deepEqual(await taken(forest, root, "threads", keep), await taken(forest, root, "none"));
        },
      ),
      { numRuns: chunks === 0 ? 50 : 12 },
    );
  });
}

/** A tree with `count` others directly below it, which is the last one. */
const flat = (count: number): Shape => [...Array.from({ length: count }, () => []), [...Array(count).keys()]];

Deno.test("neighbours in a pack are read together, unless a cache is to find them again", async () => {
  const { repository, ids } = await planted(flat(200));
  for (const keep of [false, true]) {
    repository.store.reads = 0;
    assert.equal((await taken({ repository, ids }, 200, "threads", keep)).length, 201);
    assert.equal(repository.store.reads, keep ? 201 : 5);
  }
});

Deno.test("of a large level, only a few megabytes are read ahead", async () => {
  const { repository, ids } = await planted(flat(150), { chunks: MANY_CHUNKS });
  const { store, index } = repository;
  let examined = 0;
  let most = 0;
  await withDecodedTrees(
    { repository, signal: NOW, budget: { blobThreads: 2 } },
    (source) =>
      walkTreesFrom<TreeVisit, TreeVisit[], WalkedNode>(source, [{ tree: ids[150]! }], {
        repository,
        met: new TreeNumbers(),
        read: (nodes, { tree }) => {
          most = Math.max(most, store.bytesRead - examined);
          examined += index.locate("tree", decodeHex(tree))!.length;
          return nodes.flatMap(({ subtree }) => subtree === null ? [] : [{ tree: subtree }]);
        },
        unreadable: rethrow,
        take: (below) => below,
      }),
  );
  assert.ok(store.bytesRead > 8 * 2 ** 20, `${store.bytesRead} bytes in all`);
  assert.ok(most <= 6 * 2 ** 20, `${most} bytes at once`);
});

Deno.test("trees that are larger than what is read ahead are read once each", async () => {
  const { repository, ids } = await planted(flat(24), { chunks: 24_000 });
  for (const keep of [false, true]) {
    repository.store.reads = 0;
    assert.equal((await taken({ repository, ids }, 24, "threads", keep)).length, 25);
    assert.equal(repository.store.reads, 25);
  }
});

/** Replaces the threads by those that `Replaced` makes of them; tells how many still run at the end. */
async function withWorkers(Replaced: (Original: typeof Worker) => typeof Worker, work: () => Promise<void>) {
  const Original = globalThis.Worker;
  const running = new Set<Worker>();
  globalThis.Worker = class extends Replaced(Original) {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      running.add(this);
    }

    override terminate(): void {
      running.delete(this);
      super.terminate();
    }
  };
  try {
    await work();
  } finally {
    globalThis.Worker = Original;
  }
  return running.size;
}

function walkAll({ repository, ids }: Forest, signal: AbortSignal, onRead: () => void): Promise<void> {
  return withDecodedTrees(
    { repository, signal, budget: { blobThreads: 2 } },
    (source) =>
      walkTreesFrom<TreeVisit, TreeVisit[], WalkedNode>(source, [{ tree: ids.at(-1)! }], {
        repository,
        signal,
        met: new TreeNumbers(),
        read: (nodes) => {
          onRead();
          return nodes.flatMap(({ subtree }) => subtree === null ? [] : [{ tree: subtree }]);
        },
        unreadable: rethrow,
        take: (below) => below,
      }),
  );
}

Deno.test("an interruption ends the walk and its threads", async () => {
  const forest = await planted(flat(60), { chunks: MANY_CHUNKS });
  const controller = new AbortController();
  let read = 0;
  const left = await withWorkers((Original) => Original, async () => {
    const walking = walkAll(forest, controller.signal, () => {
      if (++read === 20) controller.abort(new InterruptedError("Stopped"));
    });
    await assert.rejects(walking, InterruptedError);
  });
  assert.equal(left, 0);
  assert.ok(read < 60);
});

Deno.test("a thread that fails ends the walk with its error", async () => {
  const forest = await planted(flat(60), { chunks: MANY_CHUNKS });
  const failing = (Original: typeof Worker) =>
    class extends Original {
      override postMessage(
        message: { readonly name: string },
        transfer?: Transferable[] | StructuredSerializeOptions,
      ): void {
        if (message.name !== "readTrees") super.postMessage(message, transfer as Transferable[]);
        else this.onerror?.(new ErrorEvent("error", { message: "no memory left" }));
      }
    };
  const left = await withWorkers(failing, async () => {
    await assert.rejects(
      walkAll(forest, NOW, () => {}),
      (error) => error instanceof BugError && /no memory left/.test(error.message),
    );
  });
  assert.equal(left, 0);
});
