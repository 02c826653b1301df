/** A repository into which the source of an engine is put night by night, for tests of such puts. */
import assert from "node:assert/strict";
import type { BlobId } from "../../src/base/id.ts";
import type { Node } from "../../src/format/tree/node.ts";
import { check } from "../../src/ops/check.ts";
import { put, type PutRequest, type PutResult } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { findNode, readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  noise,
  PASSWORD,
  putRequest,
} from "../helpers/world.ts";
import { readFiles } from "../helpers/read_files.ts";
import { JournalEngine } from "../helpers/journal_engine.ts";

export const HOUR_MS = 3_600_000;

/** A repository, and an engine whose source is put into it. */
export class JournalScene {
  readonly engine: JournalEngine;
  readonly store: BlobStore;
  readonly world: FakeWorld;
  #night = 0;

  constructor(engine: JournalEngine, store: BlobStore, world: FakeWorld) {
    this.engine = engine;
    this.store = store;
    this.world = world;
  }

  static async make(script: JournalEngine["script"] = {}): Promise<JournalScene> {
    const world = fakeWorld();
    return new JournalScene(new JournalEngine(script), (await memoryRepository(world)).store, world);
  }

  /** Adds lines and puts the source. */
  async night(overrides: Partial<PutRequest> = {}, signal?: AbortSignal, store = this.store): Promise<PutResult> {
    this.world.clock.jump(HOUR_MS);
    const night = this.#night++;
    for (let i = 0; i < 50; i++) this.engine.lines.push(`${night}/${i} ${noise(8, `${night}/${i}`).join("-")}\n`);
    const input = { driven: this.engine.as().source("journal:here") };
    const request = { ...putRequest(new BytesSource(new Uint8Array(0)), overrides), input };
    return await put(accessTo(store), request, { world: this.world, signal });
  }

  async nights(count: number): Promise<PutResult[]> {
    const results: PutResult[] = [];
    for (let i = 0; i < count; i++) results.push(await this.night());
    return results;
  }

  /** Asserts that the levels of a backup hold all lines so far. */
  async assertReplays({ backup, manifest }: PutResult): Promise<void> {
    const files = await readFiles(accessTo(this.store), this.world, `@${backup.id}`);
    const journals = Array.from(
      { length: manifest.level + 1 },
      (_, level) => files.get(`prod/shop/level-${level}/lines/journal`)!,
    );
    assert.equal(await new Blob(journals).text(), this.engine.lines.join(""));
  }

  async repository() {
    const repository = await openRepository(this.store, {
      password: PASSWORD,
      randomBytes: this.world.randomBytes,
    });
    return { ...repository, index: await loadIndex(repository.files) };
  }

  /** The nodes of the directory of the series in a backup. */
  async nodes({ backup }: PutResult): Promise<readonly Node[]> {
    const repository = await this.repository();
    const node = await findNode(repository, backup.snapshot.tree, "prod/shop");
    return await readTree(repository, subtreeOf(node!));
  }

  /** The ids of all trees of a backup. */
  async trees({ backup }: PutResult): Promise<Set<BlobId>> {
    const repository = await this.repository();
    const seen = new Set<BlobId>();
    const walk = async (tree: BlobId) => {
      seen.add(tree);
      for (const node of await readTree(repository, tree)) if (node.subtree !== null) await walk(node.subtree);
    };
    await walk(backup.snapshot.tree);
    return seen;
  }

  async forget({ backup }: PutResult): Promise<void> {
    await this.store.remove({ kind: "snapshot", name: backup.snapshotId });
  }

  /** Changes a byte of a stored blob. */
  async damage(type: "data" | "tree", id: Uint8Array): Promise<void> {
    const { index } = await this.repository();
    const place = index.locate(type, id, 0)!;
    const file = { kind: "pack" as const, name: index.packId(place.pack) };
    const bytes = await this.store.get(file);
    bytes[place.offset + 20]! ^= 1;
    await this.store.remove(file);
    await this.store.put(file, [bytes]);
  }

  async assertWhole(): Promise<void> {
    const report = await check(accessTo(this.store), { readData: true, noLock: false }, { world: this.world });
    assert.deepEqual(report.errors, []);
  }
}

export async function fileNode(scene: JournalScene, { backup }: PutResult, path: string): Promise<Node> {
  return (await findNode(await scene.repository(), backup.snapshot.tree, `prod/shop/${path}`))!;
}
