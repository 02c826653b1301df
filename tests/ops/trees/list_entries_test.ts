/** What is listed of backups, ours and those of other tools. */
import assert from "node:assert/strict";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { listEntries } from "../../../src/ops/trees/list_entries.ts";
import { parseFileName, parseSeries } from "../../../src/format/manifest/series.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { accessTo, fakeWorld, memoryRepository, noise, putBytes } from "../../helpers/world.ts";
import { fileOf, packsOf } from "../check_fixture.ts";
import { directory, file, plantNights, threeBackups } from "./view_fixture.ts";

async function listed(store: BlobStore, selector: string, path?: string, isRecursive = false): Promise<string[]> {
  const found: string[] = [];
  await listEntries(accessTo(store), { selector, ...path !== undefined && { path }, isRecursive, noLock: true }, {
    world: fakeWorld("list"),
    onEntries: (entries) => {
      found.push(...entries.map(({ path, node }) => `${path}${node.type === "dir" ? "/" : ""}`));
      return Promise.resolve();
    },
  });
  return found;
}

async function planted() {
  const checked = await threeBackups();
  await plantNights(checked, [[
    directory("etc", [
      file("passwd", "x"),
      directory("ssh", [file("key\n\udcff", "1"), directory("empty", [])]),
      { name: "link", type: "symlink", linkTarget: "passwd" },
    ]),
    file("top", "1"),
  ]]);
  return checked;
}

Deno.test("everything, a directory with or without what lies below it, or one file", async () => {
  const { store } = await planted();
  assert.deepEqual(await listed(store, "planted"), [
    "/etc/",
    "/etc/link",
    "/etc/passwd",
    "/etc/ssh/",
    "/etc/ssh/empty/",
    "/etc/ssh/key\n\udcff",
    "/top",
  ]);
  assert.deepEqual(await listed(store, "planted", "/etc"), ["/etc/", "/etc/link", "/etc/passwd", "/etc/ssh/"]);
  assert.deepEqual(await listed(store, "planted", "etc/ssh//", true), [
    "/etc/ssh/",
    "/etc/ssh/empty/",
    "/etc/ssh/key\n\udcff",
  ]);
  assert.deepEqual(await listed(store, "planted", "/"), ["/etc/", "/top"]);
  assert.deepEqual(await listed(store, "planted", "./etc/passwd"), ["/etc/passwd"]);
});

Deno.test("a path that is not there is refused with the nearest one", async () => {
  const { store } = await planted();
  await assert.rejects(
    listed(store, "planted", "/etc/paswd"),
    (error) => error instanceof UsageError && /did you mean "\/etc\/passwd"/.test(error.message),
  );
  await assert.rejects(listed(store, "planted", "/etc/passwd/x"), /"\/etc\/passwd" is no directory/);
  await assert.rejects(listed(store, "planted", "/etc/link/x"), /a symbolic link to "passwd"/);
  await assert.rejects(listed(store, "planted", "/etc/../top"), UsageError);
});

Deno.test("streams are listed as files, long ones too, and without the manifest", async () => {
  const world = fakeWorld("streams");
  const { store, access } = await memoryRepository(world);
  const partLimits = { single: 8, least: 3, most: 6 };
  const settings = { series: parseSeries("prod/shop"), fileName: parseFileName("shop.sql"), chunkAverage: 2048 };
  await putBytes(access, world, noise(60_000, "long"), settings, { partLimits });
  assert.deepEqual(await listed(store, "prod/shop"), ["/shop.sql"]);
  assert.deepEqual(await listed(store, "prod/shop", "/shop.sql"), ["/shop.sql"]);
});

Deno.test("a tree that cannot be read is damage", async () => {
  const { store } = await planted();
  for (const pack of await packsOf(store, "tree")) await store.remove(fileOf(pack));
  await assert.rejects(listed(store, "planted"), IntegrityError);
});
