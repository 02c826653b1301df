/** The gate of use cases: when it is asked whether to begin, and that nothing has changed if it says no. */
import assert from "node:assert/strict";
import { InterruptedError, LockedError, SourceError, UsageError } from "../../src/base/errors.ts";
import { commandSource } from "../../src/engine/stream/command.ts";
import { forget, type ForgetOptions, type RetentionRequest } from "../../src/ops/forget.ts";
import { put } from "../../src/ops/put.ts";
import { archive } from "../../src/ops/restore/archive.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { DEFAULT_ROTATION } from "../../src/policy/retention/retention_rotation.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  BytesSource,
  fakeWorld,
  memoryRepository,
  namesOf,
  putBytes,
  putRequest,
  sqlDump,
} from "../helpers/world.ts";
import { day, LAST, named, repositoryWith } from "./forget_fixture.ts";
import { assertNothingIn, leftIn, putIntoBoth, twoStores } from "./put_also_fixture.ts";

const DUMP = sqlDump(3000, "gate");
const VETO = new TypeError("not on Fridays");
const veto = () => Promise.reject(VETO);
const isVeto = (error: unknown) => error === VETO;

/** A gate that notes which files the store holds when it is asked. */
function notingGate(store: BlobStore) {
  const asked: string[][] = [];
  const begin = async () => void asked.push((await allFiles(store)).map(({ kind }) => kind));
  return { asked, begin };
}

/** A gate that never answers, and interrupts the use case once it is asked. */
function hangingGate() {
  const interrupt = new AbortController();
  const begin = () => {
    interrupt.abort(new InterruptedError());
    return new Promise<void>(() => {});
  };
  return { begin, signal: interrupt.signal };
}

Deno.test("a put asks once, when the repository is locked and nothing is written", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const { asked, begin } = notingGate(store);
  await putBytes(access, world, DUMP, {}, { begin });
  assert.deepEqual(asked, [["config", "key", "lock"]]);
});

Deno.test("a put that is vetoed or interrupted meanwhile stores nothing, and cancels its source", async () => {
  const world = fakeWorld();
  for (const [options, expected] of [[{ begin: veto }, isVeto], [hangingGate(), InterruptedError]] as const) {
    const { access, store } = await memoryRepository(world);
    const before = await allFiles(store);
    const source = new BytesSource(DUMP);
    await assert.rejects(put(access, putRequest(source), { world, ...options }), expected);
    assert.deepEqual(await allFiles(store), before);
    assert.ok(source.cancelled > 0);
  }
});

Deno.test("a veto ends the command that writes the stream", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const started = Promise.withResolvers<number>();
  const onStderr = (bytes: Uint8Array) => Promise.resolve(started.resolve(Number(new TextDecoder().decode(bytes))));
  const source = commandSource(["sh", "-c", "echo $$ >&2; exec sleep 1000"], { onStderr });
  const begin = async () => {
    await started.promise;
    throw VETO;
  };
  await assert.rejects(put(access, putRequest(source), { world, begin }), isVeto);
  const pid = await started.promise;
  assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a lock that turns out not to hold ends a put whose gate does not answer", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  let isLocked = false;
  const lost = new LockedError("another process was faster");
  const faulty = withFaults(store, ({ method, kind }) => {
    if (kind === "lock" && method === "put") isLocked = true;
    return isLocked && kind === "lock" && method === "list" ? { type: "fail", error: lost } : undefined;
  });
  const begin = () => new Promise<void>(() => {});
  await assert.rejects(put(accessTo(faulty), putRequest(new BytesSource(DUMP)), { world, begin }), LockedError);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a dry run asks nobody", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  await putBytes(access, world, DUMP, {}, { begin: veto, isDry: true });
});

Deno.test("a put into two repositories asks once for both, and a veto leaves neither a backup", async () => {
  const stores = await twoStores();
  let asked = 0;
  const begin = () => Promise.resolve(void asked++);
  const { result } = await putIntoBoth(stores, new BytesSource(DUMP), {}, { begin });
  assert.deepEqual(result!.repositories!.map(({ error }) => error), [undefined, undefined]);
  assert.equal(asked, 1);
  const others = await twoStores();
  const source = new BytesSource(DUMP);
  const refusal = new UsageError("not on Fridays");
  const { error, told } = await putIntoBoth(others, source, {}, { begin: () => Promise.reject(refusal) });
  assert.equal(error, refusal);
  assert.deepEqual(told, []);
  assert.ok(source.cancelled > 0);
  await assertNothingIn(others);
});

