/** Puts of a directory that changed little: the same as if all of it had been read, down to the ids of the trees. */
import assert from "node:assert/strict";
import { put, type PutResult } from "../../src/ops/put.ts";
import { decodeHex } from "../../src/base/hex.ts";
import type { SeriesName } from "../../src/format/manifest/series.ts";
import type { BlobId } from "../../src/base/id.ts";
import { filesSource } from "../../src/engine/files/files_source.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { findNode, subtreeOf } from "../../src/repository/tree/trees.ts";
import { filesRequest, threadHere } from "../engine/files/files_trial.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { accessTo, BytesSource, noise, putRequest } from "../helpers/world.ts";
import { flipBit, replace } from "./check_fixture.ts";
import { FilesScene, HOUR_MS } from "./put_files_fixture.ts";

/** A backup of a directory, and of the same with everything read, which goes into a series of its own. */
async function putDirectory(
  scene: FilesScene,
  path: string,
  { readAll = false, compareCtime = true, series = "prod/shop" } = {},
) {
  const changes = { readAll, compareCtime, compareInode: true };
  const driven = filesSource(filesRequest([path], { request: { changes } }), {
    startThread: () => threadHere(openFileSystem),
  });
  scene.world.clock.jump(HOUR_MS);
  const request = {
    ...putRequest(new BytesSource(new Uint8Array(0)), { series: series as SeriesName }),
    input: { driven },
  };
  return await put(accessTo(scene.store), request, { world: scene.world });
}

async function treeOf(scene: FilesScene, { series, snapshot }: PutResult["backup"], path: string): Promise<BlobId> {
  return subtreeOf((await findNode(await scene.repository(), snapshot.tree, `${series}${path}`))!);
}

async function assertSameAsRead(scene: FilesScene, path: string, compared: PutResult): Promise<void> {
  const read = await putDirectory(scene, path, { readAll: true, series: "prod/read" });
  // Others change the directories above meanwhile.
  const ids = await Promise.all([compared, read].map(({ backup }) => treeOf(scene, backup, path)));
  assert.equal(ids[0], ids[1], "the trees are the same");
  const { root: _root, ...counts } = compared.manifest.tree!;
  const { root: _otherRoot, ...others } = read.manifest.tree!;
  assert.deepEqual(counts, others, "the counts and the digests of the lists are the same");
}

/** Files of all kinds, of which some have names that lists and trees write otherwise. */
function fill(directory: TestDirectory): void {
  for (let i = 0; i < 30; i++) {
    directory.write(`many/file-${i}`, noise(100 + i, `file ${i}`));
    directory.write(`other/sub-${i % 3}/file-${i}`, noise(50 + i, `other ${i}`));
  }
  for (const name of ["a\\b", 'quo"te', "line\nfeed", "<html>", "é", "\u2028"]) directory.write(`odd/${name}`, name);
  directory.write("odd/empty", "");
  directory.write("odd/twice", "two names");
  Deno.linkSync(directory.at("odd/twice"), directory.at("many/twice"));
  Deno.symlinkSync("nowhere", directory.at("odd/link"));
  Deno.mkdirSync(directory.at("odd/none"));
}

