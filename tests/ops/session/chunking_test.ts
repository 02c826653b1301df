/**
 * Where the gear table comes from. A changed derivation would cut every stream elsewhere and so silently end
 * deduplication with every repository there is: these values may never change.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { gearTable } from "../../../src/chunker/gear.ts";
import { chunkSizeWarning, gearSecret } from "../../../src/ops/session/chunking.ts";
import { parseSeries } from "../../../src/format/manifest/series.ts";
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

Deno.test("another mean size than that of the series is warned of, with both sizes, and only then", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const data = noise(200_000, "sizes");
  const put = async (chunkAverage: number | undefined, series = "prod/shop") => {
    await world.clock.advance(60_000);
    const { warnings, manifest } = await putBytes(access, world, data, { chunkAverage, series: parseSeries(series) });
    const { blobsReused, blobsNew } = manifest.stats;
    return [warnings, blobsReused > blobsNew];
  };
  const warning = (from: string, to: string) =>
    `The chunks of "prod/shop" had ${from} on average and now have ${to}, which stores most or all of it anew; ` +
    "later backups keep the new size";
  assert.deepEqual(await put(1024), [[], false], "the first of its series");
  assert.deepEqual(await put(2048), [[warning("1.00 KiB", "2.00 KiB")], false]);
  assert.deepEqual(await put(undefined), [[], true], "the new size is kept");
  assert.deepEqual(await put(2048), [[], true], "it is the same");
  assert.deepEqual((await put(2049))[0], [warning("2048 bytes", "2049 bytes")]);
  assert.deepEqual((await put(4096, "another"))[0], [], "another series has none yet");
});

Deno.test("no size is compared with that of another engine", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const { backup } = await putBytes(access, world, noise(100, "dump"), { chunkAverage: 4096 });
  const warningOf = (engine: { name: string; chunkAverage?: number }) =>
    chunkSizeWarning({ requested: 8192, engine }, backup);
  assert.match(
    warningOf({ name: "stream" })!,
    /4\.00 KiB on average and now have 8\.00 KiB, which stores most or all of it anew/,
  );
  assert.equal(warningOf({ name: "files" }), undefined);
  assert.equal(warningOf({ name: "tar", chunkAverage: 2 ** 20 }), undefined);
  const ofFiles = { ...backup, info: { ...backup.info!, engine: "files" } };
  assert.match(chunkSizeWarning({ requested: 8192, engine: { name: "files" } }, ofFiles)!, /each of its files that is/);
});
