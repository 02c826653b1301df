/** Prune: what nothing needs goes, what anything needs stays, whatever holds or breaks it off. */
import assert from "node:assert/strict";
import { DeniedError, InterruptedError, LockedError, StoreError, UsageError } from "../../src/base/errors.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { prune } from "../../src/ops/prune.ts";
import { everyNth, withFaults } from "../helpers/fault_store.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, FileName, RemoveLeftoversOptions, StoreCallOptions } from "../../src/store/store.ts";
import { accessTo, allFiles, copyOf, fakeWorld, IDENTITY, namesOf, noise, putBytes } from "../helpers/world.ts";
import { packsOf, readIndexes } from "./check_fixture.ts";
import {
  assertHolds,
  assertRestores,
  duplicate,
  fiveBackups,
  forget,
  halfForgotten,
  night,
  openStore,
  PACK_BYTES,
  pruneStore,
  storeAgain,
  STRICT,
} from "./prune_fixture.ts";

const LAX = { ...DEFAULT_PRUNE_LIMITS, maxUnused: { bytes: Infinity } };

async function bytesOf(store: BlobStore): Promise<number> {
  return (await Array.fromAsync(store.list("pack"))).reduce((sum, { size }) => sum + size, 0);
}

Deno.test("nothing is forgotten: nothing goes but small packs that are merged", async () => {
  const store = await fiveBackups();
  const { plan, applied } = await pruneStore(store);
  assert.equal(plan.summary.unused.blobs, 0);
  assert.ok(plan.repack.length > 0 && plan.repack.every(({ reason }) => reason === "it is small"));
  assert.ok(applied!.written.packs > 0);
  await assertHolds(store, [1, 2, 3, 4, 5], "merged");
});

Deno.test("forgotten backups: no waste stays where none is tolerated, and a second prune has nothing to do", async () => {
  const store = await halfForgotten();
  const before = await bytesOf(store);
  const { plan, applied } = await pruneStore(store);
  assert.ok(plan.remove.length > 0 && plan.repack.length > 0, "packs of both kinds");
  assert.equal(plan.summary.unusedAfter.blobs, 0);
  await assertHolds(store, [2, 4], "pruned");
  const after = await bytesOf(store);
  assert.ok(before - after >= plan.summary.freedBytes - 4096, `${before} - ${after}: ${plan.summary.freedBytes}`);
  const written = (await namesOf(store, "pack")).length;
  assert.equal(written, plan.summary.before.packs - applied!.packsRemoved + applied!.written.packs);

  const files = await allFiles(store);
  const again = await pruneStore(store, { limits: { ...STRICT, cacheableOnly: true } });
  assert.deepEqual([again.plan.remove, again.plan.repack, again.plan.summary.unused.blobs], [[], [], 0]);
  assert.deepEqual(await allFiles(store), files);
});

Deno.test("all backups forgotten: the repository is empty and works", async () => {
  const store = await fiveBackups();
  await forget(store, 1, 2, 3, 4, 5);
  await pruneStore(store, { allowEmpty: true });
  assert.deepEqual((await allFiles(store)).map(({ kind }) => kind), ["config", "key"]);
  await putBytes(accessTo(store), fakeWorld("again"), night(1));
  await assertHolds(store, [1], "a backup afterwards");
});

Deno.test("packs without any backup are refused unless that is allowed, be they listed or not", async () => {
  const store = await fiveBackups();
  await forget(store, 1, 2, 3, 4, 5);
  const unlisted = await copyOf(store);
  for (const name of await namesOf(unlisted, "index")) await unlisted.remove({ kind: "index", name });
  const unfound = await copyOf(store);
  for (const name of await namesOf(unfound, "pack")) await unfound.remove({ kind: "pack", name });
  for (const emptied of [store, unlisted, unfound]) {
    const files = await allFiles(emptied);
    for (const dryRun of [true, false]) {
      await assert.rejects(pruneStore(emptied, { dryRun }), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /there are \d+ packs in .* and no backup at all.*use --allow-empty$/);
        return true;
      });
    }
    assert.deepEqual(await allFiles(emptied), files);
    await pruneStore(emptied, { allowEmpty: true });
    assert.deepEqual((await allFiles(emptied)).map(({ kind }) => kind), ["config", "key"]);
    await pruneStore(emptied);
  }
});

