/** Puts of an engine's source: levels, what a parent leaves, entries of trees, and what fails on the way. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { AgentError, IntegrityError, InterruptedError, SourceError, UsageError } from "../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import type { BlobId } from "../../src/base/id.ts";
import { backupOf } from "../../src/backup/backup.ts";
import type { Node } from "../../src/format/tree/node.ts";
import type { EngineItem } from "../../src/engine/engine.ts";
import { check } from "../../src/ops/check.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { put, type PutRequest, type PutResult } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { findNode, readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  BytesSource,
  concat,
  copyOf,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  putRequest,
} from "../helpers/world.ts";
import { packsOf, type ReadPack, rewriteIndexOf } from "./check_fixture.ts";
import { entryItem, JournalEngine, smallTree, streamItem } from "../helpers/journal_engine.ts";

const HOUR_MS = 3_600_000;

/** A repository, and an engine whose source is put into it. */
class Scene {
  readonly engine: JournalEngine;
  readonly store: BlobStore;
  readonly world: FakeWorld;
  #night = 0;

  constructor(engine: JournalEngine, store: BlobStore, world: FakeWorld) {
    this.engine = engine;
    this.store = store;
    this.world = world;
  }

  static async make(script: JournalEngine["script"] = {}): Promise<Scene> {
    const world = fakeWorld();
    return new Scene(new JournalEngine(script), (await memoryRepository(world)).store, world);
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
    const files = await this.files(backup.id);
    const texts = Array.from(
      { length: manifest.level + 1 },
      (_, level) => files.get(`prod/shop/level-${level}/lines/journal`),
    );
    assert.equal(texts.join(""), this.engine.lines.join(""));
  }

  /** The files of a backup as texts. */
  files(id: string): Promise<Map<string, string>> {
    const request = { selector: `@${id}`, noLock: true };
    return withBackup(accessTo(this.store), request, { world: this.world }, async ({ files, read }) => {
      const texts = new Map<string, string>();
      for (const file of files) {
        const pieces: Uint8Array[] = [];
        // deno-lint-ignore require-await -- a sink gives a promise
        await read(file, { write: async (bytes) => void pieces.push(new Uint8Array(bytes)) });
        texts.set(file.path, new TextDecoder().decode(concat(pieces)));
      }
      return texts;
    });
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

/** What a put throws. */
function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (error) => error);
}

async function fileNode(scene: Scene, { backup }: PutResult, path: string): Promise<Node> {
  return (await findNode(await scene.repository(), backup.snapshot.tree, `prod/shop/${path}`))!;
}

Deno.test("each level lists the streams and the metadata of all levels below it", async () => {
  const scene = await Scene.make();
  const results = await scene.nights(4);
  assert.deepEqual(results.map(({ manifest: { level } }) => level), [0, 1, 2, 3]);
  const [first, second, third, last] = results as [PutResult, PutResult, PutResult, PutResult];
  const own = ["count", "lines/journal", "metadata"];
  for (const { manifest } of results) {
    const expected = Array.from(
      { length: manifest.level + 1 },
      (_, level) => own.map((path) => `level-${level}/${path}`),
    );
    assert.deepEqual(manifest.files.map(({ path }) => path), expected.flat());
    assert.deepEqual(manifest.source, { lines: 50 * (manifest.level + 1) });
    assert.deepEqual(manifest.engine, { name: "journal", version: "1.0", options: { whole: true } });
  }
  assert.deepEqual(
    results.map(({ manifest: { parent, base } }) => [parent, base]),
    [[null, null], ...[first, second, third].map(({ backup }) => [backup.id, first.backup.id])],
  );
  assert.deepEqual(
    last.manifest.files.map(({ guard }) => guard === null),
    last.manifest.files.map(({ path }) => path.endsWith("/metadata")),
  );
  await scene.assertReplays(last);
  await scene.assertWhole();
});

