/** The machine's clock: what sleeping does when it is told to stop. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";

Deno.test("a sleep ends early with the signal's reason and leaves no timer behind", async () => {
  const abort = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, abort.signal);
  abort.abort(new RangeError("stop"));
  await assert.rejects(sleeping, { message: "stop" });
  await assert.rejects(systemClock.sleep(3_600_000, abort.signal), { message: "stop" });
});

Deno.test("a sleep that is over does not mind a later abort", async () => {
  const abort = new AbortController();
  await systemClock.sleep(1, abort.signal);
  abort.abort(new RangeError("too late"));
});

Deno.test("monotonic time never goes back", () => {
  const first = systemClock.monotonicMs();
  assert.ok(systemClock.monotonicMs() >= first);
  assert.ok(Math.abs(systemClock.now().getTime() - Date.now()) < 60_000);
});
