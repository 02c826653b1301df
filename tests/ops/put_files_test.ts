/** Puts of files and directories: what is stored, what is kept, what is refused, and what fails on the way. */
import assert from "node:assert/strict";
import { BugError, InterruptedError, SourceError, StoreError } from "../../src/base/errors.ts";
import { decodeHex } from "../../src/base/hex.ts";
import { md5Hex, sha256Hex } from "../../src/crypto/digest.ts";
import type { EngineItem } from "../../src/engine/engine.ts";
import { verifyFiles } from "../../src/backup/files/verify_files.ts";
import { copy } from "../../src/ops/copy.ts";
import { prune } from "../../src/ops/prune.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import { startThreads } from "../../src/pipeline/threads.ts";
import { failing, type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { STRICT } from "./prune_fixture.ts";
import { FilesScene, HOUR_MS, smallTree, thrownBy } from "./put_files_fixture.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { accessTo, allFiles, namesOf, noise, putBytes } from "../helpers/world.ts";

Deno.test("a tree is stored with its digests, and what did not change is kept", async (test) => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  await test.step("contents, links and lists", async () => {
    const { etc, srv } = scene.engine.tree as { etc: Record<string, Uint8Array>; srv: Record<string, Uint8Array> };
    assert.deepEqual(await scene.content(first, "prod/shop/etc/hosts"), etc.hosts);
    assert.deepEqual(await scene.content(first, "prod/shop/srv/large"), srv.large);
    assert.deepEqual(await scene.content(first, "prod/shop/srv/\udcfe"), srv["\udcfe"]);
    const files: [string, Uint8Array][] = [
      ["etc/empty", etc.empty!],
      ["etc/hosts", etc.hosts!],
      ["etc/same", etc.same!],
      ["srv/a/x", noise(20, "x")],
      ["srv/a.b", srv["a.b"]!],
      ["srv/large", srv.large!],
      ["srv/\ufffd", srv["\udcfe"]!],
    ];
    const lines = files.map(([path, bytes]) => `${md5Hex(bytes)} ${sha256Hex(bytes)} ${path}\n`);
    assert.equal(await scene.list(first), lines.join(""));
    const { digests, root: _root, ...counts } = first.manifest.tree!;
    assert.deepEqual(counts, { files: 7, directories: 4, others: 1, bytes: 1_510_039 });
    assert.equal(digests.size, lines.join("").length, "each of them as bytes");
    assert.deepEqual(first.manifest.files, []);
  });
  await test.step("an unchanged tree adds next to nothing", async () => {
    const second = await scene.put();
    assert.deepEqual(scene.engine.read, []);
    assert.deepEqual([second.manifest.level, second.manifest.parent], [1, first.backup.id]);
    assert.deepEqual(second.manifest.tree, first.manifest.tree);
    assert.deepEqual(second.tree!.files, { new: 0, changed: 0, unmodified: 7 });
    assert.deepEqual(second.tree!.directories, { new: 0, changed: 0, unmodified: 4 });
    const { summary } = second.backup.snapshot;
    assert.deepEqual([summary!.filesUnmodified, summary!.dirsUnmodified, summary!.filesNew], [7, 4, 0]);
    assert.ok(second.backup.info!.stored < 3000, String(second.backup.info!.stored));
    assert.equal(second.backup.info!.modified, first.backup.info!.modified);
  });
  await test.step("changes are counted as restic does, and the lines of other files are taken over", async () => {
    const { etc } = scene.engine.tree as { etc: Tree };
    etc.hosts = noise(5001, "other");
    delete etc.same;
    etc.zero = noise(3, "zero");
    const third = await scene.put();
    assert.deepEqual(scene.engine.read, ["etc/hosts", "etc/zero"]);
    assert.deepEqual(third.tree!.files, { new: 1, changed: 1, unmodified: 5 });
    assert.deepEqual(third.tree!.directories, { new: 0, changed: 1, unmodified: 3 });
    const lines = (await scene.list(third)).split("\n");
    assert.equal(lines[1], `${md5Hex(noise(5001, "other"))} ${sha256Hex(noise(5001, "other"))} etc/hosts`);
    assert.match(lines[4]!, / srv\/a\.b$/);
    assert.doesNotMatch(lines.join("\n"), /^-/m);
  });
  await scene.assertSound();
  assert.equal(scene.engine.lent, 0);
});

