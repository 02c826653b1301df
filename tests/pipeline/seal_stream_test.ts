/** From a stream to sealed blobs: the right chunks, in order, each sealed once, and nothing left behind. */
import assert from "node:assert/strict";
import { createHash, hash } from "node:crypto";
import { IdTable } from "../../src/base/id_table.ts";
import type { ByteSource } from "../../src/base/byte_source.ts";
import { SourceError } from "../../src/base/errors.ts";
import { Chunker, GEAR_TABLE_BYTES, gearTable } from "../../src/chunker/gear.ts";
import { parametersFor } from "../../src/chunker/parameters.ts";
import { createSealer } from "../../src/crypto/seal.ts";
import { type CompressionLevel, decompress } from "../../src/codec/compression.ts";
import type { SealedBatch, StreamSummary } from "../../src/pipeline/calls.ts";
import type { KnownChunks } from "../../src/pipeline/known/known_chunks.ts";
import { FeedGroup, type WritableFeed } from "../../src/pipeline/writable_feed.ts";
import { SourceFeed } from "../../src/pipeline/source_feed.ts";
import { sealStream } from "../../src/pipeline/seal_stream.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { type PipelineThreads, startThreads } from "../../src/pipeline/threads.ts";
import { BytesSource, concat, macrotask, noise, seededRandom, sqlDump } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";

const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
const GEAR = gearTable(noise(GEAR_TABLE_BYTES, "secret"));
const SEGMENTS = 4;

interface Sealing {
  readonly batches: SealedBatch[];
  readonly summary: StreamSummary;
}

interface SealingOptions {
  readonly average?: number;
  readonly segmentBytes?: number;
  readonly compression?: CompressionLevel;
  readonly known?: IdTable;
  /** Resolves with what counts in the place of `known`. */
  readonly confirmedKnown?: Promise<KnownChunks>;
  readonly blobThreads?: number;
  /** Whether the threads start only for more than a little work. */
  readonly startsLate?: boolean;
  /** Threads that others use, too; else the sealing has its own. */
  readonly threads?: PipelineThreads;
}

/** Seals a whole stream and checks that all segments came back, however it ended. */
async function sealed(source: ByteSource, options: SealingOptions = {}): Promise<Sealing> {
  const { average = 1024, segmentBytes = 20_000, compression = "auto", known = new IdTable() } = options;
  const pool = new SegmentPool({ count: SEGMENTS, segmentBytes });
  const feed = new SourceFeed(source, pool);
  const late = options.startsLate ? { needed: new Promise(() => {}) } : {};
  using starting = options.threads ? undefined : startThreads(options.blobThreads ?? 1, late);
  const threads = options.threads ?? await starting!.configure(KEYS, compression);
  const inspection = threads.inspect("auto");
  const chunker = new Chunker(GEAR, parametersFor(average));
  const { confirmedKnown } = options;
  const tools = { feed, chunker, threads, inspection, known: { dataBlobs: known }, confirmedKnown };
  const batches = Array.fromAsync(sealStream(tools));
  const [outcome] = await Promise.allSettled([batches]);
  const summary = await inspection.finish();
  await feed.cancel(new SourceError("over"));
  await assertAllFree(pool, SEGMENTS);
  if (outcome.status === "rejected") throw outcome.reason;
  return { batches: outcome.value, summary };
}

/** The chunks as one thread would cut them. */
function chunksOf(data: Uint8Array, average = 1024): Uint8Array[] {
  const chunker = new Chunker(GEAR, parametersFor(average));
  const cuts = [0];
  for (let at = 0; (at = chunker.next(data, at)) >= 0;) cuts.push(at);
  if (cuts.at(-1) !== data.length) cuts.push(data.length);
  return cuts.slice(1).map((end, i) => data.subarray(cuts[i], end));
}

interface SealedChunk {
  readonly id: string;
  readonly length: number;
  readonly compressed: boolean;
  /** Empty where the chunk was known. */
  readonly sealed: Uint8Array;
}

function sealedChunks(batches: readonly SealedBatch[]): SealedChunk[] {
  return batches.flatMap(({ ids, lengths, sealedLengths, compressed, sealed }) => {
    let offset = 0;
    const chunks = Array.from(lengths, (length, i) => {
      const bytes = sealed.subarray(offset, offset += sealedLengths[i]!);
      return { id: ids.subarray(i * 32, i * 32 + 32).toHex(), length, compressed: compressed[i] === 1, sealed: bytes };
    });
    assert.equal(offset, sealed.length);
    return chunks;
  });
}

