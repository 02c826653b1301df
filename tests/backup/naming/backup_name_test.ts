/** Names of backups: given and kept in the manifest, or made of time and id. */
import assert from "node:assert/strict";
import { givenName, nameOf, withGivenName } from "../../../src/backup/naming/backup_name.ts";
import type { JsonObject } from "../../../src/format/json/json_text.ts";
import type { Manifest } from "../../../src/format/manifest/manifest.ts";
import { parseBackupName } from "../../../src/format/manifest/series.ts";
import { backup, manifestIdOf } from "../backups.ts";

const NAME = parseBackupName("2026-11-21.075342.zone1-0000000100");

function manifestWith(options: JsonObject): Manifest {
  return { engine: { name: "storage", version: "1", options } } as Partial<Manifest> as Manifest;
}

Deno.test("a name goes into the options of the engine and comes out again", () => {
  assert.equal(givenName(manifestWith(withGivenName({ stripes: 4 }, NAME))), NAME);
  assert.equal(withGivenName({ stripes: 4 }, NAME).stripes, 4);
});

Deno.test("what is no name of a backup is an option like any other", () => {
  for (const backupName of ["", "a/b", "a\n", 5, null, ["a"]]) {
    assert.equal(givenName(manifestWith({ backupName })), undefined);
  }
  assert.equal(givenName(manifestWith({})), undefined);
});

Deno.test("a backup without a name is called by its start in UTC and its id, and sorts by age among Vitess's", () => {
  const unnamed = backup("own", { time: "2026-11-21T08:53:42.123456789+01:00" });
  assert.equal(nameOf(unnamed), `2026-11-21.075342.123-${manifestIdOf("own").slice(0, 8)}`);
  assert.ok("2026-11-21.075341.zone1-0000000100" < nameOf(unnamed));
  assert.ok(nameOf(unnamed) < "2026-11-21.075343.zone1-0000000100");
  assert.equal(nameOf({ ...unnamed, info: { ...unnamed.info!, name: NAME } }), NAME);
});
