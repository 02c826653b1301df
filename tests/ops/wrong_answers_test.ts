/** Stores that answer wrongly, once or for a while: whatever they say is not there, no backup is lost for it. */
import assert from "node:assert/strict";
import { AgentError, NotFoundError, StoreError } from "../../src/base/errors.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { forget, type ForgetOptions, type RetentionRequest } from "../../src/ops/forget.ts";
import { listBackups } from "../../src/ops/list.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { firstOf, type StoreCall, withFaults } from "../helpers/fault_store.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, FileKind, FileName, ListedFile, StoreCallOptions } from "../../src/store/store.ts";
import { accessTo, allFiles, fakeWorld, IDENTITY, namesOf, putBytes, readAllBackups } from "../helpers/world.ts";
import { filesBelow } from "../store/local_fixture.ts";
import { flipBit, packsOf, replace } from "./check_fixture.ts";
import {
  assertHolds,
  assertRestores,
  duplicate,
  fiveBackups,
  forget as removeNights,
  night,
  PACK_BYTES,
  pruneStore,
  STRICT,
} from "./prune_fixture.ts";
import { damaged, fullCheck, index, packs, readWhole, snapshots, wholeBut } from "./repair_fixture.ts";

const NOT_FOUND = { type: "fail", error: new NotFoundError("no such file, on purpose") } as const;

/** A store whose listings of a kind are changed: those whose numbers, from 1, are `wrong`. */
class WrongListings extends ForwardingStore {
  readonly #kind: FileKind;
  readonly #wrong: (number: number) => boolean;
  readonly #change: (rows: readonly ListedFile[]) => readonly ListedFile[];
  #count = 0;

  constructor(
    inner: BlobStore,
    kind: FileKind,
    wrong: (number: number) => boolean,
    change: (rows: readonly ListedFile[]) => readonly ListedFile[],
  ) {
    super(inner);
    this.#kind = kind;
    this.#wrong = wrong;
    this.#change = change;
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    if (kind !== this.#kind) return yield* super.list(kind, options);
    const number = ++this.#count;
    const rows = (await Array.fromAsync(super.list(kind, options))).sort((a, b) => a.name < b.name ? -1 : 1);
    yield* this.#wrong(number) ? this.#change(rows) : rows;
  }
}

/** A store that says that files of a kind are gone and keeps them. */
class KeepingStore extends ForwardingStore {
  readonly #kind: FileKind;

  constructor(inner: BlobStore, kind: FileKind) {
    super(inner);
    this.#kind = kind;
  }

  override remove(file: FileName, options?: StoreCallOptions): Promise<void> {
    return file.kind === this.#kind ? Promise.resolve() : super.remove(file, options);
  }
}

const CHANGES = {
  "is empty": () => [],
  "leaves the first file out": (rows: readonly ListedFile[]) => rows.slice(1),
  "leaves the last file out": (rows: readonly ListedFile[]) => rows.slice(0, -1),
} as const;

function keepLast(last: number): RetentionRequest {
  return { kind: "policy", rules: { counts: { last } }, filter: {} };
}

/** A world a day after the five backups. */
function laterWorld(pid = 1) {
  const world = { ...fakeWorld(`later ${pid}`, []), identity: { ...IDENTITY, pid } };
  world.clock.jump(86_400_000);
  return world;
}

function forgetIn(store: BlobStore, request: RetentionRequest, options: Partial<ForgetOptions> = {}) {
  return forget(accessTo(store), request, {
    world: laterWorld(),
    prune: { limits: STRICT, packBytes: PACK_BYTES },
    ...options,
  });
}

/** What was thrown, which must be an error that is told; undefined where it went well. */
async function failureOf(work: Promise<unknown>): Promise<AgentError | undefined> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code !== "bug", String(error));
    return error;
  }
}

/** Fails unless a backup of what was there before restores: an index of packs that are gone would spoil it. */
async function assertNextPut(store: BlobStore, label: string): Promise<void> {
  const overrides = { series: parseSeries("prod/shop"), chunkAverage: 2048 };
  await putBytes(accessTo(store), laterWorld(7), night(5), overrides, { packBytes: PACK_BYTES });
  assert.deepEqual((await readAllBackups(store, fakeWorld("read"))).at(-1)!.bytes, night(5), label);
}

for (const kind of ["snapshot", "index"] as const) {
  for (const [what, change] of Object.entries(CHANGES)) {
    Deno.test(`a list of ${kind} files that ${what} once, whichever it is, costs no backup`, async () => {
      for (let wrong = 1; wrong <= 5; wrong++) {
        const store = await fiveBackups();
        await failureOf(forgetIn(new WrongListings(store, kind, (n) => n === wrong, change), keepLast(3)));
        const isDone = (await namesOf(store, "snapshot")).length === 3;
        const nights = isDone ? [3, 4, 5] : [1, 2, 3, 4, 5];
        await assertHolds(store, nights, `list ${wrong}`, { readData: false });

        const pruned = await fiveBackups();
        await removeNights(pruned, 5);
        await failureOf(pruneStore(new WrongListings(pruned, kind, (n) => n === wrong, change)));
        await assertHolds(pruned, [1, 2, 3, 4], `prune, list ${wrong}`, { readData: false });
        await assertNextPut(pruned, `prune, list ${wrong}`);
      }
    });
  }
}

