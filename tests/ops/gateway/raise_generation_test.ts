/** Generations of keys that sign URLs: one that begins ends all before it, whoever else is at work and whatever fails. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError, StoreFullError } from "../../../src/base/errors.ts";
import { ensureGeneration, raiseGeneration } from "../../../src/ops/gateway/raise_generation.ts";
import { loadSnapshot } from "../../../src/repository/snapshots.ts";
import { openRepository } from "../../../src/repository/repository.ts";
import type { RepositoryAccess, World } from "../../../src/ops/access.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, FileKind, FileName, ListedFile, StoreCallOptions } from "../../../src/store/store.ts";
import { type Fault, withFaults } from "../../helpers/fault_store.ts";
import { saveSnapshot } from "../../helpers/snapshots.ts";
import {
  accessTo,
  copyOf,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  PASSWORD,
  readAllBackups,
} from "../../helpers/world.ts";
import { generationOptions, validKeys } from "./generations.ts";

function raise(access: RepositoryAccess, world: World) {
  return raiseGeneration(access, generationOptions(world));
}

function ensure(access: RepositoryAccess, world: World) {
  return ensureGeneration(access, generationOptions(world));
}

Deno.test("Without a record no key is valid; the first generation begins once", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  deepEqual(await validKeys(access, world), []);
  const first = await ensure(access, world);
  deepEqual([first.generation, first.before, first.backup?.series], [1, null, "gateway/generation"]);
  const keys = await validKeys(access, world);
  equal(keys.length, 1);
  deepEqual(await ensure(access, world), { generation: 1, before: 1, backup: null });
  deepEqual(await validKeys(access, world), keys);
});

Deno.test("A generation that begins has a key of its own, and ends all before it", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const seen = new Set<string>();
  for (const number of [1, 2, 3, 4]) {
    const { generation, before } = await raise(access, world);
    deepEqual([generation, before], [number, number === 1 ? null : number - 1]);
    const [key, ...others] = await validKeys(access, world);
    deepEqual(others, []);
    ok(!seen.has(key!));
    seen.add(key!);
  }
});

Deno.test("A record is the small backup that docs/format.md describes", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await raise(access, { ...world, randomBytes: (count) => new Uint8Array(count).fill(0x5a) });
  const nonce = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";
  const text = new TextDecoder().decode(await getBytes(access, world, "gateway/generation"));
  equal(text, `{"generation":1,"nonce":"${nonce}"}\n`);
  const [{ backup, manifest }] = await readAllBackups(store, world) as [Awaited<ReturnType<typeof readAllBackups>>[0]];
  deepEqual(backup.snapshot.tags, ["generation:1", `nonce:${nonce}`]);
  deepEqual(backup.snapshot.paths, ["/gateway/generation"]);
  deepEqual(manifest.engine, { name: "gateway", version: "1.0.0", options: {} });
  deepEqual(manifest.files.map(({ path }) => path), ["generation.json"]);
});

Deno.test("The record of the highest generation is the newest, even if a clock went back", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await raise(access, world);
  world.clock.adjust(-3_600_000);
  await raise(access, world);
  const numbers = (await readAllBackups(store, world)).map(({ backup }) => backup.snapshot.tags[0]);
  deepEqual(numbers, ["generation:1", "generation:2"]);
});

/** A store whose calls take turns in an order that a number decides. */
class SlowStore extends ForwardingStore {
  #state: number;

  constructor(inner: BlobStore, seed: number) {
    super(inner);
    this.#state = seed;
  }

  async #wait(): Promise<void> {
    this.#state = (this.#state * 1103515245 + 12345) % 2 ** 31;
    for (let turns = this.#state >> 29; turns > 0; turns--) await macrotask();
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    await this.#wait();
    await this.inner.put(file, content, options);
    await this.#wait();
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    await this.#wait();
    yield* await Array.fromAsync(this.inner.list(kind, options));
  }
}

