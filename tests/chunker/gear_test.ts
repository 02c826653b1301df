/**
 * Cut points. Several tests pin them: a changed cut point is not wrong in itself, but it would silently end deduplication
 * with every existing repository, so it needs a new name in `CHUNKER_ALGORITHM`.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fc from "fast-check";
import { Chunker, GEAR_TABLE_BYTES, gearTable } from "../../src/chunker/gear.ts";
import { type ChunkerParameters, parametersFor } from "../../src/chunker/parameters.ts";
import { concat, noise, sqlDump } from "../helpers/world.ts";

const GEAR = gearTable(noise(GEAR_TABLE_BYTES, "secret"));

/** Where a stream that comes in these pieces is cut, its end left out. */
function cutsOf(pieces: readonly Uint8Array[], parameters: ChunkerParameters): number[] {
  const chunker = new Chunker(GEAR, parameters);
  const cuts: number[] = [];
  let before = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const cut = chunker.next(piece, at);
      if (cut < 0) break;
      cuts.push(before + cut);
      at = cut;
    }
    before += piece.length;
    assert.equal(chunker.pendingBytes, before - (cuts.at(-1) ?? 0));
  }
  return cuts;
}

function lengthsOf(cuts: readonly number[]): number[] {
  return cuts.map((cut, i) => cut - (cuts[i - 1] ?? 0));
}

function digestOf(numbers: Iterable<number>): string {
  return hash("sha256", [...numbers].join());
}

Deno.test("the gear table is the secret as little-endian numbers", () => {
  const secret = new Uint8Array(GEAR_TABLE_BYTES + 1);
  secret.set([0x78, 0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80], 1);
  const table = gearTable(secret.subarray(1));
  assert.equal(table.length, 256);
  assert.deepEqual([...table.subarray(0, 4)], [0x12345678, -1, -0x80000000, 0]);
  assert.throws(() => gearTable(secret), { code: "bug" });
});

Deno.test("known cut points: noise, mean of 1 KiB", () => {
  const cuts = cutsOf([noise(200_000, "known")], parametersFor(1024));
  assert.deepEqual(cuts.slice(0, 8), [1058, 2305, 3592, 4448, 5332, 5785, 6732, 7130]);
  assert.equal(digestOf(cuts), "3e083f91601a8808c30ab29aeeb67733318d44d680f590db5232de9c0f77184a");
});

Deno.test("known cut points: a dump, mean of 10 KiB", () => {
  const cuts = cutsOf([sqlDump(20_000, "known")], parametersFor(10 * 1024));
  assert.deepEqual(cuts.slice(0, 8), [13638, 27967, 39249, 49263, 58608, 68667, 78989, 91080]);
  assert.equal(digestOf(cuts), "cc00b3372c4c74641d4699ee097d3c425c3b51497bd92cd4d4aa4cfdc8b11e58");
});

Deno.test("known cut points: noise, the largest mean", () => {
  assert.deepEqual(cutsOf([noise(8_000_000, "known")], parametersFor(2 * 1024 * 1024)), [2480518, 4846966, 7012429]);
});

Deno.test("cut points do not depend on how the stream comes in pieces", () => {
  const data = concat([sqlDump(500, "pieces"), noise(30_000, "pieces"), new Uint8Array(20_000)]);
  const parameters = parametersFor(1024);
  const whole = cutsOf([data], parameters);
  assert.ok(whole.length > 50);
  assert.deepEqual(cutsOf(Array.from(data, (_, i) => data.subarray(i, i + 1)), parameters), whole);
  fc.assert(
    fc.property(fc.array(fc.nat(data.length), { maxLength: 60 }), (borders) => {
      const sorted = [0, ...borders.sort((a, b) => a - b), data.length];
      const pieces = sorted.slice(1).map((end, i) => data.subarray(sorted[i], end));
      assert.deepEqual(cutsOf(pieces, parameters), whole);
    }),
    { numRuns: 100, seed: 4 },
  );
});

Deno.test("a stream in shared memory is cut like any other", () => {
  const data = noise(50_000, "shared");
  const shared = new Uint8Array(new SharedArrayBuffer(data.length));
  shared.set(data);
  assert.deepEqual(cutsOf([shared], parametersFor(1024)), cutsOf([data], parametersFor(1024)));
});

Deno.test("every chunk but the last lies between min and max, and max is met where nothing else cuts", () => {
  for (const average of [1024, 5000, 10 * 1024, 65536]) {
    const parameters = parametersFor(average);
    const { min, max } = parameters;
    for (const data of [noise(1_000_000, "limits"), sqlDump(10_000, "limits")]) {
      for (const length of lengthsOf(cutsOf([data], parameters))) assert.ok(length > min && length <= max, `${length}`);
    }
    const same = lengthsOf(cutsOf([new Uint8Array(max * 5 + 1)], parameters));
    assert.equal(new Set(same).size, 1);
    assert.ok(same[0] === max || same[0]! <= min + 32, `a run of one byte is cut to ${same[0]}`);
  }
});

