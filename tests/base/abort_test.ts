/** What becomes of work whose signal is aborted. */
import assert from "node:assert/strict";
import { InterruptedError } from "../../src/base/errors.ts";
import { interruption, withoutAbortReason } from "../../src/base/abort.ts";

Deno.test("only the reason of an abort is made an interruption", () => {
  const aborted = AbortSignal.abort();
  const other = new RangeError("other");
  assert.ok(withoutAbortReason(aborted.reason, aborted) instanceof InterruptedError);
  assert.equal(withoutAbortReason(other, aborted), other);
  const { signal } = new AbortController();
  assert.equal(withoutAbortReason(undefined, signal), undefined);
  const own = new InterruptedError("SIGINT");
  assert.equal(interruption(AbortSignal.abort(own)), own);
});