Deno.test("What was signed before a revocation began is refused after it, whoever else signs and revokes", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(fc.constantFrom("sign", "revoke"), { minLength: 3, maxLength: 6 }),
      async (seed, actions) => {
        const shared = await copyOf(store);
        let moment = 0;
        const signed: { readonly at: number; readonly keys: readonly string[] }[] = [];
        const revoked: number[] = [];
        await Promise.all(actions.map(async (action, i) => {
          const access = accessTo(new SlowStore(shared, seed + i));
          const own = fakeWorld(`${seed}/${i}`);
          if (action === "sign") {
            await ensure(access, own);
            const keys = await validKeys(access, own);
            ok(keys.length > 0);
            signed.push({ at: ++moment, keys });
          } else {
            const began = ++moment;
            await raise(access, own);
            revoked.push(began);
          }
        }));
        const valid = await validKeys(accessTo(shared), world);
        const lastBegan = Math.max(0, ...revoked);
        for (const { at, keys } of signed) {
          if (at < lastBegan) deepEqual(keys.filter((key) => valid.includes(key)), []);
          if (revoked.length === 0) deepEqual(keys.filter((key) => !valid.includes(key)), []);
        }
        ok(valid.length > 0);
      },
    ),
    { numRuns: 12 },
  );
});

const FAULTS: readonly Fault[] = [
  { type: "fail", error: new StoreFullError("full") },
  { type: "tear" },
  { type: "lose-answer" },
];

Deno.test("Whatever call fails, either the old generation is valid or the next one", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await raise(access, world);
  const [old] = await validKeys(access, world);
  const whole = withFaults(await copyOf(store), () => undefined);
  await raise(accessTo(whole), fakeWorld("whole"));
  ok(whole.calls.length > 10);
  for (const fault of FAULTS) {
    for (let n = 1; n <= whole.calls.length; n++) {
      // Other calls than puts fail alike.
      if (fault.type === "tear" && whole.calls[n - 1]!.method !== "put") continue;
      const copy = await copyOf(store);
      const faulty = withFaults(copy, ({ number }) => number === n ? fault : undefined);
      const where = `${fault.type} at ${n} of ${whole.calls.length}`;
      const outcome = await raise(accessTo(faulty), fakeWorld(where)).catch(() => null);
      const keys = await validKeys(accessTo(copy), fakeWorld());
      equal(keys.length, 1, where);
      if (outcome !== null) notEqual(keys[0], old, where);
      await readAllBackups(copy, world);
      const again = await raise(accessTo(copy), fakeWorld(`${where} again`));
      equal(again.generation, (await readAllBackups(copy, world)).length, where);
    }
  }
});

Deno.test("A record whose tags were changed is read from its file", async () => {
  const world = fakeWorld();
  const { access, store, repository } = await memoryRepository(world);
  const { backup } = await raise(access, world);
  const keys = await validKeys(access, world);
  const snapshot = await loadSnapshot(repository.files, backup!.snapshotId);
  const { agent: _, ...rewritten } = snapshot;
  for (const tags of [["mine"], [], ["generation:0", ...snapshot.tags.slice(1)], [...snapshot.tags, "nonce:x"]]) {
    const copy = await copyOf(store);
    const files = (await openRepository(copy, { password: PASSWORD, randomBytes: world.randomBytes })).files;
    await saveSnapshot(files, { ...rewritten, agent: null, tags, original: backup!.snapshotId });
    await copy.remove({ kind: "snapshot", name: backup!.snapshotId });
    deepEqual(await validKeys(accessTo(copy), world), keys);
    equal((await raise(accessTo(copy), world)).generation, 2);
  }
});

Deno.test("A snapshot or record that cannot be read makes every URL invalid, since it may have revoked them", async () => {
  const world = fakeWorld();
  const { access, store, repository } = await memoryRepository(world);
  const { backup } = await raise(access, world);

  const damaged = await copyOf(store);
  await damaged.put({ kind: "snapshot", name: "00".repeat(32) }, [new Uint8Array(100)]);
  await rejects(validKeys(accessTo(damaged), world), IntegrityError);
  await rejects(raise(accessTo(damaged), world), IntegrityError);

  const snapshot = await loadSnapshot(repository.files, backup!.snapshotId);
  await saveSnapshot(repository.files, { ...snapshot, tags: [] });
  for (const name of await namesOf(store, "pack")) await store.remove({ kind: "pack", name });
  const error = await validKeys(access, world).catch((error) => error);
  ok(error instanceof IntegrityError);
  match(error.message, /Cannot tell which URLs are valid.*agent rm.*agent gateway revoke/);
});

Deno.test("Whoever is to say whether a generation begins is asked before anything is written", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const begin = () => Promise.reject(new IntegrityError("no"));
  await rejects(raiseGeneration(access, { ...generationOptions(world), begin }), /no/);
  deepEqual(await namesOf(store, "snapshot"), []);
});