for (const average of [1024, 10 * 1024, 65536]) {
  Deno.test(`the mean of random data is within 3 % of ${average}`, () => {
    const count = 6000;
    const parameters = parametersFor(average);
    const block = noise(1_000_000, `mean ${average}`);
    const words = new Uint32Array(block.buffer);
    const chunker = new Chunker(GEAR, parameters);
    let cuts = 0;
    let bytes = 0;
    while (cuts < count) {
      for (let i = 0; i < words.length; i++) {
        words[i] = Math.imul(words[i]!, 0x9e3779b1) + 0x7f4a7c15 ^ (words[i]! >>> 15);
      }
      for (let at = 0;;) {
        const cut = chunker.next(block, at);
        if (cut < 0) break;
        cuts++;
        at = cut;
      }
      bytes += block.length;
    }
    const mean = (bytes - chunker.pendingBytes) / cuts;
    assert.ok(Math.abs(mean / average - 1) < 0.03, `the mean is ${mean}`);
  });
}

Deno.test("behind an insertion, a removal or a change the cut points soon are the old ones", () => {
  const parameters = parametersFor(2048);
  const data = concat([sqlDump(4000, "edit"), noise(200_000, "edit")]);
  const before = new Set(chunksOf(data, parameters));
  fc.assert(
    fc.property(fc.nat(data.length), fc.nat(300), fc.uint8Array({ maxLength: 300 }), (at, removed, inserted) => {
      const edited = concat([data.subarray(0, at), inserted, data.subarray(at + removed)]);
      const fresh = chunksOf(edited, parameters).filter((chunk) => !before.has(chunk));
      assert.ok(fresh.length <= 12, `${fresh.length} new chunks`);
    }),
    { numRuns: 60, seed: 5 },
  );
});

function chunksOf(data: Uint8Array, parameters: ChunkerParameters): string[] {
  const cuts = [0, ...cutsOf([data], parameters), data.length];
  return cuts.slice(1).map((end, i) => hash("sha256", data.subarray(cuts[i], end)));
}

Deno.test("another secret cuts elsewhere", () => {
  const data = noise(100_000, "secret");
  const other = new Chunker(gearTable(noise(GEAR_TABLE_BYTES, "another secret")), parametersFor(1024));
  const cuts = new Set(cutsOf([data], parametersFor(1024)));
  let shared = 0;
  let total = 0;
  for (let at = 0; (at = other.next(data, at)) >= 0; total++) if (cuts.has(at)) shared++;
  assert.ok(total > 80 && shared < 5, `${shared} of ${total}`);
});

Deno.test("an empty piece changes nothing", () => {
  const chunker = new Chunker(GEAR, parametersFor(1024));
  assert.equal(chunker.next(new Uint8Array(0), 0), -1);
  assert.equal(chunker.next(noise(100, "a"), 0), -1);
  assert.equal(chunker.next(new Uint8Array(0), 0), -1);
  assert.equal(chunker.pendingBytes, 100);
});

Deno.test("zeros are cut where they would be if each was looked at, whatever came before and the secret says of them", () => {
  const { rare, likely } = { rare: -0x7fff0000, likely: -0x7c000000 };
  const ofZeros = [0, -1, 0x7fffffff, -0x80000000, -rare - 5, -likely - 5, 0x12345678, -0x5a5a5a5a];
  const tables = ofZeros.map((value) => GEAR.with(0, value));
  const pieces = fc.array(fc.record({ length: fc.integer({ min: 1, max: 6000 }), isZeros: fc.boolean() }));
  fc.assert(
    fc.property(fc.constantFrom(...tables), fc.constantFrom(1024, 2000), pieces, (gear, average, list) => {
      const chunkers = [new Chunker(gear, parametersFor(average)), new Chunker(gear, parametersFor(average))];
      const data = noise(6000, "before zeros");
      for (const { length, isZeros } of list) {
        const piece = isZeros ? new Uint8Array(length) : data.subarray(0, length);
        for (let at = 0; at >= 0 && at < length;) {
          const [slow, fast] = chunkers as [Chunker, Chunker];
          const cut = slow.next(piece, at);
          assert.equal(isZeros ? fast.nextInZeros(at, length) : fast.next(piece, at), cut);
          assert.equal(fast.pendingBytes, slow.pendingBytes);
          at = cut;
        }
      }
    }),
    { seed: 13, numRuns: 500 },
  );
});
