/** Repairs on stores that fail: whatever stops one, nothing is lost that was not, and the next run comes to the same end. */
import { deepEqual, ok } from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { AgentError, IntegrityError, StoreFullError } from "../../src/base/errors.ts";
import { type BlobId, ID_BYTES } from "../../src/base/id.ts";
import { backupOf } from "../../src/backup/backup.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { type IndexedRepository, openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots, type StoredSnapshot } from "../../src/repository/snapshots.ts";
import { readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import { type Fault, withFaults } from "../helpers/fault_store.ts";
import { withPowerCut } from "../helpers/power_cut_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { copyOf, fakeWorld, IDENTITY, namesOf, PASSWORD } from "../helpers/world.ts";
import { checkStore, packsOf, packWithDataOf, readIndexes } from "../ops/check_fixture.ts";
import { damaged, flipChunk, index, packs, type Place, snapshots } from "../ops/repair_fixture.ts";

const RUNS_AT_ONCE = 3;

/** One repair of a damage, with what it begins from. */
interface Repair {
  readonly name: string;
  /** The repository with the damage, and with what has to be repaired before. */
  readonly prepare: () => Promise<BlobStore>;
  readonly run: (place: Place) => Promise<unknown>;
}

const FLIPPED = "a flipped bit in a blob of the first night";

/** The packs are named, so that no threads are started to find them. */
const packsNamed = async (place: Place) => {
  const names = (await packsOf(place.store, "data")).map(({ name }) => name).sort();
  return await packs(place, { packs: names });
};

const REPAIRS: readonly Repair[] = [
  {
    name: "repair index",
    prepare: async () => {
      const place = await damaged("a missing data pack");
      const blog = await packWithDataOf(place, "blog");
      for (const [name, listed] of await readIndexes(place.store)) {
        if (listed.some((pack) => pack.name === blog.name)) await place.store.remove({ kind: "index", name });
      }
      return place.store;
    },
    run: (place) => index(place),
  },
  {
    name: "repair packs",
    prepare: async () => {
      const place = await damaged(FLIPPED);
      await flipChunk(place, "blog", 1, 0);
      return place.store;
    },
    run: packsNamed,
  },
  {
    name: "repair snapshots",
    prepare: async () => {
      const place = await damaged(FLIPPED);
      await packs(place);
      return place.store;
    },
    // A repair that was broken off leaves a pack that no index lists, which might hold what is missing.
    run: async (place) => {
      await index(place);
      return await snapshots(place, { forget: true });
    },
  },
];

/** Process 4711 is alive, so its locks hold; any other one is dead. */
const DEAD_PID = 4712;

/** Runs the repair to its end; gives what was thrown. */
async function attempt({ run }: Repair, store: BlobStore, pid = DEAD_PID): Promise<unknown> {
  const world = { ...fakeWorld(`repair by ${pid}`), identity: { ...IDENTITY, pid } };
  try {
    await run({ store, world });
  } catch (error) {
    return error ?? new TypeError("nothing was thrown");
  }
}

/** What can be read of each snapshot: chunks by file and number. */
interface Readable {
  readonly snapshot: StoredSnapshot;
  readonly chunks: ReadonlySet<string>;
}

async function readable(store: BlobStore): Promise<Readable[]> {
  const { randomBytes } = fakeWorld("reader");
  const repository = await openRepository(store, { password: PASSWORD, randomBytes });
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const { snapshots } = await loadSnapshots(repository.files);
  return await Promise.all(
    snapshots.map(async (snapshot) => ({ snapshot, chunks: await chunksOf(indexed, snapshot) })),
  );
}

async function chunksOf(repository: IndexedRepository, { snapshot }: StoredSnapshot): Promise<ReadonlySet<string>> {
  const chunks = new Set<string>();
  const unlessDamaged = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
    }
  };
  const addBelow = async (tree: BlobId, prefix: string): Promise<void> => {
    for (const node of await readTree(repository, tree)) {
      const path = `${prefix}/${node.name}`;
      if (node.type === "dir") await unlessDamaged(() => addBelow(subtreeOf(node), path));
      for (let at = 0; at < (node.content?.length ?? 0); at += ID_BYTES) {
        await unlessDamaged(async () => {
          await readBlob(repository, "data", node.content!, at);
          chunks.add(`${path} ${at}`);
        });
      }
    }
  };
  await unlessDamaged(() => addBelow(snapshot.tree, ""));
  return chunks;
}

