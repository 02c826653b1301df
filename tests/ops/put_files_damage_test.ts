/** Backups of files on one of which trees or chunks are damaged or gone: what is stored anew, and what is told. */
import assert from "node:assert/strict";
import { decodeHex } from "../../src/base/hex.ts";
import type { BlobId } from "../../src/base/id.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { repairPacks } from "../../src/ops/repair/repair_packs.ts";
import type { PutResult } from "../../src/ops/put.ts";
import { findNode, subtreeOf } from "../../src/repository/tree/trees.ts";
import { accessTo, noise } from "../helpers/world.ts";
import { flipBit, replace } from "./check_fixture.ts";
import { FilesScene, thrownBy } from "./put_files_fixture.ts";

const signal = new AbortController().signal;

/** Where a blob is stored: the name of its pack, and the offset in it. */
async function placeIn(scene: FilesScene, type: "tree" | "data", id: Uint8Array) {
  const { index } = await scene.repository();
  const place = index.locate(type, id)!;
  return { pack: { kind: "pack", name: index.packId(place.pack) } as const, offset: place.offset };
}

async function treeAt(scene: FilesScene, { backup }: PutResult, path: string): Promise<BlobId> {
  if (path === "") return backup.snapshot.tree;
  return subtreeOf((await findNode(await scene.repository(), backup.snapshot.tree, path))!);
}

async function flipTree(scene: FilesScene, result: PutResult, path: string): Promise<void> {
  const { pack, offset } = await placeIn(scene, "tree", decodeHex(await treeAt(scene, result, path)));
  await replace(scene.store, pack, flipBit(offset + 20));
}

/** Asserts that the damage that is there hits only the first backup, and that the second one gives everything. */
async function assertSecondIsWhole(scene: FilesScene, first: PutResult, second: PutResult): Promise<void> {
  const { errors } = await scene.check();
  for (const { backups, text } of errors) {
    assert.deepEqual(backups.filter(({ id }) => id !== first.backup.id), [], text);
  }
  const { etc, srv } = scene.engine.tree as Record<string, Record<string, Uint8Array>>;
  assert.deepEqual(await scene.content(second, "prod/shop/etc/hosts"), etc!.hosts);
  assert.deepEqual(await scene.content(second, "prod/shop/srv/large"), srv!.large);
}

function warningsOf(scene: FilesScene): string[] {
  return scene.problems.splice(0).filter((problem) => /cannot be compared with/.test(problem));
}

for (const path of ["", "prod", "prod/shop", "prod/shop/etc", "prod/shop/srv", "prod/shop/srv/a"]) {
  Deno.test(`if the tree of ${path === "" ? "a snapshot" : path} is damaged, the next backup is whole all the same`, async () => {
    const scene = await FilesScene.make();
    const first = await scene.put();
    await flipTree(scene, first, path);
    const second = await scene.put();
    assert.equal(warningsOf(scene).length, 1);
    const isChainDamaged = !path.startsWith("prod/shop");
    assert.equal(second.manifest.level, isChainDamaged ? 0 : 1);
    assert.equal(second.decision.warnings.length, isChainDamaged ? 1 : 0);
    await assertSecondIsWhole(scene, first, second);
    assert.equal((await scene.check()).errors.length > 0, true, "the damaged pack is named");
    await repairPacks(accessTo(scene.store), { packs: [], dryRun: false }, { world: scene.world, signal });
    await assertSecondIsWhole(scene, first, second);
    assert.deepEqual((await scene.put()).tree!.files, { new: 0, changed: 0, unmodified: 7 });
    assert.deepEqual(warningsOf(scene), []);
  });
}

