/** Copies of backups in another repository: what they hold, what is read for them, and what goes on from them. */
import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { DeniedError, StoreFullError, UsageError } from "../../src/base/errors.ts";
import type { SnapshotId } from "../../src/base/id.ts";
import { HOLD_TAG } from "../../src/policy/retention/retention_plan.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { copy } from "../../src/ops/copy.ts";
import { readChunking } from "../../src/ops/init.ts";
import { drawChains } from "../../src/ops/chain.ts";
import { setHold } from "../../src/ops/tags/hold.ts";
import { listBackups } from "../../src/ops/list.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { withFaults } from "../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  concat,
  copyOf,
  fakeWorld,
  getBytes,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
  sqlDump,
  withRows,
} from "../helpers/world.ts";
import { copyInto, fullCheckOf, OTHER_PASSWORD, otherRepository, withVersion } from "./copy_fixture.ts";
import { fiveBackups, night, PACK_BYTES } from "./prune_fixture.ts";

const otherBackups = (other: BlobStore) => readAllBackups(other, fakeWorld("read"), OTHER_PASSWORD);

/** The ranges of packs that were read from a store, as `pack offset-end`. */
function packReads() {
  const reads: { readonly pack: string; readonly offset: number; readonly length: number }[] = [];
  const watch = (store: BlobStore): BlobStore => {
    const { get } = store;
    return Object.assign(withFaults(store, () => undefined), {
      get: (...args: Parameters<typeof get>) => {
        const [file, range] = args;
        if (file.kind === "pack") reads.push({ pack: file.name, offset: range!.offset, length: range!.length! });
        return get.apply(store, args);
      },
    });
  };
  return { reads, watch };
}

async function assertSound(other: BlobStore): Promise<void> {
  const { errors } = await fullCheckOf(other);
  deepEqual(errors, []);
}

Deno.test("copies have the ids, content, levels and parents of their originals, and a check accepts them", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  const { copied, present, failed } = await copyInto(other, source);
  deepEqual([copied.length, present, failed.length], [5, 0, 0]);
  const originals = await readAllBackups(source, fakeWorld("read"));
  const copies = await otherBackups(other);
  deepEqual(copies.map(({ manifest }) => manifest), originals.map(({ manifest }) => manifest));
  deepEqual(copies.map(({ backup }) => backup.id), originals.map(({ backup }) => backup.id));
  for (const [n, { bytes, backup: { snapshot, snapshotId } }] of copies.entries()) {
    deepEqual(bytes, night(n + 1));
    equal(snapshot.original, originals[n]!.backup.snapshotId);
    notEqual(snapshotId, snapshot.original);
    equal(snapshot.parent, copies[n - 1]?.backup.snapshotId ?? null);
    deepEqual(snapshot.agent, originals[n]!.backup.snapshot.agent);
  }
  deepEqual(copied.map(({ snapshotId }) => snapshotId), copies.map(({ backup }) => backup.snapshotId));
  await assertSound(other);
  const chain = await drawChains(accessTo(other, OTHER_PASSWORD), { selector: "prod/shop", all: true }, {
    world: fakeWorld("chain"),
  });
  deepEqual(
    chain.members.map(({ depth, fit, problem }) => [depth, fit, problem]),
    [0, 1, 2, 3, 4].map((n) => [n, true, null]),
  );
});

Deno.test("each needed byte is read once, and a second copy reads no pack and writes nothing", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  const { reads, watch } = packReads();
  const { bytesRead } = await copyInto(other, watch(source));
  equal(bytesRead, reads.reduce((sum, { length }) => sum + length, 0));
  for (const [i, a] of reads.entries()) {
    for (const b of reads.slice(i + 1)) {
      ok(a.pack !== b.pack || a.offset + a.length <= b.offset || b.offset + b.length <= a.offset, a.pack);
    }
  }
  const files = await allFiles(other);
  const again = packReads();
  const { copied, present } = await copyInto(other, again.watch(source));
  deepEqual([copied.length, present, again.reads.length], [0, 5, 0]);
  deepEqual(await allFiles(other), files);
});

