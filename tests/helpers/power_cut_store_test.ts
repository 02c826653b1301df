/** What survives a power cut. */
import assert from "node:assert/strict";
import { TemporaryError } from "../../src/base/errors.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { withPowerCut } from "./power_cut_store.ts";
import { storeConformance } from "../conformance/store_suite.ts";
import { bytesOf, idOf, listing, pack } from "../conformance/stored_files.ts";

storeConformance("store whose power stays on", {
  create() {
    const store = withPowerCut(openMemoryStore(), { afterChanges: Infinity, unacknowledged: "forgotten" });
    return Promise.resolve({ store, dispose: () => store.close() });
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
  { test: "foreign files are passed over", reason: "the files are in memory" },
]);

for (const unacknowledged of ["kept", "forgotten"] as const) {
  Deno.test(`acknowledged changes survive, the one under way is ${unacknowledged}, later ones fail`, async () => {
    const disk = openMemoryStore();
    const store = withPowerCut(disk, { afterChanges: 3, unacknowledged });
    await store.put(pack(1), [bytesOf(1)]);
    await store.put(pack(2), [bytesOf(2)]);
    await store.remove(pack(1));
    assert.equal(await store.size(pack(2)), 2);
    await assert.rejects(store.put(pack(3), [bytesOf(3)]), TemporaryError);
    assert.ok(!store.isPowered);
    await assert.rejects(store.put(pack(4), [bytesOf(4)]), TemporaryError);
    await assert.rejects(store.remove(pack(2)), TemporaryError);
    await assert.rejects(store.get(pack(2)), TemporaryError);
    await assert.rejects(listing(store, "pack"), TemporaryError);
    const expected = unacknowledged === "kept" ? [idOf(2), idOf(3)] : [idOf(2)];
    assert.deepEqual([...(await listing(disk, "pack")).keys()], expected);
  });
}

Deno.test("of changes at the same time none is acknowledged and lost", async () => {
  for (let afterChanges = 0; afterChanges < 10; afterChanges++) {
    const disk = openMemoryStore();
    const store = withPowerCut(disk, { afterChanges, unacknowledged: "forgotten" });
    const numbers = Array.from({ length: 10 }, (_, i) => i);
    const outcomes = await Promise.allSettled(numbers.map((number) => store.put(pack(number), [bytesOf(1)])));
    const survivors = await listing(disk, "pack");
    for (const number of numbers) {
      if (outcomes[number]!.status === "fulfilled") assert.ok(survivors.has(idOf(number)));
    }
    assert.ok(survivors.size <= afterChanges);
  }
});
