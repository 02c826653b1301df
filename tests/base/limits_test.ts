/** Limits: never more than allowed, in the order of arrival, and whatever is given back or given up lets the next ones in. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Permit, Semaphore, Turn } from "../../src/base/limits.ts";
import { macrotask } from "../helpers/world.ts";

/** One that asks a semaphore for something. */
class Asker {
  readonly amount: number;
  readonly #giveUp = new AbortController();
  #permit: Permit | undefined;
  state: "waits" | "is in" | "left" | "gave up" = "waits";

  constructor(semaphore: Semaphore, amount: number) {
    this.amount = amount;
    semaphore.take({ amount, signal: this.#giveUp.signal }).then((permit) => {
      this.#permit = permit;
      this.state = "is in";
    }, (reason) => {
      assert.equal(reason, this.#giveUp.signal.reason);
      this.state = "gave up";
    });
  }

  /** Gives back what it has; does nothing while it waits. May be called again. */
  leave(): void {
    if (this.#permit === undefined) return;
    this.#permit.release();
    this.state = "left";
  }

  giveUp(): void {
    this.#giveUp.abort(new Error("enough"));
  }
}

/** Asks for so much, or has one of those that asked before do something. */
type Step = { readonly asks: number } | { readonly does: "leave" | "giveUp"; readonly who: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ asks: fc.nat(9) }),
  fc.record({ does: fc.constantFrom("leave" as const, "giveUp" as const), who: fc.nat(40) }),
);

function amountTaken(askers: readonly Asker[]): number {
  return askers.filter(({ state }) => state === "is in").reduce((sum, { amount }) => sum + amount, 0);
}

/** What has to hold at every moment. */
function assertFair(semaphore: Semaphore, askers: readonly Asker[], limit: number): void {
  const taken = amountTaken(askers);
  const inside = askers.filter(({ state, amount }) => state === "is in" && amount > 0);
  assert.ok(taken <= limit || inside.length === 1, `${taken} of ${limit} are taken`);
  const first = askers.findIndex(({ state }) => state === "waits");
  assert.equal(semaphore.waiting, askers.filter(({ state }) => state === "waits").length);
  if (first < 0) return;
  assert.ok(taken > 0 && taken + askers[first]!.amount > limit, "the first in line waits for nothing");
  const later = askers.slice(first).map(({ state }) => state);
  assert.ok(!later.includes("is in") && !later.includes("left"), "somebody was passed");
}

async function run(limit: number, admitsLarger: boolean, steps: readonly Step[]): Promise<void> {
  const semaphore = new Semaphore(limit, { admitsLarger });
  const askers: Asker[] = [];
  for (const step of steps) {
    if ("asks" in step) askers.push(new Asker(semaphore, admitsLarger ? step.asks : Math.min(step.asks, limit)));
    else askers[step.who % askers.length]?.[step.does]();
    await macrotask();
    assertFair(semaphore, askers, limit);
  }
  while (askers.some(({ state }) => state === "waits" || state === "is in")) {
    for (const asker of askers) asker.leave();
    await macrotask();
    assertFair(semaphore, askers, limit);
  }
  assert.ok(semaphore.tryTake(limit), "not all came back");
  assert.equal(semaphore.tryTake(), undefined, "more came back than was taken");
}

Deno.test("never more than the limit, in the order of arrival, and nobody waits for nothing", async () => {
  const limits = fc.integer({ min: 1, max: 6 });
  await fc.assert(
    fc.asyncProperty(limits, fc.boolean(), fc.array(STEP, { maxLength: 40 }), run),
    { numRuns: 120, seed: 31 },
  );
});

Deno.test("a large one that gives up lets in the small ones behind it", async () => {
  const semaphore = new Semaphore(10);
  const askers = [8, 5, 1].map((amount) => new Asker(semaphore, amount));
  await macrotask();
  assert.deepEqual(askers.map(({ state }) => state), ["is in", "waits", "waits"]);
  askers[1]!.giveUp();
  await macrotask();
  assert.deepEqual(askers.map(({ state }) => state), ["is in", "gave up", "is in"]);
});

