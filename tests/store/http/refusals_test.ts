/** One table of statuses: both protocols take what it says, but for their own words. */
import assert from "node:assert/strict";
import type { StoreError } from "../../../src/base/errors.ts";
import type { HttpAnswer } from "../../../src/store/http/client.ts";
import { failureError } from "../../../src/store/failure.ts";
import { MEANING_BY_STATUS } from "../../../src/store/http/refusals.ts";
import { statusError } from "../../../src/store/rest/rest_errors.ts";
import { errorOfFailure, readFailure } from "../../../src/store/s3/s3_errors.ts";
import { InstantClock } from "../instant_clock.ts";

type Patient = { readonly retryAfterMs?: number };

const clock = new InstantClock();

function byRest(answer: HttpAnswer): StoreError {
  return statusError(answer, { method: "GET", verb: "read", place: "x" }, clock.now());
}

function byS3(answer: HttpAnswer): StoreError {
  return errorOfFailure('read "x"', readFailure(answer, clock));
}

Deno.test("a status of the table is an error of the same class and patience to REST and to S3", () => {
  for (const [status, meaning] of Object.entries(MEANING_BY_STATUS)) {
    const answer = { status: Number(status), headers: new Map([["retry-after", "9"]]), body: new Uint8Array(0) };
    const expected = failureError("try", meaning, { retryAfterMs: 9000 });
    for (const error of [byRest(answer), byS3(answer)]) {
      assert.equal(error.constructor, expected.constructor, status);
      assert.equal(error.retryable, expected.retryable, status);
      assert.equal((error as Patient).retryAfterMs, (expected as Patient).retryAfterMs, status);
    }
  }
});

Deno.test("an outage, a full server and a missing file are told in the same words", () => {
  for (const status of [404, 503, 507]) {
    const answer = { status, headers: new Map<string, string>(), body: new Uint8Array(0) };
    const [rest, s3] = [byRest(answer), byS3(answer)].map(({ message }) =>
      message.replace(/ \((HTTP status )?\d+\)/, "")
    );
    assert.equal(rest, s3);
  }
});
