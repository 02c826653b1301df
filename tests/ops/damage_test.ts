/** Damage: whatever bit flips and whichever file is cut short or gone, wrong data never comes out. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { AgentError, type ErrorCode } from "../../src/base/errors.ts";
import type { BlobStore, FileName } from "../../src/store/store.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  copyOf,
  fakeWorld,
  getBytes,
  memoryRepository,
  noise,
  putBytes,
  readAllBackups,
  sqlDump,
} from "../helpers/world.ts";

const STREAMS = [sqlDump(200, "damage"), noise(5000, "damage")];
const ALLOWED: readonly ErrorCode[] = ["integrity", "wrong-password", "no-repository"];

const whole = await (async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  for (const bytes of STREAMS) {
    await putBytes(access, world, bytes, { minOfParent: "off" });
    world.clock.jump(3_600_000);
  }
  return store;
})();
const files = await allFiles(whole);

type Damage = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | undefined;

const flipped = (bit: number): Damage => (bytes) => {
  bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
  return bytes;
};
const cutTo = (share: number): Damage => (bytes) => bytes.subarray(0, Math.floor(bytes.length * share));
const gone: Damage = () => undefined;

/** The store with one file damaged. */
async function damagedStore(file: FileName, damage: Damage): Promise<BlobStore> {
  const store = await copyOf(whole);
  const bytes = damage(await whole.get(file));
  await store.remove(file);
  if (bytes) await store.put(file, [bytes]);
  return store;
}

function assertAllowed(error: unknown, label: string): void {
  assert.ok(error instanceof AgentError && ALLOWED.includes(error.code), `${label}: ${error}`);
}

Deno.test("the repository has files of every kind but locks", () => {
  assert.deepEqual(new Set(files.map(({ kind }) => kind)), new Set(["config", "key", "snapshot", "index", "pack"]));
  assert.ok(files.length >= 9);
});

const damage = fc.oneof(fc.nat(2 ** 20).map(flipped), fc.double({ min: 0, max: 0.999, noNaN: true }).map(cutTo));

Deno.test("reading a damaged file throws, wherever the damage is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), damage, async (file, harm) => {
      const store = await damagedStore(file, harm);
      try {
        const backups = await readAllBackups(store, fakeWorld("reader"));
        assert.deepEqual(backups.map(({ bytes }) => bytes), STREAMS);
        // Nothing reads the header of a pack while an index lists its blobs.
        assert.equal(file.kind, "pack");
      } catch (error) {
        assertAllowed(error, file.kind);
      }
    }),
    { numRuns: 400, seed: 11 },
  );
});

for (const [name, harm] of [["a flipped bit", flipped(12345)], ["a cut", cutTo(0.5)], ["a loss", gone]] as const) {
  Deno.test(`get gives the right data or none after ${name} in any file`, async () => {
    let failures = 0;
    for (const file of files.filter(({ kind, name }) => kind !== "pack" || name > "4")) {
      const label = `${name} in ${file.kind} ${file.name}`;
      const store = await damagedStore(file, harm);
      const world = fakeWorld("getter");
      try {
        const bytes = await getBytes(accessTo(store), world, "prod/shop");
        // A snapshot that is gone never was: the one before it is the latest then.
        const expected = file.kind === "snapshot" && harm === gone ? STREAMS : STREAMS.slice(1);
        assert.ok(expected.some((stream) => stream.length === bytes.length), label);
        assert.ok(expected.some((stream) => stream.every((byte, i) => byte === bytes[i])), label);
      } catch (error) {
        failures++;
        assertAllowed(error, label);
      }
    }
    assert.ok(failures >= 4, `${failures} failures`);
  });
}

Deno.test("with a damaged snapshot around, latest is not guessed; an id still serves", async () => {
  const backups = await readAllBackups(whole, fakeWorld("ids"));
  const [older, newest] = backups.map(({ backup }) => backup);
  const store = await damagedStore({ kind: "snapshot", name: newest!.snapshotId }, flipped(999));
  const world = fakeWorld("getter");
  for (const selector of ["prod/shop", "prod/shop@2030-01-01", `@${newest!.id}`]) {
    await assert.rejects(getBytes(accessTo(store), world, selector), { code: "integrity", message: /agent ls/ });
  }
  assert.deepEqual(await getBytes(accessTo(store), world, `@${older!.id}`), STREAMS[0]);
});

Deno.test("a store that answers with other bytes of the right length is found out", async () => {
  const world = fakeWorld("liar");
  const lying = withFaults(whole, () => undefined);
  const get = lying.get.bind(lying);
  lying.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    return file.kind === "pack" && bytes.length > 1000 ? noise(bytes.length, "lie") : bytes;
  };
  await assert.rejects(getBytes(accessTo(lying), world, "prod/shop"), {
    code: "integrity",
    message: /blob [0-9a-f]{64} in pack/,
  });
});
