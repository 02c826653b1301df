/** What every use case that changes a repository owes its lock: it decides by what it reads under it, and ends without it. */
import assert from "node:assert/strict";
import { AgentError, ExitCode, LockedError } from "../../src/base/errors.ts";
import type { Clock } from "../../src/base/clock.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { copy } from "../../src/ops/copy.ts";
import { forget } from "../../src/ops/forget.ts";
import { raiseGeneration } from "../../src/ops/gateway/raise_generation.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { keyAdd, keyChange, keyList, keyRemove } from "../../src/ops/keys.ts";
import { listBackups } from "../../src/ops/list.ts";
import { prune } from "../../src/ops/prune.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { repairPacks } from "../../src/ops/repair/repair_packs.ts";
import { repairSnapshots } from "../../src/ops/repair/repair_snapshots.ts";
import { tag } from "../../src/ops/tags/tag.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, FileName, ListedFile, StoreCallOptions } from "../../src/store/store.ts";
import { type FaultyStore, withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  copyOf,
  type FakeWorld,
  fakeWorld,
  getBytes,
  IDENTITY,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
} from "../helpers/world.ts";
import { LAST } from "./forget_fixture.ts";

import { fiveBackups } from "./prune_fixture.ts";

const LIMITS = { ...DEFAULT_PRUNE_LIMITS, maxUnused: { bytes: 0 } };
const ANOTHER = { newPassword: () => Promise.resolve({ password: "another", isRandom: true }) };

interface UseCase {
  readonly run: (access: RepositoryAccess, world: FakeWorld) => Promise<unknown>;
  /** What must not be listed before the lock is known to hold. */
  readonly decidesBy: readonly FileKind[];
  /** What may be listed before, and must be listed again then. */
  readonly looksAgainAt?: FileKind;
}

const USE_CASES: Readonly<Record<string, UseCase>> = {
  put: {
    run: (access, world) => putBytes(access, world, noise(50_000, "another")),
    decidesBy: [],
    looksAgainAt: "index",
  },
  rm: {
    run: async (access, world) => {
      const [oldest] = (await listBackups(access, {}, { world })).backups;
      return await forget(access, { kind: "backups", selectors: [`@${oldest!.id}`] }, { world });
    },
    decidesBy: ["index"],
  },
  forget: {
    run: (access, world) => forget(access, LAST, { world }),
    decidesBy: ["snapshot", "index"],
  },
  prune: {
    run: (access, world) => prune(access, { limits: LIMITS, dryRun: false }, { world }),
    decidesBy: ["snapshot", "index", "pack"],
  },
  hold: {
    run: (access, world) => setHold(access, { selector: "prod/shop", hold: true }, { world }),
    decidesBy: ["snapshot", "index"],
  },
  tag: {
    run: (access, world) =>
      tag(access, { selection: { kind: "all" }, change: { set: ["a"] }, dryRun: false }, { world }),
    decidesBy: ["snapshot", "index"],
  },
  "repair index": {
    run: (access, world) => repairIndex(access, { dryRun: false, readAllPacks: false }, { world }),
    decidesBy: ["snapshot", "index", "pack"],
  },
  "repair packs": {
    run: (access, world) => repairPacks(access, { dryRun: false, packs: [] }, { world }),
    decidesBy: ["snapshot", "index", "pack"],
  },
  "repair snapshots": {
    run: (access, world) => repairSnapshots(access, { dryRun: false, backups: [], forget: true }, { world }),
    decidesBy: ["snapshot", "index", "pack"],
  },
  "key remove": {
    run: async (access, world) => {
      const other = (await keyList(access, { world })).find(({ isCurrent }) => !isCurrent)!;
      return await keyRemove(access, { prefix: other.id }, { world });
    },
    decidesBy: [],
  },
  copy: {
    run: async (access, world) => {
      const request = { from: accessTo(await fiveBackups()), names: [], dryRun: false, fromNoLock: false };
      return await copy(access, request, { world });
    },
    decidesBy: ["snapshot", "index"],
  },
  "gateway revoke": {
    run: (access, world) => raiseGeneration(access, { world, host: IDENTITY.hostname }),
    decidesBy: ["snapshot"],
    looksAgainAt: "index",
  },
  "key add": { run: (access, world) => keyAdd(access, ANOTHER, { world }), decidesBy: [] },
  "key passwd": { run: (access, world) => keyChange(access, ANOTHER, { world }), decidesBy: [] },
};

/** A repository that gives every use case something to change: backups, a pack too many, a damaged snapshot, two keys. */
async function prepare(): Promise<BlobStore> {
  const world = fakeWorld("prepared");
  const { store, access } = await memoryRepository(world);
  for (const night of [1, 2]) {
    await putBytes(access, world, noise(40_000, `night ${night}`));
    await world.clock.advance(86_400_000);
  }
  const forgotten = await putBytes(access, world, noise(40_000, "forgotten"));
  await store.remove({ kind: "snapshot", name: forgotten.backup.snapshotId });
  await keyAdd(access, ANOTHER, { world });
  return store;
}

let made: Promise<BlobStore> | undefined;

function prepared(): Promise<BlobStore> {
  return made ??= prepare();
}

function worldOf(name: string): FakeWorld {
  const world = { ...fakeWorld(name, []), identity: { ...IDENTITY, pid: 5000 } };
  world.clock.jump(10 * 86_400_000);
  return world;
}

