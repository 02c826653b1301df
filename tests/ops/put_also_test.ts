/** Put into two repositories: one read, one verdict, and the failure of one does not end the other. */
import assert from "node:assert/strict";
import {
  type AgentError,
  InterruptedError,
  LockedError,
  NoRepositoryError,
  SourceError,
  StoreFullError,
  UsageError,
  WrongPasswordError,
} from "../../src/base/errors.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Engine, EngineItem, OpenSource } from "../../src/engine/engine.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import { encodeLock } from "../../src/format/lock.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import { put, type PutInput, type PutResult } from "../../src/ops/put.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  BytesSource,
  copyOf,
  ENGINE,
  fakeWorld,
  IDENTITY,
  macrotask,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  putRequest,
  sqlDump,
} from "../helpers/world.ts";
import { assertNothingIn, FIRST, leftIn, putIntoBoth, twoStores } from "./put_also_fixture.ts";

const SECOND = noise(60_000, "second");
/** More than all segments of a put together. */
const LONG = noise(10_000_000, "long");

function errorsOf(result: PutResult | undefined): (AgentError | undefined)[] {
  return result!.repositories!.map(({ error }) => error);
}

Deno.test("each repository gets the whole stream, as the next backup of its own chain", async () => {
  const stores = await twoStores();
  const { result } = await putIntoBoth(stores, new BytesSource(SECOND));
  const [main, second] = await Promise.all(stores.map(leftIn));
  assert.deepEqual(main!.map(({ bytes }) => bytes), [FIRST, SECOND]);
  assert.deepEqual(second!.map(({ bytes }) => bytes), [SECOND]);
  assert.deepEqual(main!.map(({ manifest }) => manifest.level), [0, 1]);
  assert.deepEqual(second!.map(({ manifest }) => manifest.level), [0]);
  const [mainManifest, secondManifest] = [main![1]!.manifest, second![0]!.manifest];
  assert.deepEqual(mainManifest.files[0]!.sha256, secondManifest.files[0]!.sha256);
  assert.deepEqual(mainManifest.files[0]!.guard, secondManifest.files[0]!.guard);
  assert.deepEqual(result!.repositories!.map(({ written }) => written!.backup.id), [
    main![1]!.backup.id,
    second![0]!.backup.id,
  ]);
  assert.equal(result!.backup.id, main![1]!.backup.id);
});

Deno.test("several streams side by side get into both, all of them or none", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const streams = (broken: boolean): PutInput => ({
    engine: ENGINE,
    streams: names.map((name) => ({
      path: parseStreamPath(name),
      source: new BytesSource(broken && name === "d" ? new Uint8Array(0) : noise(2_000_000, name)),
      guard: "none" as const,
    })),
  });
  const stores = await twoStores();
  const refused = await putIntoBoth(stores, new BytesSource(SECOND), { input: streams(true), jobs: 3 });
  assert.ok(refused.error instanceof SourceError);
  await assertNothingIn(stores);
  await putIntoBoth(stores, new BytesSource(SECOND), { input: streams(false), jobs: 3 });
  for (const store of stores) {
    const { manifest, bytes } = (await leftIn(store)).at(-1)!;
    assert.deepEqual(manifest.files.map(({ path }) => path), names);
    assert.equal(bytes.length, 10_000_000);
  }
});

/** A source of an engine with two streams, an entry of a tree would be stored alike; counts how often it is opened. */
function countingEngine(replays: boolean) {
  const counts = { opened: 0, finished: 0 };
  async function* items(): AsyncGenerator<EngineItem> {
    await macrotask();
    for (const name of ["one", "two"]) {
      yield {
        kind: "stream",
        path: parseStreamPath(name),
        source: new BytesSource(noise(50_000, name)),
        guard: "none",
      };
    }
  }
  const open = (): Promise<OpenSource> => {
    counts.opened++;
    return Promise.resolve({
      items,
      finish: () => {
        counts.finished++;
        return Promise.resolve({ position: { log: 7 }, metadata: new BytesSource(noise(700, "m")), problems: ["odd"] });
      },
      cancel: () => Promise.resolve(),
    });
  };
  const engine: Engine = { version: "1", replays, parameters: [] };
  return { counts, input: { driven: { name: "counting", engine, driver: { options: {}, open } } } };
}

