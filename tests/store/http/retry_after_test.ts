/** When a server wants to be asked again. */
import assert from "node:assert/strict";
import { retryAfterMs } from "../../../src/store/http/retry_after.ts";

const NOW = new Date("2026-01-02T03:04:05Z");

Deno.test("seconds and dates both mean a span from now on", () => {
  assert.equal(retryAfterMs("0", NOW), 0);
  assert.equal(retryAfterMs(" 120 ", NOW), 120_000);
  assert.equal(retryAfterMs("Fri, 02 Jan 2026 03:04:35 GMT", NOW), 30_000);
});

Deno.test("a date that is past means at once", () => {
  assert.equal(retryAfterMs("Fri, 02 Jan 2026 03:00:00 GMT", NOW), 0);
});

Deno.test("anything else says nothing", () => {
  for (
    const text of [
      undefined,
      "",
      "soon",
      "-1",
      "1.5",
      "1e3",
      "99999999999",
      "2026-01-02",
      "Fri, 99 Foo 2026 03:04:35 GMT",
    ]
  ) {
    assert.equal(retryAfterMs(text, NOW), undefined, text);
  }
});