function plaintextOf({ id, length, compressed, sealed }: SealedChunk): Uint8Array {
  const sealer = createSealer(KEYS, seededRandom("never used"));
  const payload = sealer.open(sealed, id);
  return compressed ? decompress(payload, length, length) : payload;
}

const STREAMS = { dump: sqlDump(3000, "seal"), noise: noise(150_000, "seal"), long: noise(700_000, "long") };

for (const [name, data] of Object.entries(STREAMS)) {
  for (const [segmentBytes, startsLate] of [[700], [20_000], [1_000_000], [20_000, true], [1_000_000, true]] as const) {
    const how = startsLate ? ", without threads as long as it is little" : "";
    Deno.test(`${name} in segments of ${segmentBytes} bytes becomes its chunks, named and sealed${how}`, async () => {
      const options = { segmentBytes, blobThreads: 2, ...startsLate && { startsLate } };
      const { batches, summary } = await sealed(new BytesSource(data), options);
      const chunks = sealedChunks(batches);
      const expected = chunksOf(data);
      assert.deepEqual(chunks.map(({ id }) => id), expected.map((chunk) => hash("sha256", chunk)));
      const plaintexts = chunks.map(plaintextOf);
      assert.ok(concat(plaintexts).every((byte, i) => byte === data[i]));
      assert.equal(chunks.some(({ compressed }) => compressed), name === "dump");
      assert.equal(summary.size, data.length);
      assert.equal(summary.md5, createHash("md5").update(data).digest("hex"));
      assert.equal(summary.sha256, hash("sha256", data));
      assert.equal(summary.verdict.format, name === "dump" ? "mysqldump" : "none");
    });
  }
}

Deno.test("nothing is compressed at level off", async () => {
  const data = sqlDump(300, "off");
  const chunks = sealedChunks((await sealed(new BytesSource(data), { compression: "off" })).batches);
  assert.ok(chunks.every(({ compressed, sealed, length }) => !compressed && sealed.length === length + 32));
});

Deno.test("a stream of nothing has no chunk and the digest of nothing", async () => {
  const { batches, summary } = await sealed(new BytesSource(new Uint8Array(0)));
  assert.deepEqual(batches, []);
  assert.equal(summary.size, 0);
  assert.equal(summary.md5, "d41d8cd98f00b204e9800998ecf8427e");
});

Deno.test("what is known is named but not sealed", async () => {
  const data = noise(60_000, "known");
  const known = new IdTable();
  const expected = chunksOf(data);
  for (const chunk of expected.filter((_, i) => i % 2 === 0)) known.add(hash("sha256", chunk, "buffer"));
  const chunks = sealedChunks((await sealed(new BytesSource(data), { known })).batches);
  assert.deepEqual(chunks.map(({ id }) => id), expected.map((chunk) => hash("sha256", chunk)));
  assert.deepEqual(chunks.map(({ sealed }) => sealed.length > 0), expected.map((_, i) => i % 2 === 1));
});

for (const startsLate of [false, true]) {
  const where = startsLate ? "this thread" : "other threads";
  Deno.test(`what only an index of before knows is sealed in the end, in ${where}`, async () => {
    const data = concat([noise(60_000, "before"), ZERO(20_000)]);
    const expected = chunksOf(data);
    const [known, stays] = [new IdTable(), new IdTable()];
    for (const chunk of expected) known.add(hash("sha256", chunk, "buffer"));
    for (const chunk of expected.slice(20)) stays.add(hash("sha256", chunk, "buffer"));
    const confirmed = Promise.withResolvers<KnownChunks>();
    const sealing = sealed(new BytesSource(data), { known, confirmedKnown: confirmed.promise, startsLate });
    for (let turn = 0; turn < 100; turn++) await macrotask();
    confirmed.resolve({ dataBlobs: stays });
    const chunks = sealedChunks((await sealing).batches);
    assert.deepEqual(chunks.map(({ id }) => id), expected.map((chunk) => hash("sha256", chunk)));
    assert.deepEqual(chunks.map(({ sealed }) => sealed.length > 0), expected.map((_, i) => i < 20));
    chunks.slice(0, 20).forEach((chunk, i) => assert.deepEqual(plaintextOf(chunk), expected[i]));
  });
}

Deno.test("a stream breaks off if what counts never becomes known, and gives nothing", async () => {
  const confirmed = Promise.withResolvers<KnownChunks>();
  const sealing = sealed(new BytesSource(noise(60_000, "refused")), { confirmedKnown: confirmed.promise });
  const rejected = assert.rejects(sealing, { message: "no lock" });
  for (let turn = 0; turn < 100; turn++) await macrotask();
  confirmed.reject(new SourceError("no lock"));
  await rejected;
});

