/** Prune on damaged repositories: what is needed and not there stops it before anything goes. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../src/base/errors.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../src/store/store.ts";
import { repairPacks } from "../../src/ops/repair/repair_packs.ts";
import { accessTo, allFiles, copyOf, fakeWorld, namesOf } from "../helpers/world.ts";
import { fileOf, flipBit, packsOf, readIndexes, replace } from "./check_fixture.ts";
import { assertHolds, duplicate, fiveBackups, forget, halfForgotten, openStore, pruneStore } from "./prune_fixture.ts";

Deno.test("a missing pack: refused where it is needed, dropped from the index where it is not", async () => {
  const store = await fiveBackups();
  const before = await namesOf(store, "pack");
  await forget(store, 1, 2, 3, 4);
  const { plan } = await pruneStore(await copyOf(store), { dryRun: true });
  await store.remove({ kind: "pack", name: plan.remove[0]!.use.id });
  assert.ok((await pruneStore(await copyOf(store))).plan.remove.some(({ use }) => use.state === "missing"));
  const pruned = await copyOf(store);
  await pruneStore(pruned);
  await assertHolds(pruned, [5], "without the missing pack");

  const needed = plan.keep.concat(plan.repack.map(({ use }) => use)).find(({ type }) => type === "data")!;
  await store.remove({ kind: "pack", name: needed.id });
  await assert.rejects(pruneStore(store), (error) => {
    assert.ok(error instanceof IntegrityError);
    assert.match(error.message, new RegExp(`Missing pack ${needed.id}.*nothing was removed.*agent check`));
    return true;
  });
  assert.equal((await namesOf(store, "pack")).length, before.length - 2);
});

Deno.test("a missing pack whose blobs lie elsewhere, too, is no loss", async () => {
  const store = await fiveBackups();
  const [lost] = await packsOf(store, "data");
  const [lostTree] = await packsOf(store, "tree");
  await duplicate(store, "data");
  await duplicate(store, "tree");
  await store.remove(fileOf(lost!));
  await store.remove(fileOf(lostTree!));
  await pruneStore(store);
  await assertHolds(store, [1, 2, 3, 4, 5], "from the other copies");
});

/** Each damages one thing that has to be read. */
const DAMAGES: readonly (readonly [what: string, damage: (store: BlobStore) => Promise<void>, message: RegExp])[] = [
  ["a snapshot", async (store) => {
    const [name] = await namesOf(store, "snapshot");
    await replace(store, { kind: "snapshot", name: name! }, flipBit(40));
  }, /snapshot/],
  ["an index", async (store) => {
    const [name] = await namesOf(store, "index");
    await replace(store, { kind: "index", name: name! }, flipBit(40));
  }, /index/],
  ["an index that is gone", async (store) => {
    const [name] = await namesOf(store, "index");
    await store.remove({ kind: "index", name: name! });
  }, /Missing (data|tree) blob/],
  ["a tree", async (store) => {
    const trees = await packsOf(store, "tree");
    for (const pack of trees) {
      for (const { offset } of pack.blobs) await replace(store, fileOf(pack), flipBit(offset + 20));
    }
  }, /tree blob/],
  ["a pack that is cut off", async (store) => {
    for (const pack of await packsOf(store, "data")) {
      await replace(store, fileOf(pack), (bytes) => bytes.slice(0, -1));
    }
  }, /Damaged pack/],
  ["an index that describes a pack differently", async (store) => {
    const [packs] = (await readIndexes(store)).values();
    const { files } = await openStore(store);
    await files.save("index", encodeIndex([{ ...packs![0]!, blobs: packs![0]!.blobs.slice(0, 1) }]));
  }, /another index describes it differently/],
  ["an index that leaves out the first blob of a pack", async (store) => {
    const indexes = await readIndexes(store);
    const { files } = await openStore(store);
    for (const [name, packs] of indexes) {
      await files.save("index", encodeIndex(packs.map((pack) => ({ ...pack, blobs: pack.blobs.slice(1) }))));
      await store.remove({ kind: "index", name });
    }
  }, /leave gaps/],
];

for (const [what, damage, message] of DAMAGES) {
  Deno.test(`damage is refused and nothing goes: ${what}`, async () => {
    const store = await halfForgotten();
    await damage(store);
    const files = await allFiles(store);
    await assert.rejects(pruneStore(store), (error) => {
      assert.ok(error instanceof IntegrityError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /nothing was removed; run "agent check"/);
      return true;
    });
    assert.deepEqual(await allFiles(store), files);
  });
}

