/** PostgreSQL's binary COPY: header, rows and the count that ends it. */
import { strict as assert } from "node:assert";
import { bytesOf, concat, judge, noise } from "../judging.ts";
import { bigEndianBytes, copyTuple, PG_COPY, pgCopy } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["pg_copy", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

const ROW = copyTuple(bytesOf("one"), null);

Deno.test("pg_copy: an empty table, and rows without fields", async () => {
  await expect(pgCopy([]), true, /^ends after 0 rows$/);
  await expect(pgCopy([copyTuple()]), true, /^ends after 1 row$/);
});

Deno.test("pg_copy: nothing follows the count that ends it, not even another copy", async () => {
  await expect(
    concat(PG_COPY, Uint8Array.of(0)),
    false,
    new RegExp(`goes on at byte ${PG_COPY.length} after the count`),
  );
  await expect(concat(PG_COPY, PG_COPY), false, /goes on/);
});

Deno.test("pg_copy: every row has as many fields as the first", async () => {
  await expect(
    pgCopy([ROW, copyTuple(null)]),
    false,
    /^the row at byte 32 has another number of fields \(1\) than .* \(2\)$/,
  );
});

Deno.test("pg_copy: impossible counts and lengths are refused", async () => {
  await expect(pgCopy([bigEndianBytes(-2, 2)]), false, /the row at byte 19 claims -2 fields/);
  await expect(pgCopy([bigEndianBytes(1665, 2)]), false, /claims 1665 fields/);
  for (const length of [-2, 2 ** 30 + 1]) {
    const tuple = concat(bigEndianBytes(1, 2), bigEndianBytes(length, 4));
    await expect(pgCopy([tuple, noise(99)]), false, new RegExp(`the field at byte 21 claims a length of ${length}`));
  }
});

Deno.test("pg_copy: OIDs are one field more than the count, other critical flags are refused, the rest is passed over", async () => {
  const withOid = concat(bigEndianBytes(1, 2), bigEndianBytes(4, 4), bigEndianBytes(16_400, 4), ROW.subarray(2, 9));
  await expect(pgCopy([withOid, withOid], { flags: 1 << 16 }), true, /2 rows/);
  await expect(pgCopy([ROW], { flags: 1 << 16 }), false, /./);
  await expect(pgCopy([ROW], { flags: 1 << 17 }), false, /flags that no guard knows \(0x20000\)/);
  await expect(pgCopy([ROW], { flags: 2 ** 31 }), false, /0x80000000/);
  await expect(pgCopy([ROW], { flags: 0xffff }), true, /1 row/);
  await expect(pgCopy([ROW], { extension: noise(33) }), true, /1 row/);
  const negative = PG_COPY.slice();
  negative[15] = 0x80;
  await expect(negative, false, /extension of negative length/);
});