/** The store with a damage that this use case repairs. */
async function storeFor(name: string): Promise<BlobStore> {
  const store = await copyOf(await prepared());
  const [pack] = await namesOf(store, "pack");
  if (name === "repair index") await damage(store, { kind: "index", name: (await namesOf(store, "index"))[0]! });
  if (name === "repair packs") await damage(store, { kind: "pack", name: pack! });
  if (name === "repair snapshots") {
    await damage(store, { kind: "snapshot", name: (await namesOf(store, "snapshot"))[0]! });
  }
  return store;
}

async function damage(store: BlobStore, file: { readonly kind: FileKind; readonly name: string }): Promise<void> {
  const bytes = await store.get(file);
  bytes[100]! ^= 1;
  await store.remove(file);
  await store.put(file, [bytes]);
}

/** When a lock is confirmed, or something is done under it for the first time. */
type Moment = "confirmed" | `${"put" | "remove"} ${FileKind}`;

/** Shows the first lock that is written until a moment comes; then it is gone, and some time has passed. */
class LosingStore extends ForwardingStore {
  readonly #world: FakeWorld;
  readonly #moment: Moment;
  #state: "unlocked" | "locked" | "lost" = "unlocked";

  constructor(inner: BlobStore, world: FakeWorld, moment: Moment) {
    super(inner);
    this.#world = world;
    this.#moment = moment;
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    await this.inner.put(file, content, options);
    if (file.kind === "lock" && this.#state === "unlocked") this.#state = "locked";
    await this.#loseAt(`put ${file.kind}`);
  }

  override async remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    await this.inner.remove(file, options);
    await this.#loseAt(`remove ${file.kind}`);
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    yield* this.inner.list(kind, options);
    if (kind === "lock") await this.#loseAt("confirmed");
  }

  async #loseAt(moment: Moment): Promise<void> {
    if (this.#moment !== moment || this.#state !== "locked") return;
    this.#state = "lost";
    for (const name of await namesOf(this.inner, "lock")) await this.inner.remove({ kind: "lock", name });
    this.#world.clock.jump(1000);
  }
}

function listings({ calls }: FaultyStore, kind: FileKind): number {
  return calls.filter((call) => call.method === "list" && call.kind === kind).length;
}

for (const [name, { run, decidesBy, looksAgainAt }] of Object.entries(USE_CASES)) {
  if (decidesBy.length === 0 && looksAgainAt === undefined) continue;
  Deno.test(`${name} reads what it decides by only when its lock is known to hold`, async () => {
    const confirming = Promise.withResolvers<void>();
    const clock: Clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: () => confirming.promise };
    let isWritten = false;
    const slow = withFaults(await storeFor(name), ({ method, kind }) => {
      if (method === "put" && kind === "lock") isWritten = true;
      return isWritten && method === "list" && kind === "lock" ? { type: "delay", delayMs: 0, clock } : undefined;
    });
    const running = run(accessTo(slow), worldOf(name));
    running.catch(() => {});
    // A put reads snapshots meanwhile; threads and all have begun by then.
    while (!isWritten || name === "put" && listings(slow, "snapshot") === 0) await macrotask();
    for (let turn = 0; turn < 100; turn++) await macrotask();
    for (const kind of decidesBy) assert.equal(listings(slow, kind), 0, `${kind} was listed`);
    const ahead = looksAgainAt && listings(slow, looksAgainAt);
    confirming.resolve();
    await running;
    if (looksAgainAt) assert.ok(listings(slow, looksAgainAt) > ahead!, `${looksAgainAt} was not listed again`);
  });
}

for (const [name, { run }] of Object.entries(USE_CASES)) {
  Deno.test(`${name} changes nothing once its lock is gone`, async () => {
    const store = await storeFor(name);
    const world = worldOf(name);
    const before = (await allFiles(store)).filter(({ kind }) => kind !== "lock");
    const losing = new LosingStore(store, world, "confirmed");
    await assert.rejects(run(accessTo(losing), world), LockedError);
    assert.deepEqual((await allFiles(store)).filter(({ kind }) => kind !== "lock"), before);
  });
}

/** The last thing that each use case does before it removes files, and of which kind these are. */
const BEFORE_REMOVAL: readonly (readonly [name: string, moment: Moment, removed: FileKind])[] = [
  ["prune", "put index", "index"],
  ["prune", "remove index", "pack"],
  ["hold", "put snapshot", "snapshot"],
  ["repair index", "put index", "index"],
  ["repair packs", "put index", "index"],
  ["repair packs", "remove index", "pack"],
  ["key passwd", "put key", "key"],
];

for (const [name, moment, removed] of BEFORE_REMOVAL) {
  Deno.test(`${name} removes no ${removed} where its lock goes with "${moment}"`, async () => {
    const store = await storeFor(name);
    const world = worldOf(name);
    const before = await namesOf(store, removed);
    await assert.rejects(USE_CASES[name]!.run(accessTo(new LosingStore(store, world, moment)), world), (error) => {
      // A password that was added stays, and the message says so.
      return error instanceof AgentError && error.exitCode === ExitCode.locked;
    });
    const after = new Set(await namesOf(store, removed));
    assert.deepEqual(before.filter((name) => !after.has(name)), []);
  });
}

Deno.test("what the use cases of these tests change can be changed", async () => {
  for (const [name, { run }] of Object.entries(USE_CASES)) {
    const store = await storeFor(name);
    const before = await allFiles(store);
    await run(accessTo(store), worldOf(name));
    assert.notDeepEqual(await allFiles(store), before, name);
  }
  assert.ok(await getBytes(accessTo(await prepared()), worldOf("get"), "prod/shop"));
});
