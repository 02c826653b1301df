/**
 * Copies from damaged repositories, and copies that break off: whatever happens, the repository that takes them stays
 * whole, and the next copy goes on.
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  AgentError,
  InterruptedError,
  LockedError,
  NotFoundError,
  StoreError,
  StoreFullError,
} from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import type { CopyResult } from "../../src/ops/copy.ts";
import { repairPacks } from "../../src/ops/repair/repair_packs.ts";
import { repairSnapshots } from "../../src/ops/repair/repair_snapshots.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, ListedFile, StoreCallOptions } from "../../src/store/store.ts";
import { type Fault, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { accessTo, copyOf, fakeWorld, getBytes, namesOf, readAllBackups } from "../helpers/world.ts";
import { fileOf, flipBit, packsOf, replace } from "./check_fixture.ts";
import { copyInto, fullCheckOf, OTHER_PASSWORD, otherRepository } from "./copy_fixture.ts";
import { fiveBackups, forget, night } from "./prune_fixture.ts";

const RUNS_AT_ONCE = 3;
const originals = (await readAllBackups(await fiveBackups(), fakeWorld("read"))).map(({ backup }) => backup);
const ids: readonly string[] = originals.map(({ id }) => id);

/** A store in which only one of the snapshots is listed. */
class OneSnapshot extends ForwardingStore {
  readonly #name: string;

