/** What a guard has to say of a stream that it accepts: it is told through every container. */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { gzipFormat } from "../../src/guard/gzip.ts";
import type { Judge } from "../../src/guard/judge.ts";
import { zstdFormat } from "../../src/guard/zstd.ts";

const NOTES = ["a line before the header is not part of the dump"];

function noting(complete: boolean): Judge {
  return {
    push: () => {},
    finish: () => ({ format: "mysqldump", complete, reason: "as asked", notes: NOTES }),
    dispose: () => {},
  };
}

for (const [format, packed] of [[gzipFormat, gzipSync("a dump")], [zstdFormat, zstdCompressSync("a dump")]] as const) {
  Deno.test(`the notes on what is in a ${format.name} stream are those on the stream, whole or not`, () => {
    for (const complete of [true, false]) {
      const judge = format.judge(() => noting(complete));
      judge.push(packed);
      const verdict = judge.finish();
      assert.deepEqual([verdict.complete, verdict.notes], [complete, NOTES]);
    }
    const cut = format.judge(() => noting(true));
    cut.push(packed.subarray(0, packed.length - 1));
    assert.deepEqual(cut.finish().notes, NOTES);
  });
}
