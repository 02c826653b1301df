/** SQL text dumps: what counts as their head and as their end. */
import { strict as assert } from "node:assert";
import { assertNoPrefixIsWhole, bytesOf, concat, judge } from "./judging.ts";
import { MARIADB_DUMP, MYSQLDUMP, PG_DUMP, PG_DUMP_RESTRICTED, PG_DUMPALL, SQLITE } from "./samples.ts";

const BOM = "\xef\xbb\xbf";
const crlf = (text: string) => text.replaceAll("\n", "\r\n");

async function expect(text: string, format: string, complete: boolean | null): Promise<string> {
  const verdict = await judge(bytesOf(text));
  assert.deepEqual([verdict.format, verdict.complete], [format, complete], verdict.reason);
  return verdict.reason;
}

Deno.test("sql: a mysqldump without dates is whole only with the end of its last line", async () => {
  const text = MYSQLDUMP.replace(/ on 2024.*\n$/, "\n");
  assert.match(await expect(text, "mysqldump", true), /ends with "-- Dump completed"/);
  await expect(text.slice(0, -1), "mysqldump", false);
});

Deno.test("sql: line ends of Windows, a byte order mark and blank lines at the end are tolerated", async () => {
  for (
    const [text, format] of [
      [MYSQLDUMP, "mysqldump"],
      [MARIADB_DUMP, "mariadb-dump"],
      [PG_DUMP, "pg_dump"],
      [PG_DUMP_RESTRICTED, "pg_dump"],
      [PG_DUMPALL, "pg_dumpall"],
      [SQLITE, "sqlite"],
    ] as const
  ) {
    await expect(crlf(text), format, true);
    await expect(BOM + text, format, true);
    await expect(BOM + crlf(text) + "\r\n \t\n", format, true);
    await assertNoPrefixIsWhole(bytesOf(crlf(text)), crlf(text.trimEnd() + "\n").length);
  }
});

Deno.test("sql: the sandbox line comes with and without a space at its end", async () => {
  await expect(MARIADB_DUMP.replace("*/ \n", "*/\n"), "mariadb-dump", true);
  await expect(MARIADB_DUMP.replace(/^.*\n/, ""), "mariadb-dump", true);
});

Deno.test("sql: warnings mixed in before the header do not hide a dump, an error after it breaks it", async () => {
  const warning = "mysqldump: [Warning] Using a password on the command line interface can be insecure.\n";
  await expect(warning + MYSQLDUMP, "mysqldump", true);
  await expect(`${MYSQLDUMP}mysqldump: Error 2013: Lost connection\n`, "mysqldump", false);
});

Deno.test("sql: of several dumps one after the other the last closing line decides", async () => {
  await expect(MYSQLDUMP + MYSQLDUMP, "mysqldump", true);
  await expect(MYSQLDUMP + MYSQLDUMP.slice(0, -40), "mysqldump", false);
  await expect(PG_DUMPALL + PG_DUMPALL, "pg_dumpall", true);
});

Deno.test("sql: closing words count only as a whole line, and only as the last one", async () => {
  const cut = MYSQLDUMP.slice(0, MYSQLDUMP.indexOf("-- Dump completed on"));
  for (
    const end of [
      "(1,'-- Dump completed on 2024-03-05  4:05:06\n",
      " -- Dump completed\n",
      "-- Dump completed on\n",
      "-- Dump completed on 2024-03-05\n",
      "-- Dump completed\nINSERT INTO t VALUES (1);\n",
    ]
  ) await expect(cut + end, "mysqldump", false);
});

Deno.test("sql: the closing lines of the databases inside do not close a pg_dumpall", async () => {
  await expect(PG_DUMPALL.slice(0, PG_DUMPALL.lastIndexOf("--\n-- PostgreSQL")), "pg_dumpall", false);
});

Deno.test("sql: a pg_dump that began with a restrict token ends with the same", async () => {
  await expect(PG_DUMP_RESTRICTED.replace("\\unrestrict tOkEn01", "\\unrestrict tOkEn02"), "pg_dump", false);
  await expect(PG_DUMP_RESTRICTED.replace("\\unrestrict tOkEn01\n\n", ""), "pg_dump", false);
});

Deno.test("sql: a SQLite dump that was rolled back is not whole", async () => {
  await expect(SQLITE.replace("COMMIT;\n", "").concat("ROLLBACK; -- due to errors\n"), "sqlite", false);
});

Deno.test("sql: a dump without comments is recognised by nothing, and incomplete where the format is insisted on", async () => {
  const bare = MYSQLDUMP.replaceAll(/^--.*\n/gm, "");
  await expect(bare, "none", null);
  assert.equal((await judge(bytesOf(bare), "mysqldump")).complete, false);
});

Deno.test("sql: mysqldump and mariadb-dump accept each other's dumps, for many systems name one tool by both", async () => {
  const verdict = await judge(bytesOf(MARIADB_DUMP), "mysqldump");
  assert.deepEqual([verdict.format, verdict.complete], ["mariadb-dump", true]);
});

Deno.test("sql: a reason quotes at most a few characters of a row, and escapes them", async () => {
  const reason = await expect(MYSQLDUMP.slice(0, 400) + "secret-of-a-row,'\xff\x00\"\\x", "mysqldump", false);
  assert.match(reason, /"…-of-a-row,'\\xff\\x00\\"\\\\x"/);
  assert.doesNotMatch(reason, /secret/);
});

Deno.test("sql: more blank bytes at the end than are kept hide the closing line: incomplete, never a guess", async () => {
  await expect(MYSQLDUMP + "\n".repeat(3000), "mysqldump", true);
  await expect(MYSQLDUMP + "\n".repeat(10_000), "mysqldump", false);
});

Deno.test("sql: what is kept of the end may begin within a row, which is no line start", async () => {
  const row = MYSQLDUMP.slice(0, 300) + "x".repeat(9000) + "-- Dump completed";
  await expect(row + "\n".repeat(4096 - "-- Dump completed".length), "mysqldump", false);
});

Deno.test("sql: a last line longer than what is kept of the end is quoted by its own end", async () => {
  for (const end of ["", "\n"]) {
    const dump = MYSQLDUMP.slice(0, 300) + "\nINSERT INTO t VALUES " + "(1,'x'),".repeat(2000) + "(2,'last-of-all" +
      end;
    assert.match(await expect(dump, "mysqldump", false), /the last line is "…,\(2,'last-of-all", expected/);
  }
});

Deno.test("sql: head and tail of a long dump are found in whatever pieces it comes", async () => {
  const middle = bytesOf("INSERT INTO t VALUES (1,'x');\n".repeat(5_000));
  const [head, tail] = [MYSQLDUMP.slice(0, 300) + "\n", MYSQLDUMP.slice(-60)];
  const long = concat(bytesOf(head), middle, bytesOf(tail));
  for (const size of [1000, 4095, 4096, 4097, 8191, 8192, 8193, 65536]) {
    const cuts = Array.from({ length: Math.floor(long.length / size) }, (_, i) => (i + 1) * size);
    assert.equal((await judge(long, "auto", cuts)).complete, true, `${size}`);
    assert.equal((await judge(long.subarray(0, -1), "auto", cuts.filter((cut) => cut < long.length))).complete, false);
  }
});