Deno.test("an engine is opened with what its parent left", async () => {
  const scene = await Scene.make();
  await scene.nights(3);
  assert.deepEqual(scene.engine.openings, [
    { parent: null, metadata: null },
    { parent: { level: 0, position: { lines: 50 }, options: { whole: true } }, metadata: "50" },
    { parent: { level: 1, position: { lines: 100 }, options: { whole: true } }, metadata: "100" },
  ]);
  assert.equal(scene.engine.cancelled, 3);
});

Deno.test("a level adds only the trees of its own: those of lower levels are the same in all members", async () => {
  const scene = await Scene.make();
  const results = await scene.nights(5);
  const seen = new Set<BlobId>();
  for (const result of results) {
    const trees = await scene.trees(result);
    const added = trees.difference(seen);
    // Those above the series, the series itself, level-N and level-N/lines.
    assert.equal(added.size, 5, `level ${result.manifest.level} added ${added.size} of ${trees.size} trees`);
    for (const tree of trees) seen.add(tree);
  }
  const nodes = await Promise.all(results.map((result) => scene.nodes(result)));
  for (const [level, members] of nodes.entries()) {
    assert.deepEqual(members.map(({ name }) => name), Array.from({ length: level + 1 }, (_, i) => `level-${i}`));
    for (const [i, { subtree }] of members.entries()) assert.equal(subtree, nodes[i]!.at(i)!.subtree);
  }
});

Deno.test("without rules levels go to 6 and then begin again; rules say otherwise", async (test) => {
  const rules: [string, PutRequest["levelRules"], number[]][] = [
    ["none", {}, [0, 1, 2, 3, 4, 5, 6, 0, 1]],
    ["--max-level 2", { maxLevel: 2 }, [0, 1, 2, 0, 1]],
    ["--always-level 1", { alwaysLevel: 1 }, [0, 1, 1, 1]],
    ["--level full", { mode: "full" }, [0, 0, 0]],
  ];
  for (const [name, levelRules, expected] of rules) {
    await test.step(name, async () => {
      const scene = await Scene.make();
      for (const level of expected) {
        const result = await scene.night({ levelRules: levelRules! });
        assert.equal(result.manifest.level, level);
        if (name !== "--always-level 1" || level === 0) await scene.assertReplays(result);
      }
      const parents = scene.engine.openings.map(({ parent }) => parent === null ? 0 : parent.level + 1);
      assert.deepEqual(parents, expected);
    });
  }
});

Deno.test("rules for levels make no sense for an engine without levels", async () => {
  const scene = await Scene.make({ replays: false });
  for (
    const levelRules of [{ maxLevel: 3 }, { alwaysLevel: 1 }, { mode: "full" }, { restartAlwaysLevelDays: 2 }] as const
  ) {
    const error = await thrownBy(scene.night({ levelRules }));
    assert.ok(error instanceof UsageError && /journal: has no levels/.test(error.message), String(error));
  }
  assert.deepEqual(scene.engine.openings, []);
  await scene.night({ levelRules: { mode: "auto" } });
  const { manifest } = await scene.night({ levelRules: { maxLevel: 0 } });
  assert.deepEqual(manifest.files.map(({ path }) => path), ["count", "lines/journal", "metadata"]);
  assert.deepEqual(scene.engine.openings.map(({ parent }) => parent), [null, null]);
});

Deno.test("the backups of a chain may be forgotten: what is left still holds all of its levels", async () => {
  const scene = await Scene.make();
  const [first, second, third, fourth] = await scene.nights(4) as [PutResult, PutResult, PutResult, PutResult];
  await scene.forget(second);
  await scene.assertReplays(fourth);
  await scene.assertWhole();
  const fifth = await scene.night();
  assert.equal(fifth.manifest.level, 4);
  await scene.assertReplays(fifth);
  for (const gone of [first, third, fourth]) await scene.forget(gone);
  const sixth = await scene.night();
  assert.deepEqual([sixth.manifest.level, sixth.decision.warnings], [5, []]);
  await scene.assertReplays(sixth);
  await scene.forget(sixth);
  const again = await scene.night();
  assert.equal(again.manifest.level, 5);
  await scene.assertReplays(again);
  await scene.assertWhole();
});

