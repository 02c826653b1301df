/** A store that cannot be closed, in every use case: what was done still comes out, and what failed is what is told. */
import assert from "node:assert/strict";
import { type AgentError, SourceError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import { openStorage } from "../../src/mod.ts";
import { openAccess, type RepositoryAccess, type World } from "../../src/ops/access.ts";
import { check } from "../../src/ops/check.ts";
import { forget } from "../../src/ops/forget.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { init } from "../../src/ops/init.ts";
import { keyList } from "../../src/ops/keys.ts";
import { listBackups } from "../../src/ops/list.ts";
import { prune } from "../../src/ops/prune.ts";
import { put } from "../../src/ops/put.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { diff } from "../../src/ops/stats/diff.ts";
import { raiseGeneration } from "../../src/ops/gateway/raise_generation.ts";
import { stats } from "../../src/ops/stats/stats.ts";
import { status } from "../../src/ops/status.ts";
import { tag } from "../../src/ops/tags/tag.ts";
import { unlock } from "../../src/ops/unlock.ts";
import { SourceFeed } from "../../src/pipeline/source_feed.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  copyOf,
  fakeWorld,
  memoryRepository,
  noise,
  putBytes,
  putRequest,
} from "../helpers/world.ts";

const { signal } = new AbortController();

/** The store, as one whose connections cannot be ended. */
function stuck(store: BlobStore): BlobStore {
  const forwarding = withFaults(store, () => undefined);
  forwarding.close = () => Promise.reject(new TemporaryError("stuck"));
  return forwarding;
}

type UseCase = (access: RepositoryAccess, world: World) => Promise<unknown>;

const USE_CASES: Readonly<Record<string, UseCase>> = {
  check: (access, world) => check(access, { noLock: false, readData: true }, { world, signal }),
  get: (access, world) =>
    withBackup(
      access,
      { selector: "prod/shop", noLock: false },
      { world, signal },
      (open) => open.read(open.files[0]!, { write: () => Promise.resolve() }),
    ),
  put: (access, world) => put(access, putRequest(new BytesSource(noise(3000, "put"))), { world, signal }),
  list: (access, world) => listBackups(access, {}, { world }),
  diff: (access, world) => diff(access, { selectors: ["prod/shop", "prod/shop"], noLock: false }, { world, signal }),
  stats: (access, world) => stats(access, { noLock: false }, { world, signal }),
  status: (access, world) => status(access, {}, { world }),
  "gateway revoke": (access, world) => raiseGeneration(access, { world, signal, host: "db1" }),
  keys: (access, world) => keyList(access, { world }),
  unlock: (access, world) => unlock(access, { all: false }, { world }),
  hold: (access, world) => setHold(access, { selector: "prod/shop", hold: true }, { world, signal }),
  tag: (access, world) =>
    tag(access, {
      selection: { kind: "backups", selectors: ["prod/shop"] },
      change: { set: ["a"] },
      dryRun: false,
    }, { world, signal }),
  repair: (access, world) => repairIndex(access, { dryRun: false, readAllPacks: false }, { world, signal }),
  prune: (access, world) => prune(access, { dryRun: false, limits: DEFAULT_PRUNE_LIMITS }, { world, signal }),
  forget: (access, world) =>
    forget(access, { kind: "backups", selectors: ["prod/shop"] }, { world, allowLast: true, signal }),
};

async function backedUp(): Promise<BlobStore> {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await putBytes(access, world, noise(3000, "shop"));
  return store;
}

Deno.test("what a use case did comes out, and that its store could not be closed is told beside it", async () => {
  const store = await backedUp();
  for (const [name, use] of Object.entries(USE_CASES)) {
    const problems: AgentError[] = [];
    const world = { ...fakeWorld(name), onProblem: (problem: AgentError) => void problems.push(problem) };
    const result = await use(accessTo(stuck(await copyOf(store))), world);
    assert.ok(result !== undefined, name);
    assert.deepEqual(problems.map(({ message }) => message), ["The store could not be closed: stuck"], name);
  }
});

Deno.test("where a use case failed, that is thrown, whatever closing says", async () => {
  const store = await backedUp();
  for (const [name, use] of Object.entries(USE_CASES)) {
    const failing = withFaults(stuck(await copyOf(store)), ({ method, kind }) => {
      return method === "list" && ["snapshot", "index", "pack"].includes(kind!)
        ? { type: "fail", error: new StoreFullError("first") }
        : undefined;
    });
    failing.close = () => Promise.reject(new TemporaryError("stuck"));
    const outcome = use(accessTo(failing), fakeWorld(name));
    // Keys and locks are found without those.
    if (["keys", "unlock"].includes(name)) await outcome;
    else await assert.rejects(outcome, /first/, name);
    await assert.rejects(use(accessTo(stuck(await copyOf(store)), "wrong"), fakeWorld(name)), {
      code: "wrong-password",
    });
  }
});

Deno.test("a repository that was made is told of, whatever closing says", async () => {
  const problems: AgentError[] = [];
  const world = { ...fakeWorld(), onProblem: (problem: AgentError) => void problems.push(problem) };
  const store = openMemoryStore();
  const password = { password: new TextEncoder().encode("x"), isRandom: true };
  assert.ok((await init(stuck(store), password, { world })).repositoryId);
  assert.equal(problems.length, 1);
  await assert.rejects(init(stuck(store), password, { world }), { code: "store-exists" });
});

Deno.test("a lock that does not hold is told, also where it cannot be removed", async () => {
  const { store } = await memoryRepository(fakeWorld());
  let isWritten = false;
  const failing = withFaults(store, ({ method, kind }) => {
    if (kind !== "lock") return undefined;
    if (method === "put") isWritten = true;
    if (method === "list" && isWritten) return { type: "fail", error: new StoreFullError("no listing") };
    return method === "remove" ? { type: "fail", error: new StoreFullError("stuck") } : undefined;
  });
  const locking = async () => {
    await using repository = await openAccess({ ...accessTo(failing), retryLockMs: 1 }, { world: fakeWorld() });
    await using _lock = await repository.lock({ exclusive: false });
  };
  await assert.rejects(locking(), /no listing/);
});

Deno.test("a source that cannot be given up does not change what came of the stream", async () => {
  const source = new BytesSource(noise(100, "source"));
  source.cancel = () => Promise.reject(new SourceError("it does not end"));
  await new SourceFeed(source, new SegmentPool({ count: 2, segmentBytes: 1000 })).cancel(new SourceError("given up"));
});

Deno.test("a storage whose store cannot be closed says so when it is closed, which is a call of its own", async () => {
  const store = await backedUp();
  const storage = openStorage(accessTo(stuck(store)), fakeWorld());
  assert.equal((await storage.listBackups("prod/shop")).length, 1);
  await assert.rejects(storage.close(), /stuck/);
});
