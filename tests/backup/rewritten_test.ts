/** Backups whose snapshots restic rewrote: made again from their manifests, as far as those can be read. */
import assert from "node:assert/strict";
import { type Backup, backupOf, finishedOf } from "../../src/backup/backup.ts";
import { findParent, recoverBackup, withRewritten } from "../../src/backup/rewritten.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import type { IndexedRepository, UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import { fakeWorld, memoryRepository, noise, putBytes } from "../helpers/world.ts";

interface Scene {
  readonly repository: UnlockedRepository & IndexedRepository;
  /** As they were put, oldest first. */
  readonly originals: readonly Backup[];
  /** As they are after restic rewrote every snapshot. */
  readonly bare: readonly Backup[];
}

/** Two backups of one series, rewritten as restic does: without our summary, and with a note of where they came from. */
async function rewrittenTwice(change: Partial<Snapshot> = {}): Promise<Scene> {
  const world = fakeWorld("rewritten");
  const { repository, access } = await memoryRepository(world);
  for (const seed of ["first", "second"]) {
    await putBytes(access, world, noise(30_000, seed));
    await world.clock.advance(60_000);
  }
  const { snapshots } = await loadSnapshots(repository.files);
  for (const { id, snapshot } of snapshots) {
    const rewritten = { ...snapshot, agent: null, original: id, tags: ["new"], ...change };
    await saveSnapshot(repository.files, rewritten);
    await repository.files.remove("snapshot", id);
  }
  const index = await loadIndex(repository.files);
  const bare = (await loadSnapshots(repository.files)).snapshots.map(backupOf);
  return { repository: { ...repository, index }, originals: snapshots.map(backupOf), bare };
}

const essence = ({ id, series, host, started, info }: Backup) => ({ id, series, host, started, info });

Deno.test("a rewritten snapshot is the backup that it was, with what was changed", async () => {
  const { repository, originals, bare } = await rewrittenTwice();
  assert.deepEqual(bare.map(({ info }) => info), [null, null]);
  const recovered = await withRewritten(bare, () => Promise.resolve(repository));
  assert.deepEqual(recovered.map(essence), originals.map(essence));
  assert.deepEqual(recovered.map(({ snapshotId }) => snapshotId), bare.map(({ snapshotId }) => snapshotId));
  assert.deepEqual(recovered[0]!.snapshot.tags, ["new"]);
});

Deno.test("time and host are the snapshot's, whatever the manifest says", async () => {
  const time = "2025-12-31T04:00:00+01:00" as Rfc3339;
  const { repository, originals, bare } = await rewrittenTwice({ time, hostname: "corrected" });
  const recovered = await withRewritten(bare, () => Promise.resolve(repository));
  assert.deepEqual(new Set(recovered.map(({ id }) => id)), new Set(originals.map(({ id }) => id)));
  for (const backup of recovered) {
    assert.deepEqual([backup.started, backup.host, backup.damage, finishedOf(backup)], [time, "corrected", null, null]);
    assert.equal(backup.info!.started, originals.find(({ id }) => id === backup.id)!.started, "as the manifest has it");
  }
  assert.equal(finishedOf(originals[0]!), originals[0]!.info!.finished);
  const withSummary = backupOf({ id: bare[0]!.snapshotId, snapshot: { ...originals[0]!.snapshot, time } });
  assert.equal(withSummary.started, time);
});

Deno.test("the next backup continues the newest rewritten one, and reads one manifest for that", async () => {
  const { repository, originals, bare } = await rewrittenTwice();
  let opened = 0;
  const openIndex = () => {
    opened++;
    return Promise.resolve(repository);
  };
  const { series, host } = originals[0]!;
  assert.equal((await findParent(bare, series, host, openIndex))?.id, originals[1]!.id);
  assert.equal(opened, 1);
  assert.equal((await findParent([bare[0]!, originals[1]!], series, host, openIndex))?.id, originals[1]!.id);
  assert.equal(await findParent(bare, series, "another host", openIndex), undefined);
  assert.equal(await findParent(bare, "another/series", host, openIndex), undefined);
  assert.equal(opened, 1, "no index where nothing was rewritten since, or nothing fits");
});

Deno.test("another tool's snapshots cost no index and stay what they are", async () => {
  const { repository, bare } = await rewrittenTwice();
  const [first] = bare;
  const fresh = { ...first!, snapshot: { ...first!.snapshot, original: null } };
  const several = { ...first!, snapshot: { ...first!.snapshot, paths: ["/prod/shop", "/etc"] } };
  const fail = () => Promise.reject(new Error("the index was asked for"));
  assert.deepEqual(await withRewritten([fresh, several], fail), [fresh, several]);
  const elsewhere = { ...first!, series: "prod/other" };
  assert.deepEqual(await recoverBackup(elsewhere, () => Promise.resolve(repository)), elsewhere);
});

Deno.test("a manifest that cannot be read is damage of what was ours, a failing store is told", async () => {
  const { repository, bare } = await rewrittenTwice();
  const lost = { ...repository, store: { ...repository.store, get: () => Promise.reject(new Error("the network")) } };
  for await (const { name } of repository.files.list("index")) await repository.files.remove("index", name as never);
  const empty = { ...repository, index: await loadIndex(repository.files) };
  const recovered = await withRewritten(bare, () => Promise.resolve(empty));
  assert.deepEqual(recovered.map(({ info }) => info), [null, null]);
  assert.ok(recovered.every(({ damage }) => /^Missing tree blob/.test(damage!)));
  const foreign = bare.map((backup) => ({
    ...backup,
    snapshot: { ...backup.snapshot, programVersion: "restic 0.19" },
  }));
  assert.deepEqual(await withRewritten(foreign, () => Promise.resolve(empty)), foreign);
  await assert.rejects(withRewritten(bare, () => Promise.resolve(lost)), /the network/);
});

Deno.test("a summary that was kept and is not what the manifest says is damage", async () => {
  const { repository, originals, bare } = await rewrittenTwice();
  const { snapshot, snapshotId } = bare[0]!;
  const original = originals.find((backup) => backup.snapshotId === snapshot.original)!;
  const kept = (change: object) => {
    const { tree: _, ...agent } = original.info!;
    return backupOf({
      id: snapshotId,
      snapshot: { ...snapshot, tree: original.snapshot.tree, agent: { ...agent, ...change } },
    });
  };
  const recover = (backup: Backup) => recoverBackup(backup, () => Promise.resolve(repository));
  assert.equal((await recover(kept({}))).damage, null);
  assert.match((await recover(kept({ size: 1 }))).damage!, /its snapshot says size 1, its manifest 30000/);
  // The manifest of `prod/shop`, in a tree where it lies under the name that the summary gives.
  const [root] = await readTree(repository, original.snapshot.tree);
  const shop = backupOf({
    id: snapshotId,
    snapshot: { ...kept({ series: "shop" }).snapshot, tree: subtreeOf(root!) },
  });
  assert.match((await recover(shop)).damage!, /its snapshot says series shop, its manifest prod\/shop/);
});