Deno.test("what cannot be continued leads to a level 0 with a warning", async (test) => {
  const blob = async (scene: Scene, result: PutResult, path: string) =>
    (await fileNode(scene, result, path)).content!.slice(0, 32);
  const harms: [string, (scene: Scene, results: PutResult[]) => Promise<void>, RegExp][] = [
    ["damaged metadata", async (scene, [, last]) => {
      await scene.damage("data", await blob(scene, last!, "level-1/metadata"));
    }, /cannot be continued: .*level 0/],
    ["a damaged tree of a lower level", async (scene, [first]) => {
      const [level] = await scene.nodes(first!);
      await scene.damage("tree", decodeHex(subtreeOf(level!)));
    }, /cannot be continued/],
    ["a lower level that no index lists", async (scene) => {
      const [name] = await indexOfFirst(scene);
      await scene.store.remove({ kind: "index", name: name! });
    }, /cannot be continued/],
    [
      "data of a lower level that no index lists",
      async (scene, [first]) => {
        const id = encodeHex(await blob(scene, first!, "level-0/lines/journal"));
        const holds = ({ blobs }: ReadPack) => blobs.some((one) => encodeHex(one.id) === id);
        const pack = (await packsOf(scene.store, "data")).find(holds)!;
        const repository = await openRepository(scene.store, {
          password: PASSWORD,
          randomBytes: scene.world.randomBytes,
        });
        const checked = { store: scene.store, repository, world: scene.world };
        await rewriteIndexOf(checked, pack, (packs) => packs.filter(({ name }) => name !== pack.name));
      },
      /cannot be continued: .*in no index/,
    ],
    ["a damaged manifest", async (scene, [, last]) => {
      await scene.damage("data", decodeHex(last!.backup.id));
    }, /cannot be continued/],
  ];
  for (const [name, harm, warning] of harms) {
    await test.step(name, async () => {
      const scene = await Scene.make();
      const results = await scene.nights(2);
      await harm(scene, results);
      const { manifest, decision } = await scene.night();
      assert.equal(manifest.level, 0);
      assert.deepEqual([manifest.parent, manifest.base, decision.rule], [null, null, "damaged-parent"]);
      assert.match(decision.warnings.join("\n"), warning);
      assert.ok(manifest.files.every(({ path }) => path.startsWith("level-0/")));
      assert.equal(scene.engine.openings.at(-1)!.parent, null);
      const next = await scene.night();
      assert.equal(next.manifest.level, 1);
      await scene.assertReplays(next);
    });
  }
  await test.step("no metadata", async () => {
    const scene = await Scene.make({ finish: (end) => ({ ...end, metadata: null }) });
    const results = await scene.nights(2);
    assert.deepEqual(results.map(({ manifest }) => manifest.level), [0, 0]);
    assert.match(
      results[1]!.decision.warnings.join("\n"),
      /holds no metadata for the next level; this backup is a level 0/,
    );
  });
  await test.step("a parent that the engine refuses", async () => {
    const scene = await Scene.make({
      // deno-lint-ignore require-await -- it rejects
      open: async ({ parent }) => {
        if (parent !== null) throw new IntegrityError("it was read in another way");
      },
    });
    const results = await scene.nights(2);
    assert.match(results[1]!.decision.warnings.join("\n"), /it was read in another way; this backup is a level 0/);
  });
  await test.step("a parent of another engine, in either direction", async () => {
    const scene = await Scene.make();
    await scene.nights(2);
    scene.world.clock.jump(HOUR_MS);
    const stream = await putBytes(accessTo(scene.store), scene.world, noise(1000, "s"));
    assert.deepEqual([stream.manifest.level, stream.decision.rule], [0, "other-engine"]);
    const back = await scene.night();
    assert.deepEqual([back.manifest.level, back.decision.rule], [0, "other-engine"]);
    assert.match(
      back.decision.warnings.join("\n"),
      /made by the engine "stream", not by "journal"; this backup is a level 0/,
    );
  });
});