Deno.test("the source of an engine is opened and finished once, and each repository gets what it left", async () => {
  const stores = await twoStores();
  const { counts, input } = countingEngine(false);
  const { result } = await putIntoBoth(stores, new BytesSource(SECOND), { input });
  assert.deepEqual(counts, { opened: 1, finished: 1 });
  assert.deepEqual(result!.problems, ["odd"]);
  for (const store of stores) {
    const { manifest } = (await leftIn(store)).at(-1)!;
    assert.deepEqual(manifest.files.map(({ path, size }) => [path, size]), [
      ["metadata", 700],
      ["one", 50_000],
      ["two", 50_000],
    ]);
    assert.deepEqual(manifest.source, { log: 7, problems: 1 });
  }
});

Deno.test("an engine with levels cannot serve two chains, which is said before anything is opened", async () => {
  const stores = await twoStores();
  const { counts, input } = countingEngine(true);
  const { error } = await putIntoBoth(stores, new BytesSource(SECOND), { input });
  assert.ok(error instanceof UsageError && /"agent copy"/.test(error.message), String(error));
  assert.equal(counts.opened, 0);
  await assertNothingIn(stores);
});

Deno.test("one repository under two names is refused, and nothing is committed", async () => {
  const [main] = await twoStores();
  const source = new BytesSource(SECOND);
  const { error } = await putIntoBoth([main, main], source);
  assert.ok(error instanceof UsageError && /both have the same id/.test(error.message), String(error));
  assert.ok(source.cancelled > 0);
  assert.equal((await namesOf(main, "snapshot")).length, 1);
  const copy = await putIntoBoth([main, await copyOf(main)], new BytesSource(SECOND));
  assert.ok(copy.error instanceof UsageError);
});

/** What keeps a repository from being used at all. */
const BROKEN: Readonly<
  Record<string, [new (...args: never[]) => AgentError, (s: BlobStore) => Promise<RepositoryAccess>]>
> = {
  "has another password": [WrongPasswordError, (store) => Promise.resolve(accessTo(store, "another"))],
  "is not there": [NoRepositoryError, () => Promise.resolve(accessTo(openMemoryStore()))],
  "cannot be reached": [StoreFullError, (store) => {
    return Promise.resolve({ ...accessTo(store), openStore: () => Promise.reject(new StoreFullError("no route")) });
  }],
  "is locked by a prune": [LockedError, async (store) => {
    const world = fakeWorld();
    const { files } = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
    const identity = { ...IDENTITY, hostname: "elsewhere" };
    const time = new Date(world.clock.now().getTime() + 3_600_000);
    await files.save("lock", encodeLock({ ...identity, time: formatTimestamp(time), exclusive: true }));
    return accessTo(store);
  }],
};

for (const [how, [type, breakIt]] of Object.entries(BROKEN)) {
  for (const broken of [0, 1] as const) {
    Deno.test(`the ${broken === 0 ? "main" : "second"} repository ${how}: the other one gets the backup`, async () => {
      const stores = await twoStores();
      const accesses: [RepositoryAccess, RepositoryAccess] = [accessTo(stores[0]), accessTo(stores[1])];
      accesses[broken] = await breakIt(stores[broken]);
      const told: string[] = [];
      const world = { ...fakeWorld("both"), onProblem: ({ message }: AgentError) => void told.push(message) };
      world.clock.jump(3_600_000);
      const result = await put(accesses[0], putRequest(new BytesSource(LONG), { also: accesses[1] }), { world });
      const errors = errorsOf(result);
      assert.ok(errors[broken] instanceof type, String(errors[broken]));
      assert.equal(errors[1 - broken], undefined);
      assert.deepEqual((await leftIn(stores[broken === 0 ? 1 : 0])).at(-1)!.bytes, LONG);
      assert.equal(result.backup.id, result.repositories![broken === 0 ? 1 : 0].written!.backup.id);
      assert.equal(told.length, 1);
      assert.match(told[0]!, /^The backup does not get into .*; it goes on into /);
    });
  }
}

Deno.test("if both fail, the error is that of the main one, and the other one is told", async () => {
  for (const first of [0, 1]) {
    const stores = await twoStores();
    const faulty = stores.map((store, i) => {
      const error = new StoreFullError(`number ${i} is full`);
      // The one that fails first does so at its beginning, the other one with its last file.
      const isHit = (kind?: string) => i === first ? kind === "lock" : kind === "snapshot";
      return withFaults(
        store,
        ({ method, kind }) => method === "put" && isHit(kind) ? { type: "fail", error } : undefined,
      );
    });
    const { error, told } = await putIntoBoth([faulty[0]!, faulty[1]!], new BytesSource(SECOND));
    assert.equal(error?.message, "number 0 is full");
    assert.ok(told.some((message) => message.includes(`number ${first} is full`)), told.join());
    assert.equal(first === 0 || told.some((message) => message.includes("number 1 is full")), true);
    await assertNothingIn(stores);
  }
});

