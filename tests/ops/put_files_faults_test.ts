/** Backups of files on stores that fail and machines that lose power: what is committed is whole, and the next try succeeds. */
import assert from "node:assert/strict";
import { AgentError, StoreFullError } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { decodeHex } from "../../src/base/hex.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { type Fault, withFaults } from "../helpers/fault_store.ts";
import { withPowerCut } from "../helpers/power_cut_store.ts";
import { copyOf, fakeWorld, IDENTITY, noise } from "../helpers/world.ts";
import { flipBit, replace } from "./check_fixture.ts";
import { FilesScene } from "./put_files_fixture.ts";

const RUNS_AT_ONCE = 3;

function tree(): Tree {
  return { etc: { hosts: noise(500, "hosts"), empty: new Uint8Array(0), none: {} }, srv: { a: { x: noise(20, "x") } } };
}

/** A repository with one backup. */
const before = await (async () => {
  const scene = await FilesScene.make(tree());
  await scene.put();
  return scene.store;
})();

/** The same, with a tree damaged, so that the next backup stores it once more. */
const damaged = await (async () => {
  const scene = new FilesScene(new TreeEngine({}), await copyOf(before), fakeWorld("damage"));
  const [name] = await Array.fromAsync(scene.store.list("snapshot"));
  const repository = await scene.repository();
  const snapshot = JSON.parse(new TextDecoder().decode(await repository.files.load("snapshot", name!.name as never)));
  const etc = await findNode(repository, snapshot.tree, "prod/shop/etc");
  const place = repository.index.locate("tree", decodeHex(etc!.subtree!))!;
  await replace(scene.store, { kind: "pack", name: repository.index.packId(place.pack) }, flipBit(place.offset + 20));
  return scene.store;
})();

function sceneOn(store: BlobStore, seed: string, pid: number): FilesScene {
  const engine = new TreeEngine(tree());
  (engine.tree.etc as Tree).more = noise(40_000, "more");
  const scene = new FilesScene(engine, store, { ...fakeWorld(seed), identity: { ...IDENTITY, pid } });
  scene.world.clock.jump(3_600_000);
  return scene;
}

/** Puts the second backup as a process that is dead afterwards; gives what was thrown. */
async function putSecond(store: BlobStore): Promise<unknown> {
  const scene = sceneOn(store, "second", 4712);
  const error = await scene.put().then(() => undefined, (thrown) => thrown ?? new TypeError("nothing was thrown"));
  assert.equal(scene.engine.lent, 0, "every buffer comes back");
  return error;
}

/** What must hold afterwards; `isDamaged` if the first backup is. Gives whether the second one was committed. */
async function assertWhole(store: BlobStore, error: unknown, label: string, isDamaged: boolean): Promise<boolean> {
  if (error !== undefined) assert.ok(error instanceof AgentError && error.code !== "bug", `${label}: ${error}`);
  const scene = sceneOn(store, "after", 4713);
  const snapshots = await Array.fromAsync(store.list("snapshot"));
  const next = await scene.put();
  assert.equal(next.manifest.tree!.files, 4, label);
  const { errors } = await scene.check();
  const isHit = ({ backups }: (typeof errors)[number]) => backups.some(({ id }) => id === next.backup.id);
  assert.deepEqual(isDamaged ? errors.filter(isHit) : errors, [], label);
  return snapshots.length === 2;
}

const LOST: Fault = { type: "lose-answer" };
const FULL: Fault = { type: "fail", error: new StoreFullError("no space, on purpose") };

/** `put_files_test.ts` lets each call fail on a whole backup. */
const FAULTS: readonly [string, BlobStore, Fault, (method: string) => boolean][] = [
  ["on a damaged backup, whichever call to the store fails", damaged, FULL, () => true],
  [
    "whichever call to the store is done and its answer is lost",
    before,
    LOST,
    (method) => method === "put" || method === "remove",
  ],
];

for (const [name, disk, fault, applies] of FAULTS) {
  Deno.test(`${name}, the next backup of files is whole`, async () => {
    const faulty = withFaults(await copyOf(disk), () => undefined);
    assert.equal(await putSecond(faulty), undefined);
    const affected = faulty.calls.filter(({ method }) => applies(method));
    assert.ok(affected.length > 5, String(affected.length));
    await mapConcurrently(affected, RUNS_AT_ONCE, async ({ number, method, kind }) => {
      const label = `call ${number} (${method} ${kind})`;
      const store = await copyOf(disk);
      const error = await putSecond(withFaults(store, (call) => call.number === number ? fault : undefined));
      const isCommitted = await assertWhole(store, error, label, disk === damaged);
      const comesAfterCommit = method === "remove" || (kind === "snapshot" && method === "put" && fault === LOST);
      assert.equal(isCommitted, error === undefined || comesAfterCommit, label);
    });
  });
}

for (const unacknowledged of ["kept", "forgotten"] as const) {
  Deno.test(`whenever the power is cut, backups of files stay whole; the change under way is ${unacknowledged}`, async () => {
    const faulty = withFaults(await copyOf(before), () => undefined);
    await putSecond(faulty);
    const changes = faulty.calls.filter(({ method }) => method === "put" || method === "remove").length;
    const moments = Array.from({ length: changes }, (_, afterChanges) => afterChanges);
    const committed = await mapConcurrently(moments, RUNS_AT_ONCE, async (afterChanges) => {
      const disk = await copyOf(before);
      const error = await putSecond(withPowerCut(disk, { afterChanges, unacknowledged }));
      return await assertWhole(disk, error, `power cut after ${afterChanges} changes`, false);
    });
    const snapshotAt = changes - (unacknowledged === "kept" ? 2 : 1);
    assert.deepEqual(committed, moments.map((moment) => moment >= snapshotAt));
  });
}
