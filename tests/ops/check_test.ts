/** A check as a whole: sound repositories, snapshots, locks, progress, and how it ends where it cannot go on. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { InterruptedError, LockedError, TemporaryError, WrongPasswordError } from "../../src/base/errors.ts";
import { encodeLock } from "../../src/format/lock.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import type { CheckProgress } from "../../src/ops/check.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { namesOf } from "../helpers/world.ts";
import { checkStore, flipBit, replace, threeBackups } from "./check_fixture.ts";

Deno.test("a sound repository has no errors and no notes, with and without reading its data", async () => {
  const checked = await threeBackups();
  for (const readData of [false, true]) {
    const { errors, notes, ...counts } = await checkStore(checked, { readData });
    deepEqual({ errors, notes }, { errors: [], notes: [] });
    equal(counts.snapshots, 3);
    equal(counts.trees, 3 + 2 + 3, "a root and a directory of streams each, and prod twice");
    equal(counts.packs, (await namesOf(checked.store, "pack")).length);
    equal(counts.unreferencedPacks, 0);
    ok(counts.blobs > 10 && counts.packBytes > 170_000);
  }
  deepEqual(await namesOf(checked.store, "lock"), [], "its lock is gone again");
});

Deno.test("an empty repository is sound", async () => {
  const checked = await threeBackups();
  for (const kind of ["snapshot", "index", "pack"] as const) {
    for (const name of await namesOf(checked.store, kind)) await checked.store.remove({ kind, name });
  }
  const report = await checkStore(checked, { readData: true });
  deepEqual([report.errors, report.snapshots, report.blobs, report.packs], [[], 0, 0, 0]);
});

Deno.test("a flipped bit in a snapshot is found and hides no other", async () => {
  const checked = await threeBackups();
  const [name] = await namesOf(checked.store, "snapshot");
  await replace(checked.store, { kind: "snapshot", name: name! }, flipBit(40));
  const report = await checkStore(checked);
  deepEqual(report.errors.map(({ kind, id }) => [kind, id]), [["snapshot", name]]);
  equal(report.snapshots, 2);
});

Deno.test("a stale lock is noted; a lock that cannot be read is an error where none has to be taken", async () => {
  const checked = await threeBackups();
  const lock = { exclusive: false, hostname: "elsewhere", username: "u", pid: 1 };
  const time = formatTimestamp(new Date(checked.world.clock.now().getTime() - 3_600_000));
  const stale = await checked.repository.files.save("lock", encodeLock({ ...lock, time }));
  const { errors, notes } = await checkStore(checked);
  deepEqual([errors, notes.map(({ kind, id }) => [kind, id])], [[], [["lock", stale]]]);

  await replace(checked.store, { kind: "lock", name: stale }, flipBit(50));
  const report = await checkStore(checked, { noLock: true });
  deepEqual(report.errors.map(({ kind }) => kind), ["lock"]);
});

Deno.test("without a lock nothing is written", async () => {
  const checked = await threeBackups();
  const store = withFaults(checked.store, () => undefined);
  deepEqual((await checkStore({ ...checked, store }, { noLock: true, readData: true })).errors, []);
  deepEqual([...new Set(store.calls.map(({ method }) => method))].sort(), ["get", "list"]);
});

Deno.test("a store that fails is no damage", async () => {
  const checked = await threeBackups();
  for (const kind of ["snapshot", "index", "pack"] as const) {
    const fault = { type: "fail", error: new TemporaryError("The store is away") } as const;
    for (const method of ["get", "list"]) {
      const store = withFaults(
        checked.store,
        (call) => call.kind === kind && call.method === method ? fault : undefined,
      );
      await rejects(checkStore({ ...checked, store }, { noLock: true, readData: true }), TemporaryError);
    }
  }
});

const PHASES = ["index", "packs", "data", "trees", "backups", "streams"];

Deno.test("progress runs through the phases to their ends", async () => {
  const checked = await threeBackups();
  const seen: CheckProgress[] = [];
  await checkStore(checked, { readData: true, onProgress: (progress) => seen.push(progress) });
  deepEqual([...new Set(seen.map(({ phase }) => phase))], PHASES);
  for (const phase of PHASES) {
    const { done, total } = seen.findLast((progress) => progress.phase === phase)!;
    equal(done, total, phase);
  }
});

Deno.test("a wrong password and an abort are thrown, and no lock is left", async () => {
  const checked = await threeBackups();
  await rejects(checkStore(checked, {}, "wrong"), WrongPasswordError);
  for (const stopAt of PHASES) {
    const controller = new AbortController();
    const onProgress = ({ phase }: CheckProgress) => phase === stopAt && controller.abort(new InterruptedError());
    const running = checkStore(checked, { readData: true, signal: controller.signal, onProgress });
    await rejects(running, InterruptedError, stopAt);
    deepEqual(await namesOf(checked.store, "lock"), []);
  }
});

Deno.test("a lock that excludes it stops a check, and one that it lost fails it", async () => {
  const checked = await threeBackups();
  const onProgress = () => checked.world.clock.jump(23 * 60 * 1000);
  await rejects(checkStore(checked, { onProgress }), LockedError);
  const lock = { exclusive: true, hostname: "elsewhere", username: "u", pid: 1 };
  await checked.repository.files.save(
    "lock",
    encodeLock({ ...lock, time: formatTimestamp(checked.world.clock.now()) }),
  );
  await rejects(checkStore(checked), LockedError);
  deepEqual((await checkStore(checked, { noLock: true })).errors, []);
});
