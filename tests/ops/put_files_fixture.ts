/** A repository, and an engine whose tree of files is put into it. */
import assert from "node:assert/strict";
import { check, type CheckReport } from "../../src/ops/check.ts";
import { put, type PutRequest, type PutResult } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import {
  accessTo,
  BytesSource,
  concat,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  noise,
  PASSWORD,
  putRequest,
} from "../helpers/world.ts";

export const HOUR_MS = 3_600_000;

/** A repository, and an engine whose tree is put into it. */
export class FilesScene {
  readonly engine: TreeEngine;
  readonly store: BlobStore;
  readonly world: FakeWorld;
  readonly problems: string[] = [];
  isDry = false;

  constructor(engine: TreeEngine, store: BlobStore, world: FakeWorld) {
    this.engine = engine;
    this.store = store;
    this.world = { ...world, onProblem: ({ message }) => this.problems.push(message) };
  }

  static async make(tree: Tree = smallTree(), seed = "world"): Promise<FilesScene> {
    const world = fakeWorld(seed);
    return new FilesScene(new TreeEngine(tree), (await memoryRepository(world)).store, world);
  }

  async put(overrides: Partial<PutRequest> = {}, signal?: AbortSignal, store = this.store): Promise<PutResult> {
    this.world.clock.jump(HOUR_MS);
    const request = { ...putRequest(new BytesSource(new Uint8Array(0)), overrides), input: this.engine.input() };
    return await put(accessTo(store), request, { world: this.world, signal, isDry: this.isDry });
  }

  /** Asserts that nothing is wrong, not even with what is read in full. */
  async assertSound(store = this.store): Promise<void> {
    assert.deepEqual((await this.check(store)).errors, []);
  }

  /** Checks everything, the data too. */
  check(store = this.store): Promise<CheckReport> {
    return check(accessTo(store), { noLock: false, readData: true }, { world: this.world });
  }

  async repository(store = this.store) {
    const repository = await openRepository(store, { password: PASSWORD, randomBytes: this.world.randomBytes });
    return { ...repository, index: await loadIndex(repository.files) };
  }

  /** The content of a file at a path in the tree of a backup, put together from its blobs. */
  async content({ backup }: PutResult, path: string, store = this.store): Promise<Uint8Array> {
    const repository = await this.repository(store);
    const node = await findNode(repository, backup.snapshot.tree, path);
    assert.ok(node?.content, `there is a file ${path}`);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < node.content.length; at += 32) {
      pieces.push(await readBlob(repository, "data", node.content, at));
    }
    const bytes = concat(pieces);
    assert.equal(node.size, bytes.length);
    return bytes;
  }

  async list(result: PutResult): Promise<string> {
    return new TextDecoder().decode(await this.content(result, "prod/shop.digests"));
  }
}

/** Files of all sizes, one of them twice, a link and an empty directory. */
export function smallTree(): Tree {
  return {
    etc: {
      hosts: noise(5000, "hosts"),
      empty: new Uint8Array(0),
      link: "../srv",
      none: {},
      same: noise(5000, "hosts"),
    },
    srv: {
      "a.b": noise(10, "ab"),
      a: { x: noise(20, "x") },
      large: noise(1_500_000, "large"),
      "\udcfe": noise(9, "raw"),
    },
  };
}

/** What the work throws. */
export async function thrownBy(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  assert.fail("nothing was thrown");
}
