/** What a failure means, as the error that a caller gets. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../src/base/errors.ts";
import { failureError, type FailureKind, means } from "../../src/store/failure.ts";

const CLASSES: Readonly<Record<FailureKind, readonly [type: unknown, isRetryable: boolean]>> = {
  broken: [StoreError, false],
  denied: [DeniedError, false],
  exists: [ExistsError, false],
  full: [StoreFullError, false],
  missing: [NotFoundError, false],
  perhapsPassing: [StoreError, true],
  temporary: [TemporaryError, true],
};

Deno.test("each kind of failure is an error of its own class, with its cause", () => {
  for (const [kind, [type, isRetryable]] of Object.entries(CLASSES) as [FailureKind, [unknown, boolean]][]) {
    const cause = new Error("deep inside");
    const error = failureError('read "x"', means[kind]("why"), { cause });
    assert.equal(error.constructor, type, kind);
    assert.equal(error.retryable, isRetryable, kind);
    assert.equal(error.cause, cause, kind);
    assert.ok(!("cause" in failureError("try", means[kind]("why"))), kind);
  }
});

Deno.test("a message says what failed, why, in whose words, and what to do; what there is nothing of leaves no mark", () => {
  const said = { said: "418" };
  assert.equal(failureError("try", means.broken("why", "do")).message, "Cannot try: why; do");
  assert.equal(failureError("try", means.broken("why", "do"), said).message, "Cannot try: why (418); do");
  assert.equal(failureError("try", means.broken("why"), said).message, "Cannot try: why (418)");
  assert.equal(failureError("try", means.missing("why")).message, "Cannot try: why");
});

Deno.test("only what may pass is told when to come back", () => {
  const kinds = fc.constantFrom(...Object.keys(CLASSES) as FailureKind[]);
  fc.assert(
    fc.property(kinds, fc.nat(), (kind, retryAfterMs) => {
      const error = failureError("try", means[kind]("why"), { retryAfterMs });
      assert.equal((error as { retryAfterMs?: number }).retryAfterMs, kind === "temporary" ? retryAfterMs : undefined);
    }),
    { numRuns: 50, seed: 34 },
  );
});
