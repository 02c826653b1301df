/** Which key opened a store last: kept privately, for each place, and whatever is wrong with the file is passed over. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { clearCache } from "../../../src/ops/cache.ts";
import { LAST_KEYS_FOLDER, LastKey } from "../../../src/store/cache/last_key.ts";
import { noise, seededRandom } from "../../helpers/world.ts";

const random = seededRandom("last key");
const [first, second] = ["a", "b"].map((seed) => noise(32, seed).toHex()) as [string, string];

Deno.test("the last key is remembered for each place, in private files, until the cache is cleared", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const cache = join(directory, "cache");
    const key = (location: string) => new LastKey({ directory: cache, location, random });
    assert.equal(await key("/backup").recall(), undefined);
    await key("/backup").keep(first);
    await key("rest:https://host/").keep(second);
    assert.deepEqual([await key("/backup").recall(), await key("rest:https://host/").recall()], [first, second]);
    await key("/backup").keep(second);
    assert.equal(await key("/backup").recall(), second);
    const folder = join(cache, LAST_KEYS_FOLDER);
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assert.equal(names.length, 2, "nothing half written stays");
    for (const name of names) assert.equal((await Deno.stat(join(folder, name))).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
    await clearCache(cache);
    assert.equal(await key("/backup").recall(), undefined);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a file that holds no name of a key, or cannot be written, is in nobody's way", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const key = new LastKey({ directory, location: "/backup", random });
    await key.keep(first);
    const [name] = await Array.fromAsync(Deno.readDir(join(directory, LAST_KEYS_FOLDER)), ({ name }) => name);
    const path = join(directory, LAST_KEYS_FOLDER, name!);
    for (const text of ["", "../../etc/passwd", first.slice(1), `${first}${first}`, "\0".repeat(64)]) {
      await Deno.writeTextFile(path, text);
      assert.equal(await key.recall(), undefined);
    }
    await Deno.remove(path);
    await Deno.mkdir(path);
    assert.equal(await key.recall(), undefined);
    await key.keep(second);
    await new LastKey({ directory: join(directory, LAST_KEYS_FOLDER, name!, "none"), location: "x", random }).keep(
      first,
    );
    await new LastKey({ directory: "/proc/none", location: "x", random }).keep(first);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