Deno.test("a full repository does not hold up the other one, however long the stream goes on", async () => {
  const stores = await twoStores();
  const full = withFaults(stores[1], ({ method, kind }) => {
    return method === "put" && kind === "pack" ? { type: "fail", error: new StoreFullError("full") } : undefined;
  });
  const { result } = await putIntoBoth([stores[0], full], new BytesSource(LONG));
  assert.ok(errorsOf(result)[1] instanceof StoreFullError);
  assert.deepEqual((await leftIn(stores[0])).at(-1)!.bytes, LONG);
  assert.deepEqual(await namesOf(stores[1], "lock"), []);
});

Deno.test("a repository that opens late gets the whole stream; no more is read ahead than there are segments", async () => {
  const stores = await twoStores();
  const opening = Promise.withResolvers<void>();
  const source = new BytesSource(LONG);
  let bytesRead = 0;
  const also = { ...accessTo(stores[1]), openStore: () => opening.promise.then(() => stores[1]) };
  const onProgress = (progress: { readonly bytesRead: number }) => void (bytesRead = progress.bytesRead);
  const putting = putIntoBoth(stores, source, { also }, { onProgress });
  while (bytesRead < 8_000_000) await macrotask();
  for (let i = 0; i < 50; i++) await macrotask();
  assert.ok(bytesRead < LONG.length, `${bytesRead} bytes were read`);
  assert.equal((await namesOf(stores[0], "snapshot")).length, 1);
  opening.resolve();
  const { result } = await putting;
  assert.deepEqual(errorsOf(result), [undefined, undefined]);
  for (const store of stores) assert.deepEqual((await leftIn(store)).at(-1)!.bytes, LONG);
});

Deno.test("a lock that is lost in one repository ends the backup there and nowhere else", async () => {
  const stores = await twoStores();
  const world = fakeWorld("both");
  world.clock.jump(3_600_000);
  class Losing extends BytesSource {
    #pieces = 0;
    override async read(target: Uint8Array): Promise<number | null> {
      if (this.#pieces++ === 100) {
        while ((await namesOf(stores[1], "pack")).length < 3) await macrotask();
        for (const name of await namesOf(stores[1], "lock")) await stores[1].remove({ kind: "lock", name });
        world.clock.jump(1000);
      }
      return await super.read(target);
    }
  }
  const request = putRequest(new Losing(LONG), { also: accessTo(stores[1]) });
  const result = await put(accessTo(stores[0]), request, { world, packBytes: 20_000 });
  assert.ok(errorsOf(result)[1] instanceof LockedError);
  assert.deepEqual((await leftIn(stores[0])).at(-1)!.bytes, LONG);
  assert.deepEqual(await namesOf(stores[1], "snapshot"), []);
});

Deno.test("what the source says holds for both: broken off, refused by its guard, too short, its program failed", async () => {
  const dump = sqlDump(2000, "half");
  const failing = (source: BytesSource, change: Partial<BytesSource>) => Object.assign(source, change);
  const broken = new BytesSource(LONG);
  const read = broken.read.bind(broken);
  let pieces = 0;
  const error = new SourceError("broken pipe");
  const refused: [string, BytesSource, object][] = [
    ["broken", failing(broken, { read: (target) => pieces++ > 60 ? Promise.reject(error) : read(target) }), {}],
    ["half", new BytesSource(dump.subarray(0, dump.length - 60)), { guard: "auto" }],
    ["short", new BytesSource(SECOND), { minSize: 100_000 }],
    ["exit 2", failing(new BytesSource(SECOND), { ended: () => Promise.reject(new SourceError("exit 2")) }), {}],
  ];
  for (const [what, source, overrides] of refused) {
    const stores = await twoStores();
    const { error, told } = await putIntoBoth(stores, source, overrides);
    assert.ok(error instanceof SourceError, `${what}: ${error}`);
    assert.deepEqual(told, [], what);
    await assertNothingIn(stores);
  }
});