Deno.test("only what the other repository lacks is read for a later backup", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  await copyInto(other, source);
  const { manifest } = await putBytes(accessTo(source), later("sixth"), night(6), { chunkAverage: 2048 }, {
    packBytes: PACK_BYTES,
  });
  const { copied, present, bytesRead, bytesAdded } = await copyInto(other, source);
  deepEqual([copied.length, present], [1, 5]);
  ok(bytesRead < 2 * manifest.stats.bytesAdded, `${bytesRead}`);
  ok(bytesAdded >= manifest.stats.bytesAdded && bytesAdded < 2 * manifest.stats.bytesAdded, `${bytesAdded}`);
  await assertSound(other);
});

/** A world in which `fiveBackups` is over. */
function later(seed: string) {
  const world = fakeWorld(seed);
  world.clock.jump(3_600_000);
  return world;
}

Deno.test("a put into the copy continues the chain there", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  await copyInto(other, source);
  const world = later("sixth");
  const { backup, manifest } = await putBytes(accessTo(other, OTHER_PASSWORD), world, night(6));
  const fifth = (await otherBackups(other))[4]!.backup;
  deepEqual([manifest.level, manifest.parent, backup.snapshot.parent], [5, fifth.id, fifth.snapshotId]);
  deepEqual(await getBytes(accessTo(other, OTHER_PASSWORD), world, "prod/shop"), night(6));
  await assertSound(other);
});

Deno.test("a repository that cuts alike stores of the second night what the original stores of it", async () => {
  const world = fakeWorld();
  const { store: source, access } = await memoryRepository(world);
  const first = sqlDump(4000, "first");
  const second = withRows(withRows(first, { at: 100_000, rows: 40, seed: "new" }), {
    at: 250_000,
    rows: 10,
    seed: "newer",
  });
  await putBytes(access, world, first);
  const bytesOf: number[] = [];
  for (const like of [source, undefined]) {
    const other = await otherRepository({ ...like && { like } });
    await copyInto(other, source);
    const { manifest } = await putBytes(accessTo(other, OTHER_PASSWORD), later("other"), second);
    bytesOf.push(manifest.stats.bytesAdded);
    await assertSound(other);
  }
  const { manifest } = await putBytes(access, later("own"), second);
  equal(bytesOf[0], manifest.stats.bytesAdded);
  ok(manifest.stats.bytesAdded < second.length / 5, `${manifest.stats.bytesAdded}`);
  ok(bytesOf[1]! > second.length * 0.9, "without the same secret, nothing is shared");
});

Deno.test("what a repository shares with another one is shared with a third one that is made from it", async () => {
  const { store: source } = await memoryRepository(fakeWorld());
  const other = await otherRepository({ like: source });
  const chunkingOf = (store: BlobStore, password: string) =>
    readChunking(accessTo(store, password), { world: fakeWorld("chunking") });
  deepEqual(await chunkingOf(other, OTHER_PASSWORD), await chunkingOf(source, PASSWORD));
});

Deno.test("backups are selected by series and by selector, and a copy does without its parent", async () => {
  const source = await fiveBackups();
  await putBytes(accessTo(source), later("blog"), noise(50_000, "blog"), { series: parseSeries("blog") });
  const other = await otherRepository();
  await copyInto(other, source, { names: ["prod/shop@latest", "blog"] });
  const copies = await otherBackups(other);
  deepEqual(copies.map(({ backup }) => [backup.series, backup.info?.level]), [["prod/shop", 4], ["blog", 0]]);
  equal(copies[0]!.backup.snapshot.parent, null);
  await assertSound(other);
  deepEqual(await getBytes(accessTo(other, OTHER_PASSWORD), fakeWorld("get"), "prod/shop"), night(5));

  const rest = await copyInto(other, source, { names: ["prod"] });
  deepEqual([rest.copied.length, rest.present], [4, 1]);
  await assertSound(other);
  await rejects(copyInto(other, source, { names: ["prod/shpo"] }), /There is no backup of "prod\/shpo"; did you mean/);
  await rejects(copyInto(other, source, { names: ["@abcdef"] }), UsageError);
});

Deno.test("a parent that was copied earlier is the parent of a later copy", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  const originals = await readAllBackups(source, fakeWorld("read"));
  const nameOf = (n: number) => `@${originals[n - 1]!.backup.id}`;
  await copyInto(other, source, { names: [nameOf(1), nameOf(2)] });
  await source.remove({ kind: "snapshot", name: originals[1]!.backup.snapshotId });
  await copyInto(other, source, { names: [nameOf(3)] });
  const [, second, third] = await otherBackups(other);
  equal(third!.backup.snapshot.parent, second!.backup.snapshotId);
});

