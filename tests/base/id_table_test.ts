/** The table of digests: agrees with a Map, stays small, and other threads can look things up while it grows. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IdTable, IdTableReader, type IdTableView, KEPT_ID_BYTES } from "../../src/base/id_table.ts";
import { noise } from "../helpers/world.ts";
import type { ReaderReport } from "./id_table_reader.ts";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Ids that collide in their first four bytes and differ in one later byte only. */
const collidingId = fc.tuple(fc.nat(3), fc.integer({ min: 4, max: 31 }), fc.nat(2)).map(([head, at, value]) => {
  const bytes = new Uint8Array(32);
  bytes[0] = head;
  bytes[at] = value;
  return bytes;
});

Deno.test("finds what a Map finds, and numbers entries in the order of adding", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(id, collidingId), { maxLength: 300 }), fc.array(id), (added, others) => {
      const table = new IdTable();
      const map = new Map<string, number>();
      for (const bytes of added) {
        const expected = map.get(bytes.join()) ?? map.size;
        map.set(bytes.join(), expected);
        assert.equal(table.add(bytes), expected);
      }
      assert.equal(table.size, map.size);
      for (const bytes of [...added, ...others]) assert.equal(table.find(bytes), map.get(bytes.join()) ?? -1);
    }),
    { numRuns: 100, seed: 1 },
  );
});

Deno.test("ids stand anywhere in a buffer, and are copied out again", () => {
  const table = new IdTable();
  const bytes = noise(1000, "unaligned");
  for (const offset of [0, 1, 33, 7 * 32 + 5]) table.add(bytes, offset);
  const copy = new Uint8Array(40);
  table.copyId(2, copy, 5);
  assert.deepEqual(copy.subarray(5, 37), bytes.subarray(33, 65));
  assert.deepEqual(copy.subarray(37), new Uint8Array(3));
  assert.equal(table.find(bytes, 7 * 32 + 5), 3);
});

Deno.test("an entry that is not there cannot be copied", () => {
  const table = new IdTable();
  table.add(noise(32, "one"));
  for (const entry of [-1, 1]) assert.throws(() => table.copyId(entry, new Uint8Array(32)), { code: "bug" });
});

/** Distinct ids in one buffer: random words, numbered so that no two are equal. */
function manyIds(count: number): Uint8Array {
  const bytes = new Uint8Array(count * 32);
  const words = new Uint32Array(bytes.buffer);
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = i % 8 === 7 ? i : state;
  }
  return bytes;
}

function bytesOf({ slots, segments }: IdTableView): number {
  return segments.reduce((sum, segment) => sum + segment.byteLength, slots.byteLength);
}

Deno.test("a million ids take less than 48 bytes each at every size, and all are found", () => {
  const count = 1_000_000;
  const ids = manyIds(count);
  const table = new IdTable();
  for (let i = 0; i < count; i++) {
    assert.equal(table.add(ids, i * 32), i);
    if (i > 50_000 && i % 10_000 === 0) assert.ok(bytesOf(table.view) / table.size < 48, `at ${i}`);
  }
  const reader = new IdTableReader(table.view);
  for (let i = 0; i < count; i++) {
    if (reader.find(ids, i * 32) !== i) assert.fail(`id ${i} was not found`);
  }
  for (let i = 0; i < count; i += 97) ids[i * 32 + 31]! ^= 0x80;
  for (let i = 0; i < count; i += 97) assert.equal(table.find(ids, i * 32), -1);
});

Deno.test("a reader with an older view misses ids but invents none, and sees all with a new one", () => {
  const ids = manyIds(60_000);
  const table = new IdTable();
  const readers: IdTableReader[] = [];
  let generation = -1;
  for (let i = 0; i < 60_000; i++) {
    table.add(ids, i * 32);
    if (table.generation !== generation) {
      generation = table.generation;
      readers.push(new IdTableReader(table.view));
    }
  }
  assert.ok(readers.length > 10);
  for (const [n, reader] of readers.entries()) {
    for (let i = 0; i < 60_000; i += 7) {
      const found = reader.find(ids, i * 32);
      assert.ok(found === i || (found === -1 && n < readers.length - 1), `reader ${n} finds ${found} for ${i}`);
    }
  }
  const strange = noise(32 * 1000, "strange");
  for (const reader of readers) {
    for (let i = 0; i < 1000; i++) assert.equal(reader.find(strange, i * 32), -1);
  }
});

Deno.test("within one generation readers see each id as soon as it is added", () => {
  const table = new IdTable();
  table.add(noise(32, "first"));
  const reader = new IdTableReader(table.view);
  const { generation } = table;
  for (let i = 0; i < 1000; i++) {
    const bytes = noise(32, `later ${i}`);
    table.add(bytes);
    assert.equal(reader.find(bytes), i + 1);
  }
  assert.equal(table.generation, generation);
});

