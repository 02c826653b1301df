/** Puts of what an engine gives: entries of trees, paths that collide, problems, and nothing at all. */
import assert from "node:assert/strict";
import { SourceError, UsageError } from "../../src/base/errors.ts";
import type { EngineItem } from "../../src/engine/engine.ts";
import { BytesSource, namesOf, noise } from "../helpers/world.ts";
import { entryItem, smallTree, streamItem } from "../helpers/journal_engine.ts";
import { fileNode, JournalScene } from "./put_engine_scene.ts";
import { thrownBy } from "../helpers/thrown.ts";

Deno.test("entries become nodes with their properties, and check finds no fault", async () => {
  const script = { replays: false, hasEntries: true, items: smallTree };
  const scene = await JournalScene.make({ ...script, finish: (end) => ({ ...end, metadata: null }) });
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
      const scene = await JournalScene.make({ items: () => items });
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
  const scene = await JournalScene.make({ finish: (end) => ({ ...end, metadata, problems }) });
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
    const scene = await JournalScene.make({ items: () => items });
    const error = await thrownBy(scene.night());
    assert.ok(error instanceof SourceError && /--allow-empty/.test(error.message), String(error));
    const { manifest } = await scene.night({ allowEmpty: true });
    assert.equal(manifest.files.length, items.length + 1);
    await scene.assertWhole();
  }
});