Deno.test("equal files are stored once, within a run and over several runs", async () => {
  const scene = await FilesScene.make({ a: noise(9000, "one"), b: noise(9000, "one"), c: noise(9000, "one") });
  scene.engine.entriesPerRun = 2;
  const { manifest: { stats } } = await scene.put();
  assert.deepEqual([stats.bytesRead, stats.bytesAdded, stats.blobsNew, stats.blobsReused], [27_000, 9000, 1, 2]);
  await scene.assertSound();
});

Deno.test("entries out of order are refused, and every buffer comes back", async (test) => {
  const engine = new TreeEngine({});
  const file = (path: string) => ({ path, head: engine.head(path, "file"), content: EMPTY });
  const dir = (path: string) => ({ path, head: engine.head(path, "dir"), content: null });
  const link = (path: string) => ({ path, head: engine.head(path, "symlink", { linkTarget: "x" }), content: null });
  const refused: [string, ReturnType<typeof file | typeof dir>[], RegExp][] = [
    ["a name before the last one", [file("b"), file("a")], /"a" is out of order: it comes after "b"/],
    ["a name twice", [file("a"), link("a")], /"a" is out of order/],
    ["a directory before what it holds", [dir("a"), file("a/b")], /"a\/b" is out of order/],
    ["a directory that never ends", [file("a/b")], /ended within the directory "a\/"/],
    ["a directory that ends too late", [file("a/b"), file("c"), dir("a")], /the directory "a\/" has not ended/],
    ["a directory that is left out", [file("a/b/c"), dir("a")], /"a" is out of order/],
    ["a name that leads out", [file("a/../b")], /no directory can hold/],
    ["an empty name", [file("a//b")], /no directory can hold/],
  ];
  for (const [name, entries, expected] of refused) {
    await test.step(name, async () => {
      const scene = await FilesScene.make();
      scene.engine.script = {
        async *items(request): AsyncGenerator<EngineItem> {
          yield { kind: "entries", entries, buffer: await request.takeBuffer() };
        },
      };
      const error = await thrownBy(scene.put());
      assert.ok(error instanceof BugError, String(error));
      assert.match(error.message, expected);
      assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
      assert.equal(scene.engine.lent, 0);
      assert.ok(scene.engine.cancelled > 0);
    });
  }
});

const EMPTY = { kind: "inline", length: 0 } as const;

Deno.test("deep, wide and empty trees are stored", async (test) => {
  await test.step("nothing at all", async () => {
    const scene = await FilesScene.make({});
    const result = await scene.put({ allowEmpty: true });
    assert.equal(result.manifest.tree!.files, 0);
    await scene.assertSound();
  });
  await test.step("a thousand directories deep", async () => {
    let tree: Tree = { end: noise(10, "end") };
    for (let depth = 0; depth < 1000; depth++) tree = { d: tree };
    const scene = await FilesScene.make(tree);
    assert.equal((await scene.put()).manifest.tree!.directories, 1000);
    assert.deepEqual((await scene.put()).tree!.files, { new: 0, changed: 0, unmodified: 1 });
    await scene.assertSound();
  });
  await test.step("deeper than can be read back", async () => {
    const scene = await FilesScene.make();
    const path = Array.from({ length: 2100 }, () => "d").join("/");
    const entry = { path, head: scene.engine.head(path, "dir"), content: null };
    scene.engine.script = { items: () => [{ kind: "entries", entries: [entry], buffer: null }] };
    const error = await thrownBy(scene.put());
    assert.ok(error instanceof SourceError && /directories deep/.test(error.message), String(error));
  });
  await test.step("a hundred thousand files in one directory", async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => [`file-${String(i).padStart(6, "0")}`, NO_BYTES] as const);
    const scene = await FilesScene.make({ wide: Object.fromEntries(names) });
    scene.engine.entriesPerRun = 1000;
    assert.equal((await scene.put()).manifest.tree!.files, 100_000);
    const second = await scene.put();
    assert.deepEqual(second.tree!.files.unmodified, 100_000);
    assert.ok(second.backup.info!.stored < 300_000, String(second.backup.info!.stored));
  });
});

const NO_BYTES = new Uint8Array(0);