/** The names of the index files, those of the first backup first. */
async function indexOfFirst(scene: Scene): Promise<string[]> {
  const [oldest] = (await loadSnapshots((await scene.repository()).files)).snapshots.map(backupOf);
  const names = await namesOf(scene.store, "index");
  for (const name of names) {
    const without = await copyOf(scene.store);
    await without.remove({ kind: "index", name });
    const repository = await openRepository(without, { password: PASSWORD, randomBytes: scene.world.randomBytes });
    const index = await loadIndex(repository.files);
    if (!index.has("tree", decodeHex(oldest!.snapshot.tree))) return [name];
  }
  return [];
}

Deno.test("what fails while the parent is read, and is no damage, ends the put", async () => {
  const scene = await Scene.make();
  await scene.nights(2);
  const broken = new AgentError("the store is away, on purpose");
  const faulty = withFaults(scene.store, ({ kind, method }) => {
    return kind === "pack" && method === "get" ? { type: "fail", error: broken } : undefined;
  });
  const error = await thrownBy(scene.night({}, undefined, faulty));
  assert.equal(error, broken);
  assert.equal((await namesOf(scene.store, "snapshot")).length, 2);
});

Deno.test("entries become nodes with their properties, and check finds no fault", async () => {
  const script = { replays: false, hasEntries: true, items: smallTree };
  const scene = await Scene.make({ ...script, finish: (end) => ({ ...end, metadata: null }) });
  const result = await scene.night();
  for (const item of smallTree()) {
    assert.ok(item.kind === "entry");
    const node = await fileNode(scene, result, item.path);
    const { name: _name, size: _size, content: _content, subtree: _subtree, ...rest } = node;
    assert.deepEqual(rest, item.properties, item.path);
    assert.equal(node.type === "file", node.content !== null);
    assert.equal(node.type === "dir", node.subtree !== null);
  }
  assert.equal((await fileNode(scene, result, "etc/hosts")).size, 5000);
  assert.deepEqual(
    result.manifest.files.map(({ path, guard, size }) => [path, guard, size]),
    [["etc/empty", null, 0], ["etc/hosts", null, 5000], ["srv/deep/file", null, 100], ["srv/\udcfe", null, 200]],
  );
  assert.equal(result.backup.info!.complete, null);
  await scene.assertWhole();
});

Deno.test("items whose paths collide are refused", async (test) => {
  const file = (path: string) => entryItem(path, { type: "file" }, noise(10, path));
  const dir = (path: string) => entryItem(path, { type: "dir" });
  const refused: [string, EngineItem[], RegExp][] = [
    ["two files", [file("a"), file("a")], /holds a file "a" already/],
    ["a file and then a directory", [file("a"), dir("a")], /leads through the file "a"/],
    ["a directory and then a file", [dir("a"), file("a")], /"a" is a directory/],
    ["two directories", [dir("a"), dir("a")], /holds a directory "a" already/],
    ["a symlink below a file", [file("a"), entryItem("a/b", { type: "symlink" })], /leads through the file "a"/],
    ["two streams", [streamItem("a", noise(9, "")), streamItem("a", noise(9, ""))], /holds a file "a" already/],
    ["a stream named as the metadata", [streamItem("metadata", noise(9, ""))], /"metadata" is kept/],
    ["a stream below that", [streamItem("metadata/a", noise(9, ""))], /"metadata" is kept/],
    ["a stream named as a level", [streamItem("level-3/a", noise(9, ""))], /"level-3" is kept/],
  ];
  for (const [name, items, expected] of refused) {
    await test.step(name, async () => {
      const scene = await Scene.make({ items: () => items });
      const error = await thrownBy(scene.night());
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, expected);
      assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
    });
  }
});