Deno.test("one that is let in and gives up at the same moment keeps what it has to give back", async () => {
  const semaphore = new Semaphore(1);
  const asker = new Asker(semaphore, 1);
  const next = new Asker(semaphore, 1);
  await macrotask();
  asker.leave();
  next.giveUp();
  await macrotask();
  assert.equal(next.state, "is in");
  next.leave();
  assert.ok(semaphore.tryTake());
});

Deno.test("a signal that was aborted before takes nothing", async () => {
  const semaphore = new Semaphore(1);
  const reason = new Error("stop");
  await assert.rejects(semaphore.take({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  assert.ok(semaphore.tryTake());
});

Deno.test("a signal that many wait with is left alone when they are in", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener].map((method) => method.bind(signal));
  signal.addEventListener = (...given: Parameters<typeof signal.addEventListener>) => (listeners++, add!(...given));
  signal.removeEventListener = (
    ...given: Parameters<typeof signal.addEventListener>
  ) => (listeners--, remove!(...given));
  const semaphore = new Semaphore(1);
  const askers = [1, 2, 3].map(() => semaphore.take({ signal }));
  assert.equal(listeners, 2);
  for (const asker of askers) (await asker).release();
  assert.equal(listeners, 0);
});

Deno.test("more than the limit is a mistake, or waits until it is alone", async () => {
  await assert.rejects(new Semaphore(10).take({ amount: 11 }), { code: "bug" });
  assert.equal(new Semaphore(10).tryTake(11), undefined);
  const semaphore = new Semaphore(10, { admitsLarger: true });
  const askers = [1, 25, 1].map((amount) => new Asker(semaphore, amount));
  for (const states of [["is in", "waits", "waits"], ["left", "is in", "waits"], ["left", "left", "is in"]]) {
    await macrotask();
    assert.deepEqual(askers.map(({ state }) => state), states);
    askers.find(({ state }) => state === "is in")!.leave();
  }
});

Deno.test("a permit is given back at the end of the block that has it", async () => {
  const semaphore = new Semaphore(1);
  {
    using _permit = await semaphore.take();
    assert.equal(semaphore.tryTake(), undefined);
  }
  assert.ok(semaphore.tryTake());
});

Deno.test("work goes on one piece at a time, in its order, also after one that failed", async () => {
  const lengths = fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean() }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(lengths, async (pieces) => {
      const turn = new Turn();
      const log: string[] = [];
      const results = pieces.map(({ turns, fails }, i) =>
        turn.take(async () => {
          log.push(`${i} begins`);
          for (let j = 0; j < turns; j++) await macrotask();
          log.push(`${i} ends`);
          if (fails) throw new RangeError(`${i}`);
          return i;
        })
      );
      const expected = pieces.map(({ fails }, i) => fails ? `RangeError: ${i}` : i);
      const settled = await Promise.allSettled(results);
      assert.deepEqual(settled.map((one) => one.status === "fulfilled" ? one.value : `${one.reason}`), expected);
      assert.deepEqual(log, pieces.flatMap((_, i) => [`${i} begins`, `${i} ends`]));
    }),
    { numRuns: 40, seed: 32 },
  );
});

Deno.test("where nothing goes on, work has begun when the call returns", () => {
  let hasBegun = false;
  void new Turn().take(() => void (hasBegun = true));
  assert.ok(hasBegun);
});

Deno.test("a line that ends at a failure throws it to all who come later, and does none of their work", async () => {
  const turn = new Turn({ endsAtFailure: true });
  const done: number[] = [];
  const results = await Promise.allSettled([0, 1, 2].map((i) =>
    turn.take(() => {
      if (i === 1) throw new RangeError("first");
      done.push(i);
    })
  ));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  await assert.rejects(turn.take(() => void done.push(3)), { message: "first" });
  assert.deepEqual(done, [0]);
});
