/** Streams that went wrong once, each with its right answer. */
import { strict as assert } from "node:assert";
import { judge } from "../judging.ts";

const CASES: readonly { file: string; format: string; complete: boolean; reason: RegExp }[] = [
  {
    file: "half-old-sandbox-line",
    format: "mariadb-dump",
    complete: false,
    reason: /the last line is .*Dump completed/,
  },
  { file: "half-deprecated-program-name", format: "mariadb-dump", complete: false, reason: /the last line is/ },
  { file: "half-set-first", format: "mariadb-dump", complete: false, reason: /the last line is/ },
  {
    file: "two-dumps-first-cut",
    format: "mariadb-dump",
    complete: false,
    reason: /section .* begins at byte 0 has no/,
  },
  {
    file: "error-in-the-middle",
    format: "mariadb-dump",
    complete: false,
    reason: /an error at byte 272: "mysqldump: Got/,
  },
  { file: "only-an-error-message", format: "none", complete: false, reason: /nothing but what a program says/ },
  { file: "two-whole-pg_dumps", format: "pg_dump", complete: true, reason: /2 dumps are whole/ },
  { file: "globals-then-db", format: "pg_dumpall,pg_dump", complete: true, reason: /2 dumps are whole/ },
];

for (const { file, format, complete, reason } of CASES) {
  Deno.test(`case: ${file} is ${complete ? "whole" : "not whole"}`, async () => {
    const bytes = await Deno.readFile(new URL(`../testdata/dumps/${file}.sql`, import.meta.url));
    const verdict = await judge(bytes);
    assert.deepEqual([verdict.format, verdict.complete], [format, complete], verdict.reason);
    assert.match(verdict.reason, reason);
  });
}
