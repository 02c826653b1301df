/** Streams side by side in the digesting thread: each has its own digests, verdict and failure. */
import assert from "node:assert/strict";
import { createHash, hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { GuardChoice } from "../../src/guard/guard.ts";
import type { ReadSummary } from "../../src/pipeline/calls.ts";
import type { StreamInspection } from "../../src/pipeline/inspection.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { startThreads } from "../../src/pipeline/threads.ts";
import { noise, sqlDump } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";

const POOL = { count: 3, segmentBytes: 1000 };
const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };

async function send(pool: SegmentPool, inspection: StreamInspection<ReadSummary>, bytes: Uint8Array): Promise<void> {
  const segment = await pool.acquire();
  segment.bytes.set(bytes);
  inspection.take({ segment, length: bytes.length });
}

Deno.test("streams that take turns are digested and judged each by itself", async () => {
  const pool = new SegmentPool(POOL);
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "auto");
  const dump = sqlDump(100, "turns");
  const streams: readonly (readonly [GuardChoice, Uint8Array, string, boolean | null])[] = [
    ["auto", dump, "mysqldump", true],
    ["auto", dump.subarray(0, 5000), "mysqldump", false],
    ["auto", new Uint8Array(gzipSync(dump)), "gzip+mysqldump", true],
    ["none", noise(7000, "none"), "none", null],
    ["none", new Uint8Array(0), "none", null],
  ];
  const inspections = streams.map(([guard]) => threads.inspect(guard));
  for (let at = 0; at < dump.length; at += 700) {
    for (const [i, [, bytes]] of streams.entries()) {
      if (at < bytes.length) await send(pool, inspections[i]!, bytes.subarray(at, at + 700));
    }
  }
  for (const [i, [, bytes, format, complete]] of streams.entries()) {
    const { size, md5, sha256, verdict } = await inspections[i]!.finish();
    assert.deepEqual([size, md5, sha256], [
      bytes.length,
      createHash("md5").update(bytes).digest("hex"),
      hash("sha256", bytes),
    ]);
    assert.deepEqual([verdict.format, verdict.complete], [format, complete]);
  }
  await assertAllFree(pool, POOL.count);
});

Deno.test("a stream that is dropped is over; the others go on", async () => {
  const pool = new SegmentPool(POOL);
  using starting = startThreads(1);
  const threads = await starting.configure(KEYS, "auto");
  const [dropped, kept] = [threads.inspect("auto"), threads.inspect("auto")];
  const packed = new Uint8Array(gzipSync(noise(2000, "dropped")));
  await send(pool, dropped, packed.subarray(0, 900));
  await send(pool, kept, noise(10, "kept"));
  dropped.drop();
  dropped.drop();
  await assert.rejects(dropped.finish(), { code: "bug" });
  assert.equal((await kept.finish()).sha256, hash("sha256", noise(10, "kept")));
  kept.drop();
  await assertAllFree(pool, POOL.count);
});

Deno.test("the SHA-256 alone is computed without a digesting thread, and streams that need more get one", async () => {
  const pool = new SegmentPool(POOL);
  using starting = startThreads(1, { digest: false });
  const threads = await starting.configure(KEYS, "auto");
  const wanted = [["none", false], ["none", false], ["none", true], ["auto", false]] as const;
  const inspections = wanted.map(([guard, md5]) => threads.inspect(guard, { md5 }));
  const bytes = noise(2500, "here");
  for (let at = 0; at < bytes.length; at += 1000) {
    for (const inspection of inspections) await send(pool, inspection, bytes.subarray(at, at + 1000));
  }
  for (const [i, [, md5]] of wanted.entries()) {
    const { size, ...digests } = await inspections[i]!.finish();
    assert.deepEqual([size, digests.sha256], [bytes.length, hash("sha256", bytes)]);
    assert.equal(digests.md5, md5 ? createHash("md5").update(bytes).digest("hex") : null);
  }
  await assertAllFree(pool, POOL.count);
});
