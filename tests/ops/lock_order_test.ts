/**
 * What a repository holds is looked at only once the lock is known to hold: an index that was read before may name packs
 * that somebody else is just removing, and a list of snapshots may lack those whose packs a prune would remove.
 */
import assert from "node:assert/strict";
import { parseSeries } from "../../src/format/series.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { check } from "../../src/ops/check.ts";
import { forget } from "../../src/ops/forget.ts";
import { chooseFile, withBackup } from "../../src/ops/get.ts";
import { setHold } from "../../src/ops/hold.ts";
import { prune } from "../../src/ops/prune.ts";
import { repairIndex } from "../../src/ops/repair_index.ts";
import { repairPacks } from "../../src/ops/repair_packs.ts";
import { repairSnapshots } from "../../src/ops/repair_snapshots.ts";
import { openStorage } from "../../src/ops/storage.ts";
import { type FaultyStore, type StoreCall, withFaults } from "../../src/store/fault.ts";
import type { FileKind } from "../../src/store/store.ts";
import { accessTo, FakeClock, type FakeWorld, fakeWorld, macrotask, noise, putBytes } from "../helpers/world.ts";
import { fiveBackups, STRICT } from "./prune_fixture.ts";
import { backUp, readWhole } from "./storage_fixture.ts";

const signal = new AbortController().signal;

/** A clock on which the first pause after a lock is written lasts as long as anything else goes on. */
class LongPause extends FakeClock {
  readonly #goesOn: () => boolean;
  readonly #onOver: () => void;
  #isOver = false;

  constructor(goesOn: () => boolean, onOver: () => void) {
    super();
    this.jump(86_400_000);
    this.#goesOn = goesOn;
    this.#onOver = onOver;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#isOver) return await super.sleep(ms, signal);
    this.#isOver = true;
    while (this.#goesOn()) await macrotask();
    // Whoever does not wait for the lock has begun with the next step by then.
    for (let i = 0; i < 30; i++) await macrotask();
    this.#onOver();
  }
}

/** A use case, and what it must not look at before its lock is known to hold. */
interface UseCase {
  readonly run: (access: RepositoryAccess, world: FakeWorld) => Promise<unknown>;
  readonly waiting: readonly FileKind[];
  /** Whether it may be on its way to what waits: it looks at the snapshots meanwhile. */
  readonly looksAhead?: boolean;
}

const ALL: readonly FileKind[] = ["snapshot", "index", "pack"];
const SHOP = "prod/shop";

const USE_CASES: Readonly<Record<string, UseCase>> = {
  "a put": {
    run: (access, world) => putBytes(access, world, noise(1000, "put"), { series: parseSeries(SHOP) }),
    waiting: ["index"],
    looksAhead: true,
  },
  "a backup through the storage interface": {
    async run(access, world) {
      const storage = openStorage(access, world);
      await backUp(storage, "fresh", { a: noise(1000, "a") });
      await storage.close();
    },
    waiting: ["index"],
    looksAhead: true,
  },
  "a prune": {
    run: (access, world) => prune(access, world, { limits: STRICT, dryRun: false, signal }),
    waiting: ALL,
  },
  "a dry run of a prune": {
    run: (access, world) => prune(access, world, { limits: STRICT, dryRun: true, signal }),
    waiting: ALL,
  },
  "a check": {
    run: (access, world) => check(access, world, { signal, noLock: false, readData: false }),
    waiting: ALL,
  },
  "a hold": { run: (access, world) => setHold(access, { selector: SHOP, hold: true }, world), waiting: ALL },
  "a forget by a policy": {
    run: (access, world) => forget(access, { kind: "policy", rules: { counts: { last: 1 } }, filter: {} }, world),
    waiting: ALL,
  },
  "a forget by name": {
    run: (access, world) => forget(access, { kind: "backups", selectors: [`${SHOP}@2026-01-02T03:05`] }, world),
    waiting: ALL,
  },
  "a repair of the index": {
    run: (access, world) => repairIndex(access, world, { signal, dryRun: false, readAllPacks: false }),
    waiting: ALL,
  },
  "a repair of packs": {
    run: (access, world) => repairPacks(access, world, { signal, dryRun: false, packs: [] }),
    waiting: ALL,
  },
  "a repair of snapshots": {
    run: (access, world) => repairSnapshots(access, world, { signal, dryRun: false, backups: [], forget: false }),
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
  const clock = new LongPause(() => goesOn(faulty.calls), () => before = faulty.calls.length);
  await run(accessTo(faulty), { ...fakeWorld("paused"), clock });
  assert.ok(before > 0, "it took a lock");
  return { calls: faulty.calls, before };
}

for (const [name, { run, waiting, looksAhead = false }] of Object.entries(USE_CASES)) {
  Deno.test(`${name} looks at ${waiting.join(", ")} only once its lock is known to hold`, async () => {
    const hasLooked = (calls: readonly StoreCall[]) =>
      calls.some(({ method, kind }) => method === "get" && kind === "snapshot");
    const { calls, before } = await withLongPause(run, (calls) => looksAhead && !hasLooked(calls));
    const early = calls.slice(0, before).filter(({ kind }) => kind !== undefined && waiting.includes(kind));
    assert.deepEqual(early, []);
    assert.ok(
      calls.slice(before).some(({ kind }) => kind !== undefined && waiting.includes(kind)),
      "it looks afterwards",
    );
  });
}

Deno.test("a get gives nothing away before its lock is known to hold", async () => {
  let isOver = false;
  let bytes = 0;
  const isRead = (calls: readonly StoreCall[]) => calls.filter(({ kind }) => kind === "pack").length >= 2;
  await withLongPause(async (access, { clock, ...world }) => {
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (ms, signal) => sleep(ms, signal).then(() => void (isOver = true));
    await withBackup(access, SHOP, { ...world, clock }, { signal, noLock: false }, ({ files, read }) => {
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