Deno.test("a put into two repositories asks although one of them cannot be opened", async () => {
  const [main, second] = await twoStores();
  const gone = withFaults(second, () => ({ type: "fail", error: new SourceError("the server is away") }));
  const { asked, begin } = notingGate(main);
  const { result } = await putIntoBoth([main, gone], new BytesSource(DUMP), {}, { begin });
  assert.equal(result!.repositories![1].written, undefined);
  assert.equal(asked.length, 1);
  assert.equal((await leftIn(main)).length, 2);
});

Deno.test("a restore asks once its backup is found, and a veto leaves the target untouched", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  await putBytes(access, world, DUMP);
  const { asked, begin } = notingGate(store);
  const request = { selector: "prod/shop", noLock: false };
  await assert.rejects(
    withBackup(access, { ...request, selector: "prod/other" }, { world, begin }, () => Promise.resolve()),
    UsageError,
  );
  assert.deepEqual(asked, []);
  await withBackup(access, request, { world, begin }, () => Promise.resolve(assert.equal(asked.length, 1)));
  for (const [options, expected] of [[{ begin: veto }, isVeto], [hangingGate(), InterruptedError]] as const) {
    let touched = 0;
    const touch = () => Promise.resolve(void touched++);
    await assert.rejects(withBackup(access, request, { world, ...options }, touch), expected);
    const gate = expected === isVeto ? options : hangingGate();
    await assert.rejects(
      archive(access, { ...request, format: "tar" }, { write: touch }, { world, ...gate }),
      expected,
    );
    assert.equal(touched, 0);
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

const SHAPES = { a: day(1), b: day(2), c: day(3) };
const ROTATION: RetentionRequest = {
  kind: "rotation",
  series: "prod/shop",
  rotation: { ...DEFAULT_ROTATION, days: 0, weeks: 0, months: 0, years: 1 },
};
/** Removals by a shared lock, by an exclusive one, by one after the other, and by policies. */
const REMOVALS: Readonly<Record<string, [RetentionRequest, Partial<ForgetOptions>]>> = {
  "an older backup": [named("prod/shop@2026-01-01"), {}],
  "the last backups": [named("prod/shop@latest"), { allowLast: true }],
  "what a policy does not keep": [LAST, {}],
  "what a rotation does not keep": [ROTATION, {}],
};

for (const [what, [request, options]] of Object.entries(REMOVALS)) {
  Deno.test(`a removal of ${what} asks once, before anything is removed`, async () => {
    const { access, store, world, left } = await repositoryWith(SHAPES);
    const { asked, begin } = notingGate(store);
    await forget(access, request, { world, begin, dryRun: true, ...options });
    assert.equal(asked.length, 0);
    for (const [gate, expected] of [[{ begin: veto }, isVeto], [hangingGate(), InterruptedError]] as const) {
      await assert.rejects(forget(access, request, { world, ...gate, ...options }), expected);
      assert.deepEqual(await left(), ["a", "b", "c"]);
      assert.deepEqual(await namesOf(store, "lock"), []);
    }
    await forget(access, request, { world, begin, ...options });
    assert.deepEqual(asked.map((kinds) => kinds.filter((kind) => kind === "snapshot").length), [3]);
    assert.ok((await left()).length < 3);
  });
}

Deno.test("a policy asks although nothing is to be removed, a named removal only for what there is", async () => {
  const { access, store, world } = await repositoryWith({ a: day(1) });
  const { asked, begin } = notingGate(store);
  await assert.rejects(forget(access, named("prod/other@latest"), { world, begin }), UsageError);
  await assert.rejects(forget(access, named("prod/shop@latest"), { world, begin }), UsageError);
  assert.equal(asked.length, 0);
  await forget(access, LAST, { world, begin });
  await forget(access, ROTATION, { world, begin });
  assert.equal(asked.length, 2);
});
