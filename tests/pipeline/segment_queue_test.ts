/** The queue of segments: every piece is taken in order or released, and an end is never mistaken for a failure. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { FilledSegment } from "../../src/pipeline/feed.ts";
import { SegmentQueue } from "../../src/pipeline/segment_queue.ts";
import { macrotask } from "../helpers/world.ts";

type Step =
  | { readonly does: "push"; readonly length: number }
  | { readonly does: "next" | "end" | "fail" | "breakOff" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("push" as const), length: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("next" as const) }) },
  fc.record({ does: fc.constantFrom("end" as const, "fail" as const, "breakOff" as const) }),
);

/** A piece that counts how often it is released. */
function piece(length: number): FilledSegment & { readonly released: () => number } {
  let count = 0;
  const segment = { bytes: new Uint8Array(new SharedArrayBuffer(3)), retain() {}, release: () => void count++ };
  return { segment, length, released: () => count };
}

/** What the taker has to get where everything that was done before is known. */
interface Model {
  ready: FilledSegment[];
  end: "open" | "ended" | "broken";
  reason: string;
}

function expectation({ ready, end, reason }: Model): FilledSegment | null | string | undefined {
  if (ready.length > 0) return ready.shift();
  if (end === "broken") return reason;
  return end === "ended" ? null : undefined;
}

Deno.test("every piece is taken in its order or released once, and then comes what the stream ended with", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 30 }), async (steps) => {
      const queue = new SegmentQueue();
      const model: Model = { ready: [], end: "open", reason: "" };
      const pushed: ReturnType<typeof piece>[] = [];
      const gone = new Set<FilledSegment>();
      for (const [at, step] of steps.entries()) {
        if (step.does === "push") {
          const filled = piece(step.length);
          pushed.push(filled);
          queue.push(filled);
          if (model.end === "open" && filled.length > 0) model.ready.push(filled);
          else gone.add(filled);
        } else if (step.does === "end") {
          queue.end();
          if (model.end === "open") model.end = "ended";
        } else if (step.does === "next") {
          const expected = expectation(model);
          if (expected === undefined) continue; // It would wait.
          assert.equal(await queue.next().catch((error) => error), expected);
        } else {
          queue[step.does](`reason ${at}`);
          if (step.does === "breakOff") { for (const filled of model.ready.splice(0)) gone.add(filled); }
          if (model.end !== "broken") model.reason = `reason ${at}`;
          model.end = "broken";
        }
        assert.equal(queue.isOver, model.end !== "open");
        for (const filled of pushed) assert.equal(filled.released(), gone.has(filled) ? 1 : 0);
      }
    }),
    { numRuns: 300, seed: 33 },
  );
});

for (
  const [how, act, outcome] of [
    ["a piece", (queue: SegmentQueue) => queue.push(piece(2)), 2],
    ["the end", (queue: SegmentQueue) => queue.end(), "null"],
    ["a failure", (queue: SegmentQueue) => queue.fail("failed"), "failed"],
    ["the stream being broken off", (queue: SegmentQueue) => queue.breakOff("enough"), "enough"],
  ] as const
) {
  Deno.test(`a taker that waits is woken by ${how}`, async () => {
    const queue = new SegmentQueue();
    const taken = queue.next().then((filled) => filled?.length ?? "null", (reason) => reason);
    await macrotask();
    act(queue);
    assert.equal(await taken, outcome);
  });
}
