/** How each answer of an S3 server is told in the errors of the store's contract. */
import { equal, match, ok } from "node:assert/strict";
import {
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../../src/base/errors.ts";
import type { HttpAnswer } from "../../../src/store/http/client.ts";
import { errorOfFailure, readFailure } from "../../../src/store/s3/s3_errors.ts";
import { InstantClock } from "../instant_clock.ts";
import { answer, refusal } from "./s3_double.ts";

const errorOf = (given: HttpAnswer) => errorOfFailure('read "s3:x/config"', readFailure(given, new InstantClock()));

for (
  const [status, code, type, words] of [
    [403, "AccessDenied", DeniedError, /may list, read and write/],
    [403, "InvalidAccessKeyId", DeniedError, /check the access key/],
    [403, "SignatureDoesNotMatch", DeniedError, /check the access key/],
    [400, "ExpiredToken", DeniedError, /have expired/],
    [403, "RequestTimeTooSkewed", DeniedError, /set the clock/],
    [405, "MethodNotAllowed", DeniedError, /written to/],
    [503, "SlowDown", TemporaryError, /busy/],
    [500, "InternalError", TemporaryError, /busy/],
    [400, "RequestTimeout", TemporaryError, /busy/],
    [409, "OperationAborted", TemporaryError, /busy/],
    [409, "ConditionalRequestConflict", TemporaryError, /busy/],
    [400, "XAmzContentSHA256Mismatch", TemporaryError, /not what was sent/],
    [403, "QuotaExceeded", StoreFullError, /quota/],
    [507, "XMinioStorageFull", StoreFullError, /space/],
    [400, "EntityTooLarge", StoreError, /this large/],
    [404, "NoSuchKey", NotFoundError, /no such file/],
    [404, "NoSuchBucket", NotFoundError, /no such bucket/],
    [412, "PreconditionFailed", ExistsError, /exists already/],
    [403, "InvalidObjectState", StoreError, /archive/],
    [301, "PermanentRedirect", StoreError, /s3\.region/],
    [418, "constructor", StoreError, /unexpected/],
  ] as const
) {
  Deno.test(`${code} is told as ${type.name}`, () => {
    const error = errorOf(refusal(status, code));
    equal(error.constructor, type);
    equal(error.retryable, type === TemporaryError);
    match(error.message, words);
    match(error.message, new RegExp(`^Cannot read "s3:x/config": [^\n]*\\(${code}: Told so\\)`));
  });
}

for (
  const [status, type] of [
    [401, DeniedError],
    [403, DeniedError],
    [404, NotFoundError],
    [405, DeniedError],
    [408, TemporaryError],
    [413, StoreError],
    [429, TemporaryError],
    [500, TemporaryError],
    [502, TemporaryError],
    [503, TemporaryError],
    [504, TemporaryError],
    [507, StoreFullError],
    [412, StoreError],
    [418, StoreError],
  ] as const
) {
  Deno.test(`status ${status} without a document is told as ${type.name}`, () => {
    const error = errorOf(answer(status));
    equal(error.constructor, type);
    match(error.message, new RegExp(`HTTP status ${status}`));
  });
}

Deno.test("a refusal without a document tells of the bucket, not of a user and a password", () => {
  for (const status of [401, 403]) match(errorOf(answer(status)).message, /may list, read and write in this bucket/);
});

Deno.test("a server's empty message leaves a whole sentence", () => {
  const document = "<Error><Code>InvalidAccessKeyId</Code><Message/></Error>";
  const { message } = errorOf(answer(403, document));
  match(message, /credentials \(InvalidAccessKeyId\); check/);
});

Deno.test("a web page tells that there is no S3 server, unless it tells of an overload", () => {
  const page = "<!DOCTYPE html><html><body>Welcome</body></html>";
  for (const status of [200, 400, 403, 404, 405]) {
    const error = errorOf(answer(status, page));
    equal(error.constructor, StoreError);
    match(error.message, /does not look like an S3 server/);
  }
  ok(errorOf(answer(502, page, { "content-type": "text/html" })) instanceof TemporaryError);
});

Deno.test("how long the server wants to be left alone is read as seconds and as a date", () => {
  const clock = new InstantClock();
  const date = new Date(clock.nowMs + 90_000).toUTCString();
  for (const [value, ms] of [["7", 7000], [date, 90_000], ["soon", undefined], ["-3", undefined]] as const) {
    const error = errorOf(refusal(503, "SlowDown", "", { "retry-after": value }));
    equal((error as TemporaryError).retryAfterMs, ms, value);
  }
});

Deno.test("a server's words cannot break the line or grow without end", () => {
  const document = `<Error><Code>Odd</Code><Message>a\nb&#13;c${"d".repeat(5000)}</Message></Error>`;
  const { message } = errorOf(answer(400, document));
  match(message, /Odd: a b cddd/);
  ok(message.length < 500 && !/[\r\n]/.test(message));
});