Deno.test("a folder that is not there is no empty one: nothing goes", async () => {
  for (const [kind, folder] of [["snapshot", "snapshots"], ["index", "index"], ["pack", "data"]] as const) {
    const store = Object.assign(withFaults(await halfForgotten(), () => undefined), {
      missingFolders: () => Promise.resolve<FileKind[]>([kind]),
    });
    const files = await allFiles(store);
    for (const dryRun of [true, false]) {
      await assert.rejects(pruneStore(store, { dryRun, allowEmpty: true }), (error) => {
        assert.ok(error instanceof StoreError);
        assert.match(error.message, new RegExp(`has no folder "${folder}"`));
        return true;
      });
    }
    assert.deepEqual(await allFiles(store), files);
  }
});

Deno.test("temporary files go that no writer can be at any more: after a day, and in a dry run none", async () => {
  for (const dryRun of [true, false]) {
    const asked: unknown[] = [];
    const store = Object.assign(withFaults(await halfForgotten(), () => undefined), {
      removeLeftovers(options: RemoveLeftoversOptions) {
        asked.push({ ageMs: world.clock.now().getTime() - options.olderThan.getTime(), dryRun: options.dryRun });
        return Promise.resolve({ files: 2, bytes: 300 });
      },
    });
    const world = fakeWorld("leftovers");
    const { leftovers } = await prune(accessTo(store), { limits: STRICT, dryRun, packBytes: PACK_BYTES }, { world });
    assert.deepEqual(asked, [{ ageMs: 24 * 3_600_000, dryRun }]);
    assert.deepEqual(leftovers, { files: 2, bytes: 300 });
  }
});

Deno.test("a dry run says the same and changes nothing", async () => {
  const store = await halfForgotten();
  const files = await allFiles(store);
  const dry = await pruneStore(store, { dryRun: true });
  assert.equal(dry.applied, null);
  assert.deepEqual(await allFiles(store), files);
  const { plan } = await pruneStore(store);
  assert.deepEqual(dry.plan, plan);
});

Deno.test("the limit of copying holds, and further prunes finish the rest", async () => {
  const store = await halfForgotten();
  const limits = { ...STRICT, maxRepackBytes: 2 * PACK_BYTES };
  let rounds = 0;
  for (;; rounds++) {
    const { plan } = await pruneStore(store, { limits });
    assert.ok(plan.summary.repacked.bytes <= limits.maxRepackBytes);
    await assertRestores(store, [2, 4], `round ${rounds}`);
    if (plan.summary.unusedAfter.blobs === 0) break;
    assert.ok(plan.repack.length > 0, "each round gets on");
  }
  assert.ok(rounds > 1, "it took several rounds");
  await assertHolds(store, [2, 4], "at the end");
});

Deno.test("only what a cache holds: data packs stay as they are unless nothing of them is needed", async () => {
  const store = await halfForgotten();
  const { plan } = await pruneStore(store, { limits: { ...STRICT, cacheableOnly: true } });
  assert.ok(plan.repack.length > 0 && plan.repack.every(({ use }) => use.type === "tree"));
  assert.ok(plan.remove.some(({ use }) => use.type === "data"));
  assert.ok(plan.summary.unusedAfter.blobs > 0);
  await assertHolds(store, [2, 4], "trees only");
});

Deno.test("packs in no index go", async () => {
  const store = await fiveBackups();
  const name = "ab".repeat(32);
  await store.put({ kind: "pack", name }, [new Uint8Array(1000)]);
  const { plan } = await pruneStore(store, { limits: LAX });
  assert.deepEqual(plan.unindexed, [{ name, size: 1000 }]);
  assert.ok(!(await namesOf(store, "pack")).includes(name));
  await assertHolds(store, [1, 2, 3, 4, 5], "without the orphan");
});

Deno.test("an index that comes late, of packs that just went, fails the prune, and the next one tidies it away", async () => {
  const store = await fiveBackups();
  const earlier = await allFiles(store);
  await putBytes(accessTo(store), fakeWorld("late", []), noise(50_000, "late"));
  const names = new Set(earlier.map(({ name }) => name));
  const [late] = (await namesOf(store, "index")).filter((name) => !names.has(name));
  const index = { kind: "index", name: late! } as const;
  const content = await store.get(index);
  for (const file of await allFiles(store)) {
    if (!names.has(file.name) && file.kind !== "pack") await store.remove(file);
  }
  // Whoever wrote it has slept meanwhile, and lost its lock.
  const limits = { ...LAX, maxRepackBytes: 0 };
  let isWritten = false;
  const sleepy = withFaults(store, ({ method, kind }) => {
    if (method !== "remove" || kind !== "pack" || isWritten) return undefined;
    isWritten = true;
    void store.put(index, [content]);
    return undefined;
  });
  await assert.rejects(
    pruneStore(sleepy, { limits }),
    /1 are too many\): one of them may list packs that are gone/,
  );
  await pruneStore(store, { limits });
  await assertHolds(store, [1, 2, 3, 4, 5], "as before");
});