Deno.test("problems are told and counted in the manifest; a strict put is refused", async () => {
  const problems = ["a: cannot be read", "b: changed"];
  const metadata = new BytesSource(noise(10, "m"));
  const scene = await Scene.make({ finish: (end) => ({ ...end, metadata, problems }) });
  const error = await thrownBy(scene.night({ isStrict: true }));
  assert.ok(error instanceof SourceError && /a: cannot be read, and 1 more/.test(error.message), String(error));
  assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
  assert.ok(metadata.cancelled > 0);
  scene.engine.script = { finish: (end) => ({ ...end, problems, notes: ["c is elsewhere"] }) };
  const result = await scene.night();
  assert.deepEqual(result.problems, problems);
  assert.deepEqual(result.notes, ["c is elsewhere"]);
  assert.deepEqual(result.manifest.source, { lines: 100, problems: 2 });
  assert.equal(result.backup.info!.problems, 2);
  scene.engine.script = {};
  assert.equal((await scene.night({ isStrict: true })).backup.info!.problems, undefined);
  await scene.assertWhole();
});

Deno.test("a source that gives nothing, or an empty stream, is refused unless that is permitted", async () => {
  for (const items of [[], [streamItem("empty", new Uint8Array(0))]]) {
    const scene = await Scene.make({ items: () => items });
    const error = await thrownBy(scene.night());
    assert.ok(error instanceof SourceError && /--allow-empty/.test(error.message), String(error));
    const { manifest } = await scene.night({ allowEmpty: true });
    assert.equal(manifest.files.length, items.length + 1);
    await scene.assertWhole();
  }
});

Deno.test("the least size does not hold for levels above 0", async () => {
  const scene = await Scene.make({ items: () => [streamItem("a", noise(100, "a"))] });
  const error = await thrownBy(scene.night({ minSize: 101 }));
  assert.ok(error instanceof SourceError && /at least/.test(error.message));
  await scene.night();
  assert.equal((await scene.night({ minSize: 101 })).manifest.level, 1);
});

Deno.test("wherever an engine fails, nothing is committed, and it is cancelled", async (test) => {
  const reason = new SourceError("the engine failed, on purpose");
  const fail = () => Promise.reject(reason);
  const broken: JudgedSource = { read: fail, cancel: () => Promise.resolve(), ended: fail };
  const places: [string, JournalEngine["script"], boolean][] = [
    ["open", { open: fail }, false],
    ["items", {
      items: () => {
        throw reason;
      },
    }, true],
    ["an item later", {
      async *items() {
        yield streamItem("a", noise(10, "a"));
        await Promise.reject(reason);
      },
    }, true],
    ["a stream", { items: () => [streamItem("a", noise(10, "a")), streamItem("b", broken)] }, true],
    ["finish", { finish: fail }, true],
    ["the metadata", { finish: (end) => ({ ...end, metadata: broken }) }, true],
    ["its own end as well", { finish: fail, cancel: () => Promise.reject(new TypeError("cancel threw")) }, true],
  ];
  for (const jobs of [1, 3]) {
    for (const [name, script, isOpen] of places) {
      await test.step(`${name}, ${jobs} at once`, async () => {
        const scene = await Scene.make(script);
        assert.equal(await thrownBy(scene.night({ jobs })), reason);
        assert.equal(scene.engine.cancelled > 0, isOpen);
        assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
        assert.deepEqual(await namesOf(scene.store, "lock"), []);
        scene.engine.script = {};
        await scene.assertReplays(await scene.night());
      });
    }
  }
});

