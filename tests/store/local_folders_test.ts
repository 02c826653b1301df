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

Deno.test("a listing of names alone has those of files, also behind links", async () => {
  await using fixture = await localFixture();
  const { store } = fixture;
  const [file, folder, link, broken] = ["a", "b", "c", "d"].map((digit) => digit.repeat(64));
  const path = (name: string) => `${store.location}/snapshots/${name}`;
  await Deno.writeTextFile(path(file!), "a snapshot");
  await Deno.mkdir(path(folder!));
  await Deno.symlink(path(file!), path(link!));
  await Deno.symlink(path("e".repeat(64)), path(broken!));
  for (const namesOnly of [true, false]) {
    const rows = await Array.fromAsync(store.list("snapshot", { namesOnly }));
    assert.deepEqual(rows.map(({ name }) => name).sort(), [file, link]);
  }
});
