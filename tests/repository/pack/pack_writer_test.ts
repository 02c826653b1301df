/** The pack writer: what it writes, what it lists, and what happens where the store fails. */
import assert from "node:assert/strict";
import { sha256 } from "../../../src/crypto/digest.ts";
import { LockedError, StoreFullError } from "../../../src/base/errors.ts";
import { decodeIndex } from "../../../src/format/index/index_file.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { readBlob } from "../../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { openRepository, type UnlockedRepository } from "../../../src/repository/repository.ts";
import { type FaultPlan, withFaults } from "../../helpers/fault_store.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, FileName, StoreCallOptions } from "../../../src/store/store.ts";
import {
  type FakeWorld,
  fakeWorld,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  PASSWORD,
} from "../../helpers/world.ts";
import { unpacked } from "../unpacked_pack.ts";
import type { HeldLock } from "../../../src/repository/lock/held_lock.ts";
import { locked } from "../../helpers/locked.ts";

interface Writing {
  readonly world: FakeWorld;
  /** Without faults. */
  readonly store: BlobStore;
  readonly repository: UnlockedRepository;
  readonly index: BlobSet;
  readonly writer: PackWriter;
}

interface WritingOptions {
  readonly packBytes?: number;
  readonly plan?: FaultPlan;
  /** What the writer's repository stands on, given the store without faults. */
  readonly wrap?: (store: BlobStore) => BlobStore;
  readonly signal?: AbortSignal;
  readonly lock?: HeldLock;
}

async function writing(options: WritingOptions = {}): Promise<Writing> {
  const { packBytes = 10_000, plan = () => undefined, wrap = (store) => store } = options;
  const world = fakeWorld();
  const { store } = await memoryRepository(world);
  const { randomBytes, clock } = world;
  const repository = await openRepository(wrap(withFaults(store, plan)), { password: PASSWORD, randomBytes });
  const index = new BlobSet();
  return {
    world,
    store,
    repository,
    index,
    writer: new PackWriter({
      repository: locked(repository, options.lock),
      index,
      clock,
      randomBytes,
      packBytes,
      ...options.signal && { signal: options.signal },
    }),
  };
}

/** A store far away: every upload takes some turns of the event loop, three may go on at once. */
class FarStore extends ForwardingStore {
  #underWay = 0;
  most = 0;

  override get uploads(): number {
    return 3;
  }

  override async put(file: FileName, content: readonly Uint8Array[], options?: StoreCallOptions): Promise<void> {
    this.most = Math.max(this.most, ++this.#underWay);
    try {
      for (let turn = 0; turn < 50; turn++) {
        await macrotask();
        options?.signal?.throwIfAborted();
      }
      await super.put(file, content, options);
    } finally {
      this.#underWay--;
    }
  }
}

const PLAINTEXT_BYTES = 468;

/** A sealed data blob of 500 bytes. */
function dataBlob({ sealer }: UnlockedRepository, number: number) {
  const plaintext = noise(PLAINTEXT_BYTES, `data ${number}`);
  return { id: sha256(plaintext), sealed: sealer.seal(plaintext), uncompressedLength: 0 };
}

async function addBlobs({ repository, writer }: Writing, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) {
    assert.equal(await writer.addData(dataBlob(repository, number)), true);
  }
}

interface FoundPack {
  readonly name: string;
  readonly bytes: number;
  readonly types: ReadonlySet<string>;
  readonly ids: readonly string[];
}

async function packsOf({ store, repository }: Writing): Promise<FoundPack[]> {
  return await Promise.all((await namesOf(store, "pack")).map(async (name) => {
    const bytes = await store.get({ kind: "pack", name });
    assert.equal(sha256(bytes).toHex(), name);
    const blobs = unpacked(repository.sealer, bytes);
    return {
      name,
      bytes: bytes.length,
      types: new Set(blobs.map(({ type }) => type)),
      ids: blobs.map(({ id }) => id.toHex()),
    };
  }));
}

/** What each index file lists: ids of blobs by name of pack. */
async function indexesOf({ store, repository }: Writing): Promise<Map<string, string[]>[]> {
  return await Promise.all((await namesOf(store, "index")).map(async (name) => {
    const packs = new Map<string, string[]>();
    let blobs: string[] = [];
    decodeIndex(await repository.files.load("index", name as never), name, {
      pack: (id) => void packs.set(id.toHex(), blobs = []),
      blob: (_type, id) => void blobs.push(id.toHex()),
    });
    return packs;
  }));
}

/** Waits until the background has written so many index files; gives them, and fails where there are more. */
async function indexesWritten(state: Writing, count: number): Promise<Map<string, string[]>[]> {
  for (let turn = 0; turn < 1000 && (await namesOf(state.store, "index")).length < count; turn++) await macrotask();
  const indexes = await indexesOf(state);
  assert.equal(indexes.length, count);
  return indexes;
}

/** Every pack is listed whole in exactly one index file, and nothing else is listed. */
async function assertIndexed(state: Writing): Promise<void> {
  const listed = (await indexesOf(state)).flatMap((packs) => [...packs]);
  const expected = (await packsOf(state)).map(({ name, ids }) => [name, ids] as const);
  assert.deepEqual(listed.toSorted(([a], [b]) => a < b ? -1 : 1), expected);
}

