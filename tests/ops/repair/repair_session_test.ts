/** Repairs together: after any damage everything that can be saved is, what is lost is told, and the repository is sound. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DeniedError, InterruptedError, LockedError } from "../../../src/base/errors.ts";
import { acquireLock } from "../../../src/repository/lock/held_lock.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { allFiles, IDENTITY, namesOf } from "../../helpers/world.ts";
import {
  damaged,
  DAMAGES,
  fullCheck,
  index,
  packs,
  type Place,
  readWhole,
  repairAll,
  snapshots,
  wholeBut,
} from "../repair_fixture.ts";

for (const [name, { hits }] of Object.entries(DAMAGES)) {
  Deno.test(`after ${name}: repaired, sound, and what is whole restores`, async () => {
    const place = await damaged(name);
    const { damaged: found, unreadable } = await repairAll(place);
    deepEqual([found.map(({ series }) => series), unreadable], [hits.map((hit) => hit.split(" ")[0]), []]);
    const report = await fullCheck(place);
    deepEqual(report.errors, []);
    deepEqual(report.notes.filter(({ kind }) => kind !== "chain"), [], "packs are listed once, and none for nothing");
    deepEqual(await readWhole(place), wholeBut(hits));

    const files = await allFiles(place.store);
    const again = await repairAll(place);
    deepEqual(again.damaged, []);
    deepEqual(await allFiles(place.store), files, "there is nothing left to repair");
  });
}

Deno.test("check suggests the repairs that then find something", async () => {
  const suggested = new Map<string, string>();
  for (const name of Object.keys(DAMAGES)) {
    suggested.set(name, (await fullCheck(await damaged(name))).repairs.join(" "));
  }
  deepEqual([...suggested].map(([name, repairs]) => `${name}: ${repairs}`), [
    "nothing: ",
    "a missing data pack: index snapshots",
    "a data pack cut in its header: packs snapshots",
    "a data pack cut in a blob: packs snapshots",
    "a flipped bit in a blob: packs snapshots",
    "a flipped bit in a blob of the first night: packs snapshots",
    "a flipped bit in a header: packs snapshots",
    "a flipped bit in the header of a pack of trees: packs snapshots",
    "a missing index file: index snapshots",
    "no index at all: index snapshots",
    "a flipped bit in an index file: index snapshots",
    "an index that shifts blobs: index snapshots",
    "an index that lists half of a pack: index packs snapshots",
    "a missing pack of trees: index snapshots",
    "a flipped bit in the tree of a series: packs snapshots",
    "a lost manifest: packs snapshots",
  ]);
});

Deno.test("a dry run tells what the repair then does, and changes nothing", async () => {
  for (const name of ["a missing data pack", "a flipped bit in a blob", "an index that lists half of a pack"]) {
    const place = await damaged(name);
    const files = await allFiles(place.store);
    const indexTold = await index(place, { dryRun: true });
    deepEqual(await allFiles(place.store), files, name);
    deepEqual({ ...await index(place), filesWritten: 0 }, indexTold, name);
    const packsTold = await packs(place, { dryRun: true });
    deepEqual({ ...await packs(place), packsWritten: 0 }, packsTold, name);

    const before = await allFiles(place.store);
    const snapshotsTold = await snapshots(place, { dryRun: true, forget: true });
    deepEqual(await allFiles(place.store), before, name);
    const done = await snapshots(place, { forget: true });
    const forgetIds = ({ damaged: found, ...rest }: typeof done) => ({
      ...rest,
      damaged: found.map(({ left, ...fields }) => ({ ...fields, left: left?.series })),
    });
    deepEqual(forgetIds(snapshotsTold), forgetIds(done), name);
  }
});

const REPAIRS: readonly ((place: Place) => Promise<unknown>)[] = [
  index,
  packs,
  (place) => snapshots(place, { forget: true }),
];

Deno.test("an append-only store is told as such", async () => {
  const place = await damaged("a flipped bit in a blob");
  await index(place, { readAllPacks: true });
  const denied = { type: "fail", error: new DeniedError("Not allowed here") } as const;
  const store = withFaults(
    place.store,
    ({ method, kind }) => method === "remove" && kind !== "lock" ? denied : undefined,
  );
  await rejects(packs({ ...place, store }), { code: "store-denied", message: /append-only/ });
  deepEqual(await readWhole({ ...place, store: place.store }).catch(() => "damaged"), "damaged");
  await packs(place);
  deepEqual(await namesOf(place.store, "lock"), []);
});

Deno.test("a repair needs the repository for itself, a dry run does not", async () => {
  const place = await damaged("a missing data pack");
  const other = { ...place.world, identity: { ...IDENTITY, hostname: "elsewhere" } };
  const lock = await acquireLock(place.repository.files, other, { exclusive: false });
  await lock.confirmed;
  for (const repair of REPAIRS) await rejects(repair(place), LockedError);
  equal((await index(place, { dryRun: true })).missingPacks.length, 1);
  await lock.release();
});

Deno.test("a repair that lost its lock removes and writes nothing", async () => {
  for (const [i, name] of ["a missing data pack", "a flipped bit in a blob"].entries()) {
    const place = await damaged(name);
    const before = await allFiles(place.store);
    const onProgress = () => place.world.clock.jump(23 * 60 * 1000);
    await rejects(i === 0 ? index(place, { onProgress }) : packs(place, { onProgress }), LockedError);
    deepEqual((await allFiles(place.store)).filter(({ kind }) => kind !== "lock"), before);
  }
});

Deno.test("an interrupted repair leaves no lock and can be run again", async () => {
  const place = await damaged("a missing data pack");
  for (const repair of [index, packs, snapshots]) {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new InterruptedError());
    await rejects(repair(place, { signal: controller.signal, onProgress }), InterruptedError);
    deepEqual(await namesOf(place.store, "lock"), []);
  }
  await repairAll(place);
  deepEqual((await fullCheck(place)).errors, []);
});

Deno.test("progress runs to its end", async () => {
  const place = await damaged("a flipped bit in a blob");
  const seen = new Map<string, string>();
  const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) => {
    ok(done <= total);
    seen.set(phase, done === total ? "all" : "some");
  };
  await index(place, { onProgress, readAllPacks: true });
  await packs(place, { onProgress });
  await snapshots(place, { onProgress });
  deepEqual([...seen].sort(), ["backups", "data", "index", "packs", "write"].map((phase) => [phase, "all"]));
});

Deno.test("snapshots are not repaired while index and packs disagree, but for a dry run", async () => {
  const place = await damaged("a missing data pack");
  await rejects(snapshots(place), { code: "integrity", message: /missing; run "agent repair index" first/ });
  const { damaged: found } = await snapshots(place, { dryRun: true });
  deepEqual(found.map(({ series }) => series), ["prod/shop", "prod/shop"]);
  match(JSON.stringify(found[0]!.losses), /"offset":0,"length":60000,"isExact":true/);
});

Deno.test("a huge file among the packs costs a repair of the index no more than a look at its end", async () => {
  const place = await damaged("nothing");
  const name = "0".repeat(64);
  await place.store.put({ kind: "pack", name }, [new Uint8Array(2 ** 24)]);
  let readBytes = 0;
  const get = place.store.get.bind(place.store);
  place.store.get = async (...request) => {
    const bytes = await get(...request);
    if (request[0].name === name) readBytes += bytes.length;
    return bytes;
  };
  const { unreadablePacks } = await index(place);
  deepEqual(unreadablePacks.map(({ id }) => id), [name]);
  ok(readBytes <= 2 ** 20, `${readBytes} bytes were read`);
});
