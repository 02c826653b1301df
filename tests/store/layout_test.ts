/** Where the files of a repository lie. */
import assert from "node:assert/strict";
import { BugError } from "../../src/base/errors.ts";
import { isNameOfKind, relativePath, REPOSITORY_FOLDERS } from "../../src/store/layout.ts";
import type { FileKind } from "../../src/store/store.ts";

const ID = "0123456789abcdef".repeat(4);

Deno.test("files lie where restic puts them", () => {
  const paths: readonly (readonly [FileKind, string, string])[] = [
    ["config", "config", "config"],
    ["key", ID, `keys/${ID}`],
    ["lock", ID, `locks/${ID}`],
    ["snapshot", ID, `snapshots/${ID}`],
    ["index", ID, `index/${ID}`],
    ["pack", ID, `data/01/${ID}`],
  ];
  for (const [kind, name, path] of paths) assert.equal(relativePath({ kind, name }), path);
});

Deno.test("a repository has its five folders and 256 more for packs", () => {
  assert.equal(REPOSITORY_FOLDERS.length, 5 + 256);
  for (const folder of ["data", "data/00", "data/0a", "data/ff", "index", "keys", "locks", "snapshots"]) {
    assert.ok(REPOSITORY_FOLDERS.includes(folder), folder);
  }
  assert.equal(new Set(REPOSITORY_FOLDERS).size, REPOSITORY_FOLDERS.length);
});

Deno.test("only config and 64 lower-case hex digits are names", () => {
  assert.ok(isNameOfKind("config", "config"));
  assert.ok(isNameOfKind("pack", ID));
  assert.ok(!isNameOfKind("config", ID));
  for (const name of ["", "config", ID.slice(1), `${ID}0`, ID.toUpperCase(), `../${ID.slice(3)}`, `${ID}\n`]) {
    assert.ok(!isNameOfKind("snapshot", name), JSON.stringify(name));
    assert.throws(() => relativePath({ kind: "snapshot", name }), BugError);
  }
});