Deno.test("of two copies of a blob one stays, whichever it is", async () => {
  const store = await fiveBackups();
  const once = (await pruneStore(await copyOf(store), { dryRun: true, limits: LAX })).plan.summary;
  await duplicate(store, "data");
  await duplicate(store, "tree");
  const { plan } = await pruneStore(store);
  assert.deepEqual(plan.summary.used, once.used);
  assert.equal(plan.summary.unused.blobs, once.used.blobs);
  assert.equal(plan.summary.unusedAfter.blobs, 0);
  await assertHolds(store, [1, 2, 3, 4, 5], "once again");
});

Deno.test("copies are kept where no waste is: what a broken-off prune had copied is not copied again", async () => {
  const store = await halfForgotten();
  const broken = withFaults(
    store,
    everyNth(1, { type: "tear" }, ({ method, kind }) => {
      return method === "remove" && kind === "index";
    }),
  );
  await assert.rejects(pruneStore(broken));
  const { plan, applied } = await pruneStore(store, { limits: { ...STRICT, maxRepackBytes: 0 } });
  assert.deepEqual(plan.repack, []);
  assert.equal(plan.summary.unusedAfter.blobs, 0);
  assert.equal(applied!.written.packs, 0);
  await assertHolds(store, [2, 4], "finished");
});

Deno.test("an index that describes a pack a second time is tidied away", async () => {
  const store = await fiveBackups();
  const [packs] = (await readIndexes(store)).values();
  const { files } = await openStore(store);
  await files.save("index", encodeIndex(packs!));
  const { applied } = await pruneStore(store, { limits: { ...LAX, maxRepackBytes: 0 } });
  assert.ok(applied!.indexesRemoved > 0);
  const names = [...(await readIndexes(store)).values()].flat().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  await assertHolds(store, [1, 2, 3, 4, 5], "described once");
});

Deno.test("many small index files become one", async () => {
  const store = await fiveBackups();
  const { files } = await openStore(store);
  for (const [name, packs] of await readIndexes(store)) {
    for (const pack of packs) await files.save("index", encodeIndex([pack]));
    await store.remove({ kind: "index", name });
  }
  assert.ok((await namesOf(store, "index")).length >= 10);
  await pruneStore(store, { limits: { ...LAX, maxRepackBytes: 0 } });
  assert.equal((await namesOf(store, "index")).length, 1);
  await assertHolds(store, [1, 2, 3, 4, 5], "one index");
});

Deno.test("a backup that is removed while a dry run lists them is no contradiction; for a prune it is", async () => {
  const vanishingFrom = async (dryRun: boolean) => {
    const store = await fiveBackups();
    const [name] = await namesOf(store, "snapshot");
    const file = { kind: "snapshot", name: name! } as const;
    const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: () => store.remove(file) };
    const vanishing = withFaults(store, (call) => {
      return call.method === "get" && call.file?.name === name ? { type: "delay", delayMs: 0, clock } : undefined;
    });
    return pruneStore(vanishing, { dryRun });
  };
  assert.equal((await vanishingFrom(true)).applied, null);
  await assert.rejects(vanishingFrom(false), /listed snapshot .* did not find it/);
});

for (const exclusive of [false, true]) {
  Deno.test(`${exclusive ? "an exclusive" : "a shared"} lock of somebody else keeps a prune out`, async () => {
    const store = await halfForgotten();
    const other = { ...fakeWorld("other"), identity: { ...IDENTITY, hostname: "elsewhere" } };
    const lock = await acquireLock((await openStore(store)).files, other, { exclusive });
    await lock.confirmed;
    const files = await allFiles(store);
    await assert.rejects(pruneStore(store), LockedError);
    if (exclusive) await assert.rejects(pruneStore(store, { dryRun: true }), LockedError);
    else await pruneStore(store, { dryRun: true });
    assert.deepEqual(await allFiles(store), files);
    await lock.release();
    await pruneStore(store);
    await assertRestores(store, [2, 4]);
  });
}

