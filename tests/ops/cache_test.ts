/** Remote repositories with a cache: how few requests a warm one leaves, that damage in it heals, and how it is tidied up. */
import assert from "node:assert/strict";
import { formatTimestamp } from "../../src/format/time.ts";
import { type RepositoryAccess, withoutCache } from "../../src/ops/access.ts";
import { drawChains } from "../../src/ops/chain.ts";
import { clearCache, listCache, tidyCache } from "../../src/ops/cache.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { listBackups, listChain } from "../../src/ops/list.ts";
import { status } from "../../src/ops/status.ts";
import { openRepository, type UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { type StoreCall, withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  type FakeWorld,
  fakeWorld,
  getBytes,
  IDENTITY,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
} from "../helpers/world.ts";
import { filesBelow } from "../store/local_fixture.ts";

const BACKUPS = 200;
const STREAM = noise(50_000, "stream");

/** A repository of so many backups with an index file each, and a cache directory that is empty. */
async function remoteRepository(backups: number) {
  const world = fakeWorld("remote");
  const { store } = await memoryRepository(world);
  await putBytes(accessTo(store), world, STREAM);
  const repository = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  await multiply(repository, backups);
  const directory = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const problems: string[] = [];
  const onProblem = ({ message }: Error) => void problems.push(message);
  const accessWithCacheIn = (place: string) => ({
    ...accessTo(store),
    cache: () => Promise.resolve({ directory: place, limitBytes: 1e9, onProblem }),
  });
  return {
    world,
    store,
    repository,
    directory,
    problems,
    access: accessWithCacheIn(directory),
    accessWithCacheIn,
    async [Symbol.asyncDispose]() {
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** As if the only backup had been made so many times, each an hour after the one before: equal data, equal trees. */
async function multiply({ files }: UnlockedRepository, backups: number): Promise<void> {
  const { snapshots: [first] } = await loadSnapshots(files);
  const [index] = (await Array.fromAsync(files.list("index"))).map(({ name }) => name);
  const json = new Uint8Array(await files.load("index", index as Parameters<typeof files.load<"index">>[1]));
  const { snapshot } = first!;
  for (let i = 1; i < backups; i++) {
    const time = formatTimestamp(new Date(Date.UTC(2025, 0, 1, i)));
    await saveSnapshot(files, { ...snapshot, time });
    await files.save("index", json);
  }
}

/** The requests that `work` makes. */
async function requestsOf(
  store: BlobStore,
  access: RepositoryAccess,
  work: (access: RepositoryAccess) => Promise<unknown>,
): Promise<readonly StoreCall[]> {
  const counted = withFaults(store, () => undefined);
  await work({ ...access, openStore: () => Promise.resolve(counted) });
  return counted.calls;
}

/** Requests by method and kind, in the order of their first one. */
function tally(calls: readonly StoreCall[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, kind } of calls) counts[`${method} ${kind}`] = (counts[`${method} ${kind}`] ?? 0) + 1;
  return counts;
}

function read(access: RepositoryAccess, world: FakeWorld): Promise<unknown> {
  const options = { signal: new AbortController().signal, noLock: false };
  return withBackup(
    access,
    { selector: "prod/shop", ...options },
    { world, ...options },
    ({ manifest }) => Promise.resolve(manifest),
  );
}

const OPEN = { "get config": 1, "list key": 1, "get key": 1 };
const LOCK = { "list lock": 2, "put lock": 1, "remove lock": 1 };

Deno.test("with a warm cache a repository of many backups is listed, read and written with a handful of requests", async () => {
  await using remote = await remoteRepository(BACKUPS);
  const { store, access, world } = remote;
  const ls = (within: RepositoryAccess) => listBackups(within, {}, { world });
  const chain = (within: RepositoryAccess) => listChain(within, { selector: "prod/shop" }, { world });
  const tellStatus = (within: RepositoryAccess) => status(within, {}, { world });
  const draw = (within: RepositoryAccess) => drawChains(within, { selector: "prod/shop", all: true }, { world });
  const show = (within: RepositoryAccess) => read(within, world);
  const get = (within: RepositoryAccess) => getBytes(within, world, "prod/shop");
  const put = (within: RepositoryAccess) => putBytes(within, world, noise(60_000, "next"), { allowEmpty: true });

  assert.deepEqual(tally(await requestsOf(store, access, ls)), {
    ...OPEN,
    "list snapshot": 1,
    "get snapshot": BACKUPS,
  });
  assert.deepEqual(tally(await requestsOf(store, access, ls)), { ...OPEN, "list snapshot": 1 });
  assert.deepEqual(tally(await requestsOf(store, access, chain)), { ...OPEN, "list snapshot": 1 });
  assert.deepEqual(tally(await requestsOf(store, access, tellStatus)), { ...OPEN, "list snapshot": 1 });

  const drawing = { ...OPEN, "list snapshot": 1, "list index": 1 };
  const cold = tally(await requestsOf(store, access, draw));
  assert.equal(cold["get index"], BACKUPS);
  assert.deepEqual(tally(await requestsOf(store, access, draw)), drawing);

  const reading = { ...OPEN, ...LOCK, "list snapshot": 1, "list index": 1 };
  assert.equal(tally(await requestsOf(store, access, show))["get index"], undefined);
  assert.deepEqual(tally(await requestsOf(store, access, show)), reading);
  assert.deepEqual(tally(await requestsOf(store, access, get)), { ...reading, "get pack": 1 });

  // The index is loaded while the lock settles, and its names are compared once the lock is confirmed.
  const writing = { ...reading, "list index": 2, "put pack": 2, "put index": 1, "put snapshot": 1 };
  assert.deepEqual(tally(await requestsOf(store, access, put)), writing);
  assert.deepEqual(tally(await requestsOf(store, access, ls)), { ...OPEN, "list snapshot": 1 });
  assert.deepEqual(remote.problems, []);
});

Deno.test("every copy damaged changes nothing but the requests", async () => {
  await using remote = await remoteRepository(3);
  const { access, store, world, directory } = remote;
  await getBytes(access, world, "prod/shop");
  for (const path of await filesBelow(directory)) {
    const bytes = await Deno.readFile(`${directory}/${path}`);
    bytes[bytes.length >> 1]! ^= 1;
    await Deno.writeFile(`${directory}/${path}`, bytes);
  }
  assert.deepEqual(await getBytes(access, world, "prod/shop"), STREAM);
  const healed = tally(await requestsOf(store, access, (within) => read(within, world)));
  assert.equal(healed["get pack"], undefined);
});

Deno.test("a part of a pack that was kept wrong is read from the store when it does not open", async () => {
  await using remote = await remoteRepository(1);
  const { access, store, world } = remote;
  const get = store.get.bind(store);
  // Wrong on the way, every first time: nothing but the cipher notices with parts of packs.
  const seen = new Set<string>();
  store.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    const part = `${file.name} ${range?.offset}`;
    if (file.kind === "pack" && options?.keep && !seen.has(part)) bytes[0]! ^= 1;
    seen.add(part);
    return bytes;
  };
  assert.deepEqual(await getBytes(access, world, "prod/shop"), STREAM);
  const calls = await requestsOf(store, access, (within) => read(within, world));
  assert.equal(tally(calls)["get pack"], undefined, "the good answers took the place of the wrong ones");
});

Deno.test("without the cache everything is read from the store, and nothing is kept", async () => {
  await using remote = await remoteRepository(3);
  const { access, store, world, directory } = remote;
  await getBytes(access, world, "prod/shop");
  const kept = await filesBelow(directory);
  const calls = await requestsOf(store, access, (within) => getBytes(withoutCache(within), world, "prod/shop"));
  assert.equal(tally(calls)["get snapshot"], 3);
  assert.equal(tally(calls)["get index"], 3);
  assert.deepEqual(await filesBelow(directory), kept);
});

Deno.test("a cache directory that is a file stops nobody", async () => {
  await using remote = await remoteRepository(2);
  const directory = `${remote.directory}/file`;
  await Deno.writeTextFile(directory, "");
  const access = remote.accessWithCacheIn(directory);
  assert.deepEqual(await getBytes(access, remote.world, "prod/shop"), STREAM);
  assert.equal(remote.problems.length, 1);
  const other = { ...remote.world, identity: { ...IDENTITY, pid: 4712 } };
  await putBytes(access, other, STREAM);
  assert.equal((await namesOf(remote.store, "snapshot")).length, 3);
});

Deno.test("the cache is listed, pruned of what nobody uses, and cleared", async () => {
  await using remote = await remoteRepository(3);
  const { access, world, directory, repository } = remote;
  assert.deepEqual(await listCache(directory), []);
  assert.deepEqual(await listCache(`${directory}/none`), []);
  await listBackups(access, {}, { world });
  const lastUsed = world.clock.now();
  const [row] = await listCache(directory);
  assert.deepEqual(row, {
    id: repository.config.id,
    address: repository.store.location,
    bytes: row!.bytes,
    files: 3,
    lastUsed,
  });
  world.clock.jump(20 * 86_400_000);
  assert.deepEqual(await tidyCache(directory, 1e9, world.clock), { bytes: 0, files: 0 });
  assert.equal((await tidyCache(directory, row!.bytes - 1, world.clock)).files, 1);
  world.clock.jump(11 * 86_400_000);
  await Deno.writeTextFile(`${directory}/notes.txt`, "not ours");
  assert.equal((await tidyCache(directory, 1e9, world.clock)).files, 2);
  assert.deepEqual(await listCache(directory), []);
  await listBackups(access, {}, { world });
  assert.deepEqual(await clearCache(directory), { bytes: row!.bytes, files: 3 });
  const left = (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
  assert.deepEqual(left, ["CACHEDIR.TAG", "notes.txt"]);
});
