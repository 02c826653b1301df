/** Work that is given up after a while. */
import assert from "node:assert/strict";
import type { Clock } from "../../src/base/clock.ts";
import { withinTime } from "../../src/base/time_limit.ts";

const LATE = new Error("too late");

/** A clock whose one sleep ends when `strike` is called, or when nobody waits for it any more. */
function alarm() {
  const struck = Promise.withResolvers<void>();
  const slept: number[] = [];
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep(ms, signal) {
      slept.push(ms);
      signal?.addEventListener("abort", () => struck.reject(signal.reason));
      return struck.promise;
    },
  };
  return { clock, slept, strike: () => struck.resolve() };
}

Deno.test("work that ends in time gives what it gives, and what it throws", async () => {
  const { clock, slept } = alarm();
  assert.equal(await withinTime({ clock, ms: 5, late: LATE }, () => Promise.resolve("done")), "done");
  assert.deepEqual(slept, [5]);
  const failed = new Error("failed");
  await assert.rejects(withinTime({ clock: alarm().clock, ms: 5, late: LATE }, () => Promise.reject(failed)), failed);
  const throwing = () => {
    throw failed;
  };
  await assert.rejects(withinTime({ clock: alarm().clock, ms: 5, late: LATE }, throwing), failed);
});

Deno.test("work that takes too long is aborted, and not waited for where it does not heed that", async () => {
  for (const heeds of [true, false]) {
    const { clock, strike } = alarm();
    let reason: unknown;
    const given = withinTime(
      { clock, ms: 5, late: LATE },
      (signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            if (heeds) reject(signal.reason);
          })
        ),
    );
    strike();
    await assert.rejects(given, LATE);
    assert.equal(reason, LATE);
  }
});