Deno.test("a hold and other tags come along, and a hold afterwards makes no second copy", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  const request = { selector: "prod/shop", hold: true };
  await setHold(accessTo(source), request, { world: fakeWorld("hold") });
  await copyInto(other, source);
  deepEqual((await otherBackups(other)).map(({ backup }) => backup.snapshot.tags), [[], [], [], [], [HOLD_TAG]]);
  await setHold(accessTo(source), { ...request, hold: false }, { world: fakeWorld("release") });
  deepEqual((await copyInto(other, source)).copied, []);
  await setHold(accessTo(other, OTHER_PASSWORD), { ...request, hold: false }, { world: fakeWorld("release") });
  deepEqual((await copyInto(other, source)).copied, []);
  await assertSound(other);
});

Deno.test("a copy of a copy has its ids, and brings nothing back to the first repository", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  await copyInto(other, source);
  const files = await allFiles(source);
  const request = { from: accessTo(other, OTHER_PASSWORD), names: [], dryRun: false, fromNoLock: false };
  const { copied, present } = await copy(accessTo(source), request, { world: fakeWorld("back") });
  deepEqual([copied.length, present], [0, 5]);
  deepEqual(await allFiles(source), files);
});

Deno.test("a repository is not copied into itself, nor into a copy of its files", async () => {
  const source = await fiveBackups();
  for (const other of [source, await copyOf(source)]) {
    const request = { from: accessTo(source), names: [], dryRun: false, fromNoLock: false };
    await rejects(copy(accessTo(other), request, { world: fakeWorld("itself") }), (error) => {
      return error instanceof UsageError && /both have the same id/.test(error.message);
    });
  }
});

Deno.test("a dry run tells what a copy brings, and changes nothing", async () => {
  const source = await fiveBackups();
  const other = await otherRepository();
  const files = await allFiles(other);
  const planned = await copyInto(other, source, { dryRun: true });
  deepEqual(await allFiles(other), files);
  const { copied, bytesRead, bytesAdded } = await copyInto(other, source);
  deepEqual([planned.copied.length, planned.bytesRead, planned.bytesAdded, planned.bytesStored], [
    copied.length,
    bytesRead,
    bytesAdded,
    0,
  ]);
  deepEqual(planned.copied.map(({ snapshotId }) => snapshotId), copied.map((): SnapshotId | null => null));
});

Deno.test("a source that takes no lock can be copied from without one", async () => {
  for (const error of [new DeniedError("read only, on purpose"), new StoreFullError("no space, on purpose")]) {
    const lockless = withFaults(await fiveBackups(), ({ method, kind }) => {
      return method === "put" && kind === "lock" ? { type: "fail", error } : undefined;
    });
    const other = await otherRepository();
    await rejects(copyInto(other, lockless), ({ constructor, message }: Error) => {
      return constructor === error.constructor && /, on purpose; .*use --from-no-lock$/.test(message);
    });
    equal((await copyInto(other, lockless, { fromNoLock: true })).copied.length, 5);
  }
});

Deno.test("format version 1 is copied from and copied into", async () => {
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const first = await withVersion(store, 1);
  const dump = concat([sqlDump(1000, "dump"), noise(20_000, "noise")]);
  await putBytes(accessTo(first), world, dump);
  const second = await otherRepository();
  await copyInto(second, first);
  await assertSound(second);
  deepEqual((await otherBackups(second))[0]!.bytes, dump);
  const bytesOf = async (store: BlobStore) => {
    let bytes = 0;
    for (const name of await namesOf(store, "pack")) bytes += await store.size({ kind: "pack", name });
    return bytes;
  };
  ok(await bytesOf(second) < await bytesOf(first) * 0.75, "what version 1 could not compress is compressed");

  const old = await withVersion(await otherRepository(), 1, OTHER_PASSWORD);
  const source = await fiveBackups();
  await copyInto(old, source);
  await assertSound(old);
  deepEqual((await otherBackups(old)).map(({ bytes }) => bytes), [1, 2, 3, 4, 5].map(night));
  const { backups } = await listBackups(accessTo(old, OTHER_PASSWORD), {}, { world });
  equal(backups.length, 5);
});
