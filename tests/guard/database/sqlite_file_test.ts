/** SQLite database files: the header's number of pages against the file's length. */
import { strict as assert } from "node:assert";
import { concat, judge } from "../judging.ts";
import { SQLITE_FILE, sqliteFile } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["sqlite-file", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

Deno.test("sqlite-file: pages of every size", async () => {
  for (let pageBytes = 512; pageBytes <= 65_536; pageBytes *= 2) {
    await expect(sqliteFile({ pages: 2, pageBytes }), true, new RegExp(`has the 2 pages of ${pageBytes} bytes`));
  }
});

Deno.test("sqlite-file: a page too few or too many is found", async () => {
  await expect(SQLITE_FILE.subarray(0, 1024), false, /ends at byte 1024, inside the 3 pages/);
  await expect(concat(SQLITE_FILE, new Uint8Array(512)), false, /goes on at byte 1536 after the 3 pages/);
});

Deno.test("sqlite-file: a header that does not tell the length is not believed", async () => {
  await expect(sqliteFile({ pages: 3, told: 0 }), false, /by SQLite before 3\.7\.0/);
  await expect(sqliteFile({ pages: 3, countedAt: 6 }), false, /by SQLite before 3\.7\.0/);
});

Deno.test("sqlite-file: impossible page sizes are refused", async () => {
  for (const [low, high] of [[0, 0], [1, 0], [2, 1], [64, 1]]) {
    const file = SQLITE_FILE.slice();
    file.set([low!, high!], 16);
    await expect(file, false, /claims pages of \d+ bytes/);
  }
});