Deno.test("another thread looks ids up while this one adds them", async () => {
  const count = 200_000;
  const ids = manyIds(count);
  const shared = new Uint8Array(new SharedArrayBuffer(ids.length));
  shared.set(ids);
  const table = new IdTable();
  const worker = new Worker(new URL("./id_table_reader.ts", import.meta.url).href, { type: "module" });
  try {
    const report = new Promise<ReaderReport>((resolve, reject) => {
      worker.onmessage = ({ data }) => data === "ready" ? addAll() : resolve(data);
      worker.onerror = reject;
    });
    const addAll = () => {
      for (let i = 0, generation = -1; i < count; i++) {
        table.add(shared, i * 32);
        if (table.generation !== generation) {
          generation = table.generation;
          worker.postMessage({ view: table.view });
        }
      }
      worker.postMessage({ done: true });
    };
    worker.postMessage({ ids: shared.buffer, view: table.view });
    const { lookups, wrong, missing } = await report;
    assert.deepEqual({ wrong, missing }, { wrong: 0, missing: 0 });
    assert.ok(lookups > count);
  } finally {
    worker.terminate();
  }
});

Deno.test("a table of existence keeps the first 20 bytes of an id, and knows no whole ids", () => {
  const table = new IdTable(KEPT_ID_BYTES);
  const ids = manyIds(20_000);
  for (let i = 0; i < 20_000; i++) {
    ids[i * 32 + 19] = i;
    ids[i * 32 + 18] = i >> 8;
    assert.equal(table.add(ids, i * 32), i);
  }
  const reader = new IdTableReader(table.view);
  for (let i = 0; i < 20_000; i++) {
    if (reader.find(ids, i * 32) !== i || table.find(ids, i * 32) !== i) assert.fail(`id ${i} was not found`);
    ids[i * 32 + 19]! ^= 1;
  }
  const other = ids.slice(0, 32);
  other[0]! ^= 0x80;
  assert.equal(table.find(other), -1);
  assert.ok(bytesOf(table.view) / table.size < 36);
  assert.throws(() => table.copyId(0, new Uint8Array(32)), { code: "bug" });
});

Deno.test("dropped entries are gone, those behind them move up, and all the others keep their numbers", () => {
  const step = fc.oneof(
    fc.record({ add: fc.nat(400) }),
    fc.record({ from: fc.nat(100), count: fc.nat(100) }),
  );
  const ids = manyIds(401);
  fc.assert(
    fc.property(fc.constantFrom(32 as const, KEPT_ID_BYTES), fc.array(step, { maxLength: 300 }), (idBytes, steps) => {
      const table = new IdTable(idBytes);
      let model: number[] = [];
      for (const step of steps) {
        if ("add" in step) {
          if (!model.includes(step.add)) model.push(step.add);
          assert.equal(table.add(ids, step.add * 32), model.indexOf(step.add));
        } else {
          const from = Math.min(step.from, model.length);
          const count = Math.min(step.count, model.length - from);
          table.drop(from, count);
          model = model.toSpliced(from, count);
        }
      }
      assert.equal(table.size, model.length);
      const reader = new IdTableReader(table.view);
      for (let number = 0; number <= 400; number++) {
        assert.equal(table.find(ids, number * 32), model.indexOf(number));
        assert.equal(reader.find(ids, number * 32), model.indexOf(number));
      }
      const kept = table.keptOf(0, model.length);
      model.forEach((number, entry) => {
        const id = new Uint8Array(32);
        id.set(ids.subarray(number * 32, number * 32 + idBytes));
        assert.deepEqual(kept.subarray(entry * 32, (entry + 1) * 32), id);
      });
    }),
  );
});

Deno.test("a table from which as many entries are dropped as are added does not grow", () => {
  const ids = manyIds(1_000_000);
  const table = new IdTable(KEPT_ID_BYTES);
  for (let i = 0; i < 40_000; i++) table.add(ids, i * 32);
  const { generation, view } = table;
  for (let i = 40_000; i < 1_000_000; i++) {
    if (table.size === 40_000) table.drop(100, 20_000);
    table.add(ids, i * 32);
  }
  assert.equal(table.generation, generation);
  assert.equal(bytesOf(table.view), bytesOf(view));
  // A reader with the old view sees what is there now.
  assert.equal(new IdTableReader(view).find(ids, 999_999 * 32), table.size - 1);
  assert.equal(new IdTableReader(view).find(ids, 99 * 32), 99);
  assert.equal(new IdTableReader(view).find(ids, 100 * 32), -1);
});