Deno.test("if the pack of all trees is gone, each is stored once more", async (test) => {
  for (const readFirst of [false, true]) {
    await test.step(readFirst ? "two backups later" : "at once", async () => {
      const scene = await FilesScene.make();
      const first = await scene.put();
      const { pack } = await placeIn(scene, "tree", decodeHex(await treeAt(scene, first, "prod/shop")));
      await scene.store.remove(pack);
      const second = await scene.put();
      assert.equal(warningsOf(scene).length, 1);
      await assertSecondIsWhole(scene, first, second);
      assert.match((await scene.check()).errors.map(({ text }) => text).join(), /Pack \w+ is missing/);
      if (readFirst) assert.deepEqual((await scene.put()).tree!.files.unmodified, 7);
      await repairIndex(accessTo(scene.store), { readAllPacks: false, dryRun: false }, { world: scene.world, signal });
      await assertSecondIsWhole(scene, first, second);
      const third = await scene.put();
      assert.deepEqual([third.tree!.files.unmodified, scene.engine.read], [7, []]);
    });
  }
});

Deno.test("a damaged tree without entries is stored once more as soon as other damage is met", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  await flipTree(scene, first, "prod/shop/etc/none");
  await flipTree(scene, first, "prod/shop/srv");
  const second = await scene.put();
  await assertSecondIsWhole(scene, first, second);
});

Deno.test("a store that fails while a tree in doubt is read ends the backup", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  await flipTree(scene, first, "prod/shop/etc");
  const { pack, offset } = await placeIn(scene, "tree", decodeHex(await treeAt(scene, first, "prod/shop/srv")));
  let reads = 0;
  const get = scene.store.get.bind(scene.store);
  scene.store.get = async (file, range, options) => {
    if (file.kind === "pack" && file.name === pack.name && range?.offset === offset && ++reads > 1) {
      throw new Error("the disk is gone");
    }
    return await get(file, range, options);
  };
  scene.engine.touch("etc/hosts", 5);
  await thrownBy(scene.put());
});

Deno.test("a data pack that is gone is named by check, and once the index is repaired its files are read again", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  const hosts = await findNode(await scene.repository(), first.backup.snapshot.tree, "prod/shop/etc/hosts");
  const { pack } = await placeIn(scene, "data", hosts!.content!);
  await scene.store.remove(pack);
  const unseen = await scene.put();
  assert.deepEqual(unseen.tree!.files.unmodified, 7, "no chunk of an unchanged file is read");
  const missing = (await scene.check()).errors.find(({ id }) => id === pack.name)!;
  assert.ok(missing.backups.some(({ id }) => id === unseen.backup.id), "the damage hits the backup");
  assert.ok(missing.paths.some((path) => path.includes("etc/hosts")), missing.paths.join());
  await repairIndex(accessTo(scene.store), { readAllPacks: false, dryRun: false }, { world: scene.world, signal });
  const healed = await scene.put();
  assert.ok(scene.engine.read.includes("etc/hosts"));
  const { errors } = await scene.check();
  assert.deepEqual(errors.filter(({ backups }) => backups.some(({ id }) => id === healed.backup.id)), []);
  assert.deepEqual(await scene.content(healed, "prod/shop/etc/hosts"), noise(5000, "hosts"));
});

Deno.test("digests that cannot be read are told to be missing, and a backup that reads all files has them again", async () => {
  const scene = await FilesScene.make();
  const first = await scene.put();
  const list = await findNode(await scene.repository(), first.backup.snapshot.tree, "prod/shop.digests");
  const { pack, offset } = await placeIn(scene, "data", list!.content!);
  await replace(scene.store, pack, flipBit(offset + 20));
  const second = await scene.put();
  assert.deepEqual(second.tree!.files.unmodified, 7);
  assert.match(scene.problems.join(), /list of digests .* cannot be read, so that unchanged files have no digests/);
  assert.match(await scene.list(second), /^- - etc\/hosts$/m);
  await repairPacks(accessTo(scene.store), { packs: [], dryRun: false }, { world: scene.world, signal });
  scene.engine.script = { force: true };
  const third = await scene.put();
  assert.doesNotMatch(await scene.list(third), /^-|^\S+ -/m);
  const { errors } = await scene.check();
  assert.deepEqual(errors.filter(({ backups }) => backups.some(({ id }) => id !== first.backup.id)), []);
});