Deno.test("streams and files do not continue each other, with a warning", async () => {
  const scene = await FilesScene.make();
  await putBytes(accessTo(scene.store), scene.world, noise(1000, "stream"));
  const files = await scene.put();
  assert.deepEqual([files.manifest.level, files.decision.rule], [0, "other-engine"]);
  assert.match(files.decision.warnings.join(), /made by the engine "stream", not by "files"/);
  assert.equal((await scene.put({ levelRules: { mode: "full" } })).manifest.level, 0);
  scene.world.clock.jump(HOUR_MS);
  const stream = await putBytes(accessTo(scene.store), scene.world, noise(1000, "stream"));
  assert.deepEqual([stream.manifest.level, stream.decision.rule], [0, "other-engine"]);
  await scene.assertSound();
});

Deno.test("wherever a store call fails, nothing half is committed and the next try succeeds", async () => {
  let failures = 0;
  for (let n = 1;; n++) {
    const scene = await FilesScene.make();
    await scene.put();
    (scene.engine.tree.etc as Tree).more = noise(40_000, "more");
    let seen = 0;
    const faulty = withFaults(
      scene.store,
      () => ++seen === n ? { type: "fail", error: new StoreError("the store failed, on purpose") } : undefined,
    );
    const outcome = await scene.put({}, undefined, faulty).then(() => "done", () => "failed");
    assert.equal(scene.engine.lent, 0);
    if (outcome === "failed") failures++;
    await scene.assertSound();
    if (seen < n) break;
    if (outcome === "done") continue;
    const next = await scene.put();
    assert.equal(next.manifest.tree!.files, 8);
    await scene.assertSound();
  }
  assert.ok(failures > 5, String(failures));
});

Deno.test("an interruption at any point commits nothing, and every buffer comes back", async () => {
  const tree = smallTree();
  for (let n = 0;; n++) {
    const scene = await FilesScene.make(tree);
    scene.engine.entriesPerRun = 2;
    const controller = new AbortController();
    let seen = 0;
    const plain = scene.store;
    const store = withFaults(plain, () => {
      if (seen++ === n) controller.abort(new InterruptedError());
      return undefined;
    });
    const error = await scene.put({ jobs: 2 }, controller.signal, store).then(() => undefined, (thrown) => thrown);
    assert.equal(scene.engine.lent, 0);
    const snapshots = await namesOf(scene.store, "snapshot");
    if (error === undefined) assert.equal(snapshots.length, 1);
    else assert.ok(error instanceof InterruptedError, String(error));
    await scene.assertSound();
    if (seen <= n) break;
  }
});

Deno.test("a source that breaks off commits nothing", async (test) => {
  const places: [string, TreeEngine["script"]][] = [
    ["at once", { items: () => failing() }],
    ["at its end", { finish: failing }],
    ["between runs", {
      async *items(request) {
        const buffer = await request.takeBuffer();
        const engine = new TreeEngine({});
        const content = { kind: "inline", length: 10 } as const;
        yield {
          kind: "entries",
          entries: [{ path: "a", head: engine.head("a", "file"), content }],
          buffer,
        };
        failing();
      },
    }],
  ];
  for (const [name, script] of places) {
    await test.step(name, async () => {
      const scene = await FilesScene.make();
      scene.engine.script = script;
      const error = await thrownBy(scene.put());
      assert.ok(error instanceof SourceError && /the source broke/.test(error.message), String(error));
      assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
      assert.equal(scene.engine.lent, 0);
      assert.ok(scene.engine.cancelled > 0);
    });
  }
});

Deno.test("of two repositories, a file is kept only if both hold it", async () => {
  const scene = await FilesScene.make();
  const other = await FilesScene.make({}, "second repository");
  await scene.put();
  const also = accessTo(other.store);
  const first = await scene.put({ also });
  assert.equal(scene.engine.read.length, 6, "the second repository holds nothing but the empty file");
  assert.equal(first.repositories![1].written!.manifest.tree!.files, 7);
  await scene.put({ also });
  assert.deepEqual(scene.engine.read, []);
  await scene.assertSound();
  await scene.assertSound(other.store);
});

Deno.test("a damaged tree of the earlier backup is read again, with one warning", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  const repository = await scene.repository();
  const etc = await findNode(repository, first.backup.snapshot.tree, "prod/shop/etc");
  const place = repository.index.locate("tree", decodeHex(etc!.subtree!))!;
  const name = repository.index.packId(place.pack);
  const pack = await scene.store.get({ kind: "pack", name });
  pack[place.offset + 20]! ^= 1;
  await scene.store.remove({ kind: "pack", name });
  await scene.store.put({ kind: "pack", name }, [pack]);
  const second = await scene.put();
  assert.deepEqual(scene.engine.read, ["etc/empty", "etc/hosts", "etc/same"]);
  assert.equal(scene.problems.filter((problem) => /cannot be compared with/.test(problem)).length, 1);
  assert.deepEqual(second.tree!.files.new, 3);
});