Deno.test("a put that comes while a prune is at work is locked out", async () => {
  const store = await halfForgotten();
  const world = { ...fakeWorld("put"), identity: { ...IDENTITY, hostname: "elsewhere" } };
  let put: Promise<void> | undefined;
  const waiting = new class extends ForwardingStore {
    /** A prune that were over by then would lock nobody out. */
    override async remove(file: FileName, options?: StoreCallOptions): Promise<void> {
      if (file.kind !== "lock") await put;
      await super.remove(file, options);
    }
  }(store);
  await pruneStore(waiting, {
    onProgress: ({ phase }) => {
      if (phase === "trees") put ??= assert.rejects(putBytes(accessTo(store), world, night(1)), LockedError);
    },
  });
  assert.ok(put !== undefined);
  await put;
  await assertHolds(store, [2, 4], "pruned");
});

Deno.test("a store that lets nothing be removed: the message says where to prune, and no backup is hit", async () => {
  const store = await halfForgotten();
  const denied = { type: "fail", error: new DeniedError("append-only, on purpose") } as const;
  const appendOnly = withFaults(
    store,
    everyNth(1, denied, ({ method, kind }) => method === "remove" && kind !== "lock"),
  );
  await assert.rejects(pruneStore(appendOnly), (error) => {
    assert.ok(error instanceof DeniedError);
    assert.match(error.message, /append-only, on purpose.*on its own machine/);
    return true;
  });
  const written = () => appendOnly.calls.filter(({ method, kind }) => method === "put" && kind !== "lock");
  assert.deepEqual(written(), []);
  // Without anything to copy, a rewritten index is all that would be left behind, night after night.
  await assert.rejects(pruneStore(appendOnly, { limits: { ...STRICT, maxRepackBytes: 0 } }), DeniedError);
  assert.deepEqual(written(), []);
  await assertHolds(store, [2, 4], "as it was");
});

/** Calls behind which a machine may sleep, and what may be gone by then. */
const SLEEPS: readonly (readonly [method: string, kind: FileKind, mayGo: readonly FileKind[]])[] = [
  ["list", "pack", []],
  ["put", "pack", []],
  ["put", "index", []],
  ["remove", "index", ["index"]],
];

for (const [method, kind, mayGo] of SLEEPS) {
  Deno.test(`a lock that was lost at ${method} ${kind} lets nothing go from then on`, async () => {
    const store = await halfForgotten();
    const world = fakeWorld("slow");
    const slow = withFaults(store, (call) => {
      if (call.method === method && call.kind === kind) world.clock.jump(60 * 60 * 1000);
      return undefined;
    });
    const before = await allFiles(store);
    const signal = new AbortController().signal;
    const options = { limits: STRICT, dryRun: false, signal, packBytes: PACK_BYTES };
    await assert.rejects(prune(accessTo(slow), options, { world, ...options }), LockedError);
    const after = new Set((await allFiles(store)).map(({ name }) => name));
    const gone = before.filter(({ name }) => !after.has(name)).map((file) => file.kind);
    assert.deepEqual([...new Set(gone)], mayGo);
    await assertRestores(store, [2, 4]);
  });
}

Deno.test("an abort at any step leaves everything whole and no lock", async () => {
  for (const phase of ["indexes", "trees", "repack", "index", "remove"] as const) {
    const store = await halfForgotten();
    const controller = new AbortController();
    await assert.rejects(
      pruneStore(store, {
        signal: controller.signal,
        onProgress: (step) => step.phase === phase && controller.abort(new InterruptedError()),
      }),
      InterruptedError,
      phase,
    );
    assert.deepEqual(await namesOf(store, "lock"), []);
    await assertHolds(store, [2, 4], phase);
    await pruneStore(store);
    await assertHolds(store, [2, 4], `${phase}, then finished`);
  }
});

Deno.test("of two copies of a blob the one is kept whose pack is needed anyway, whichever is listed first", async () => {
  const packs = await packsOf(await fiveBackups(), "data");
  for (const { blobs: [blob] } of packs.slice(0, 8)) {
    const store = await fiveBackups();
    await storeAgain(store, blob!.id);
    const { plan } = await pruneStore(store, { dryRun: true });
    assert.equal(plan.remove.length, 1);
    assert.ok(plan.repack.every(({ reason }) => reason !== "part of it is not needed"));
  }
});