/** What could be read can be read; a snapshot is gone only where that of what is left is there. */
async function assertNothingWorse(before: readonly Readable[], store: BlobStore, label: string): Promise<void> {
  const after = await readable(store);
  for (const { snapshot: { id }, chunks } of before) {
    const same = after.find(({ snapshot }) => snapshot.id === id);
    if (same) ok([...chunks].every((chunk) => same.chunks.has(chunk)), label);
    else ok(after.some(({ snapshot: { snapshot } }) => snapshot.original === id), label);
  }
}

/** How a repository looks in the end: what can be read of each series, and what a check finds. */
async function outcomeOf(store: BlobStore) {
  const rows = await readable(store);
  const { errors } = await checkStore({ store, world: fakeWorld("check") }, { noLock: true });
  return {
    readable: rows.map(({ snapshot, chunks }) => [backupOf(snapshot).series, chunks.size]),
    errors: errors.map(({ kind, paths }) => [kind, paths]),
  };
}

async function assertRecovers(repair: Repair, disk: BlobStore, expected: unknown, label: string): Promise<void> {
  deepEqual(await attempt(repair, disk, IDENTITY.pid), undefined, label);
  deepEqual(await outcomeOf(disk), expected, label);
  deepEqual(await namesOf(disk, "lock"), [], label);
}

const FULL: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };

for (const repair of REPAIRS) {
  Deno.test(`${repair.name}: whichever call to the store fails or loses its answer, nothing gets worse`, async () => {
    const { disk, before, expected, calls } = await undisturbed(repair);
    const faults = calls.flatMap(({ number, method, kind }) => {
      const faults: Fault[] = method === "put" || method === "remove" ? [FULL, { type: "lose-answer" }] : [FULL];
      return faults.map((fault) => ({ number, fault, label: `call ${number} (${method} ${kind}): ${fault.type}` }));
    });
    await mapConcurrently(faults, RUNS_AT_ONCE, async ({ number, fault, label }) => {
      const store = await copyOf(disk);
      const error = await attempt(repair, withFaults(store, (call) => call.number === number ? fault : undefined));
      if (error !== undefined) ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
      await assertNothingWorse(before, store, label);
      await assertRecovers(repair, store, expected, label);
    });
  });

  Deno.test(`${repair.name}: whenever the power is cut, nothing gets worse`, async () => {
    const { disk, before, expected, calls } = await undisturbed(repair);
    const changes = calls.filter(({ method }) => method === "put" || method === "remove").length;
    const cuts = Array.from({ length: changes * 2 }, (_, i) => ({
      afterChanges: i >> 1,
      unacknowledged: i % 2 === 0 ? "kept" : "forgotten",
    } as const));
    await mapConcurrently(cuts, RUNS_AT_ONCE, async (cut) => {
      const label = `power cut after ${cut.afterChanges} changes, the next one ${cut.unacknowledged}`;
      const store = await copyOf(disk);
      const error = await attempt(repair, withPowerCut(store, cut));
      // Last of all the lock goes; all is done by then, and one that stays is removed by the next process.
      if (cut.afterChanges === changes - 1) deepEqual(error, undefined, label);
      else ok(error instanceof AgentError, label);
      await assertNothingWorse(before, store, label);
      await assertRecovers(repair, store, expected, label);
    });
  });
}

/** The damaged disk and what can be read of it; the calls a repair makes, and how it ends. */
async function undisturbed(repair: Repair) {
  const disk = await repair.prepare();
  const before = await readable(disk);
  const repaired = withFaults(await copyOf(disk), () => undefined);
  deepEqual(await attempt(repair, repaired), undefined);
  const calls = [...repaired.calls];
  ok(calls.filter(({ method }) => method === "remove").length >= 2, "a lock and what is replaced");
  return { disk, before, expected: await outcomeOf(repaired), calls };
}