Deno.test("a forget that removed some never empties the repository: it says what is gone and that nothing was pruned", async () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    const store = await fiveBackups();
    const packs = await namesOf(store, "pack");
    // The fourth list is made when the prune is about to change something.
    const wrong = new WrongListings(store, "snapshot", (n) => n >= 4, change);
    const failure = await failureOf(forgetIn(wrong, keepLast(4)));
    assert.ok(failure instanceof StoreError, what);
    assert.match(
      failure.message,
      /does not list the expected snapshots .*snapshots were removed \(1\), but nothing was pruned/,
    );
    assert.deepEqual(await namesOf(store, "pack"), packs);
    await assertRestores(store, [2, 3, 4, 5], what);
  }
});

Deno.test("a prune that sees other snapshots than the forget in the same run lets nothing go", async () => {
  const store = await fiveBackups();
  for (const [what, change] of Object.entries(CHANGES)) {
    const failure = await failureOf(
      forgetIn(new WrongListings(store, "snapshot", (n) => n === 2, change), keepLast(4)),
    );
    assert.match(failure!.message, /other snapshots than a moment ago, .*nothing was removed/, what);
    await assertHolds(store, [1, 2, 3, 4, 5], what);
  }
});

Deno.test("damage that a prune after a forget would find lets nothing go, dry run or not", async () => {
  const store = await fiveBackups();
  await replace(store, { kind: "index", name: (await namesOf(store, "index"))[0]! }, flipBit(40));
  for (const dryRun of [true, false]) {
    const failure = await failureOf(forgetIn(store, keepLast(3), { dryRun }));
    assert.match(failure!.message, /; nothing was removed; run "agent check"/);
  }
  assert.equal((await namesOf(store, "snapshot")).length, 5);
});

Deno.test("a snapshot that comes or goes after the plan of a prune stops it before anything goes", async () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    const store = await fiveBackups();
    await removeNights(store, 5);
    const before = await allFiles(store);
    const isLater = (n: number) => n >= 2;
    const fewer = await failureOf(pruneStore(new WrongListings(store, "snapshot", isLater, change)));
    assert.match(fewer!.message, /does not list the expected snapshots .*nothing was removed/, what);
    const more = (rows: readonly ListedFile[]) => [...rows, { name: "ab".repeat(32), size: 1 }];
    const failure = await failureOf(pruneStore(new WrongListings(store, "snapshot", isLater, more)));
    assert.match(failure!.message, /0 are missing, 1 are too many.*nothing was removed/, what);
    assert.deepEqual(await allFiles(store), before);
  }
});

Deno.test("a listing that is late is waited for", async () => {
  const store = await fiveBackups();
  await removeNights(store, 5);
  await pruneStore(new WrongListings(store, "index", (n) => n >= 2 && n <= 6, CHANGES["is empty"]));
  await assertHolds(store, [1, 2, 3, 4], "after it");
});

Deno.test("a whole copy that a listing leaves out once is not given up for a damaged one", async () => {
  const store = await fiveBackups();
  await duplicate(store, "data");
  const limits = { ...DEFAULT_PRUNE_LIMITS, maxRepackBytes: 0 };
  const { plan } = await pruneStore(store, { limits, dryRun: true });
  const going = new Set<string>(plan.remove.map(({ use: { id } }) => id));
  const bad = (await packsOf(store, "data")).find(({ name }) => !going.has(name))!;
  await replace(store, { kind: "pack", name: bad.name }, flipBit(bad.blobs[0]!.offset + 20));
  const files = await allFiles(store);
  const onlyStaying = (rows: readonly ListedFile[]) => rows.filter(({ name }) => !going.has(name));
  for (const wrong of [() => false, (number: number) => number === 1]) {
    await assert.rejects(
      pruneStore(new WrongListings(store, "pack", wrong, onlyStaying), { limits }),
      new RegExp(`agent repair packs ${bad.name}`),
    );
    assert.deepEqual(await allFiles(store), files);
  }
});

