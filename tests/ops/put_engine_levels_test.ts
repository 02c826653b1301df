/** Puts of an engine with levels: which level a backup gets, what it lists, and what the engine is opened with. */
import assert from "node:assert/strict";
import { SourceError, UsageError } from "../../src/base/errors.ts";
import type { BlobId } from "../../src/base/id.ts";
import type { PutRequest, PutResult } from "../../src/ops/put.ts";
import { noise } from "../helpers/world.ts";
import { streamItem } from "../helpers/journal_engine.ts";
import { JournalScene } from "./put_engine_scene.ts";
import { thrownBy } from "../helpers/thrown.ts";

Deno.test("each level lists the streams and the metadata of all levels below it", async () => {
  const scene = await JournalScene.make();
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
  const scene = await JournalScene.make();
  await scene.nights(3);
  assert.deepEqual(scene.engine.openings, [
    { parent: null, metadata: null },
    { parent: { level: 0, position: { lines: 50 }, options: { whole: true } }, metadata: "50" },
    { parent: { level: 1, position: { lines: 100 }, options: { whole: true } }, metadata: "100" },
  ]);
  assert.equal(scene.engine.cancelled, 3);
});

Deno.test("a level adds only the trees of its own: those of lower levels are the same in all members", async () => {
  const scene = await JournalScene.make();
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
      const scene = await JournalScene.make();
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
  const scene = await JournalScene.make({ replays: false });
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

Deno.test("the least size does not hold for levels above 0", async () => {
  const scene = await JournalScene.make({ items: () => [streamItem("a", noise(100, "a"))] });
  const error = await thrownBy(scene.night({ minSize: 101 }));
  assert.ok(error instanceof SourceError && /at least/.test(error.message));
  await scene.night();
  assert.equal((await scene.night({ minSize: 101 })).manifest.level, 1);
});
