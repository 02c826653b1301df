/** Many streams at once, of data and zeros in any mix, some of which break off: every chunk that comes out is right. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fc from "fast-check";
import { IdTable } from "../../src/base/id_table.ts";
import { SourceError } from "../../src/base/errors.ts";
import { Chunker, GEAR_TABLE_BYTES, gearTable } from "../../src/chunker/gear.ts";
import { parametersFor } from "../../src/chunker/parameters.ts";
import { decompress } from "../../src/codec/compression.ts";
import { createSealer } from "../../src/crypto/seal.ts";
import type { SealedBatch } from "../../src/pipeline/calls.ts";
import type { CarryPool } from "../../src/pipeline/cutting/carry_pool.ts";
import { SourceFeed } from "../../src/pipeline/source_feed.ts";
import { sealStream } from "../../src/pipeline/seal_stream.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { type PipelineThreads, startThreads } from "../../src/pipeline/threads.ts";
import { BytesSource, concat, noise, seededRandom } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";

const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
const SEALER = createSealer(KEYS, seededRandom("never used"));
/** With a first entry of each kind: zeros are cut at the most, at the least, and at any length. */
const GEARS = [0, 1, -(2 ** 31), 2 ** 31 - 1, 0x12345678].map((zero) => {
  const gear = gearTable(noise(GEAR_TABLE_BYTES, "mixes"));
  gear[0] = zero;
  return gear;
});
const SEGMENTS = 3;
/** The largest has carries that are not copied. */
const AVERAGES = [1024, 2048, 64 * 1024];

interface Mix {
  readonly pieces: readonly {
    readonly bytes: number;
    readonly kind: "zeros" | "noise" | "text";
    readonly seed: number;
  }[];
  readonly average: number;
  readonly segmentBytes: number;
  /** The taker leaves after so many batches; null if it stays. */
  readonly leavesAfter: number | null;
  /** The source fails after so many bytes; null if it does not. */
  readonly failsAfter: number | null;
}

const MIX: fc.Arbitrary<Mix> = fc.constantFrom(...AVERAGES).chain((average) =>
  fc.record({
    pieces: fc.array(
      fc.record({
        bytes: fc.integer({ min: 1, max: average * 12 }),
        kind: fc.constantFrom("zeros", "zeros", "noise", "text"),
        seed: fc.integer({ min: 0, max: 3 }),
      }),
      { maxLength: 5 },
    ),
    average: fc.constant(average),
    segmentBytes: fc.constantFrom(average / 4, average - 1, average * 3, average * 20),
    leavesAfter: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 3 }),
    failsAfter: fc.option(fc.integer({ min: 0, max: average * 20 }), { freq: 3 }),
  })
);

function dataOf({ pieces }: Mix): Uint8Array {
  return concat(pieces.map(({ bytes, kind, seed }) => {
    if (kind === "zeros") return new Uint8Array(bytes);
    return kind === "noise" ? noise(bytes, `${seed}`) : new Uint8Array(bytes).fill(65 + seed);
  }));
}

function chunksOf(data: Uint8Array, chunker: Chunker): Uint8Array[] {
  const cuts = [0];
  for (let at = 0; at < data.length && (at = chunker.next(data, at)) >= 0;) cuts.push(at);
  if (cuts.at(-1) !== data.length) cuts.push(data.length);
  return cuts.slice(1).map((end, i) => data.subarray(cuts[i], end));
}

/** Checks a batch against the chunks that should be in it, and adds them to what is known; returns how many it has. */
function assertBatch(batch: SealedBatch, expected: readonly Uint8Array[], known: IdTable): number {
  let offset = 0;
  batch.lengths.forEach((length, i) => {
    const chunk = expected[i]!;
    const id = hash("sha256", chunk);
    assert.equal(length, chunk.length);
    assert.equal(batch.ids.subarray(i * 32, i * 32 + 32).toHex(), id);
    const sealed = batch.sealed.subarray(offset, offset += batch.sealedLengths[i]!);
    if (sealed.length === 0) assert.ok(known.find(batch.ids, i * 32) >= 0, "neither known nor sealed");
    else {
      const payload = SEALER.open(sealed, id);
      assert.equal(hash("sha256", batch.compressed[i] === 1 ? decompress(payload, length, length) : payload), id);
      if (known.find(batch.ids, i * 32) < 0) known.add(batch.ids, i * 32);
    }
  });
  assert.equal(offset, batch.sealed.length);
  return batch.lengths.length;
}

/** Lets the pool fail where a buffer is given back twice; returns how many are lent. */
function watched(pool: CarryPool): () => number {
  const lent = new Set<unknown>();
  const [take, giveBack] = [pool.take.bind(pool), pool.giveBack.bind(pool)];
  pool.take = (bytes) => {
    const buffer = take(bytes);
    assert.ok(!lent.has(buffer), "a buffer was lent twice");
    lent.add(buffer);
    return buffer.fill(0xa5);
  };
  pool.giveBack = (buffer) => {
    assert.ok(lent.delete(buffer), "a buffer was given back twice");
    giveBack(buffer.fill(0x5a));
  };
  return () => lent.size;
}

async function sealMix(mix: Mix, gear: typeof GEARS[number], threads: PipelineThreads, known: IdTable): Promise<void> {
  const { average, segmentBytes, leavesAfter, failsAfter } = mix;
  const data = dataOf(mix);
  const expected = chunksOf(data, new Chunker(gear, parametersFor(average)));
  const source = new BytesSource(data);
  let left = failsAfter ?? Infinity;
  const failing = {
    cancel: () => source.cancel(),
    async read(target: Uint8Array) {
      if (left <= 0) throw new SourceError("the source died");
      const count = await source.read(target.subarray(0, Math.min(left, target.length)));
      left -= count ?? 0;
      return count;
    },
  };
  const pool = new SegmentPool({ count: SEGMENTS, segmentBytes });
  const feed = new SourceFeed(failing, pool);
  const inspection = threads.inspect("none");
  const chunker = new Chunker(gear, parametersFor(average));
  let [chunks, batches, problem] = [0, 0, undefined as unknown];
  try {
    for await (const batch of sealStream({ feed, chunker, threads, inspection, known: { dataBlobs: known } })) {
      if (batches++ === leavesAfter) break;
      chunks += assertBatch(batch, expected.slice(chunks), known);
    }
    if (leavesAfter === null || batches <= leavesAfter) assert.equal(chunks, expected.length);
  } catch (error) {
    problem = error;
  }
  await inspection.finish();
  await feed.cancel(new SourceError("over"));
  await assertAllFree(pool, SEGMENTS);
  if (problem !== undefined && !(problem instanceof SourceError && failsAfter !== null)) throw problem;
}

for (const startsLate of [false, true]) {
  const how = startsLate ? ", in this thread and others" : "";
  Deno.test(`streams side by side, of zeros and data, some of which break off, have the right chunks${how}`, async () => {
    const property = fc.asyncProperty(
      fc.array(MIX, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...GEARS.keys()),
      async (mixes, gear) => {
        using starting = startThreads(2, startsLate ? { needed: new Promise(() => {}) } : {});
        const threads = await starting.configure(KEYS, "fastest");
        watched(threads.carries);
        const known = new IdTable();
        for (let round = 0; round < 2; round++) {
          await Promise.all(mixes.map((mix) => sealMix(mix, GEARS[gear]!, threads, known)));
          assert.equal(threads.batchSlots.waiting, 0);
        }
      },
    );
    await fc.assert(property, { seed: 14, numRuns: 20 });
  });
}