Deno.test("verify and one file read what the list of digests says", async () => {
  const scene = await FilesScene.make();
  await scene.put();
  const request = { selector: "prod/shop", noLock: false };
  await withBackup(accessTo(scene.store), request, { world: scene.world }, async (open) => {
    assert.deepEqual(await open.verifyFiles(), { files: 7, bytes: 1_510_039, compared: 7 });
    const file = await open.find("/etc/hosts");
    assert.equal(file.expected?.md5, md5Hex(noise(5000, "hosts")));
    assert.equal((await open.read(file, { write: () => Promise.resolve() })).summary.size, 5000);
    assert.match((await thrownBy(open.find("etc"))).message, /"etc" is a directory/);
    assert.match((await thrownBy(open.find(undefined))).message, /tree of files/);
  });
});

Deno.test("of many problems the first hundred and their number are kept", async () => {
  const scene = await FilesScene.make();
  const source = scene.engine.source.bind(scene.engine);
  const problems = Array.from({ length: 250 }, (_, i) => `file ${i}: cannot be read`);
  scene.engine.source = () => {
    const plain = source();
    const open: typeof plain.open = async (request) => {
      const opened = await plain.open(request);
      return { ...opened, finish: async () => ({ ...await opened.finish(), problems }) };
    };
    return { ...plain, open };
  };
  const result = await scene.put();
  assert.deepEqual([result.problems.length, result.problemCount, result.backup.info!.problems], [100, 250, 250]);
});

Deno.test("a dry run counts what a put would add, and stores nothing", async () => {
  const scene = await FilesScene.make();
  const before = await allFiles(scene.store);
  scene.isDry = true;
  const dry = await scene.put();
  assert.deepEqual(await allFiles(scene.store), before);
  scene.isDry = false;
  const real = await scene.put();
  assert.deepEqual(dry.tree, real.tree);
  assert.deepEqual(dry.manifest.tree, real.manifest.tree);
  assert.equal(dry.manifest.stats.bytesAdded, real.manifest.stats.bytesAdded);
  assert.ok(dry.backup.info!.stored > 1_500_000 && dry.backup.info!.stored <= real.backup.info!.stored);
});

Deno.test("what differs between a tree and its list is found, file by file", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  const etc = scene.engine.tree.etc as Tree;
  etc.hosts = noise(5000, "changed");
  scene.engine.touch("etc/hosts", 1);
  etc.new = noise(10, "new");
  delete etc.same;
  const second = await scene.put();
  using starting = startThreads(1, { digest: false });
  const repository = await scene.repository();
  const threads = await starting.configure(repository.keys, "off");
  const reading = { repository, threads, signal: new AbortController().signal, bufferBytes: undefined };
  const found: string[] = [];
  const onDifference = (path: string, words: string) => found.push(`${path} ${words.split(",")[0]}`);
  const manifest = { ...first.manifest, tree: { ...second.manifest.tree!, digests: first.manifest.tree!.digests } };
  const { files, compared } = await verifyFiles({ backup: first.backup, manifest }, reading, { onDifference });
  assert.deepEqual([files, compared], [7, 6]);
  const changed = noise(5000, "changed");
  assert.deepEqual(found.sort(), [
    `prod/shop/etc/hosts has the MD5 ${md5Hex(changed)}`,
    `prod/shop/etc/hosts has the SHA-256 ${sha256Hex(changed)}`,
    "prod/shop/etc/new is not in the list of digests",
    "prod/shop/etc/same is in the list of digests and not in the tree",
  ]);
});

Deno.test("a copy has all of it, and so has what is left after a removal", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  (scene.engine.tree.etc as Tree).more = noise(40_000, "more");
  await scene.put();
  const other = await FilesScene.make({}, "second repository");
  const from = accessTo(scene.store);
  await copy(accessTo(other.store), { from, names: [], dryRun: false, fromNoLock: false }, { world: scene.world });
  assert.equal((await namesOf(other.store, "snapshot")).length, 2);
  await other.assertSound();
  await scene.store.remove({ kind: "snapshot", name: first.backup.snapshotId });
  await prune(from, { limits: STRICT, dryRun: false }, { world: scene.world });
  await scene.assertSound();
  assert.deepEqual((await scene.put()).tree!.files.unmodified, 8);
});
