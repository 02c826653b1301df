/** What the catalogue keeps of what it is told. */
import assert from "node:assert/strict";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { backup, manifestIdOf, snapshotIdOf } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "./opened.ts";

const MANIFEST: Pick<Manifest, "files"> = {
  files: [{
    path: "shop.sql",
    size: 1000,
    md5: "d".repeat(32),
    sha256: "a".repeat(64),
    blobs: 1,
    guard: { format: "mysqldump", complete: true },
  }],
};

Deno.test("a backup is known with its streams, tables and tags", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const made = backup("one", { time: "2026-01-01T01:00:00.5+01:00" });
  const tagged = { ...made, snapshot: { ...made.snapshot, tags: ["nightly", "before \ud800upgrade"] } };
  const piece = { bytes: 10, database: "shop", schema: null, name: "orders", of: null };
  const pieces = [{ ...piece, kind: "structure" as const }, { ...piece, kind: "data" as const, bytes: 90 }];
  await catalogue.changeBackups(SHOP, {
    added: [{ backup: tagged, details: { manifest: MANIFEST, tables: [{ path: "shop.sql", pieces }] } }],
  });
  assert.deepEqual(await place.rows("SELECT repository_id, location, refreshed FROM repositories"), [
    [SHOP.id, SHOP.location, null],
  ]);
  assert.deepEqual(
    await place.rows("SELECT backup_id, snapshot_id, series, kind, host, level, started, size, complete FROM backups"),
    [[
      manifestIdOf("one"),
      snapshotIdOf("one"),
      "prod/shop",
      "backup",
      "db1",
      0,
      "2026-01-01T00:00:00.500Z",
      1000,
      1,
    ]],
  );
  assert.deepEqual(await place.rows("SELECT tag FROM tags ORDER BY position"), [["nightly"], ["before \ufffdupgrade"]]);
  assert.deepEqual(await place.rows("SELECT path, size, md5, sha256, format, complete FROM files"), [
    ["shop.sql", 1000, "d".repeat(32), "a".repeat(64), "mysqldump", 1],
  ]);
  assert.deepEqual(
    await place.rows("SELECT path, kind, database, schema, name, data_bytes, structure_bytes FROM tables"),
    [["shop.sql", "table", "shop", null, "orders", 90, 10]],
  );
  assert.deepEqual(place.problems, []);
});

Deno.test("a listing adds, removes and brings back; what a removed backup held is not kept", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  const list = async (...names: string[]) => {
    const token = await catalogue.beginListing(SHOP);
    await catalogue.applyListing(token, { backups: names.map((name) => backup(name)) });
  };
  await catalogue.changeBackups(SHOP, {
    added: [{ backup: backup("a"), details: { manifest: MANIFEST, tables: [] } }],
  });
  await list("a", "b");
  assert.deepEqual(await catalogue.missingDetails(SHOP), [snapshotIdOf("b")]);
  await list("b");
  const states = "SELECT snapshot_id, is_deleted, deleted_at IS NOT NULL FROM backups ORDER BY backup";
  assert.deepEqual(await place.rows(states), [[snapshotIdOf("a"), 1, 1], [snapshotIdOf("b"), 0, 0]]);
  assert.deepEqual(await place.rows("SELECT * FROM files"), []);
  await list("a", "b");
  assert.deepEqual(await place.rows(states), [[snapshotIdOf("a"), 0, 0], [snapshotIdOf("b"), 0, 0]]);
  assert.deepEqual(await catalogue.missingDetails(SHOP), [snapshotIdOf("a"), snapshotIdOf("b")]);
});
