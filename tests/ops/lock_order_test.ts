/**
 * Whoever only reads looks at a repository only once the lock is known to hold: an index that was read before may name
 * packs that somebody else is just removing. A backup reads the index before, and notices that. What changes a repository
 * is in under_lock_test.ts.
 */
import assert from "node:assert/strict";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { check } from "../../src/ops/check.ts";
import { chooseFile, withBackup } from "../../src/ops/restore/get.ts";
import { prune } from "../../src/ops/prune.ts";
import { openStorage } from "../../src/ops/storage/storage.ts";
import { type FaultyStore, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { FirstPause, nextStep } from "../helpers/first_pause.ts";
import type { FileKind } from "../../src/store/store.ts";
import {
  accessTo,
  type FakeWorld,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
} from "../helpers/world.ts";
import { fiveBackups, STRICT } from "./prune_fixture.ts";
import { readWhole } from "./storage_fixture.ts";

/** A use case, and what it must not look at before its lock is known to hold. */
interface UseCase {
  readonly run: (access: RepositoryAccess, world: FakeWorld) => Promise<unknown>;
  readonly waiting: readonly FileKind[];
}

const ALL: readonly FileKind[] = ["snapshot", "index", "pack"];
const SHOP = "prod/shop";

const USE_CASES: Readonly<Record<string, UseCase>> = {
  "a dry run of a prune": {
    run: (access, world) => prune(access, { limits: STRICT, dryRun: true }, { world }),
    waiting: ALL,
  },
  "a check": {
    run: (access, world) => check(access, { noLock: false, readData: false }, { world }),
    waiting: ALL,
  },
};

/** Runs something on a repository with five backups whose locks take long until they are known to hold. */
async function withLongPause(
  run: (access: RepositoryAccess, world: FakeWorld) => Promise<unknown>,
  goesOn: (calls: readonly StoreCall[]) => boolean,
) {
  const faulty: FaultyStore = withFaults(await fiveBackups(), () => undefined);
  let before = -1;
  const clock = new FirstPause(async () => {
    while (goesOn(faulty.calls)) await macrotask();
    await nextStep();
    before = faulty.calls.length;
  });
  await run(accessTo(faulty), { ...fakeWorld("paused"), clock });
  assert.ok(before > 0, "it took a lock");
  return { calls: faulty.calls, before };
}

for (const [name, { run, waiting }] of Object.entries(USE_CASES)) {
  Deno.test(`${name} looks at ${waiting.join(", ")} only once its lock is known to hold`, async () => {
    const { calls, before } = await withLongPause(run, () => false);
    const early = calls.slice(0, before).filter(({ kind }) => kind !== undefined && waiting.includes(kind));
    assert.deepEqual(early, []);
    assert.ok(
      calls.slice(before).some(({ kind }) => kind !== undefined && waiting.includes(kind)),
      "it looks afterwards",
    );
  });
}

Deno.test("what a prune removes after a backup has read the index, and before its lock holds, is stored again", async () => {
  const world = fakeWorld("pruned meanwhile");
  const { store } = await memoryRepository(world);
  const faulty = withFaults(store, () => undefined);
  const access = accessTo(faulty);
  const bytes = noise(100_000, "shop");
  const first = await putBytes(access, world, bytes);
  await store.remove({ kind: "snapshot", name: first.backup.snapshotId });
  const hasRead = () => faulty.calls.some(({ method, kind }) => method === "get" && kind === "index");
  const clock = new FirstPause(async () => {
    while (!hasRead()) await macrotask();
    await nextStep();
    for (const kind of ["index", "pack"] as const) {
      for (const name of await namesOf(store, kind)) await store.remove({ kind, name });
    }
  });
  const { manifest } = await putBytes(access, { ...world, clock }, bytes);
  assert.equal(manifest.stats.bytesAdded, bytes.length);
  assert.deepEqual(await getBytes(access, world, SHOP), bytes);
});

Deno.test("a get gives nothing away before its lock is known to hold", async () => {
  let isOver = false;
  let bytes = 0;
  const isRead = (calls: readonly StoreCall[]) => calls.filter(({ kind }) => kind === "pack").length >= 2;
  await withLongPause(async (access, { clock, ...world }) => {
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (ms, signal) => sleep(ms, signal).then(() => void (isOver = true));
    await withBackup(access, { selector: SHOP, noLock: false }, { world: { ...world, clock } }, ({ files, read }) => {
      assert.ok(isOver, "a backup was handed out before");
      return read(chooseFile(files, undefined), {
        write(piece) {
          bytes += piece.length;
          return Promise.resolve();
        },
      });
    });
  }, (calls) => !isRead(calls));
  assert.equal(bytes, 70_000);
});

Deno.test("a handle of the storage interface reads the index only once its lock is known to hold", async () => {
  const isIndex = ({ kind }: StoreCall) => kind === "index";
  // Its threads have to start meanwhile, which no call tells of.
  let turns = 0;
  const { calls, before } = await withLongPause(async (access, world) => {
    const storage = openStorage(access, world);
    const [handle] = await storage.listBackups(SHOP);
    assert.equal((await readWhole(handle!, "data")).length, 70_000);
    await storage.close();
  }, (calls) => !calls.some(isIndex) && ++turns < 300);
  assert.deepEqual(calls.slice(0, before).filter(isIndex), []);
});
