/** When worker threads start, and what the thread that would start them does itself. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { IntegrityError } from "../../src/base/errors.ts";
import { IdTable } from "../../src/base/id_table.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { createSealer } from "../../src/crypto/seal.ts";
import { openTable } from "../../src/pipeline/calls.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { type PipelineThreads, startThreads } from "../../src/pipeline/threads.ts";
import { macrotask, noise, seededRandom } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";

const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
const POOL = { count: 2, segmentBytes: 1000 };
const NEVER = new Promise(() => {});

/** Counts the workers that `work` starts. `onCall` gets the name of each call that they are sent. */
async function workersOf(
  work: (started: () => number) => Promise<void>,
  onCall: (name: string) => void = () => {},
): Promise<number> {
  const { Worker } = globalThis;
  let started = 0;
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      started++;
    }

    override postMessage(
      message: { readonly name: string },
      transfer?: Transferable[] | StructuredSerializeOptions,
    ): void {
      onCall(message.name);
      super.postMessage(message, transfer as Transferable[]);
    }
  };
  try {
    await work(() => started);
  } finally {
    globalThis.Worker = Worker;
  }
  return started;
}

async function seal(threads: PipelineThreads, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  threads.shareKnown({ dataBlobs: new IdTable() });
  const segment = new SharedArrayBuffer(0);
  const carry = new SharedArrayBuffer(bytes.length);
  new Uint8Array(carry).set(bytes);
  const batch = await threads.seal({ carry, carryBytes: bytes.length, segment, cuts: Uint32Array.of(0) });
  return batch.ids.toHex();
}

Deno.test("without anything that says otherwise, all threads start at once", async () => {
  assert.equal(await workersOf(() => Promise.resolve(startThreads(2)[Symbol.dispose]())), 3);
});

Deno.test("a little work starts no thread, and more of it starts them all, with what was told before", async () => {
  const started = await workersOf(async (started) => {
    using starting = startThreads(2, { needed: NEVER });
    const threads = await starting.configure(KEYS, "auto");
    const [little, much] = [noise(1000, "little"), noise(600_000, "much")];
    assert.equal(await seal(threads, little.slice()), hash("sha256", little));
    assert.equal(started(), 0);
    assert.equal(await seal(threads, much.slice()), hash("sha256", much));
    assert.equal(started(), 2);
    assert.equal(await seal(threads, little.slice()), hash("sha256", little));
  });
  assert.equal(started, 2);
});

Deno.test("little work again and again becomes much", async () => {
  const started = await workersOf(async () => {
    using starting = startThreads(1, { needed: NEVER });
    const threads = await starting.configure(KEYS, "auto");
    for (let i = 0; i < 10; i++) await seal(threads, noise(100_000, `${i}`));
  });
  assert.equal(started, 1);
});

Deno.test("the threads start when there is much to do and they have keys, unless all is over by then", async () => {
  const needed = Promise.withResolvers<void>();
  const started = await workersOf(async (started) => {
    const over = startThreads(2, { needed: needed.promise });
    await over.configure(KEYS, "off");
    over[Symbol.dispose]();
    using starting = startThreads(2, { needed: needed.promise });
    needed.resolve();
    for (let turn = 0; turn < 20; turn++) await macrotask();
    assert.equal(started(), 0, "threads without keys only take time from those who derive these");
    await starting.configure(KEYS, "off");
    while (started() < 3) await macrotask();
  });
  assert.equal(started, 3);
});

Deno.test("a stream that ends with its first piece is digested without a thread; its segment comes back", async () => {
  const pool = new SegmentPool(POOL);
  const bytes = noise(999, "short");
  const started = await workersOf(async () => {
    using starting = startThreads(1, { needed: NEVER });
    const threads = await starting.configure(KEYS, "auto");
    for (const finishes of [true, false]) {
      const segment = await pool.acquire();
      segment.bytes.set(bytes);
      const inspection = threads.inspect("auto");
      inspection.take({ segment, length: bytes.length });
      if (finishes) assert.equal((await inspection.finish()).sha256, hash("sha256", bytes));
      inspection.drop();
      await assertAllFree(pool, POOL.count);
      await assert.rejects(inspection.finish(), { code: "bug" });
    }
  });
  assert.equal(started, 0);
});