for (const type of ["data", "tree"] as const) {
  Deno.test(`a damaged ${type} blob that is to be copied stops the prune before anything goes`, async () => {
    const store = await halfForgotten();
    const { plan } = await pruneStore(store, { dryRun: true });
    const damaged = plan.repack.filter(({ use }) => use.type === type).map(({ use }) => use.id);
    assert.ok(damaged.length > 0);
    // Trees are read while blobs are marked, so they are damaged behind that.
    const faulty = type === "data" ? store : damagedWhenReadTwice(store);
    if (type === "data") {
      for (const pack of (await packsOf(store, "data")).filter(({ name }) => damaged.includes(name))) {
        for (const { offset } of pack.blobs) await replace(store, fileOf(pack), flipBit(offset + 20));
      }
    }
    const packs = await namesOf(store, "pack");
    await assert.rejects(pruneStore(faulty), IntegrityError);
    const left = await namesOf(store, "pack");
    assert.deepEqual(packs.filter((name) => !left.includes(name)), []);
  });
}

for (const type of ["data", "tree"] as const) {
  Deno.test(`a ${type} blob in two packs: a damaged copy that would be the only one stops the prune before anything goes`, async () => {
    const store = await twice(type);
    const files = await allFiles(store);
    const dry = (await pruneStore(await copyOf(store), { dryRun: true })).plan;
    const kept = dry.keep.map(({ id }) => id);
    const pack = (await packsOf(store, type)).find(({ name }) => kept.includes(name))!;
    // Trees are read while blobs are marked, so they are damaged behind that.
    const damaged = type === "data" ? store : new DamagedBehindMarking(await copyOf(store), pack.name);
    await replace(store, fileOf(pack), flipBit(pack.blobs[0]!.offset + 20));
    await assert.rejects(pruneStore(damaged), (error) => {
      assert.ok(error instanceof IntegrityError, String(error));
      assert.match(error.message, new RegExp(`blob .* in pack ${pack.name}.*"agent repair packs ${pack.name}"`));
      return true;
    });
    assert.deepEqual(await allFiles(store), files);

    const signal = new AbortController().signal;
    const { lost } = await repairPacks(accessTo(store), { packs: [pack.name], dryRun: false }, {
      world: fakeWorld(),
      signal,
    });
    assert.equal([...lost].length, 0);
    await pruneStore(store);
    await assertHolds(store, [1, 2, 3, 4, 5], "from the copy that is whole");
  });
}

/** A store one pack of which is damaged whenever it is read for anything but its trees. */
class DamagedBehindMarking extends ForwardingStore {
  readonly #pack: string;

  constructor(inner: BlobStore, pack: string) {
    super(inner);
    this.#pack = pack;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(file, range, options);
    if (file.name === this.#pack && !options?.keep) bytes[20]! ^= 1;
    return bytes;
  }
}

/** Five backups whose blobs of a type lie in two packs each, one of which is needed for nothing. */
async function twice(type: "data" | "tree"): Promise<BlobStore> {
  const store = await fiveBackups();
  await pruneStore(store);
  await duplicate(store, type);
  return store;
}

Deno.test("the bytes that are verified are those of the copies that will be the only ones", async () => {
  const store = await twice("data");
  const verified: number[] = [];
  const { plan } = await pruneStore(store, {
    onProgress: ({ phase, done, total }) => {
      if (phase === "verify") verified.push(total - done);
    },
  });
  assert.ok(plan.remove.length > 0);
  assert.equal(verified.at(-1), 0);
  await pruneStore(store, {
    onProgress: ({ phase }) => assert.notEqual(phase, "verify", "there is one copy of each"),
  });
});

/** Gives every part of a pack as it is the first time and damaged from then on. */
function damagedWhenReadTwice(store: BlobStore): BlobStore {
  const seen = new Set<string>();
  return new Proxy(store, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (property !== "get") return typeof value === "function" ? value.bind(target) : value;
      return async (...args: Parameters<BlobStore["get"]>) => {
        const bytes = await target.get(...args);
        if (args[0].kind !== "pack") return bytes;
        if (seen.has(args[0].name)) bytes[20]! ^= 1;
        seen.add(args[0].name);
        return bytes;
      };
    },
  });
}
