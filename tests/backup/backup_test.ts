/** Backups as people see them. */
import assert from "node:assert/strict";
import { backupOf, parentFor, sizeOf } from "../../src/backup/backup.ts";
import { backup, manifestIdOf, snapshotIdOf } from "./backups.ts";

Deno.test("our backup is named by its manifest, another tool's by its snapshot and its first path", () => {
  const own = backup("own");
  assert.deepEqual([own.id, own.snapshotId, own.series], [manifestIdOf("own"), snapshotIdOf("own"), "prod/shop"]);
  const foreign = backup("foreign", { isForeign: true, series: "db.sql" });
  assert.deepEqual([foreign.id, foreign.series, foreign.info], [snapshotIdOf("foreign"), "db.sql", null]);
  const pathless = backupOf({ id: foreign.snapshotId, snapshot: { ...foreign.snapshot, paths: [] } });
  assert.equal(pathless.series, "");
});

Deno.test("the size is ours, else restic's, else unknown", () => {
  assert.equal(sizeOf(backup("own")), 1000);
  const foreign = backup("foreign", { isForeign: true });
  assert.equal(sizeOf(foreign), null);
});

Deno.test("a backup continues the newest one of its series and host that is ours", () => {
  const backups = [
    backup("older"),
    backup("newest"),
    backup("other host", { host: "db2" }),
    backup("other series", { series: "prod/shop2" }),
    backup("foreign", { isForeign: true }),
  ];
  assert.equal(parentFor(backups, "prod/shop", "db1")?.id, manifestIdOf("newest"));
  assert.equal(parentFor(backups, "prod/shop", "db3"), undefined);
  assert.equal(parentFor(backups, "prod", "db1"), undefined);
});
