/** When nothing is committed: incomplete, empty, short and failing streams, locks, and somebody who stops it. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { type ErrorCode, InterruptedError, LockedError, SourceError } from "../../src/base/errors.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import { encodeLock } from "../../src/format/lock.ts";
import { put } from "../../src/ops/put.ts";
import { type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  putRequest,
  sqlDump,
} from "../helpers/world.ts";

async function assertNothingCommitted(store: BlobStore): Promise<void> {
  assert.deepEqual(await namesOf(store, "snapshot"), []);
  assert.deepEqual(await namesOf(store, "lock"), []);
}

const DUMP = sqlDump(2000, "refusals");
const TRUNCATED = DUMP.subarray(0, DUMP.length - 60);

Deno.test("a truncated dump is never a backup", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  for (const guard of ["auto", "mysqldump"] as const) {
    await assert.rejects(putBytes(access, world, TRUNCATED, { guard }), (error) => {
      return error instanceof SourceError && /mysqldump.*not whole.*nothing was committed/.test(error.message);
    });
    await assertNothingCommitted(store);
  }
  const { manifest } = await putBytes(access, world, DUMP, { guard: "auto" });
  assert.equal(manifest.level, 0);
});

Deno.test("a stream of another format than the one insisted on is refused", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await assert.rejects(putBytes(access, world, noise(1000, "noise"), { guard: "pg_dump" }), SourceError);
  await assertNothingCommitted(store);
});

Deno.test("an empty stream is refused unless it is allowed, and comes back empty then", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const empty = new Uint8Array(0);
  await assert.rejects(putBytes(access, world, empty), { code: "source-incomplete", message: /empty/ });
  await assertNothingCommitted(store);
  await putBytes(access, world, empty, { allowEmpty: true });
  assert.equal((await getBytes(access, world, "prod/shop")).length, 0);
});

Deno.test("a stream shorter than it should be is refused, one as long as it should be is not", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const data = noise(5000, "short");
  await assert.rejects(putBytes(access, world, data, { minSize: 5001 }), SourceError);
  await assertNothingCommitted(store);
  await putBytes(access, world, data, { minSize: 5000 });
});

Deno.test("a command that fails after its last byte leaves no backup", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  class Failing extends BytesSource {
    override ended(): Promise<void> {
      return Promise.reject(new SourceError("mysqldump exited with 2"));
    }
  }
  const source = new Failing(DUMP);
  const { signal } = new AbortController();
  await assert.rejects(put(access, putRequest(source), { world, signal }), { message: "mysqldump exited with 2" });
  await assertNothingCommitted(store);
  assert.ok(source.cancelled > 0);
});

/** Gives `head`, then does what `then` says; counts how often it was cancelled. */
class ThenSource extends BytesSource {
  readonly #then: () => Promise<number | null>;

  constructor(head: Uint8Array, then: () => Promise<number | null>) {
    super(head);
    this.#then = then;
  }

  override async read(target: Uint8Array): Promise<number | null> {
    return await super.read(target) ?? await this.#then();
  }
}

Deno.test("a source that fails in the middle leaves no backup, and its error is told", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const source = new ThenSource(noise(3_000_000, "head"), () => Promise.reject(new SourceError("broken pipe")));
  const { signal } = new AbortController();
  await assert.rejects(put(access, putRequest(source), { world, signal }), { message: "broken pipe" });
  await assertNothingCommitted(store);
});

/** Puts a source that stops giving after `headBytes` and is aborted then. */
async function abortedPut(
  headBytes: number,
  reason: unknown,
): Promise<{ store: BlobStore; source: ThenSource; error: unknown }> {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const abort = new AbortController();
  const source = new ThenSource(noise(headBytes, "aborted"), async () => {
    for (let i = 0; i < 20; i++) await macrotask();
    abort.abort(reason);
    return await new Promise(() => {});
  });
  const options = { signal: abort.signal, packBytes: 500_000 };
  const error = await put(access, putRequest(source), { world, ...options }).then(
    () => assert.fail("committed"),
    (thrown) => thrown,
  );
  return { store, source, error };
}