Deno.test("wherever an engine is interrupted, the put ends, even if the engine does not notice", async (test) => {
  const never = <T>() => new Promise<T>(() => {});
  const places: [string, (reached: () => void) => JournalEngine["script"]][] = [
    ["open", (reached) => ({
      open({ signal }) {
        reached();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    })],
    ["the first item", (reached) => ({
      async *items() {
        reached();
        yield await never<EngineItem>();
      },
    })],
    ["a later item", (reached) => ({
      async *items() {
        yield streamItem("a", noise(10, "a"));
        reached();
        yield await never<EngineItem>();
      },
    })],
    ["a stream", (reached) => ({
      items: () => [
        streamItem("a", {
          read() {
            reached();
            return never();
          },
          cancel: () => Promise.resolve(),
          ended: never,
        }),
      ],
    })],
    ["the end of a stream", (reached) => ({
      items() {
        const bytes = new BytesSource(noise(10, "a"));
        return [
          streamItem("a", {
            read: (target) => bytes.read(target),
            cancel: () => Promise.resolve(),
            ended() {
              reached();
              return never();
            },
          }),
        ];
      },
    })],
    ["finish", (reached) => ({
      finish() {
        reached();
        return never();
      },
    })],
    ["the metadata", (reached) => ({
      finish: (end) => ({
        ...end,
        metadata: {
          read() {
            reached();
            return never();
          },
          cancel: () => Promise.resolve(),
        },
      }),
    })],
  ];
  for (const [name, script] of places) {
    await test.step(name, async () => {
      const stop = new AbortController();
      const scene = await Scene.make(script(() => queueMicrotask(() => stop.abort())));
      const error = await thrownBy(scene.night({ jobs: 2 }, stop.signal));
      assert.ok(error instanceof InterruptedError, String(error));
      assert.equal(scene.engine.cancelled > 0, name !== "open");
      assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
      assert.deepEqual(await namesOf(scene.store, "lock"), []);
    });
  }
});

Deno.test("an item that comes after the end is cancelled", async () => {
  const late = Promise.withResolvers<EngineItem>();
  const source = new BytesSource(noise(10, "late"));
  const scene = await Scene.make({
    async *items() {
      yield streamItem("bad", {
        ...source,
        read: () => Promise.reject(new SourceError("bad")),
        ended: () => Promise.resolve(),
        cancel: () => Promise.resolve(),
      });
      yield await late.promise;
    },
  });
  const error = await thrownBy(scene.night({ jobs: 2 }));
  assert.ok(error instanceof SourceError);
  late.resolve(streamItem("late", source));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(source.cancelled > 0);
});

Deno.test("interrupted at any call to the store, a level is committed or not, and the chain goes on", async () => {
  const before = await Scene.make();
  await before.nights(2);
  const attempt = async (abortAt: number) => {
    const scene = new Scene(new JournalEngine(), await copyOf(before.store), fakeWorld("second"));
    scene.engine.lines.push(...before.engine.lines);
    scene.world.clock.jump(3 * HOUR_MS);
    const stop = new AbortController();
    const faulty = withFaults(scene.store, ({ number }) => {
      if (number === abortAt) stop.abort();
      return undefined;
    });
    const error = await thrownBy(scene.night({}, stop.signal, faulty));
    return { scene, error, calls: faulty.calls };
  };
  const { calls, error } = await attempt(0);
  assert.equal(error, undefined);
  for (const { number, method, kind } of calls) {
    if (method === "get" && number % 4 > 0) continue;
    const label = `interrupted at call ${number} (${method} ${kind})`;
    const { scene, error } = await attempt(number);
    assert.ok(error === undefined || error instanceof InterruptedError, `${label}: ${error}`);
    const isCommitted = error === undefined;
    assert.equal((await namesOf(scene.store, "snapshot")).length, isCommitted ? 3 : 2, label);
    if (method !== "put") continue;
    const next = await scene.night();
    assert.equal(next.manifest.level, isCommitted ? 3 : 2, label);
    await scene.assertReplays(next);
  }
});
