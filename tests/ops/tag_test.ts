/** Tags of backups: which change, what stays as it is, and what an interruption leaves. */
import assert from "node:assert/strict";
import { DeniedError, IntegrityError, InterruptedError, UsageError } from "../../src/base/errors.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { check } from "../../src/ops/check.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { listBackups } from "../../src/ops/list.ts";
import { tag, type TagRequest, type TagResult } from "../../src/ops/tags/tag.ts";
import type { TagChange } from "../../src/policy/retention/tag_change.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { type Fault, withFaults } from "../helpers/fault_store.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import {
  accessTo,
  copyOf,
  type FakeWorld,
  fakeWorld,
  getBytes,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  readAllBackups,
} from "../helpers/world.ts";

const DAY_MS = 86_400_000;

/** Two nights of `prod/shop` and one of `prod/wiki` on another host, tagged `nightly`. */
async function nights() {
  const world = fakeWorld("tag");
  const { store, repository, access } = await memoryRepository(world);
  const backups = [];
  for (const [series, host, night] of [["shop", "db1", 1], ["shop", "db1", 2], ["wiki", "db2", 3]] as const) {
    const overrides = { series: parseSeries(`prod/${series}`), host, tags: ["nightly"] };
    backups.push((await putBytes(access, world, noise(20_000, `night ${night}`), overrides)).backup);
    await world.clock.advance(DAY_MS);
  }
  const listed = async () => (await listBackups(access, {}, { world })).backups;
  const tagsOf = async () => (await listed()).map(({ snapshot: { tags } }) => tags);
  return { world, store, repository, access, backups, listed, tagsOf };
}

function change(
  access: RepositoryAccess,
  world: FakeWorld,
  change: TagChange,
  selection: TagRequest["selection"] | string = { kind: "all" },
  dryRun = false,
): Promise<TagResult> {
  const chosen = typeof selection === "string" ? { kind: "backups", selectors: [selection] } as const : selection;
  return tag(access, { selection: chosen, change, dryRun }, { world });
}

const ADD: TagChange = { add: ["keep"], remove: [] };

Deno.test("a tagged backup is the same in all but its tags, and its children still continue it", async () => {
  const { world, store, access, backups, listed } = await nights();
  const [first, second, wiki] = backups;
  const { tagged: [only, ...none], damaged } = await change(access, world, ADD, `@${first!.id}`);
  assert.deepEqual([none, damaged], [[], []]);
  assert.deepEqual([only!.before, only!.replaced], [["nightly"], [first!.snapshotId]]);
  const [found, ...others] = await listed();
  assert.deepEqual(found, only!.backup);
  assert.deepEqual(others, [second, wiki]);
  const { snapshotId, snapshot } = first!;
  assert.deepEqual({ ...found, snapshotId, snapshot }, first);
  assert.deepEqual(found!.snapshot, { ...snapshot, tags: ["nightly", "keep"], original: snapshotId });
  assert.deepEqual(await getBytes(access, world, `@${first!.id}`), noise(20_000, "night 1"));

  const again = await change(access, world, ADD, "prod/shop@2026-01-02");
  assert.deepEqual(again.tagged, [{ backup: found, before: ["nightly", "keep"], replaced: [] }]);
  const { tagged: [back] } = await change(access, world, { add: [], remove: ["keep"] }, `@${first!.id}`);
  assert.deepEqual(back!.backup.snapshot, { ...snapshot, original: snapshotId });
  assert.equal((await namesOf(store, "snapshot")).length, 3);
  assert.deepEqual(await namesOf(store, "lock"), []);
  const next = await putBytes(access, world, noise(20_000, "night 4"));
  assert.deepEqual([next.manifest.level, next.manifest.parent], [2, second!.id]);
});

Deno.test("all means the given series and those below, on the given hosts; a series alone means its newest", async () => {
  const { world, access, tagsOf } = await nights();
  const [old, more] = [["nightly"], ["nightly", "keep"]];
  await change(access, world, ADD, "prod/shop");
  assert.deepEqual(await tagsOf(), [old, more, old]);
  const { tagged } = await change(access, world, ADD, { kind: "all", series: ["prod"], hosts: ["db1"] });
  assert.deepEqual(tagged.map(({ replaced }) => replaced.length), [1, 0]);
  assert.deepEqual(await tagsOf(), [more, more, old]);
  await change(access, world, { set: [] });
  assert.deepEqual(await tagsOf(), [[], [], []]);
});