const ZERO = (bytes: number) => new Uint8Array(bytes);
const SPARSE = {
  "zeros alone": ZERO(100_000),
  "zeros first": concat([ZERO(50_000), noise(9000, "behind")]),
  "zeros last": concat([noise(9000, "before"), ZERO(50_000)]),
  "zeros between": concat([noise(7777, "left"), ZERO(60_000), noise(900, "middle"), ZERO(30_001), noise(5, "right")]),
  "few zeros": concat(Array.from({ length: 20 }, (_, i) => concat([noise(i * 100, `${i}`), ZERO(2000 - i * 90)]))),
};

for (const [name, data] of Object.entries(SPARSE)) {
  for (const segmentBytes of [500, 1000, 3000, 20_000]) {
    Deno.test(`a stream with ${name} in segments of ${segmentBytes} bytes becomes its chunks`, async () => {
      using starting = startThreads(2);
      const threads = await starting.configure(KEYS, "auto");
      const expected = chunksOf(data);
      const names = expected.map((chunk) => hash("sha256", chunk));
      const known = new IdTable();
      for (const round of ["first", "second"]) {
        const { batches, summary } = await sealed(new BytesSource(data), { segmentBytes, known, threads });
        const chunks = sealedChunks(batches);
        assert.deepEqual(chunks.map(({ id }) => id), names, round);
        assert.deepEqual(chunks.map(({ length }) => length), expected.map(({ length }) => length));
        const added = chunks.filter(({ sealed }) => sealed.length > 0);
        for (const chunk of added) assert.equal(hash("sha256", plaintextOf(chunk)), chunk.id);
        assert.deepEqual(new Set(added.map(({ id }) => id)), new Set(round === "first" ? names : []));
        assert.equal(summary.sha256, hash("sha256", data));
        for (const id of names) known.add(Uint8Array.fromHex(id));
      }
    });
  }
}

Deno.test("large chunks, which grow over many segments, are what they are in one piece, with zeros and without", async () => {
  const average = 128 * 1024;
  const data = concat([
    noise(900_000, "l"),
    ZERO(1_500_000),
    noise(60_001, "m"),
    ZERO(300_000),
    noise(2_000_000, "r"),
    ZERO(70_000),
  ]);
  const { batches, summary } = await sealed(new BytesSource(data), { average, segmentBytes: 50_000, blobThreads: 2 });
  const chunks = sealedChunks(batches);
  assert.deepEqual(chunks.map(({ id }) => id), chunksOf(data, average).map((chunk) => hash("sha256", chunk)));
  for (const chunk of chunks) if (chunk.sealed.length > 0) assert.equal(hash("sha256", plaintextOf(chunk)), chunk.id);
  assert.equal(summary.sha256, hash("sha256", data));
});

Deno.test("known chunks of zeros are named by no thread", async () => {
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "auto");
  const known = new IdTable();
  let asked = 0;
  const seal = threads.seal.bind(threads);
  threads.seal = (request) => {
    asked++;
    return seal(request);
  };
  const counts: number[] = [];
  for (const _ of ["none is known", "all are known"]) {
    asked = 0;
    const { batches } = await sealed(new BytesSource(ZERO(200_000)), { threads, known, segmentBytes: 3000 });
    counts.push(asked);
    for (const { ids } of batches) for (let at = 0; at < ids.length; at += 32) known.add(ids, at);
  }
  assert.deepEqual([counts[0]! > 40, counts[1]], [true, 1], "only the end of the stream has a length of its own");
});

Deno.test("chunks that span segments share a few buffers, however many there are", async () => {
  let made = 0;
  const { SharedArrayBuffer } = globalThis;
  globalThis.SharedArrayBuffer = class extends SharedArrayBuffer {
    constructor(bytes?: number) {
      super(bytes);
      if (bytes === parametersFor(1024).max) made++;
    }
  };
  try {
    const { batches } = await sealed(new BytesSource(noise(600_000, "span")), { segmentBytes: 700 });
    assert.ok(batches.length > 100);
  } finally {
    globalThis.SharedArrayBuffer = SharedArrayBuffer;
  }
  assert.ok(made > 0 && made < 8, `${made} buffers were made`);
});

Deno.test("a chunk that repeats in one batch is sealed once", async () => {
  const data = concat([noise(500, "head"), new Uint8Array(200_000), noise(500, "tail")]);
  const { batches } = await sealed(new BytesSource(data), { segmentBytes: 1_000_000 });
  assert.ok(batches.length <= 2);
  const chunks = sealedChunks(batches);
  const sealedIds = chunks.filter(({ sealed }) => sealed.length > 0).map(({ id }) => id);
  assert.equal(new Set(sealedIds).size, sealedIds.length);
  assert.deepEqual(new Set(sealedIds), new Set(chunks.map(({ id }) => id)));
  assert.ok(sealedIds.length < chunks.length / 2);
});