for (const headBytes of [0, 100_000, 2_500_000]) {
  Deno.test(`stopped after ${headBytes} bytes, it leaves no backup and no lock, and lets its source go`, async () => {
    const { store, source, error } = await abortedPut(headBytes, new InterruptedError());
    assert.ok(error instanceof InterruptedError, String(error));
    assert.ok(source.cancelled > 0);
    await assertNothingCommitted(store);
    assert.equal((await namesOf(store, "index")).length, (await namesOf(store, "pack")).length > 0 ? 1 : 0);
  });
}

Deno.test("any reason to stop is an interruption", async () => {
  const { error } = await abortedPut(100_000, new DOMException("stop", "AbortError"));
  assert.ok(error instanceof InterruptedError, String(error));
});

Deno.test("stopped before it began, it opens nothing", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const faulty = withFaults(store, () => undefined);
  const source = new BytesSource(DUMP);
  const signal = AbortSignal.abort(new InterruptedError());
  await assert.rejects(put(accessTo(faulty), putRequest(source), { world, signal }), InterruptedError);
  assert.deepEqual(faulty.calls, []);
  assert.ok(source.cancelled > 0);
});

for (const kind of ["pack", "index"] as const) {
  Deno.test(`stopped while the last ${kind} is written, it leaves no backup`, async () => {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    const abort = new AbortController();
    const plan: FaultPlan = (call) => {
      if (call.method === "put" && call.kind === kind) abort.abort(new InterruptedError());
      return undefined;
    };
    const access = accessTo(withFaults(store, plan));
    await assert.rejects(
      put(access, putRequest(new BytesSource(DUMP)), { world, signal: abort.signal }),
      InterruptedError,
    );
    await assertNothingCommitted(store);
  });
}

Deno.test("stopped while its lock is confirmed for the last time, it leaves no backup", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const abort = new AbortController();
  let isIndexed = false;
  const plan: FaultPlan = ({ method, kind }) => {
    if (method === "put" && kind === "index") {
      isIndexed = true;
      world.clock.jump(1000); // What was seen of the lock before counts no more.
    }
    if (method === "size" && kind === "lock" && isIndexed) abort.abort(new InterruptedError());
    return undefined;
  };
  const access = accessTo(withFaults(store, plan));
  await assert.rejects(
    put(access, putRequest(new BytesSource(DUMP)), { world, signal: abort.signal }),
    InterruptedError,
  );
  await assertNothingCommitted(store);
});

Deno.test("a lock that turns out not to hold ends the backup at once, not when its source is over", async () => {
  const world = fakeWorld();
  const { store, repository } = await memoryRepository(world);
  const identity = { ...world.identity, hostname: "other", pid: 1 };
  const rival = encodeLock({ ...identity, time: formatTimestamp(world.clock.now()), exclusive: true });
  let locks = 0;
  const plan: FaultPlan = ({ method, kind }) => {
    if (method === "put" && kind === "lock" && locks++ === 0) void repository.files.save("lock", rival);
    return undefined;
  };
  const source = new ThenSource(noise(100_000, "endless"), () => new Promise(() => {}));
  const { signal } = new AbortController();
  const putting = put(accessTo(withFaults(store, plan)), putRequest(source), { world, signal });
  await assert.rejects(putting, LockedError);
  assert.ok(source.cancelled > 0);
  assert.equal((await namesOf(store, "lock")).length, 1);
  assert.deepEqual(await namesOf(store, "snapshot"), []);
});

Deno.test("without a repository, with a wrong password or a senseless wish the source is let go", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const { signal } = new AbortController();
  const outcome = async (work: (source: JudgedSource) => Promise<unknown>, code: ErrorCode) => {
    const source = new BytesSource(DUMP);
    await assert.rejects(work(source), { code });
    assert.ok(source.cancelled > 0);
  };
  await outcome((source) => put(accessTo(openMemoryStore()), putRequest(source), { world, signal }), "no-repository");
  await outcome((source) => put(accessTo(store, "wrong"), putRequest(source), { world, signal }), "wrong-password");
  await outcome((source) => put(access, putRequest(source, { chunkAverage: 7 }), { world, signal }), "usage");
  await assertNothingCommitted(store);
});