Deno.test("a dry run tells the same and changes nothing, without a lock", async () => {
  const { world, store, access, listed } = await nights();
  const before = await listed();
  const readOnly = withFaults(store, ({ method }) => {
    return method === "put" || method === "remove" ? { type: "fail", error: new Error("written") } : undefined;
  });
  const planned = await change(accessTo(readOnly), world, ADD, { kind: "all" }, true);
  assert.deepEqual(await listed(), before);
  const done = await change(access, world, ADD);
  const told = ({ tagged }: TagResult) =>
    tagged.map(({ backup, before, replaced }) => [backup.id, backup.snapshot.tags, before, replaced]);
  assert.deepEqual(told(planned), told(done));
});

Deno.test("the tag of a hold stays, and is refused with the way to change it", async () => {
  const { world, access, backups, tagsOf } = await nights();
  await setHold(access, { selector: `@${backups[0]!.id}`, hold: true }, { world });
  await change(access, world, { set: ["eu"] });
  assert.deepEqual(await tagsOf(), [["eu", "hold"], ["eu"], ["eu"]]);
  await assert.rejects(change(access, world, { add: [], remove: ["hold"] }), (error) => {
    return error instanceof UsageError && /agent release/.test(error.message);
  });
  assert.deepEqual((await tagsOf())[0], ["eu", "hold"]);
});

Deno.test("a mistyped name, or one of several, changes nothing", async () => {
  const { world, access, listed } = await nights();
  const before = await listed();
  const wrong: TagRequest["selection"][] = [
    { kind: "backups", selectors: ["prod/shop", "prod/shpo"] },
    { kind: "backups", selectors: ["prod/shop", "prod/shop@2025-01-01"] },
    { kind: "all", series: ["prod/shpo"] },
    { kind: "all", hosts: ["db3"] },
  ];
  for (const selection of wrong) await assert.rejects(change(access, world, ADD, selection), UsageError);
  assert.deepEqual(await listed(), before);
});

Deno.test("where removals are forbidden, one backup has two snapshots, and the same change completes the work", async () => {
  const { world, store, access, backups, listed, tagsOf } = await nights();
  const appendOnly = withFaults(store, ({ method, kind }) => {
    const isRefused = method === "remove" && kind === "snapshot";
    return isRefused ? { type: "fail", error: new DeniedError("append-only") } : undefined;
  });
  await assert.rejects(change(accessTo(appendOnly), world, ADD), (error) => {
    return error instanceof DeniedError && /both exist: run it again where deletions are allowed/.test(error.message);
  });
  assert.equal((await listed()).length, 4);
  assert.deepEqual(await getBytes(access, world, `@${backups[0]!.id}`), noise(20_000, "night 1"), "an id means one");
  const { tagged } = await change(access, world, ADD);
  assert.deepEqual(tagged.map(({ backup, replaced }) => [backup.id, replaced]), [
    [backups[0]!.id, [backups[0]!.snapshotId]],
    [backups[1]!.id, [backups[1]!.snapshotId]],
    [backups[2]!.id, [backups[2]!.snapshotId]],
  ]);
  assert.deepEqual(await tagsOf(), [["nightly", "keep"], ["nightly", "keep"], ["nightly", "keep"]]);
});

/** Every way in which the n-th call may go wrong. */
const FAULTS: readonly Fault[] = [
  { type: "fail", error: new Error("broken off") },
  { type: "tear" },
  { type: "lose-answer" },
];

Deno.test("whichever call to the store fails, every backup is there, check accepts it, and a second run completes it", async () => {
  const { world, store: made, backups } = await nights();
  const probe = withFaults(await copyOf(made), () => undefined);
  await change(accessTo(probe), anotherWorld(), ADD);
  const calls = probe.calls.length;
  assert.ok(calls > 15, `${calls}`);
  for (const fault of FAULTS) {
    for (let number = 1; number <= calls; number++) {
      const store = await copyOf(made);
      const label = `${fault.type} at call ${number} of ${calls}`;
      const faulty = withFaults(store, (call) => call.number === number ? fault : undefined);
      await change(accessTo(faulty), anotherWorld(), ADD).catch(() => {});
      await assertSound(store, label);
      const access = accessTo(store);
      const whole = new Set((await readAllBackups(store, world)).map(({ backup: { id } }) => id));
      assert.deepEqual(whole, new Set(backups.map(({ id }) => id)), label);
      await change(access, anotherWorld(), ADD);
      const after = (await listBackups(access, {}, { world })).backups;
      assert.deepEqual(
        after.map(({ id, snapshot: { tags } }) => [id, tags]),
        backups.map(({ id }) => [id, ["nightly", "keep"]]),
        label,
      );
    }
  }
});