Deno.test("what changed in a directory is stored, and all the rest is as if it had been read", async (test) => {
  await using directory = new TestDirectory();
  fill(directory);
  const scene = await FilesScene.make();
  await putDirectory(scene, directory.path);
  const changes: [string, () => void, object][] = [
    ["nothing", () => {}, { new: 0, changed: 0, unmodified: 69 }],
    ["a file in the middle", () => directory.write("many/file-15", noise(90, "new")), {
      new: 0,
      changed: 1,
      unmodified: 68,
    }],
    ["the first and the last one", () => {
      directory.write("many/file-0", noise(91, "new"));
      directory.write("many/file-9", noise(92, "new"));
    }, { new: 0, changed: 2, unmodified: 67 }],
    ["a new one and one that is gone", () => {
      directory.write("many/file-11-", noise(93, "new"));
      Deno.removeSync(directory.at("many/file-2"));
    }, { new: 1, changed: 0, unmodified: 68 }],
    ["only one in the middle is gone", () => Deno.removeSync(directory.at("other/sub-0/file-21")), {
      new: 0,
      changed: 0,
      unmodified: 68,
    }],
    ["the last ones are gone", () => {
      Deno.removeSync(directory.at("many/twice"));
      Deno.removeSync(directory.at("other/sub-2/file-8"));
    }, { new: 0, changed: 1, unmodified: 65 }],
  ];
  for (const [name, change, files] of changes) {
    await test.step(name, async () => {
      change();
      const result = await putDirectory(scene, directory.path);
      assert.deepEqual(result.tree!.files, files);
      await assertSameAsRead(scene, directory.path, result);
    });
  }
  await scene.assertSound();
});

Deno.test("an unchanged directory whose tree cannot be read is read again, and its neighbours are looked at", async () => {
  await using directory = new TestDirectory();
  fill(directory);
  const scene = await FilesScene.make();
  const first = await putDirectory(scene, directory.path);
  const { index } = await scene.repository();
  const many = await treeOf(scene, first.backup, `${directory.path}/many`);
  const other = await treeOf(scene, first.backup, `${directory.path}/other/sub-1`);
  for (const id of [many, other]) {
    const place = index.locate("tree", decodeHex(id))!;
    await replace(scene.store, { kind: "pack", name: index.packId(place.pack) }, flipBit(place.offset + 20));
  }
  const second = await putDirectory(scene, directory.path);
  assert.equal(scene.problems.filter((problem) => /cannot be compared with/.test(problem)).length, 1);
  assert.equal(second.tree!.files.unmodified, 69 - 31 - 10);
  const { errors } = await scene.check();
  for (const { backups } of errors) assert.ok(backups.every(({ id }) => id === first.backup.id));
});

Deno.test("an unchanged tree that is damaged after it was compared is stored once more if other damage was met", async () => {
  await using directory = new TestDirectory();
  fill(directory);
  directory.write("early/file", "read before all others");
  const scene = await FilesScene.make();
  const first = await putDirectory(scene, directory.path);
  const { index } = await scene.repository();
  const placeOf = async (path: string) => {
    const { pack, offset } = index.locate("tree", decodeHex(await treeOf(scene, first.backup, directory.path + path)))!;
    return { file: { kind: "pack", name: index.packId(pack) } as const, offset };
  };
  const early = await placeOf("/early");
  await replace(scene.store, early.file, flipBit(early.offset + 20));
  const later = await placeOf("/other/sub-1");
  const get = scene.store.get.bind(scene.store);
  let reads = 0;
  scene.store.get = async (file, range, options) => {
    const answer = await get(file, range, options);
    const { offset = 0, length = 0 } = range ?? {};
    const holdsTree = file.name === later.file.name && offset <= later.offset && later.offset < offset + length;
    // The trees above the directory are read first, in one range that holds this one, too.
    if (holdsTree && ++reads === 2) {
      scene.store.get = get;
      await replace(scene.store, later.file, flipBit(later.offset + 20));
    }
    return answer;
  };
  const second = await putDirectory(scene, directory.path);
  assert.equal(scene.store.get, get, "the tree was read");
  assert.equal(second.tree!.files.unmodified, 69, "only the file whose tree was damaged at once was read");
  const { errors } = await scene.check();
  assert.ok(errors.length > 0);
  for (const { text, backups } of errors) assert.ok(backups.every(({ id }) => id === first.backup.id), text);
});

Deno.test("a further name of an unchanged file has its digests, too", async () => {
  await using directory = new TestDirectory();
  fill(directory);
  const scene = await FilesScene.make();
  await putDirectory(scene, directory.path);
  await Deno.link(directory.at("odd/twice"), directory.at("odd/thrice"));
  const second = await putDirectory(scene, directory.path, { compareCtime: false });
  await assertSameAsRead(scene, directory.path, second);
});