Deno.test("no pack goes while an index lists it that only seems to be gone", async () => {
  const store = await fiveBackups();
  await removeNights(store, 5);
  const before = await namesOf(store, "pack");
  const failure = await failureOf(pruneStore(new KeepingStore(store, "index")));
  assert.ok(failure instanceof StoreError);
  assert.match(
    failure.message,
    /does not list the expected index files \(0 are missing, .* to be removed stay for now/,
  );
  const left = new Set(await namesOf(store, "pack"));
  assert.ok(before.every((name) => left.has(name)));
  await assertNextPut(store, "beside the index that stayed");
  await pruneStore(store);
  assert.equal(await failureOf(pruneStore(store)), undefined);
});

Deno.test("repairs, too, leave packs alone that an index goes on listing", async () => {
  const place = await damaged("a flipped bit in a blob");
  const before = await namesOf(place.store, "pack");
  const keeping = { ...place, store: new KeepingStore(place.store, "index") };
  const failure = await failureOf(packs(keeping));
  assert.match(failure!.message, /does not list the expected index files .*no pack was removed/);
  const left = new Set(await namesOf(place.store, "pack"));
  assert.ok(before.every((name) => left.has(name)));

  const missing = await damaged("a missing data pack");
  const repair = await failureOf(index({ ...missing, store: new KeepingStore(missing.store, "index") }));
  assert.match(repair!.message, /does not list the expected index files .*may still list packs that are gone/);
  assert.equal(await failureOf(index(missing)), undefined);
});

Deno.test("a pack that is listed and not found for a moment is no loss that backups are forgotten for", async () => {
  const place = await damaged("nothing");
  const trees = new Set((await packsOf(place.store, "tree")).map(({ name }): string => name));
  const readsTree = ({ method, file }: StoreCall) => method === "get" && trees.has(file?.name ?? "");
  const files = await allFiles(place.store);
  // The walk reads the root of every backup; the first one that it finds damaged is then read twice more.
  const roots = (await namesOf(place.store, "snapshot")).length;
  for (const times of [1, roots + 1, roots + 2, Infinity]) {
    const store = withFaults(place.store, firstOf(readsTree, NOT_FOUND, times));
    const repair = snapshots({ ...place, store }, { forget: true });
    if (times <= roots + 1) assert.deepEqual((await repair).damaged, []);
    else {await assert.rejects(repair, (error) =>
        error instanceof StoreError && /cannot deliver it/.test(error.message));}
  }
  assert.deepEqual(await allFiles(place.store), files);
});

Deno.test("what reads whole at a second look is not forgotten", async () => {
  const place = await damaged("nothing");
  const trees = new Set((await packsOf(place.store, "tree")).map(({ name }): string => name));
  // A blob that does not open is read twice: each root by the walk, and the first one behind it. So the first look finds it
  // damaged and the second one does not.
  let wrongLeft = 2 * ((await namesOf(place.store, "snapshot")).length + 1);
  const get = place.store.get.bind(place.store);
  const store = new (class extends ForwardingStore {
    override async get(...[file, range, options]: Parameters<BlobStore["get"]>) {
      const bytes = await get(file, range, options);
      if (trees.has(file.name) && wrongLeft-- > 0) bytes[0]! ^= 1;
      return bytes;
    }
  })(place.store);
  const before = await namesOf(place.store, "snapshot");
  const failure = await failureOf(snapshots({ ...place, store }, { forget: true }));
  assert.ok(failure instanceof StoreError);
  assert.match(failure.message, /no backup was forgotten/);
  assert.deepEqual(await namesOf(place.store, "snapshot"), before);
  assert.deepEqual((await fullCheck(place)).errors, []);
  assert.deepEqual(await readWhole(place), wholeBut([]));
});

Deno.test("a snapshot that vanishes under the lock of a forget or a prune stops it before anything goes", async () => {
  const store = await fiveBackups();
  const before = await allFiles(store);
  const [first] = await namesOf(store, "snapshot");
  const gone = withFaults(
    store,
    ({ method, file }) => method === "get" && file?.name === first ? NOT_FOUND : undefined,
  );
  const without = (rows: readonly ListedFile[]) => rows.filter(({ name }) => name !== first);
  const vanishing = () => new WrongListings(gone, "snapshot", (n) => n >= 2, without);
  for (const work of [() => forgetIn(vanishing(), keepLast(2)), () => pruneStore(vanishing())]) {
    const failure = await failureOf(work());
    assert.ok(failure instanceof StoreError);
    assert.match(failure.message, /did not find it a moment later; nothing was removed/);
  }
  assert.equal(
    await failureOf(forget(accessTo(vanishing()), keepLast(2), { world: laterWorld(), dryRun: true })),
    undefined,
  );
  assert.deepEqual(await allFiles(store), before);
});

Deno.test("a snapshot that is damaged in the store is not good because a copy in the cache is", async () => {
  const store = await fiveBackups();
  const directory = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const cache = () => Promise.resolve({ directory, limitBytes: 1e9 });
  const access = { ...accessTo(store), cache };
  const { backups } = await listBackups(access, {}, { world: laterWorld() });
  assert.equal(backups.length, 5);
  const newest = (await readAllBackups(store, fakeWorld("read"))).at(-1)!.backup.snapshotId;
  await replace(store, { kind: "snapshot", name: newest }, flipBit(40));
  assert.match(
    (await failureOf(forget(access, keepLast(1), { world: laterWorld(2) })))!.message,
    /^Nothing was removed/,
  );
  const { groups, damaged: found } = await forget(access, keepLast(1), { world: laterWorld(2), skipUnreadable: true });
  assert.deepEqual(found.map(({ id }) => id), [newest]);
  assert.equal(groups[0]!.remove.length, 3);
  const copies = (await filesBelow(directory)).filter((path) => path.includes("snapshot"));
  assert.equal(copies.length, 2, "copies of what was removed are gone, too");
  await store.remove({ kind: "snapshot", name: newest });
  await assertHolds(store, [4], "the good one that stayed");
  await Deno.remove(directory, { recursive: true });
});
