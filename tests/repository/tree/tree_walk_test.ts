/** The walk over trees: each distinct one once, by level, whatever the shape; and the files below a tree, by path. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { BlobStore } from "../../../src/store/store.ts";
import { locked } from "../../helpers/locked.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import { encodeHex } from "../../../src/base/hex.ts";
import type { BlobId } from "../../../src/base/id.ts";
import type { Rfc3339 } from "../../../src/format/time.ts";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../../../src/format/tree/file_mode.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import type { IndexedRepository } from "../../../src/repository/repository.ts";
import { walkFiles } from "../../../src/repository/tree/file_walk.ts";
import { TreeNumbers, type TreeVisit, walkTrees } from "../../../src/repository/tree/tree_walk.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import { fakeWorld, memoryRepository } from "../../helpers/world.ts";

const TIME = "2026-01-01T00:00:00Z" as Rfc3339;
const times = { mtime: TIME, atime: TIME, ctime: TIME };
const file = (name: string) =>
  makeNode({ name, type: "file", mode: FILE_MODE_0644, ...times, size: 0, content: new Uint8Array(0) });
const dir = (name: string, subtree: BlobId) => makeNode({ name, type: "dir", mode: DIR_MODE_0755, ...times, subtree });

/** Below each tree, by number, those it has as directories: only earlier ones, so that none lies in itself. */
type Shape = readonly (readonly number[])[];

const shapes: fc.Arbitrary<Shape> = fc.array(fc.array(fc.nat(30), { maxLength: 5 }), { minLength: 1, maxLength: 30 })
  .map((trees) => trees.map((below, i) => i === 0 ? [] : below.map((n) => n % i)));

interface Forest {
  readonly repository: IndexedRepository<"tree"> & { readonly store: BlobStore };
  /** By number; all are distinct. */
  readonly ids: readonly BlobId[];
}

const ABSENT = "ab".repeat(32) as BlobId;

/** Stores trees of that shape: in each a file of its own, and directories `0`, `1` … */
async function planted(shape: Shape, extra: (tree: number) => readonly Node[] = () => []): Promise<Forest> {
  const world = fakeWorld("forest");
  const { repository } = await memoryRepository(world);
  const writer = new PackWriter({ ...world, repository: locked(repository), index: new BlobSet() });
  const ids: BlobId[] = [];
  for (const [i, below] of shape.entries()) {
    const nodes = [...below.map((n, position) => dir(`${position}`, ids[n]!)), ...extra(i), file(`f${i}`)];
    ids.push(encodeHex(await writer.addPlaintext("tree", encodeTree(nodes))) as BlobId);
  }
  await writer.finish();
  const store = new FarStore(repository.store);
  return { repository: { ...repository, store, index: await loadIndex(repository.files) }, ids };
}

/** A store that is asked for several things at a time. */
class FarStore extends ForwardingStore {
  override get connections(): number {
    return 20;
  }
}

const belowOf = (nodes: readonly Node[]) => nodes.flatMap(({ subtree }) => subtree === null ? [] : [{ tree: subtree }]);
const rethrow = (error: unknown): never => {
  throw error;
};

/** The numbers of all trees that can be reached, by the fewest directories that lead there. */
function levelsOf(shape: Shape, roots: readonly number[]): number[][] {
  const levels: number[][] = [];
  const met = new Set<number>();
  for (let level = [...new Set(roots)]; level.length > 0;) {
    for (const tree of level) met.add(tree);
    levels.push(level);
    level = [...new Set(level.flatMap((tree) => shape[tree]!))].filter((tree) => !met.has(tree));
  }
  return levels;
}

Deno.test("each distinct tree is read once and taken level by level, whatever the shape", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, fc.array(fc.nat(29), { minLength: 1, maxLength: 4 }), async (shape, wanted) => {
      const roots = wanted.map((n) => n % shape.length);
      const { repository, ids } = await planted(shape);
      const read: BlobId[] = [];
      const taken: BlobId[] = [];
      const links: string[] = [];
      let progress = 0;
      await walkTrees<TreeVisit, TreeVisit[]>(roots.map((n) => ({ tree: ids[n]! })), {
        repository,
        met: new TreeNumbers(),
        read: (nodes, { tree }) => {
          read.push(tree);
          return belowOf(nodes);
        },
        unreadable: rethrow,
        take: (below, { tree }) => {
          taken.push(tree);
          return below;
        },
        onLink: (above, below) => void links.push(`${above.tree} ${below.tree}`),
        onProgress: (done) => progress = done,
      });
      const expected = levelsOf(shape, roots);
      assert.deepEqual(taken.map((id) => ids.indexOf(id)), expected.flat());
      assert.deepEqual(read.toSorted(), taken.toSorted());
      assert.equal(progress, taken.length);
      const edges = expected.flat().flatMap((tree) => shape[tree]!.map((below) => `${ids[tree]} ${ids[below]}`));
      assert.deepEqual(links, edges);
    }),
    { numRuns: 60, seed: 21 },
  );
});

