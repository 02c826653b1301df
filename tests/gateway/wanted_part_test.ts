/** What a request wants of content: whole, a part, or nothing. */
import { deepEqual } from "node:assert/strict";
import { wantedPart } from "../../src/gateway/wanted_part.ts";

const CONTENT = { tag: "abc", bytes: 100, hasParts: true };

function wanted(headers: Record<string, string>, { method = "GET", ...content } = {}) {
  return wantedPart({ method, header: (name) => headers[name] }, { ...CONTENT, ...content });
}

const CASES: readonly (readonly [headers: Record<string, string>, part: ReturnType<typeof wanted>])[] = [
  [{}, { part: "whole" }],
  [{ range: "bytes=10-19" }, { part: "range", start: 10, length: 10 }],
  [{ range: "bytes=10-19,30-39" }, { part: "whole" }],
  [{ range: "lines=1-2" }, { part: "whole" }],
  [{ range: "bytes=100-" }, { part: "unsatisfiable" }],
  [{ range: "bytes=0-", "if-range": '"abc"' }, { part: "range", start: 0, length: 100 }],
  [{ range: "bytes=0-", "if-range": 'W/"abc"' }, { part: "whole" }],
  [{ range: "bytes=0-", "if-range": '"ab"' }, { part: "whole" }],
  [{ "if-none-match": "*" }, { part: "unchanged" }],
  [{ "if-none-match": '"x", "abc"' }, { part: "unchanged" }],
  [{ "if-none-match": '"x"' }, { part: "whole" }],
  [{ "if-match": "*" }, { part: "whole" }],
  [{ "if-match": 'W/"abc"' }, { part: "changed" }],
  [{ "if-match": '"x"', "if-none-match": '"abc"' }, { part: "changed" }],
  [{ "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT" }, { part: "whole" }],
];

for (const [headers, part] of CASES) {
  Deno.test(`gateway: ${JSON.stringify(headers)} wants ${JSON.stringify(part)}`, () =>
    deepEqual(wanted(headers), part));
}

Deno.test("gateway: HEAD, and content without parts, know no ranges", () => {
  const headers = { range: "bytes=10-19" };
  deepEqual(wanted(headers, { method: "HEAD" }), { part: "whole" });
  deepEqual(
    wantedPart({ method: "GET", header: (name) => (headers as Record<string, string>)[name] }, {
      ...CONTENT,
      bytes: null,
      hasParts: false,
    }),
    { part: "whole" },
  );
});