Deno.test("a refusal by the earlier backups of one repository is a verdict about the source", async () => {
  for (const knowing of [0, 1]) {
    const stores = await twoStores();
    const world = fakeWorld("earlier");
    const series = putRequest(new BytesSource(SECOND)).series;
    await putBytes(accessTo(stores[knowing]!), world, FIRST, { series, guard: "auto" });
    const counts = () => Promise.all(stores.map(async (store) => (await namesOf(store, "snapshot")).length));
    const countsBefore = await counts();
    const { error } = await putIntoBoth(stores, new BytesSource(SECOND), { guard: "auto" });
    assert.ok(error instanceof SourceError && /mysqldump/.test(error.message), String(error));
    assert.deepEqual(await counts(), countsBefore);
  }
});

Deno.test("passwords are asked one after the other, the main one first", async () => {
  const [main, second] = await twoStores();
  const asked: string[] = [];
  let open = 0;
  const asking = (name: string, store: BlobStore): RepositoryAccess => {
    const ask = async (question: string, answer: string) => {
      asked.push(question);
      assert.equal(++open, 1);
      for (let i = 0; i < 5; i++) await macrotask();
      open--;
      return answer;
    };
    return {
      ...accessTo(store),
      // The main repository's store takes longer to open.
      openStore: () => (name === "main" ? macrotask() : Promise.resolve()).then(() => store),
      password: () => ask(name, "wrong"),
      otherPassword: () => ask(`${name} again`, PASSWORD),
    };
  };
  const request = putRequest(new BytesSource(SECOND), { also: asking("second", second) });
  const result = await put(asking("main", main), request, { world: fakeWorld("asking") });
  assert.deepEqual(errorsOf(result), [undefined, undefined]);
  assert.equal(asked[0], "main");
  assert.deepEqual(asked.toSorted(), ["main", "main again", "second", "second again"]);
});

Deno.test("stopped before it began, it opens neither", async () => {
  const stores = await twoStores();
  const faulty = stores.map((store) => withFaults(store, () => undefined));
  const signal = AbortSignal.abort(new InterruptedError());
  const { error } = await putIntoBoth([faulty[0]!, faulty[1]!], new BytesSource(SECOND), {}, { signal });
  assert.ok(error instanceof InterruptedError);
  assert.deepEqual(faulty.flatMap(({ calls }) => calls), []);
});

/** Sleeps until a promise resolves, however long it should be. */
function sleepUntil(opened: Promise<void>): Clock {
  return { now: () => new Date(0), monotonicMs: () => 0, sleep: () => opened };
}

Deno.test("the main repository waits for the second one before its snapshot, and an interruption there ends both", async () => {
  const stores = await twoStores();
  const opened = Promise.withResolvers<void>();
  const abort = new AbortController();
  const reached = Promise.withResolvers<void>();
  const slow = withFaults(stores[1], ({ method, kind }) => {
    if (method !== "put" || kind !== "index") return undefined;
    reached.resolve();
    return { type: "delay", delayMs: 1, clock: sleepUntil(opened.promise) };
  });
  const putting = putIntoBoth([stores[0], slow], new BytesSource(SECOND), {}, { signal: abort.signal });
  await reached.promise;
  while ((await namesOf(stores[0], "index")).length < 2) await macrotask();
  for (let i = 0; i < 100; i++) await macrotask();
  assert.equal((await namesOf(stores[0], "snapshot")).length, 1);
  abort.abort(new InterruptedError());
  opened.resolve();
  assert.ok((await putting).error instanceof InterruptedError);
  await assertNothingIn(stores);
});

Deno.test("an interruption after the point of no return stops neither", async () => {
  const stores = await twoStores();
  const abort = new AbortController();
  const world = fakeWorld("both");
  world.clock.jump(3_600_000);
  const isSnapshotWritten = Promise.withResolvers<void>();
  let isIndexed = false;
  const main = withFaults(stores[0], ({ method, kind }) => {
    if (method === "put" && kind === "snapshot") {
      abort.abort(new InterruptedError());
      isSnapshotWritten.resolve();
    }
    return undefined;
  });
  // The second one looks for its lock once more, and does not get an answer before the main one has its snapshot.
  const second = withFaults(stores[1], ({ method, kind }) => {
    if (method === "put" && kind === "index") {
      isIndexed = true;
      world.clock.jump(1000);
    }
    if (!isIndexed || method !== "size" || kind !== "lock") return undefined;
    return { type: "delay", delayMs: 1, clock: sleepUntil(isSnapshotWritten.promise) };
  });
  const request = putRequest(new BytesSource(SECOND), { also: accessTo(second) });
  const result = await put(accessTo(main), request, { world, signal: abort.signal });
  assert.ok(abort.signal.aborted);
  assert.deepEqual(errorsOf(result), [undefined, undefined]);
});
