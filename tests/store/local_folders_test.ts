/** Folders of a local repository that are not there: told, so that nobody takes them for empty ones. */
import assert from "node:assert/strict";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { countingRandom, localFixture } from "./local_fixture.ts";

Deno.test("a local store tells which kinds of files have no folder", async () => {
  await using fixture = await localFixture();
  const store = openLocalStore(fixture.root, { random: countingRandom() });
  assert.deepEqual(await store.missingFolders(), []);
  await Deno.remove(fixture.at("snapshots"));
  await Deno.remove(fixture.at("data"), { recursive: true });
  await Deno.writeTextFile(fixture.at("data"), "no folder");
  assert.deepEqual(await store.missingFolders(), ["snapshot", "pack"]);
  await Deno.remove(fixture.root, { recursive: true });
  assert.deepEqual(await store.missingFolders(), ["key", "lock", "snapshot", "index", "pack"]);
  await store.close();
});