Deno.test("a stream that goes on is digested in a thread, from its first piece on", async () => {
  const pool = new SegmentPool(POOL);
  for (const lengths of [[1000], [10, 1000], [10, 20, 30]]) {
    const started = await workersOf(async () => {
      using starting = startThreads(1, { needed: NEVER });
      const threads = await starting.configure(KEYS, "auto");
      const inspection = threads.inspect("none");
      const bytes = noise(lengths.reduce((sum, length) => sum + length, 0), "long");
      let at = 0;
      for (const length of lengths) {
        const segment = await pool.acquire();
        segment.bytes.set(bytes.subarray(at, at += length));
        inspection.take({ segment, length });
      }
      assert.equal((await inspection.finish()).sha256, hash("sha256", bytes));
    });
    assert.equal(started, 1, lengths.join());
  }
  await assertAllFree(pool, POOL.count);
});

/** Opens six batches of one blob each at once, some of them damaged. Returns which were wrong. */
async function openSix(threads: PipelineThreads, damaged: readonly number[] = []): Promise<number[]> {
  const sealer = createSealer(KEYS, seededRandom("six"));
  const wrong: number[] = [];
  await Promise.all(Array.from({ length: 6 }, async (_, i) => {
    const bytes = noise(600_000, `${i}`);
    const sealed = sealer.seal(bytes);
    if (damaged.includes(i)) sealed[100]! ^= 1;
    const segment = new SharedArrayBuffer(bytes.length);
    const place = { part: 0, offset: 0, length: sealed.length, uncompressedLength: 0, target: 0 };
    const table = openTable([{ id: sha256(bytes), ...place }]);
    try {
      await threads.open({ parts: [sealed], packs: [`pack ${i}`], ...table, segment });
      assert.deepEqual(new Uint8Array(segment), new Uint8Array(bytes));
    } catch (error) {
      assert.ok(error instanceof IntegrityError && error.message.includes(`pack ${i}`), String(error));
      wrong.push(i);
    }
  }));
  return wrong.sort();
}

Deno.test("this thread opens in the place of one of two others while the other has work; damage is found in both", async () => {
  for (const damaged of [[], [1], [2], [1, 2, 5]]) {
    const calls: string[] = [];
    const started = await workersOf(async () => {
      using starting = startThreads(2, { needed: NEVER, opensHere: true });
      const threads = await starting.configure(KEYS, "off");
      assert.deepEqual(await openSix(threads, damaged), damaged);
      assert.deepEqual(await openSix(threads), []);
    }, (name) => calls.push(name));
    assert.equal(started, 1);
    const opened = calls.filter((name) => name === "open").length;
    assert.ok(opened >= 4 && opened <= 10, `${opened} of 12 batches were opened elsewhere`);
  }
});

Deno.test("with any other number of threads, this one opens nothing", async () => {
  for (const blobThreads of [1, 3]) {
    const calls: string[] = [];
    const started = await workersOf(async () => {
      using starting = startThreads(blobThreads, { needed: NEVER, opensHere: true });
      assert.deepEqual(await openSix(await starting.configure(KEYS, "off"), [3]), [3]);
    }, (name) => calls.push(name));
    assert.equal(started, blobThreads);
    assert.equal(calls.filter((name) => name === "open").length, 6);
  }
});

Deno.test("a long stream whose SHA-256 is all that is wanted is digested without a thread", async () => {
  const bytes = noise(2500, "sha256");
  for (const needed of [undefined, NEVER]) {
    for (const [guard, md5, more] of [["none", false, 0], ["none", true, 1], ["auto", false, 1]] as const) {
      const pool = new SegmentPool(POOL);
      const started = await workersOf(async () => {
        using starting = startThreads(1, { digest: false, ...needed && { needed } });
        const threads = await starting.configure(KEYS, "off");
        const inspection = threads.inspect(guard, { md5 });
        for (let at = 0; at < bytes.length; at += 1000) {
          const piece = bytes.subarray(at, at + 1000);
          const segment = await pool.acquire();
          segment.bytes.set(piece);
          inspection.take({ segment, length: piece.length });
        }
        assert.equal((await inspection.finish()).sha256, hash("sha256", bytes));
      });
      assert.equal(started, (needed === undefined ? 1 : 0) + more, `guard ${guard}, MD5 ${md5}`);
      await assertAllFree(pool, POOL.count);
    }
  }
});
