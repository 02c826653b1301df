/** What the headers of a gateway's answers say, whatever names backups hold. */
import { equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { byteStringOf } from "../../src/format/byte_string.ts";
import { contentHeaders } from "../../src/gateway/answer_headers.ts";

function headersOf(name: string, format: string | null = null): Record<string, string> {
  return contentHeaders({ name, format, digests: null, tag: "abc" });
}

const TYPES: readonly (readonly [name: string, format: string | null, type: string])[] = [
  ["data", "mysqldump", "application/sql"],
  ["data", "mysqldump,mariadb-dump", "application/sql"],
  ["data", "pg_dump", "application/sql"],
  ["data", "gzip+mysqldump", "application/gzip"],
  ["data", "zstd", "application/zstd"],
  ["data", "tar", "application/x-tar"],
  ["data", "pg_dump-custom", "application/octet-stream"],
  ["data.sql", "xbstream", "application/octet-stream"],
  ["shop.sql", "none", "application/sql"],
  ["value.json", null, "application/json"],
  ["page.html", null, "application/octet-stream"],
  ["data", null, "application/octet-stream"],
  ["constructor", null, "application/octet-stream"],
  ["a.constructor", null, "application/octet-stream"],
];

for (const [name, format, type] of TYPES) {
  Deno.test(`gateway: ${name} of the format ${format} is ${type}`, () => {
    equal(headersOf(name, format)["content-type"], type);
  });
}

Deno.test("gateway: any name becomes a header of one line that is a download", () => {
  const name = fc.uint8Array({ maxLength: 40 }).map((bytes) => byteStringOf(bytes));
  fc.assert(fc.property(name, (name) => {
    match(
      headersOf(name)["content-disposition"]!,
      /^attachment; filename="[A-Za-z0-9._-]*"; filename\*=UTF-8''[A-Za-z0-9!._~%-]*$/,
    );
  }));
});

Deno.test("gateway: a name beyond ASCII is told whole", () => {
  const header = headersOf("größe 'a' (1)*.sql")["content-disposition"]!;
  const encoded = header.slice(header.indexOf("''") + 2);
  equal(decodeURIComponent(encoded), "größe 'a' (1)*.sql");
  ok(header.includes('filename="gr__e__a___1__.sql"'), header);
});