Deno.test("an error of the source ends the stream with that error, after what came before it", async () => {
  let calls = 0;
  const source: ByteSource = {
    read(target) {
      if (calls++ === 5) return Promise.reject(new SourceError("the command died"));
      target.set(noise(10_000, `piece ${calls}`));
      return Promise.resolve(10_000);
    },
    cancel: () => Promise.resolve(),
  };
  await assert.rejects(sealed(source), { message: "the command died" });
});

Deno.test("a taker that stops early leaves nothing running", async () => {
  const pool = new SegmentPool({ count: SEGMENTS, segmentBytes: 20_000 });
  const feed = new SourceFeed(new BytesSource(noise(500_000, "early")), pool);
  using starting = startThreads(2);
  const threads = await starting.configure(KEYS, "auto");
  const inspection = threads.inspect("none");
  const chunker = new Chunker(GEAR, parametersFor(1024));
  for await (const batch of sealStream({ feed, chunker, threads, inspection, known: { dataBlobs: new IdTable() } })) {
    assert.ok(batch.lengths.length > 0);
    break;
  }
  await feed.cancel(new SourceError("enough"));
  await inspection.finish();
  await assertAllFree(pool, SEGMENTS);
});

/** Many streams through the same threads, each cut into segments of its own. */
async function withStreams(count: number, work: (streams: SharedStream[]) => Promise<void>): Promise<void> {
  const group = new FeedGroup(new SegmentPool({ count: 2 * count, segmentBytes: 10_000 }));
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "off");
  const known = new IdTable();
  await work(Array.from({ length: count }, () => {
    const feed = group.open();
    const inspection = threads.inspect("none");
    const chunker = new Chunker(GEAR, parametersFor(1024));
    return { feed, batches: sealStream({ feed, chunker, threads, inspection, known: { dataBlobs: known } }) };
  }));
}

interface SharedStream {
  readonly feed: WritableFeed;
  readonly batches: AsyncGenerator<SealedBatch, void, void>;
}

Deno.test("a stream that waits for its writer keeps no other one from going on", async () => {
  await withStreams(6, async (streams) => {
    const counts = streams.map(() => 0);
    const taken = streams.map(async ({ batches }, i) => {
      for await (const { lengths } of batches) counts[i]! += lengths.length;
    });
    for (let round = 0; round < 3; round++) {
      for (const [i, { feed }] of streams.entries()) await feed.write(noise(25_000, `${i} ${round}`));
    }
    streams.at(-1)!.feed.end();
    await taken.at(-1);
    for (const { feed } of streams) feed.end();
    await Promise.all(taken);
    assert.ok(counts.every((count) => count > 40), counts.join());
  });
});

Deno.test("however many streams are open, no more batches wait to be stored than a few for each thread", async () => {
  await withStreams(8, async (streams) => {
    const store = Promise.withResolvers<void>();
    let waiting = 0;
    const taken = streams.map(async ({ batches }) => {
      for await (const _ of batches) {
        waiting++;
        await store.promise;
      }
    });
    await Promise.all(streams.map(({ feed }, i) => feed.write(noise(20_000, `${i}`))));
    while (waiting < 2) await macrotask();
    for (let i = 0; i < 20; i++) await macrotask();
    assert.equal(waiting, 2);
    store.resolve();
    for (const { feed } of streams) feed.end();
    await Promise.all(taken);
    assert.ok(waiting >= 16);
  });
});

Deno.test("what one table of ids knows says nothing about another one, of which the same threads are told later", async () => {
  const data = noise(30_000, "two tables");
  const known = new IdTable();
  for (const chunk of chunksOf(data)) known.add(new Uint8Array(hash("sha256", chunk, "buffer")));
  const unrelated = new IdTable();
  for (const chunk of chunksOf(noise(30_000, "elsewhere"))) {
    unrelated.add(new Uint8Array(hash("sha256", chunk, "buffer")));
  }
  assert.equal(known.generation, unrelated.generation);
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "auto");
  const first = await sealed(new BytesSource(data), { threads, known });
  assert.ok(sealedChunks(first.batches).every((chunk) => chunk.sealed.length === 0));
  const second = await sealed(new BytesSource(data), { threads, known: unrelated });
  assert.ok(sealedChunks(second.batches).every((chunk) => chunk.sealed.length > 0));
});
