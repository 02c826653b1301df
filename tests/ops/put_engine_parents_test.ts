/** Puts of an engine with levels whose parent, or a level below it, is gone, damaged or refused. */
import assert from "node:assert/strict";
import { AgentError, IntegrityError } from "../../src/base/errors.ts";
import { decodeHex, encodeHex } from "../../src/base/hex.ts";
import { backupOf } from "../../src/backup/backup.ts";
import type { PutResult } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { subtreeOf } from "../../src/repository/tree/trees.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { accessTo, copyOf, namesOf, noise, PASSWORD, putBytes } from "../helpers/world.ts";
import { packsOf, type ReadPack, rewriteIndexOf } from "./check_fixture.ts";
import { fileNode, HOUR_MS, JournalScene } from "./put_engine_scene.ts";
import { thrownBy } from "../helpers/thrown.ts";

Deno.test("the backups of a chain may be forgotten: what is left still holds all of its levels", async () => {
  const scene = await JournalScene.make();
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
  const blob = async (scene: JournalScene, result: PutResult, path: string) =>
    (await fileNode(scene, result, path)).content!.slice(0, 32);
  const harms: [string, (scene: JournalScene, results: PutResult[]) => Promise<void>, RegExp][] = [
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
      const scene = await JournalScene.make();
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
    const scene = await JournalScene.make({ finish: (end) => ({ ...end, metadata: null }) });
    const results = await scene.nights(2);
    assert.deepEqual(results.map(({ manifest }) => manifest.level), [0, 0]);
    assert.match(
      results[1]!.decision.warnings.join("\n"),
      /holds no metadata for the next level; this backup is a level 0/,
    );
  });
  await test.step("a parent that the engine refuses", async () => {
    const scene = await JournalScene.make({
      // deno-lint-ignore require-await -- it rejects
      open: async ({ parent }) => {
        if (parent !== null) throw new IntegrityError("it was read in another way");
      },
    });
    const results = await scene.nights(2);
    assert.match(results[1]!.decision.warnings.join("\n"), /it was read in another way; this backup is a level 0/);
  });
  await test.step("a parent of another engine, in either direction", async () => {
    const scene = await JournalScene.make();
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
async function indexOfFirst(scene: JournalScene): Promise<string[]> {
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
  const scene = await JournalScene.make();
  await scene.nights(2);
  const broken = new AgentError("the store is away, on purpose");
  const faulty = withFaults(scene.store, ({ kind, method }) => {
    return kind === "pack" && method === "get" ? { type: "fail", error: broken } : undefined;
  });
  const error = await thrownBy(scene.night({}, undefined, faulty));
  assert.equal(error, broken);
  assert.equal((await namesOf(scene.store, "snapshot")).length, 2);
});