Deno.test("an interruption ends it between two backups, and a second run changes only the others", async () => {
  const { world, access, backups, tagsOf } = await nights();
  const stopping = new AbortController();
  const request = { selection: { kind: "all" }, change: ADD, dryRun: false } as const;
  const onProgress = () => stopping.abort(new InterruptedError("stopped"));
  await assert.rejects(tag(access, request, { world, signal: stopping.signal, onProgress }), InterruptedError);
  assert.deepEqual(await tagsOf(), [["nightly", "keep"], ["nightly"], ["nightly"]]);
  const { tagged } = await change(access, world, ADD);
  assert.deepEqual(tagged.map(({ backup, replaced }) => [backup.id, replaced.length]), [
    [backups[0]!.id, 0],
    [backups[1]!.id, 1],
    [backups[2]!.id, 1],
  ]);
});

/** Locks that a failure left are those of a process that is gone. */
let runs = 0;
function anotherWorld(): FakeWorld {
  const world = { ...fakeWorld(`run ${++runs}`, []) };
  world.clock.jump(10 * DAY_MS);
  return { ...world, identity: { ...world.identity, pid: 5000 + runs } };
}

async function assertSound(store: BlobStore, label: string): Promise<void> {
  const { errors } = await check(accessTo(store), { noLock: true, readData: false }, { world: anotherWorld() });
  assert.deepEqual(errors, [], label);
}

Deno.test("snapshots of one backup that differ in a hold stay apart, and a release joins them", async () => {
  const { world, repository, access, backups, listed } = await nights();
  const [first] = backups;
  const held = { ...first!.snapshot, tags: ["nightly", "hold"], original: first!.snapshotId };
  await saveSnapshot(repository.files, held);
  await change(access, world, ADD, `@${first!.id}`);
  const copies = (await listed()).filter(({ id }) => id === first!.id);
  assert.deepEqual(copies.map(({ snapshot: { tags } }) => tags.includes("hold")).toSorted(), [false, true]);
  await setHold(access, { selector: `@${first!.id}`, hold: true }, { world });
  assert.equal((await listed()).length, 3);
});

Deno.test("the snapshot of another tool gets tags and another id; a rewritten one gets its summary back", async () => {
  const { world, repository, access, backups } = await nights();
  const { id, snapshot } = (await loadSnapshots(repository.files)).snapshots[0]!;
  const foreign = { ...snapshot, agent: null, paths: ["/etc", "/srv"], hostname: "web" };
  const foreignId = await saveSnapshot(repository.files, foreign);
  const { tagged: [tagged] } = await change(access, world, ADD, `@${foreignId}`);
  const { backup } = tagged!;
  assert.deepEqual([backup.id, backup.snapshot.original, backup.info], [backup.snapshotId, foreignId, null]);
  assert.notEqual(backup.id, foreignId);
  await saveSnapshot(repository.files, { ...snapshot, agent: null, original: id });
  await repository.files.remove("snapshot", id);
  const { tagged: [rewritten] } = await change(access, world, ADD, `@${backups[0]!.id}`);
  assert.deepEqual(rewritten!.backup.snapshot.agent, snapshot.agent);
});

Deno.test("beside a snapshot that cannot be read, ids and all are changed, and the damage is told", async () => {
  const { world, store, access, backups } = await nights();
  await store.put({ kind: "snapshot", name: noise(32, "junk").toHex() }, [noise(100, "junk")]);
  await assert.rejects(change(access, world, ADD, "prod/shop"), IntegrityError);
  assert.equal((await change(access, world, ADD, `@${backups[0]!.id}`)).tagged[0]!.replaced.length, 1);
  const { tagged, damaged } = await change(access, world, ADD);
  assert.deepEqual([tagged.map(({ replaced }) => replaced.length), damaged.length], [[0, 1, 1], 1]);
});
