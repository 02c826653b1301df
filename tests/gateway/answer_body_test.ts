/** The body of an answer: nothing looks whole before it is finished. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { AnswerBody } from "../../src/gateway/answer_body.ts";
import type { Exchange } from "../../src/server/connection/exchange.ts";
import { concat, noise } from "../helpers/world.ts";

/** What a client would have got so far. */
class Received {
  head: readonly [status: number, headers: Record<string, string | number>] | undefined;
  hasEnded = false;
  readonly #parts: Uint8Array[] = [];

  get bytes(): Uint8Array {
    return concat(this.#parts);
  }

  /** The part of an exchange that a body uses. */
  get exchange(): Exchange {
    return {
      begin: (status: number, headers: Record<string, string | number>) => void (this.head = [status, headers]),
      write: (part: Uint8Array) => Promise.resolve(void this.#parts.push(part.slice())),
      end: () => Promise.resolve(void (this.hasEnded = true)),
    } as unknown as Exchange;
  }
}

Deno.test("gateway: however a body comes, its last byte and its end wait until it is finished", async () => {
  const sizes = fc.array(fc.oneof(fc.nat(20), fc.constantFrom(0, 262_143, 262_144, 262_145, 600_000)), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(sizes, fc.boolean(), async (sizes, isKnown) => {
      const pieces = sizes.map((size, i) => noise(size, `piece ${i}`));
      const whole = concat(pieces);
      const received = new Received();
      const bytes = isKnown ? whole.length : null;
      const body = new AnswerBody(received.exchange, { status: 200, headers: { a: "b" }, bytes });
      for (const piece of pieces) {
        const given = piece.slice();
        await body.write(given);
        given.fill(0); // The reader uses its buffer again.
      }
      ok(whole.length === 0 || received.bytes.length < whole.length);
      ok(!received.hasEnded);
      await body.finish();
      deepEqual(received.bytes, whole);
      ok(received.hasEnded);
      deepEqual(received.head, [200, { a: "b", ...isKnown && { "content-length": whole.length } }]);
    }),
    { numRuns: 30 },
  );
});

Deno.test("gateway: a body that is longer or shorter than promised never ends", async () => {
  for (const [promised, given] of [[10, 9], [10, 11], [0, 1]] as const) {
    const received = new Received();
    const body = new AnswerBody(received.exchange, { status: 200, headers: {}, bytes: promised });
    await rejects(async () => {
      await body.write(new Uint8Array(given));
      await body.finish();
    }, IntegrityError);
    equal(received.hasEnded, false);
    ok(received.bytes.length < promised || promised === 0);
  }
});
