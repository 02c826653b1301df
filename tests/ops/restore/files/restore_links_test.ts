/** Restores of files with several names where something cannot be made: the other names are not lost with it. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { partName } from "../../../../src/ops/restore/files/target/part_name.ts";
import { noise } from "../../../helpers/world.ts";
import type { Planted } from "../../archive_fixture.ts";
import { faulty, kernelFailure, type Meddle } from "./faulty_files.ts";
import { backupOf, directory, file, FILES, link, Place, restored } from "./files_fixture.ts";

const CONTENT = noise(1000, "linked");
const meddled = (meddle: Meddle) => () => faulty(FILES, meddle);

/** A name of a file with four. */
function named(name: string): Planted {
  return { ...file(name, CONTENT), links: 4, inode: 77n, deviceId: 5n };
}

function tree() {
  return backupOf([
    directory("a", named("first")),
    directory("b", named("second"), named("third")),
    directory("c", named("fourth")),
  ]);
}

/** Calls that fail, and the names that are there all the same. */
const FAILURES: readonly (readonly [refused: readonly string[], left: readonly string[]])[] = [
  [["makeFolder a"], ["b/second", "b/third", "c/fourth"]],
  [["createFile first"], ["b/second", "b/third", "c/fourth"]],
  [["createFile first", "createFile second"], ["b/third", "c/fourth"]],
  [["makeFolder a", "makeFolder b"], ["c/fourth"]],
  [["createFile first", "createFile second", "createFile third"], ["c/fourth"]],
];

Deno.test("if the first name of a file cannot be restored, the next one gets the content, and the others its inode", async () => {
  const backup = await tree();
  for (const [refused, left] of FAILURES) {
    using place = new Place();
    const files = meddled((call, name) => {
      if (refused.includes(`${call} ${name}`)) throw kernelFailure("EACCES", name);
    });
    const { problems } = await restored(place.path, backup, { files });
    assert.equal(problems.length, refused.length, problems.join("\n"));
    for (const path of left) assert.deepEqual(new Uint8Array(readFileSync(place.at(path))), CONTENT, path);
    assert.equal(new Set(left.map((path) => statSync(place.at(path)).ino)).size, 1);
    const there = readdirSync(place.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.equal(there.length, left.length);
  }
});

Deno.test("all names of a file are named if none of them can be restored", async () => {
  const backup = await tree();
  using place = new Place();
  const files = meddled((call, name) => {
    if (call === "createFile") throw kernelFailure("EACCES", name);
  });
  const { problems, result } = await restored(place.path, backup, { files });
  assert.equal(problems.length, 4, problems.join("\n"));
  assert.equal(result.files, 0);
  assert.deepEqual(readdirSync(place.path, { recursive: true }).sort(), ["a", "b", "c"]);
});

Deno.test("what is there stays if a link, a further name or a device cannot be made in its place", async () => {
  const backup = await backupOf([
    named("a"),
    named("b"),
    link("c", "elsewhere"),
    { name: "d", type: "fifo", mode: 0o644 },
  ]);
  for (const isRefused of [true, false]) {
    using place = new Place();
    for (const name of ["b", "c", "d"]) writeFileSync(place.at(name), "before");
    const files = meddled((call, name) => {
      if (isRefused && /^make(HardLink|Link|SpecialFile)$/.test(call)) throw kernelFailure("EPERM", name);
    });
    const { problems } = await restored(place.path, backup, { ifExists: "always", files });
    assert.equal(problems.length, isRefused ? 3 : 0, problems.join("\n"));
    assert.deepEqual(readdirSync(place.path).sort(), ["a", "b", "c", "d"]);
    if (isRefused) { for (const name of ["b", "c", "d"]) assert.equal(readFileSync(place.at(name), "utf8"), "before"); }
    else {
      assert.equal(statSync(place.at("b")).ino, statSync(place.at("a")).ino);
      assert.equal(readlinkSync(place.at("c")), "elsewhere");
      assert.ok(statSync(place.at("d")).isFIFO());
    }
  }
});

Deno.test("a further name takes the place of whatever is there, and nothing is left beside it", async () => {
  const backup = await backupOf([named("a"), named("b"), named("c"), named("d")]);
  using place = new Place();
  symlinkSync("/nowhere", place.at("b"));
  mkdirSync(place.at("c"));
  writeFileSync(place.at("d"), "before");
  // A restore was broken off.
  const part = new TextDecoder().decode(partName("d"));
  writeFileSync(place.at(part), "");
  await restored(place.path, backup, { ifExists: "always" });
  assert.deepEqual(readdirSync(place.path).sort(), ["a", "b", "c", "d"]);
  assert.equal(statSync(place.at("a")).nlink, 4);
});
