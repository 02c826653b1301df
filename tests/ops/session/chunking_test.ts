/**
 * Where the gear table comes from. A changed derivation would cut every stream elsewhere and so silently end
 * deduplication with every repository there is: these values may never change.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { gearTable } from "../../../src/chunker/gear.ts";
import { gearSecret } from "../../../src/ops/session/chunking.ts";
import { SAMPLE_CONFIG } from "../../format/samples.ts";
import { fakeWorld, memoryRepository, noise, putBytes } from "../../helpers/world.ts";

const KEYS = {
  encrypt: Uint8Array.from({ length: 32 }, (_, i) => i + 1),
  macK: Uint8Array.from({ length: 16 }, (_, i) => i + 101),
  macR: new Uint8Array(16).fill(1),
};
/** A repository with these keys that shares its secret with no other one. */
const withKeys = (keys: typeof KEYS) => ({ keys, config: SAMPLE_CONFIG });

Deno.test("the secret of known keys is known", () => {
  const secret = gearSecret(withKeys(KEYS));
  assert.equal(hash("sha256", secret), "63886c02715f1bdaddeeeed6d0a9e386c72ef3370333322f27595b1b3f662ed8");
  assert.deepEqual([...gearTable(secret).subarray(0, 3)], [1020835667, 1930980123, 171309737]);
});

Deno.test("it depends on the master key, but not on the part of it that versions of restic write differently", () => {
  const raw = { ...KEYS, macR: new Uint8Array(16).fill(0xff) };
  assert.deepEqual(gearSecret(withKeys(raw)), gearSecret(withKeys(KEYS)));
  for (const part of ["encrypt", "macK"] as const) {
    const other = { ...KEYS, [part]: KEYS[part].with(0, 99) };
    assert.notDeepEqual(gearSecret(withKeys(other)), gearSecret(withKeys(KEYS)));
  }
});

Deno.test("a secret that the config holds comes before the one of the master key", () => {
  const shared = noise(1024, "shared");
  assert.deepEqual(gearSecret({ keys: KEYS, config: { ...SAMPLE_CONFIG, gearSecret: shared } }), shared);
});

Deno.test("two repositories cut the same stream differently", async () => {
  const counts = new Set<string>();
  for (const seed of ["one", "two"]) {
    const world = fakeWorld(seed);
    const { access } = await memoryRepository(world);
    const { manifest } = await putBytes(access, world, noise(300_000, "same"), { chunkAverage: 1024 });
    counts.add(`${manifest.files[0]!.blobs} ${manifest.stats.bytesStored}`);
  }
  assert.equal(counts.size, 2);
});