Deno.test("everything that was added is readable again after finish, and listed once", async () => {
  const state = await writing();
  await addBlobs(state, 0, 100);
  const tree = await state.writer.addPlaintext("tree", new TextEncoder().encode('{"nodes":[]}\n'.repeat(20)));
  await state.writer.finish();
  await assertIndexed(state);
  const index = await loadIndex(state.repository.files);
  assert.equal(index.blobCount, 101);
  for (let number = 0; number < 100; number++) {
    const plaintext = noise(PLAINTEXT_BYTES, `data ${number}`);
    assert.deepEqual(await readBlob({ ...state.repository, index }, "data", sha256(plaintext)), plaintext);
  }
  const read = await readBlob({ ...state.repository, index }, "tree", tree);
  assert.equal(new TextDecoder().decode(read), '{"nodes":[]}\n'.repeat(20));
  const packs = await packsOf(state);
  const { packs: count, blobs, bytes } = state.writer.totals;
  assert.deepEqual({ count, blobs, bytes }, {
    count: packs.length,
    blobs: 101,
    bytes: packs.reduce((sum, pack) => sum + pack.bytes, 0),
  });
});

Deno.test("trees and data never share a pack", async () => {
  const state = await writing();
  for (let number = 0; number < 60; number++) {
    await addBlobs(state, number, number + 1);
    await state.writer.addPlaintext("tree", noise(100, `tree ${number}`));
  }
  await state.writer.finish();
  const packs = await packsOf(state);
  assert.ok(packs.every(({ types }) => types.size === 1));
  assert.equal(packs.filter(({ types }) => types.has("tree")).length, 1);
});

Deno.test("two data packs are filled at random, in turns, and only the first one is half a pack", async () => {
  const state = await writing();
  const packOrder: string[] = [];
  for (let number = 0; number < 400; number++) {
    await addBlobs(state, number, number + 1);
    for (const name of await namesOf(state.store, "pack")) if (!packOrder.includes(name)) packOrder.push(name);
  }
  await state.writer.finish();
  const packs = new Map((await packsOf(state)).map((pack) => [pack.name, pack]));
  const written = packOrder.map((name) => packs.get(name)!);
  assert.deepEqual(written.map(({ ids }) => ids.length), [10, ...Array(written.length - 1).fill(20)]);
  const numberOf = new Map(
    Array.from({ length: 400 }, (_, n) => [dataBlob(state.repository, n).id.toHex(), n] as const),
  );
  for (const { ids } of written.slice(1)) {
    const numbers = ids.map((id) => numberOf.get(id)!);
    const span = numbers.at(-1)! - numbers[0]! + 1;
    assert.ok(span > 24, `a pack of 20 holds blobs out of ${span}`);
    const steps = new Set(numbers.slice(1).map((number, i) => number - numbers[i]!));
    assert.ok(steps.size > 2, "blobs go to the packs in turns, not at random");
  }
});

Deno.test("a blob that is known is not stored again, be it of this run or of the index", async () => {
  const state = await writing();
  const blob = dataBlob(state.repository, 1);
  assert.equal(await state.writer.addData(blob), true);
  assert.equal(await state.writer.addData(dataBlob(state.repository, 1)), false);
  const known = dataBlob(state.repository, 2);
  state.index.note("data", known.id);
  assert.equal(await state.writer.addData(known), false);
  for (let i = 0; i < 2; i++) await state.writer.addPlaintext("tree", noise(100, "tree"));
  await state.writer.finish();
  assert.deepEqual((await packsOf(state)).map(({ ids }) => ids.length), [1, 1]);
});

Deno.test("plaintext is compressed only where that makes it smaller", async () => {
  const state = await writing();
  const random = await state.writer.addPlaintext("data", noise(1000, "incompressible"));
  const zeros = await state.writer.addPlaintext("data", new Uint8Array(1000));
  await state.writer.finish();
  const index = await loadIndex(state.repository.files);
  assert.equal(index.locate("data", zeros)!.uncompressedLength, 1000);
  assert.equal(index.locate("data", random)!.uncompressedLength, 0);
  assert.equal(index.locate("data", random)!.length, 1032);
});

Deno.test("nothing added, nothing written; finishing twice does no harm", async () => {
  const state = await writing();
  await state.writer.finish();
  await state.writer.finish();
  assert.deepEqual(await namesOf(state.store, "pack"), []);
  assert.deepEqual(await namesOf(state.store, "index"), []);
  await addBlobs(state, 0, 3);
  await state.writer.finish();
  await state.writer.finish();
  await assertIndexed(state);
  assert.equal((await namesOf(state.store, "index")).length, 1);
});

Deno.test("an index is written between when a minute is over", async () => {
  const state = await writing();
  await addBlobs(state, 0, 100);
  assert.equal((await namesOf(state.store, "index")).length, 0);
  state.world.clock.jump(60_000);
  await addBlobs(state, 100, 200);
  await indexesWritten(state, 1);
  await addBlobs(state, 200, 250);
  await indexesWritten(state, 1);
  await state.writer.finish();
  assert.equal((await namesOf(state.store, "index")).length, 2);
  await assertIndexed(state);
});

