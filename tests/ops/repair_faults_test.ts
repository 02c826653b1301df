/** Repairs on stores that do not give every file, or not at once: nothing is given up that may still be there. */
import { deepEqual, equal, match, notDeepEqual, ok, rejects } from "node:assert/strict";
import { StoreError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import { firstOf, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile } from "../../src/store/store.ts";
import { allFiles, namesOf } from "../helpers/world.ts";
import { checkStore, fileOf, flipBit, packsOf, packWithDataOf, readIndexes, replace } from "./check_fixture.ts";
import { duplicate } from "./prune_fixture.ts";
import { damaged, flipChunk, fullCheck, index, packs, readWhole, repairAll, wholeBut } from "./repair_fixture.ts";

const BAD_SECTOR = { type: "fail", error: new StoreError("input/output error, on purpose") } as const;

/** The store with files that cannot be read. */
function unreadable(store: BlobStore, ...names: readonly string[]): BlobStore {
  return withFaults(store, ({ method, file }) => {
    return method === "get" && names.includes(file?.name ?? "") ? BAD_SECTOR : undefined;
  });
}

/** A store whose listing leaves a file out. */
class ForgetfulStore extends ForwardingStore {
  readonly #forgotten: string;

  constructor(inner: BlobStore, forgotten: string) {
    super(inner);
    this.#forgotten = forgotten;
  }

  override async *list(kind: FileKind): AsyncGenerator<ListedFile> {
    for await (const file of super.list(kind)) {
      if (file.name !== this.#forgotten) yield file;
    }
  }
}

/** A store that gives a file with bits flipped, at other places each time. */
class FlippingStore extends ForwardingStore {
  readonly #name: string;
  readonly #places: number[];

  /** `places`: which byte is wrong the first time, the second time, and so on; then none is. */
  constructor(inner: BlobStore, name: string, places: readonly number[]) {
    super(inner);
    this.#name = name;
    this.#places = [...places];
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(file, range, options);
    const place = file.name === this.#name ? this.#places.shift() : undefined;
    if (place !== undefined) bytes[place]! ^= 1;
    return bytes;
  }
}

Deno.test("a pack that only the listing leaves out stays in the index", async () => {
  const place = await damaged("nothing");
  const pack = await packWithDataOf(place, "blog");
  const files = await allFiles(place.store);
  const forgetful = { ...place, store: new ForgetfulStore(place.store, pack.name) };
  deepEqual((await index(forgetful)).missingPacks, []);
  deepEqual((await packs(forgetful, { packs: [pack.name] })).packs.map(({ state }) => state), ["sound"]);
  deepEqual(await allFiles(place.store), files);
});

for (const how of ["named", "found"] as const) {
  Deno.test(`packs that are ${how}: one that cannot be read stays as it is, and the others are repaired`, async () => {
    const place = await damaged("a flipped bit in a blob");
    const bad = await packWithDataOf(place, "blog");
    const [flipped] = (await fullCheck(place)).errors.filter(({ kind }) => kind === "pack");
    const store = unreadable(place.store, bad.name);
    const named = how === "named" ? [bad.name, flipped!.id!] : [];
    const repair = await packs({ ...place, store }, { packs: named });
    const states = new Map(repair.packs.map(({ id, state }) => [id, state]));
    deepEqual([states.get(bad.name), states.get(flipped!.id as typeof bad.name)], ["unreadable", "repaired"]);
    match(repair.packs.find(({ state }) => state === "unreadable")!.reason!, /input\/output error/);
    equal(repair.lost.length, 1, "what may be in a pack that cannot be read is not lost");
    deepEqual((await fullCheck(place)).errors.map(({ kind }) => kind), ["file"], "the pack is there and listed");
    deepEqual(await readWhole({ ...place }).catch(() => "damaged"), "damaged");
  });
}

Deno.test("a blob is not lost as long as a pack that cannot be read may hold it", async () => {
  const place = await damaged("nothing");
  const pack = await packWithDataOf(place, "blog");
  const [blob] = pack.blobs;
  await duplicate(place.store, "data");
  const copy = (await packsOf(place.store, "data")).find(({ name, blobs }) => {
    return name !== pack.name && blobs.some(({ id }) => id.toHex() === blob!.id.toHex());
  });
  await replace(place.store, fileOf(pack), flipBit(blob!.offset + 20));
  const store = unreadable(place.store, copy!.name);
  const { packs: repaired, lost } = await packs({ ...place, store }, { packs: [pack.name, copy!.name] });
  deepEqual(repaired.map(({ state }) => state).sort(), ["repaired", "unreadable"]);
  deepEqual(lost, []);
});

Deno.test("a pack that the store lists and does not find is not given up", async () => {
  const place = await damaged("nothing");
  const pack = await packWithDataOf(place, "blog");
  const files = await allFiles(place.store);
  const vanishing = new (class extends ForwardingStore {
    override get(file: FileName, range?: ByteRange, options?: GetOptions) {
      return super.get(file.name === pack.name ? { ...file, name: "0".repeat(64) } : file, range, options);
    }
  })(place.store);
  const repair = await packs({ ...place, store: vanishing }, { packs: [pack.name] });
  deepEqual(repair.packs.map(({ state }) => state), ["unreadable"]);
  deepEqual(await allFiles(place.store), files);
});

Deno.test("a store that does not answer any more ends a repair: that is no damage", async () => {
  for (const repair of [index, packs]) {
    const place = await damaged("a flipped bit in a blob");
    const files = await allFiles(place.store);
    let isGone = false;
    const gone = { type: "fail", error: new TemporaryError("does not answer, on purpose") } as const;
    const store = withFaults(place.store, ({ method, kind }: StoreCall) => {
      isGone ||= method === "get" && kind === "pack";
      return isGone && kind !== "lock" ? gone : undefined;
    });
    await rejects(repair({ ...place, store }, { readAllPacks: true }), TemporaryError);
    deepEqual(await allFiles(place.store), files);
  }
});

Deno.test("an outage that hits one pack only ends a check, not a repair", async () => {
  const place = await damaged("a flipped bit in a blob");
  const bad = await packWithDataOf(place, "blog");
  const away = { type: "fail", error: new TemporaryError("a server error, on purpose") } as const;
  const isBad = ({ method, file }: StoreCall) => method === "get" && file?.name === bad.name;
  const store = withFaults(place.store, (call) => isBad(call) ? away : undefined);
  await rejects(fullCheck({ ...place, store }), TemporaryError);
  const { packs: repaired } = await packs({ ...place, store });
  deepEqual(repaired.map(({ state }) => state).sort(), ["repaired", "unreadable"]);
});

Deno.test("what is damaged only on its way is read once more and not given up", async () => {
  const place = await damaged("nothing");
  const { store } = place;
  const pack = await packWithDataOf(place, "blog");
  const files = await allFiles(store);
  const once = { ...place, store: new FlippingStore(store, pack.name, [20]) };
  deepEqual((await packs(once, { packs: [pack.name] })).packs.map(({ state }) => state), ["sound"]);
  deepEqual(await allFiles(store), files);

  const [first, , third] = pack.blobs.map(({ offset }) => offset + 20);
  const twice = { ...place, store: new FlippingStore(store, pack.name, [first!, third!]) };
  const { packs: [repaired], lost } = await packs(twice, { packs: [pack.name] });
  deepEqual(repaired, {
    id: pack.name,
    state: "repaired",
    reason: null,
    blobsSaved: pack.blobs.length,
    blobsLost: 0,
  });
  equal(lost.length, 0);
  deepEqual((await fullCheck(place)).errors, []);
  deepEqual(await readWhole(place), wholeBut([]));
});

Deno.test("what a repair had saved when it failed is listed for the next one", async () => {
  const place = await damaged("a flipped bit in a blob");
  const full = { type: "fail", error: new StoreFullError("no space, on purpose") } as const;
  const store = withFaults(place.store, firstOf(({ method, kind }) => method === "put" && kind === "index", full));
  await rejects(packs({ ...place, store }), StoreFullError);
  equal((await checkStore(place)).unreferencedPacks, 0);
  await packs(place);
  deepEqual((await fullCheck(place)).errors.map(({ kind }) => kind), ["file"]);
});

Deno.test("an index file that cannot be read: its packs are listed by their headers before it goes", async () => {
  const place = await damaged("nothing");
  const [name] = await namesOf(place.store, "index");
  const lists = (await readIndexes(place.store)).get(name!)!.map((pack) => pack.name).sort();
  const store = withFaults(unreadable(place.store, name!), () => undefined);
  const repair = await index({ ...place, store });
  deepEqual([repair.damagedFiles, repair.unreadableFiles, repair.addedPacks], [[name], [], lists]);
  const changes = store.calls.filter(({ method, kind }) => kind === "index" && method !== "get" && method !== "list");
  deepEqual(changes.map(({ method }) => method), ["put", "remove"]);
  deepEqual((await fullCheck(place)).errors, []);
  deepEqual(await readWhole(place), wholeBut([]));
});

Deno.test("an index file that cannot be read stays while packs cannot be read that it may be the only one to list", async () => {
  const place = await damaged("nothing");
  const pack = await packWithDataOf(place, "blog");
  const [name] = [...await readIndexes(place.store)].find(([, packs]) => packs.some((one) => one.name === pack.name))!;
  const repair = await index({ ...place, store: unreadable(place.store, name, pack.name) });
  deepEqual([repair.damagedFiles, repair.unreadableFiles.map(({ id }) => id)], [[], [name]]);
  deepEqual(repair.unreadablePacks.map(({ id }) => id), [pack.name]);
  ok((await namesOf(place.store, "index")).includes(name));
  deepEqual(await readWhole(place), wholeBut([]));
});

Deno.test("a damaged pack whose index is lost, too: what is whole of it is saved", async () => {
  const place = await damaged("nothing");
  const { store } = place;
  await flipChunk(place, "blog", 1, 0);
  for (const name of await namesOf(store, "index")) await store.remove({ kind: "index", name });
  const { damaged: found } = await repairAll(place);
  deepEqual(found.map(({ series, losses }) => [series, losses.length]), [["blog", 1]]);
  notDeepEqual(found[0]!.losses[0]!.ranges[0]!.length, 50_000);
  deepEqual((await fullCheck(place)).errors, []);
  deepEqual(await readWhole(place), wholeBut(["blog 1"]));
});

Deno.test("a check tells of a pack that cannot be read, and goes on", async () => {
  const place = await damaged("a flipped bit in a blob");
  const bad = await packWithDataOf(place, "blog");
  const { errors, packsRead } = await fullCheck({ ...place, store: unreadable(place.store, bad.name) });
  const found = errors.find(({ id }) => id === bad.name)!;
  match(found.text, /cannot be read: input\/output error/);
  deepEqual(found.backups.map(({ series }) => series), ["blog"]);
  ok(errors.some(({ repair }) => repair === "packs"), "the other pack is found damaged");
  equal(packsRead, (await namesOf(place.store, "pack")).length);
});

Deno.test("a folder of packs that is not there is no reason to forget them", async () => {
  const place = await damaged("nothing");
  const files = await allFiles(place.store);
  const missingFolders = () => Promise.resolve<FileKind[]>(["pack"]);
  const store = Object.assign(withFaults(place.store, () => undefined), { missingFolders });
  await rejects(index({ ...place, store }), /has no folder "data"/);
  deepEqual(await allFiles(place.store), files);
});

Deno.test("a header that cannot be read leaves a pack in no index alone", async () => {
  const place = await damaged("nothing");
  const [pack] = await packsOf(place.store, "data");
  await replace(place.store, fileOf(pack!), flipBit(-30));
  for (const name of await namesOf(place.store, "index")) await place.store.remove({ kind: "index", name });
  await index(place);
  const files = await allFiles(place.store);
  deepEqual((await packs(place)).packs, []);
  deepEqual(await allFiles(place.store), files);
});