Deno.test("a level of any width is taken as a whole, and little of it waits for its turn", async () => {
  const leaves = Array.from({ length: 150 }, (_, i) => i);
  const { repository, ids } = await planted([...leaves.map(() => []), leaves]);
  const waiting = new Set<BlobId>();
  const taken: BlobId[] = [];
  await walkTrees<TreeVisit, TreeVisit[]>([{ tree: ids[150]! }], {
    repository,
    met: new TreeNumbers(),
    read: (nodes, { tree }) => {
      waiting.add(tree);
      assert.ok(waiting.size <= 32, `${waiting.size} trees wait`);
      return belowOf(nodes);
    },
    unreadable: rethrow,
    take: (below, { tree }) => {
      waiting.delete(tree);
      taken.push(tree);
      return below;
    },
  });
  assert.deepEqual(new Set(taken), new Set(ids));
  assert.equal(taken.length, ids.length);
});

Deno.test("a walk reads nothing that lies deeper than it may go, and says which trees these are", async () => {
  const chain = Array.from({ length: 10 }, (_, i) => i === 0 ? [] : [i - 1]);
  const { repository, ids } = await planted(chain);
  for (const mostDepth of [1, 3, 10]) {
    const read: BlobId[] = [];
    const refused: BlobId[] = [];
    await walkTrees<TreeVisit, TreeVisit[]>([{ tree: ids[9]! }], {
      repository,
      met: new TreeNumbers(),
      read: (nodes, { tree }) => {
        read.push(tree);
        return belowOf(nodes);
      },
      unreadable: rethrow,
      take: (below) => below,
      tooDeep: { mostDepth, refuse: (visits) => void refused.push(...visits.map(({ tree }) => tree)) },
    });
    assert.deepEqual(read, ids.toReversed().slice(0, mostDepth));
    assert.deepEqual(refused, mostDepth === 10 ? [] : [ids[9 - mostDepth]]);
  }
});

Deno.test("what a tree that cannot be read means is for the walk's owner to say", async () => {
  const { repository, ids } = await planted([[], [0]], (tree) => tree === 1 ? [dir("gone", ABSENT)] : []);
  const walk = (unreadable: (error: unknown, visit: TreeVisit) => TreeVisit[]) => {
    const taken: BlobId[] = [];
    return walkTrees<TreeVisit, TreeVisit[]>([{ tree: ids[1]! }], {
      repository,
      met: new TreeNumbers(),
      read: belowOf,
      unreadable,
      take: (below, { tree }) => {
        taken.push(tree);
        return below;
      },
    }).then(() => taken);
  };
  assert.deepEqual(await walk(() => []), [ids[1], ids[0], ABSENT]);
  await assert.rejects(walk(rethrow), IntegrityError);
});

Deno.test("a signal ends a walk", async () => {
  const { repository, ids } = await planted([[]]);
  const signal = AbortSignal.abort(new Error("stop"));
  const walk = { repository, signal, met: new TreeNumbers(), read: belowOf, unreadable: rethrow };
  await assert.rejects(walkTrees([{ tree: ids[0]! }], { ...walk, take: (below) => below }), { message: "stop" });
});

/** The paths below a tree, depth first, as a recursion gives them. */
function pathsBelow(shape: Shape, tree: number, prefix: string): string[] {
  const below = shape[tree]!.flatMap((n, position) => pathsBelow(shape, n, `${prefix}${position}/`));
  return [...below, `${prefix}f${tree}`];
}

Deno.test("files are listed by every path that leads to them, depth first", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const root = shape.length - 1;
      const expected = pathsBelow(shape, root, "");
      if (expected.length > 20_000) return;
      const { repository, ids } = await planted(shape);
      const listed = await Array.fromAsync(walkFiles(repository, ids[root]!));
      assert.deepEqual(listed.map(({ path }) => path), expected);
    }),
    { numRuns: 40, seed: 22 },
  );
});

Deno.test("a listing reads one tree after the other, so that what is refused for one has not cost the reading of others", async () => {
  const leaves = Array.from({ length: 12 }, (_, i) => i);
  const { repository, ids } = await planted([...leaves.map(() => []), leaves]);
  let underWay = 0;
  const store = new (class extends FarStore {
    override async get(...args: Parameters<ForwardingStore["get"]>) {
      assert.equal(++underWay, 1);
      const bytes = await super.get(...args);
      underWay--;
      return bytes;
    }
  })(repository.store);
  assert.equal((await Array.fromAsync(walkFiles({ ...repository, store }, ids[12]!))).length, 13);
});

Deno.test("trees that stand for too many files, or lie too deep, are not listed", async () => {
  // Eighteen trees, each of which holds the one before it twice.
  const doubling = Array.from({ length: 19 }, (_, i) => i === 0 ? [] : [i - 1, i - 1]);
  const chain = Array.from({ length: 2_100 }, (_, i) => i === 0 ? [] : [i - 1]);
  for (const [shape, message] of [[doubling, /more than 200000 files/], [chain, /more than 2048 deep/]] as const) {
    const { repository, ids } = await planted(shape);
    await assert.rejects(Array.fromAsync(walkFiles(repository, ids.at(-1)!)), message);
  }
});