Deno.test("an index is written between when it lists 50,000 blobs", async () => {
  const state = await writing({ packBytes: 400_000 });
  const sealed = noise(33, "tiny");
  for (let number = 0; number < 70_000; number++) {
    const id = new Uint8Array(32);
    new DataView(id.buffer).setUint32(0, Math.imul(number, 0x9e3779b1));
    await state.writer.addData({ id, sealed, uncompressedLength: 0 });
  }
  const between = await indexesWritten(state, 1);
  const listed = [...between[0]!.values()].reduce((sum, ids) => sum + ids.length, 0);
  assert.ok(listed >= 50_000 && listed < 70_000, `${listed}`);
  await state.writer.finish();
  await assertIndexed(state);
});

Deno.test("an abandoned backup leaves its durable packs listed and its open ones nowhere", async () => {
  const state = await writing();
  await addBlobs(state, 0, 100);
  await state.writer.abandon();
  const packs = await packsOf(state);
  assert.ok(packs.length >= 3);
  assert.ok(packs.reduce((sum, { ids }) => sum + ids.length, 0) < 100);
  await assertIndexed(state);
});

Deno.test("what goes wrong in the background is thrown by a later call, and only durable packs are listed", async () => {
  let packs = 0;
  const full = { type: "fail", error: new StoreFullError("no space") } as const;
  const state = await writing({
    plan: ({ method, kind }) => method === "put" && kind === "pack" && ++packs === 3 ? full : undefined,
  });
  await assert.rejects(addBlobs(state, 0, 1000), StoreFullError);
  await assert.rejects(state.writer.finish(), StoreFullError);
  await state.writer.abandon();
  assert.equal((await packsOf(state)).length, 2);
  await assertIndexed(state);
});

Deno.test("a failure behind the last blob is thrown by finish", async () => {
  const full = { type: "fail", error: new StoreFullError("no space") } as const;
  for (const kind of ["pack", "index"]) {
    const state = await writing({ plan: (call) => call.method === "put" && call.kind === kind ? full : undefined });
    await addBlobs(state, 0, 5);
    await assert.rejects(state.writer.finish(), StoreFullError);
    assert.equal((await namesOf(state.store, "index")).length, 0);
  }
});

Deno.test("packs whose index could not be written are listed by the next one", async () => {
  let failing = true;
  const full = { type: "fail", error: new StoreFullError("no space") } as const;
  const state = await writing({
    plan: ({ method, kind }) => failing && method === "put" && kind === "index" ? full : undefined,
  });
  await addBlobs(state, 0, 50);
  await assert.rejects(state.writer.finish(), StoreFullError);
  failing = false;
  await state.writer.abandon();
  await assertIndexed(state);
});

Deno.test("an index is never written before the packs it lists", async () => {
  const order: string[] = [];
  const state = await writing({
    plan({ method, kind }) {
      if (method === "put") order.push(kind!);
      return undefined;
    },
  });
  await addBlobs(state, 0, 60);
  await state.writer.finish();
  assert.equal(order.at(-1), "index");
  assert.equal(order.indexOf("index"), order.length - 1);
});

Deno.test("as many packs are on their way at once as the store likes, and each is listed once", async () => {
  let far: FarStore | undefined;
  const state = await writing({ wrap: (store) => far = new FarStore(store) });
  for (let round = 0; round < 5; round++) {
    await addBlobs(state, 100 * round, 100 * round + 100);
    state.world.clock.jump(60_000);
  }
  await state.writer.finish();
  assert.equal(far?.most, 3);
  await assertIndexed(state);
  assert.equal(state.writer.totals.packs, (await packsOf(state)).length);
});

Deno.test("a signal ends the uploads under way; what was stored before is listed", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const state = await writing({ wrap: (store) => new FarStore(store), signal: controller.signal });
  await addBlobs(state, 0, 120);
  controller.abort(reason);
  await assert.rejects(state.writer.finish(), reason);
  const durable = (await packsOf(state)).length;
  assert.ok(durable > 0);
  await state.writer.abandon();
  assert.equal((await packsOf(state)).length, durable);
  await assertIndexed(state);
});

Deno.test("without its lock a backup writes no pack and indexes none: somebody may have removed what no index lists", async () => {
  let holds = true;
  const state = await writing({
    lock: {
      assertHeld: () => {},
      confirmHeld: () => holds ? Promise.resolve() : Promise.reject(new LockedError("lost on purpose")),
    },
  });
  await addBlobs(state, 0, 100);
  await macrotask();
  holds = false;
  const packs = await namesOf(state.store, "pack");
  assert.ok(packs.length > 0);
  await assert.rejects(state.writer.finish(), LockedError);
  await assert.rejects(state.writer.abandon(), LockedError);
  assert.deepEqual(await namesOf(state.store, "pack"), packs);
  assert.deepEqual(await namesOf(state.store, "index"), []);
  holds = true;
  await state.writer.abandon();
  await assertIndexed(state);
});