  constructor(inner: BlobStore, name: string) {
    super(inner);
    this.#name = name;
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    for await (const file of super.list(kind, options)) {
      if (kind !== "snapshot" || file.name === this.#name) yield file;
    }
  }
}

/** The nights, counted from 1, that can be read from a store. */
async function readableNights(store: BlobStore): Promise<number[]> {
  const readable: number[] = [];
  for (const [n, { snapshotId }] of originals.entries()) {
    try {
      const [backup] = await readAllBackups(new OneSnapshot(store, snapshotId), fakeWorld("read"));
      deepEqual(backup!.bytes, night(n + 1));
      readable.push(n + 1);
    } catch (error) {
      ok(error instanceof AgentError, `${error}`);
    }
  }
  return readable;
}

/** Copies from a damaged store what it still has. */
async function assertCopiesTheRest(source: BlobStore, label: string): Promise<CopyResult> {
  const other = await otherRepository();
  const result = await copyInto(other, source);
  const nights = await readableNights(source);
  deepEqual(result.copied.map(({ backup }) => ids.indexOf(backup.info!.manifest) + 1), nights, label);
  const failed = result.failed.map(({ backup }) => backup === null ? null : ids.indexOf(backup.info!.manifest) + 1);
  deepEqual(
    failed,
    [1, 2, 3, 4, 5].filter((n) => !nights.includes(n)).map((n) => failed.includes(n) ? n : null),
    label,
  );
  deepEqual((await fullCheckOf(other)).errors, [], label);
  const copies = await readAllBackups(other, fakeWorld("read"), OTHER_PASSWORD);
  deepEqual(copies.map(({ bytes }) => bytes), nights.map(night), label);
  return result;
}

Deno.test("of a repository with a damaged or missing pack, every backup that is whole is copied", async () => {
  const whole = await fiveBackups();
  const packs = [...await packsOf(whole, "data"), ...await packsOf(whole, "tree")].filter((_, i) => i % 2 === 0);
  const lost = new Set<number>();
  await mapConcurrently(packs, RUNS_AT_ONCE, async (pack) => {
    const damaged = await copyOf(whole);
    await replace(damaged, fileOf(pack), flipBit(20));
    const { failed } = await assertCopiesTheRest(damaged, `damaged ${pack.name}`);
    const unlocked = await copyInto(await otherRepository(), damaged, { fromNoLock: true });
    deepEqual(unlocked.failed.map(({ snapshotId }) => snapshotId), failed.map(({ snapshotId }) => snapshotId));
    lost.add(failed.length);
    for (const { problem } of failed) match(problem.message, /blob [0-9a-f]{64} in pack [0-9a-f]{64}/);
  });
  ok(lost.has(1) && Math.max(...lost) > 1, "some packs hold what one backup needs, some what several need");
  const missing = await copyOf(whole);
  await missing.remove(fileOf(packs[0]!));
  match((await assertCopiesTheRest(missing, "missing")).failed[0]!.problem.message, /^Missing .*the pack is gone/);
});

Deno.test("blobs that no index lists and snapshots that cannot be read are named, and the rest is copied", async () => {
  const unlisted = await fiveBackups();
  const index = (await namesOf(unlisted, "index"))[1]!;
  await unlisted.remove({ kind: "index", name: index });
  const { failed } = await assertCopiesTheRest(unlisted, "no index");
  match(failed[0]!.problem.message, /no index lists it/);

  const unread = await fiveBackups();
  const [snapshot] = await namesOf(unread, "snapshot");
  await replace(unread, { kind: "snapshot", name: snapshot! }, flipBit(30));
  const result = await copyInto(await otherRepository(), unread);
  deepEqual(result.failed.map(({ backup, snapshotId }) => [backup, snapshotId]), [[null, snapshot]]);
  equal(result.copied.length, 4);
});

Deno.test("a pack in a bad sector is like a damaged one, and a store that does not answer ends the copy", async () => {
  const [pack] = await packsOf(await fiveBackups(), "data");
  const broken: Fault = { type: "fail", error: new StoreError("input/output error, on purpose") };
  const isPack = ({ method, file }: StoreCall) => method === "get" && file?.name === pack!.name;
  const bad = withFaults(await fiveBackups(), (call) => isPack(call) ? broken : undefined);
  match((await assertCopiesTheRest(bad, "bad sector")).failed[0]!.problem.message, /input\/output error/);
  let isGone = false;
  const gone = withFaults(await fiveBackups(), (call) => {
    isGone ||= isPack(call);
    return isGone ? broken : undefined;
  });
  const other = await otherRepository();
  await rejects(copyInto(other, gone), StoreError);
  deepEqual((await fullCheckOf(other)).errors, []);
});

Deno.test("a pack that is gone while the source is no longer locked is no damage: the copy ends", async () => {
  const world = fakeWorld("lost lock");
  const source = withFaults(await fiveBackups(), ({ method, kind }) => {
    if (method !== "get" || kind !== "pack") return undefined;
    world.clock.jump(3_600_000);
    return { type: "fail", error: new NotFoundError("pruned, on purpose") };
  });
  await rejects(copyInto(await otherRepository(), source, { world }), LockedError);
});

/** The fourth and fifth night, which share a third of what they hold. */
async function twoNights(): Promise<BlobStore> {
  const store = await fiveBackups();
  await forget(store, 1, 2, 3);
  return store;
}

/** What must hold after a copy of `twoNights` that ended anyhow, and that the next copy completes it. */
async function assertGoesOn(other: BlobStore, error: unknown, label: string): Promise<void> {
  if (error !== undefined) ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
  const there = await readAllBackups(other, fakeWorld("read"), OTHER_PASSWORD);
  const nights = there.map(({ bytes }) => [4, 5].find((n) => isDeepStrictEqual(bytes, night(n))));
  ok(!nights.includes(undefined), label);
  deepEqual((await fullCheckOf(other)).errors, [], label);
  const { copied, present, failed } = await copyInto(other, await twoNights());
  deepEqual([copied.length + present, present, failed], [2, there.length, []], label);
  const copies = await readAllBackups(other, fakeWorld("read"), OTHER_PASSWORD);
  deepEqual(copies.map(({ bytes }) => bytes), [4, 5].map(night), label);
  // A snapshot that was written before its parent's copy cannot name that.
  equal(copies[1]!.backup.snapshot.parent, nights[0] === 5 ? null : copies[0]!.backup.snapshotId, label);
}

async function attempt(other: BlobStore, source: BlobStore): Promise<unknown> {
  try {
    const { failed } = await copyInto(other, source);
    return failed[0]?.problem;
  } catch (error) {
    return error ?? new TypeError("nothing was thrown");
  }
}

const calls = await (async () => {
  const [other, source] = [await otherRepository(), await twoNights()].map((store) =>
    withFaults(store, () => undefined)
  );
  equal(await attempt(other!, source!), undefined);
  return { other: other!.calls, source: source!.calls };
})();

const FAULTS: readonly [string, Fault, (call: StoreCall) => boolean][] = [
  ["fails", { type: "fail", error: new StoreFullError("no space, on purpose") }, () => true],
  ["is done but its answer is lost", { type: "lose-answer" }, ({ method }) => method === "put" || method === "remove"],
];

for (const which of ["other", "source"] as const) {
  for (const [name, fault, applies] of FAULTS) {
    Deno.test(`whichever call to the ${which === "other" ? "repository that takes it" : "source"} ${name}, the copy can go on`, async () => {
      const affected = calls[which].filter(applies);
      ok(affected.length >= 2);
      await mapConcurrently(affected, RUNS_AT_ONCE, async ({ number, method, kind }) => {
        const stores = { other: await otherRepository(), source: await twoNights() };
        const faulty = withFaults(stores[which], (call) => call.number === number ? fault : undefined);
        const error = await attempt(
          which === "other" ? faulty : stores.other,
          which === "source" ? faulty : stores.source,
        );
        await assertGoesOn(stores.other, error, `call ${number} (${method} ${kind}) ${name}`);
      });
    });
  }
}

Deno.test("a copy that is interrupted while it reads goes on from the packs that were full", async () => {
  const [other, source] = [await otherRepository(), await twoNights()];
  const stop = new AbortController();
  let packs = 0;
  const watched = withFaults(other, ({ method, kind }) => {
    if (method === "put" && kind === "pack" && ++packs === 3) stop.abort(new InterruptedError());
    return undefined;
  });
  await rejects(copyInto(watched, source, { signal: stop.signal }), InterruptedError);
  equal((await namesOf(other, "snapshot")).length, 0);
  ok((await namesOf(other, "index")).length > 0);
  const whole = (await copyInto(await otherRepository(), source)).bytesRead;
  const rest = await copyInto(other, source);
  ok(rest.bytesRead < whole * 0.9, `${rest.bytesRead} of ${whole}`);
  deepEqual((await fullCheckOf(other)).errors, []);
});

Deno.test("what a repository lost and repairs gave up, a copy from another one brings back", async () => {
  const [other, source] = [await otherRepository(), await fiveBackups()];
  await copyInto(other, source);
  const access = accessTo(other, OTHER_PASSWORD);
  const world = fakeWorld("repair");
  let largest = { name: "", size: 0 };
  for await (const file of other.list("pack")) if (file.size > largest.size) largest = file;
  await replace(other, { kind: "pack", name: largest.name }, flipBit(20));
  const before = (await fullCheckOf(other)).errors;
  ok(before.length > 0);
  await repairPacks(access, { dryRun: false, packs: [] }, { world });
  await repairSnapshots(access, { dryRun: false, backups: [], forget: true }, { world });
  const { copied, failed } = await copyInto(other, source);
  ok(copied.length > 0 && failed.length === 0);
  deepEqual((await fullCheckOf(other)).errors, []);
  for (const [n, id] of ids.entries()) deepEqual(await getBytes(access, fakeWorld("get"), `@${id}`), night(n + 1));
});
