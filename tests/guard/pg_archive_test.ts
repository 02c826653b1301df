/** Custom-format archives of pg_dump: versions, data, damage. */
import { strict as assert } from "node:assert";
import { assertNoPrefixIsWhole, bytesOf, concat, judge } from "./judging.ts";
import { pgArchive } from "./samples.ts";

const TESTDATA = new URL("./testdata/", import.meta.url);

async function fixture(name: string): Promise<Uint8Array> {
  return bytesOf(atob((await Deno.readTextFile(new URL(name, TESTDATA))).replaceAll(/\s/g, "")));
}

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["pg_dump-custom", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

for (const minor of [10, 11, 12, 13, 14, 15, 16]) {
  Deno.test(`pg_dump-custom: an archive of version 1.${minor} is whole, and no prefix of it is`, async () => {
    const archive = pgArchive(minor);
    await expect(archive, true, /data of all 2 entries that have any, of 3/);
    await assertNoPrefixIsWhole(archive);
  });
}

for (const [name, reason] of [["gzip", /all 4 entries/], ["seekable", /all 2 entries/]] as const) {
  Deno.test(`pg_dump-custom: what PostgreSQL 15 wrote (${name}) is whole, and no prefix of it is`, async () => {
    const archive = await fixture(`pg15-custom-${name}.base64`);
    await expect(archive, true, reason);
    await assertNoPrefixIsWhole(archive);
    assert.deepEqual(await judge(archive, "auto", archive.keys()), await judge(archive));
  });
}

Deno.test("pg_dump-custom: a version nobody knows yet is not guessed at", async () => {
  const archive = pgArchive(16);
  archive[6] = 17;
  await expect(archive, false, /version 1\.17, known are 1\.10 to 1\.16; use --guard none/);
});

Deno.test("pg_dump-custom: data of a missing entry, of an unknown one, and junk at the end", async () => {
  const archive = pgArchive(14);
  await expect(concat(archive, Uint8Array.of(1, 0, 9, 0, 0, 0)), false, /belongs to no entry, or to one twice/);
  await expect(concat(archive, bytesOf("\n")), false, /no data block begins at byte/);
});

Deno.test("pg_dump-custom: a negative number of entries is malformed", async () => {
  const archive = pgArchive(14);
  archive[78] = 1; // the sign of the number of entries
  await expect(archive, false, /the number of entries is malformed before byte 83/);
});
