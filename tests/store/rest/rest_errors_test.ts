/** What the statuses of a REST server mean for a store. */
import assert from "node:assert/strict";
import { DeniedError, NotFoundError, StoreError, StoreFullError, TemporaryError } from "../../../src/base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../src/store/http/client.ts";
import { isSuccess, statusError } from "../../../src/store/rest/rest_errors.ts";

const NOW = new Date("2026-01-02T03:04:05Z");

function errorOf(
  status: number,
  method: HttpRequest["method"] = "GET",
  headers: Record<string, string> = {},
  text = "",
) {
  const body = new TextEncoder().encode(text);
  const answer: HttpAnswer = { status, headers: new Map(Object.entries(headers)), body };
  return statusError(answer, { method, verb: "read", place: "rest:http://host/config" }, NOW);
}

Deno.test("each status becomes the error that tells what can be done", () => {
  const expected: readonly (readonly [number, HttpRequest["method"], abstract new (...args: never[]) => StoreError])[] =
    [
      [400, "GET", StoreError],
      [400, "POST", TemporaryError],
      [401, "GET", DeniedError],
      [403, "POST", DeniedError],
      [403, "DELETE", DeniedError],
      [404, "GET", NotFoundError],
      [405, "POST", StoreError],
      [501, "POST", StoreError],
      [413, "POST", StoreError],
      [507, "POST", StoreFullError],
      ...[408, 425, 429, 500, 502, 503, 504].map((status) => [status, "GET", TemporaryError] as const),
      [301, "GET", StoreError],
      [418, "GET", StoreError],
      [505, "GET", StoreError],
    ];
  for (const [status, method, type] of expected) {
    const error = errorOf(status, method);
    assert.equal(error.constructor, type, `${status} to ${method}`);
    assert.equal(error.retryable, type === TemporaryError, `${status} to ${method}`);
    assert.match(error.message, /^Cannot read "rest:http:\/\/host\/config": /);
  }
});

Deno.test("success is told from everything else", () => {
  assert.deepEqual([200, 201, 202, 204, 206, 301, 400, 500].filter(isSuccess), [200, 201, 204, 206]);
});

Deno.test("a refused removal names append-only servers", () => {
  assert.match(errorOf(403, "DELETE").message, /append-only/);
});

Deno.test("a server in trouble may say when to come back", () => {
  const error = errorOf(503, "GET", { "retry-after": "7" });
  assert.ok(error instanceof TemporaryError);
  assert.equal(error.retryAfterMs, 7000);
  assert.equal((errorOf(500) as TemporaryError).retryAfterMs, undefined);
});

Deno.test("a redirect is not followed; its target shows without credentials", () => {
  const { message } = errorOf(301, "GET", { location: "https://u:secret@other.example.org/repo/" });
  assert.match(message, /https:\/\/other\.example\.org\/repo\//);
  assert.ok(!message.includes("secret"));
});

Deno.test("what the server says shows in one printable line, and only where it is text", () => {
  const { message } = errorOf(
    418,
    "GET",
    { "content-type": "text/plain; charset=utf-8" },
    "no\u001b[2J\r\ntea\u0000 today\n",
  );
  assert.match(message, /418, "no \[2J tea today"/);
  assert.ok(!errorOf(418, "GET", { "content-type": "text/html" }, "<html>tea").message.includes("tea"));
});

Deno.test("a request that is too large is told as a limit, a proxy's where its web page came", () => {
  const page = errorOf(413, "POST", { "content-type": "text/html" }, "<html><center>nginx</center></html>");
  assert.match(page.message, /: a proxy does not take a request this large \(413\); raise its limit/);
  const words = errorOf(413, "POST", { "content-type": "text/plain" }, "Request Entity Too Large");
  assert.match(words.message, /the server, or a proxy before it.*client_max_body_size.*--max-size/);
});
