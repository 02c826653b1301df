/** Snapshots as they lie in the repository. */
import assert from "node:assert/strict";
import { DeniedError, IntegrityError, NotFoundError, StoreError, TemporaryError } from "../../src/base/errors.ts";
import type { BlobId } from "../../src/base/id.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { SealedFileWriter } from "../../src/repository/sealed_files.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { type Fault, type FaultPlan, firstOf, withFaults } from "../helpers/fault_store.ts";
import { fakeWorld, memoryRepository, noise } from "../helpers/world.ts";

const world = fakeWorld("snapshots");

function snapshot(time: string): Snapshot {
  return {
    time: time as Rfc3339,
    parent: null,
    tree: noise(32, "tree").toHex() as BlobId,
    paths: ["/a"],
    hostname: "h",
    username: "u",
    uid: 1,
    gid: 2,
    excludes: [],
    tags: ["t"],
    original: null,
    programVersion: "agent test",
    summary: null,
    agent: null,
  };
}

Deno.test("snapshots come back oldest first, compared as points in time", async () => {
  const { repository: { files } } = await memoryRepository(world);
  const times = ["2026-01-01T12:00:00+02:00", "2026-01-01T11:00:00Z", "2025-12-31T23:59:59.9Z", "2026-01-01T10:00:00Z"];
  for (const time of times) await saveSnapshot(files, snapshot(time));
  const { snapshots, damaged } = await loadSnapshots(files);
  const loaded = snapshots.map(({ snapshot }) => snapshot.time);
  assert.deepEqual([loaded[0], loaded[3]], [times[2], times[1]]);
  const [first, second] = snapshots.slice(1, 3).map(({ id }) => id);
  assert.ok(first! < second!, "equal times stand in the order of their ids");
  assert.deepEqual(damaged, []);
  assert.deepEqual(snapshots[0]!.snapshot, snapshot(times[2]!));
});

Deno.test("a snapshot that is listed and not found is asked for again, and damaged where the store goes on so", async () => {
  const { repository, store } = await memoryRepository(world);
  const id = await saveSnapshot(repository.files, snapshot("2026-01-01T00:00:00Z"));
  const notFoundFor = (most: number) => {
    let count = 0;
    const hiding = withFaults(store, ({ method, file }): Fault | undefined => {
      if (method !== "get" || file?.name !== id || ++count > most) return undefined;
      return { type: "fail", error: new NotFoundError("There is no such file") };
    });
    return loadSnapshots(new SealedFileWriter(hiding, repository.sealer, 2));
  };
  const once = await notFoundFor(1);
  assert.deepEqual([once.snapshots.map((found) => found.id), once.damaged, once.vanished], [[id], [], []]);
  const always = await notFoundFor(Infinity);
  assert.deepEqual([always.snapshots, always.vanished], [[], []]);
  assert.match(always.damaged[0]!.error.message, /lists snapshot .* and does not find it/);
});

Deno.test("a damaged snapshot is told of and hides no other, a vanished one is passed over", async () => {
  const { repository, store } = await memoryRepository(world);
  const gone = await saveSnapshot(repository.files, snapshot("2026-01-01T00:00:00Z"));
  const kept = await saveSnapshot(repository.files, snapshot("2026-01-02T00:00:00Z"));
  const junk = noise(32, "junk").toHex();
  await store.put({ kind: "snapshot", name: junk }, [noise(100, "junk")]);
  const vanishing = withFaults(store, ({ method, file }) => {
    if (method === "get" && file?.name === gone) void store.remove(file);
    return undefined;
  });
  const { snapshots, damaged } = await loadSnapshots(new SealedFileWriter(vanishing, repository.sealer, 2));
  assert.deepEqual(snapshots.map(({ id }) => id), [kept]);
  assert.deepEqual(damaged.map(({ id }) => id as string), [junk]);
  assert.ok(damaged[0]!.error instanceof IntegrityError);
});

Deno.test("a snapshot in a bad sector hides no other, unless the store gives nothing at all", async () => {
  const { repository, store } = await memoryRepository(world);
  const bad = await saveSnapshot(repository.files, snapshot("2026-01-01T00:00:00Z"));
  const kept = await saveSnapshot(repository.files, snapshot("2026-01-02T00:00:00Z"));
  const error = new StoreError("input/output error, on purpose");
  const listOn = (plan: FaultPlan) =>
    loadSnapshots(new SealedFileWriter(withFaults(store, plan), repository.sealer, 2));
  const { snapshots, damaged } = await listOn(({ file }) => file?.name === bad ? { type: "fail", error } : undefined);
  assert.deepEqual([snapshots.map(({ id }) => id), damaged.map(({ id }) => id)], [[kept], [bad]]);
  assert.match(damaged[0]!.error.message, /^Cannot read snapshot [0-9a-f]{64}: input\/output error/);
  await assert.rejects(listOn(({ method }) => method === "list" ? undefined : { type: "fail", error }), error);
});

Deno.test("a store that fails is not taken for damage", async () => {
  const { repository, store } = await memoryRepository(world);
  await saveSnapshot(repository.files, snapshot("2026-01-01T00:00:00Z"));
  const failing = withFaults(store, firstOf(({ method }) => method === "get", { type: "tear" }));
  await assert.rejects(loadSnapshots(new SealedFileWriter(failing, repository.sealer, 2)), TemporaryError);
  const error = new DeniedError("of another user, on purpose");
  const denied = withFaults(store, ({ method }) => method === "get" ? { type: "fail", error } : undefined);
  await assert.rejects(loadSnapshots(new SealedFileWriter(denied, repository.sealer, 2)), error);
});
