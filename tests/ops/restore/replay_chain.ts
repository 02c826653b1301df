/** A chain of levels in a repository, what a target notes of its replay, and damage to it. */
import assert from "node:assert/strict";
import { openRepository, type UnlockedRepository } from "../../../src/repository/repository.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { findNode } from "../../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import type { PutResult } from "../../../src/ops/put.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { saveSnapshot } from "../../helpers/snapshots.ts";
import { copyOf, type FakeWorld, fakeWorld, memoryRepository, noise, PASSWORD } from "../../helpers/world.ts";
import { putNext, type Shelf, ShelfEngine, streamItems, type Streams } from "../replay_fixture.ts";

export const DAY_MS = 86_400_000;

/** A chain in a repository, with what made it. */
interface Chain {
  readonly world: FakeWorld;
  readonly store: BlobStore;
  readonly repository: UnlockedRepository;
  readonly engine: ShelfEngine;
  readonly levels: readonly Streams[];
  readonly puts: readonly PutResult[];
}

/** The streams of one level: one that comes later by name has more to read. */
function streamsOf(level: number): Streams {
  return { b: noise(40_000 + level, `b ${level}`), a: noise(3_000, `a ${level}`), "deep/empty": new Uint8Array(0) };
}

/** A chain of so many levels, a day apart. */
export async function chainOf(count: number, levelOf = streamsOf): Promise<Chain> {
  const world = fakeWorld("replay");
  const { store, repository, access } = await memoryRepository(world);
  const engine = new ShelfEngine();
  const levels = Array.from({ length: count }, (_, level) => levelOf(level));
  const puts: PutResult[] = [];
  for (const streams of levels) {
    engine.next = streamItems(streams);
    puts.push(await putNext(access, world, engine, { levelRules: { maxLevel: 100 } }));
    world.clock.jump(DAY_MS);
  }
  return { world, store, repository, engine, levels, puts };
}

/** The chain of most tests, level 0 to 3; each test gets a store of its own. */
const CHAIN = await chainOf(4);

/** The chain in a store of its own, with a target that has noted nothing. */
export async function scene(): Promise<Chain & { readonly shelf: Shelf }> {
  const engine = new ShelfEngine();
  return { ...CHAIN, store: await copyOf(CHAIN.store), engine, shelf: engine.shelf };
}

/** The steps of a target that gets so many levels of the chain. */
export function stepsOf(levels: number): string[] {
  const own = (level: number) => [
    `level ${level}`,
    ...["a", "b", "deep/empty"].flatMap((path) => [`take ${path}`, `end ${path}`]),
    "end level",
  ];
  return ["open", ...Array.from({ length: levels }, (_, level) => own(level)).flat(), "finish"];
}

/** Asserts that a target holds these levels and nothing else. */
export function assertRestored(shelf: Shelf, levels: readonly Streams[]): void {
  const expected = levels.flatMap((streams, level) =>
    Object.entries(streams).map(([path, bytes]) => [`${level}/${path}`, bytes] as const)
  );
  assert.deepEqual([...shelf.contents.keys()].sort(), expected.map(([path]) => path).sort());
  for (const [path, bytes] of expected) assert.deepEqual(shelf.contents.get(path), bytes, path);
}

/** The pack that holds the first chunk of a file of the newest backup. */
export async function packOf({ repository, puts }: Chain, path: string): Promise<string> {
  const index = await loadIndex(repository.files);
  const node = await findNode({ ...repository, index }, puts.at(-1)!.backup.snapshot.tree, `prod/shop/${path}`);
  return index.packId(index.locate("data", node!.content!, 0)!.pack);
}

/** The store with one pack whose bytes are wrong. */
export function withDamagedPack(store: BlobStore, pack: string): BlobStore {
  const damaged = withFaults(store, () => undefined);
  const get = damaged.get.bind(damaged);
  damaged.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    return file.name === pack ? bytes.map((byte) => byte ^ 1) : bytes;
  };
  return damaged;
}

/** The repository in the store. */
export function opened(store: BlobStore, world: FakeWorld): Promise<UnlockedRepository> {
  return openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
}

/** Writes all snapshots again as restic does, without our summaries. */
export async function rewriteAll(store: BlobStore, world: FakeWorld): Promise<void> {
  const { files } = await opened(store, world);
  for (const { id, snapshot } of (await loadSnapshots(files)).snapshots) {
    await saveSnapshot(files, { ...snapshot, agent: null, original: id, tags: ["tagged"] });
    await store.remove({ kind: "snapshot", name: id });
  }
}
