/** Rate limits: computed on a clock of the test's own, so that nothing has to be waited for. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import { RateLimiter } from "../../../src/store/http/rate_limit.ts";
import { InstantClock } from "../instant_clock.ts";

const KIB = 1024;

Deno.test("what goes through over a long time keeps to the rate", async () => {
  const clock = new InstantClock();
  const limiter = new RateLimiter(1_000_000, clock);
  const startMs = clock.monotonicMs();
  let bytes = 0;
  for (let piece = 0; piece < 1000; piece++, bytes += limiter.pieceBytes) await limiter.pass(limiter.pieceBytes);
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  assert.ok(Math.abs(bytes / seconds / 1_000_000 - 1) < 0.01, `${bytes / seconds} bytes per second`);
});

Deno.test("pieces are small for slow lines and never larger than 64 KiB", () => {
  const pieceBytes = (rate: number) => new RateLimiter(rate, new InstantClock()).pieceBytes;
  assert.equal(pieceBytes(100), KIB);
  assert.equal(pieceBytes(100 * KIB), 10 * KIB);
  assert.equal(pieceBytes(10 ** 9), 64 * KIB);
});

Deno.test("after a pause there is no burst", () => {
  const limiter = new RateLimiter(1000, new InstantClock());
  limiter.reserve(1000, 0);
  assert.equal(limiter.reserve(1000, 3_600_000), 0);
  assert.ok(limiter.reserve(1000, 3_600_000) >= 900);
});

Deno.test("all who share a limit stand in one line", () => {
  const limiter = new RateLimiter(64_000, new InstantClock());
  const waitsMs = Array.from({ length: 5 }, () => limiter.reserve(6400, 0));
  assert.deepEqual(waitsMs, [0, 50, 150, 250, 350]);
});

Deno.test("in no stretch of time does more go than the rate and one piece allow", () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 64 * KIB }), pauseMs: fc.integer({ min: 0, max: 200 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), (steps) => {
      const bytesPerMs = 100;
      const limiter = new RateLimiter(bytesPerMs * 1000, new InstantClock());
      const sent: { atMs: number; bytes: number }[] = [];
      let nowMs = 0;
      for (const { bytes, pauseMs } of steps) {
        nowMs += pauseMs;
        sent.push({ atMs: nowMs + limiter.reserve(bytes, nowMs), bytes });
      }
      for (let from = 0; from < sent.length; from++) {
        let total = 0;
        for (const { atMs, bytes } of sent.slice(from)) {
          const allowed = (atMs - sent[from]!.atMs + 50) * bytesPerMs;
          assert.ok(total <= allowed + 1e-6, `${total} bytes in the time for ${allowed}`);
          total += bytes;
        }
      }
    }),
    { seed: 7 },
  );
});

Deno.test("who waits for its turn can be stopped", async () => {
  const clock = new InstantClock();
  const limiter = new RateLimiter(1000, clock);
  await limiter.pass(1000);
  await assert.rejects(limiter.pass(1000, AbortSignal.abort(new Error("stop"))), { message: "stop" });
});

Deno.test("a rate of nothing is a bug", () => {
  for (const rate of [0, -1, NaN]) assert.throws(() => new RateLimiter(rate, new InstantClock()), BugError);
});
