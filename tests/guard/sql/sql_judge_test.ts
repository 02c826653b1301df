/** SQL text dumps: what counts as their head and as their end. */
import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { assertNoPrefixIsWhole, bytesOf, concat, judge } from "../judging.ts";
import { MARIADB_DUMP, MYSQLDUMP, PG_DUMP, PG_DUMP_RESTRICTED, PG_DUMPALL, SQLITE } from "../samples.ts";

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

Deno.test("sql: PostgreSQL's comments nest, and their marks share no byte", async () => {
  for (const comment of ["/* a /* b */*/", "/*/**/*/", "/*/* x */ ' */", "/**/", "/*/ ' */"]) {
    await expect(PG_DUMP.replace("\n\n", `\n\nSET x = ${comment} y;\n`), "pg_dump", true);
  }
});

Deno.test("sql: warnings mixed in before the header do not hide a dump, an error after it breaks it", async () => {
  const warning = "mysqldump: [Warning] Using a password on the command line interface can be insecure.\n";
  await expect(warning + MYSQLDUMP, "mysqldump", true);
  await expect(`${MYSQLDUMP}mysqldump: Error 2013: Lost connection\n`, "mysqldump", false);
});

Deno.test("sql: of several dumps one after the other each has to be whole, and the first that is not is named", async () => {
  assert.match(await expect(MYSQLDUMP + MYSQLDUMP, "mysqldump", true), /^2 dumps are whole/);
  await expect(PG_DUMPALL + PG_DUMPALL, "pg_dumpall", true);
  await expect(MYSQLDUMP + SQLITE + PG_DUMP + MYSQLDUMP, "mysqldump,sqlite,pg_dump", true);
  const last = await expect(MYSQLDUMP + MYSQLDUMP.slice(0, -40), "mysqldump", false);
  assert.match(last, new RegExp(`the section that begins at byte ${MYSQLDUMP.length} is not closed`));
  const first = await expect(MYSQLDUMP.slice(0, -40) + "\n" + MYSQLDUMP, "mysqldump", false);
  assert.match(first, /the section of mysqldump that begins at byte 0 has no "-- Dump completed" before another dump/);
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

Deno.test("sql: so is a dump of MariaDB without comments, though its first line is there", async () => {
  await expect(MARIADB_DUMP.replaceAll(/^--.*\n/gm, ""), "none", null);
});

Deno.test("sql: a line that is the beginning of a header is one that was cut only before another dump, or at the end", async () => {
  for (
    const line of ["-- PostgreSQL", "-- My", "PRAGMA foreign_keys=OFF;", "/*M!999999\\- enable the sandbox mode */ "]
  ) {
    await expect(`${line}\n`, "none", false);
    await expect(`${line}\n${PG_DUMP}`, "pg_dump", false);
    await expect(`${line}\n\n${MYSQLDUMP}`, "mysqldump", false);
    await expect(`${line}\nhello\n`, "none", null);
    await expect(`${line}\nhello\n${MYSQLDUMP}`, "mysqldump", true);
  }
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

Deno.test("sql: any number of blank lines may follow the closing line", async () => {
  await expect(MYSQLDUMP + "\n".repeat(3000), "mysqldump", true);
  await expect(MYSQLDUMP + " \r\n".repeat(100_000), "mysqldump", true);
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

Deno.test("sql: a header whose first line is damaged begins a dump all the same", async () => {
  await expect("x" + MYSQLDUMP, "mysqldump", true);
  await expect(MYSQLDUMP.replace(/^.*\n/, ""), "mysqldump", true);
  await expect(("x" + MYSQLDUMP).slice(0, -20), "mysqldump", false);
  await expect("x" + SQLITE, "sqlite", true);
});

Deno.test("sql: the end of a dump alone is no dump", async () => {
  for (const [text, format] of [[MYSQLDUMP, "none"], [PG_DUMP, "none"]] as const) {
    const reason = await expect(text.slice(text.length / 2), format, false);
    assert.match(reason, /closes a \S+ dump that has no header/);
  }
});

Deno.test("sql: text outside dumps is allowed, and mentioned once", async () => {
  const { complete, notes } = await judge(bytesOf(`SET a=1;\n${MYSQLDUMP}SET b=2;\n${MYSQLDUMP}COMMIT;\n`));
  assert.equal(complete, true);
  assert.deepEqual(notes, ['the stream holds text outside its dumps, the first at byte 0: "SET a=1;"']);
  assert.deepEqual((await judge(bytesOf(MARIADB_DUMP + "\n\n" + PG_DUMP))).notes, []);
});

Deno.test("sql: what is a part of a dump and stands behind its end shows that the end is not its own", async () => {
  for (
    const line of ["INSERT INTO `t` VALUES (1);", "-- Dumping data for table `t`", "-- Name: t; Type: TABLE; Schema: x"]
  ) {
    assert.match(
      await expect(`${MYSQLDUMP}${line}\n`, "mysqldump", false),
      /goes on at byte \d+ behind its closing line/,
    );
  }
});

Deno.test("sql: UTF-16 with a byte order mark is judged, in both orders and however it is cut", async () => {
  for (const order of ["little-endian", "big-endian"] as const) {
    const dump = MYSQLDUMP.replace("row 7", "r\u4e27w \u0a27");
    const whole = utf16(crlf(dump), order);
    const verdict = await judge(whole);
    assert.deepEqual([verdict.format, verdict.complete], ["mysqldump", true], verdict.reason);
    assert.deepEqual(await judge(whole, "auto", [1, 2, 3, 500, 1001]), verdict);
    await assertNoPrefixIsWhole(whole, whole.length, "auto", [0, 1, 2, 3, 1001, whole.length - 3, whole.length - 1]);
  }
});

Deno.test("sql: a stream in UTF-16 that ends inside a character is not whole", async () => {
  const { complete, reason } = await judge(concat(utf16(MYSQLDUMP, "little-endian"), bytesOf("\n")));
  assert.deepEqual([complete, reason], [false, "ends inside a character of UTF-16"]);
});

Deno.test("sql: a header behind a byte order mark needs no other lines to be one", async () => {
  await expect(`${BOM}-- MySQL dump 10.13\n-- Dump completed\n`, "mysqldump", true);
});

Deno.test("sql: half a dump in another encoding behind one in UTF-16 is refused", async () => {
  for (const order of ["little-endian", "big-endian"] as const) {
    const stream = concat(utf16(MYSQLDUMP, order), bytesOf(PG_DUMP.slice(0, -60)));
    for (const bytes of [stream, stream.subarray(0, -1)]) assert.equal((await judge(bytes)).complete, false);
  }
});

Deno.test("sql: a line within rows that is a header's or a message and has not the tabs of a row shows a cut", async () => {
  const withRows = (rows: string, columns = '(id, "a,b", c)') =>
    PG_DUMP.replace("COPY public.t (id, v)", `COPY public.t ${columns}`).replace(/1\t-- .*\n/, rows);
  await expect(withRows("--\tx\ty\n-- PostgreSQL database dump\tx\ty\npg_dump: error: x\t1\t2\n"), "pg_dump", true);
  for (const line of ["--", "-- PostgreSQL database dump", "-- x\ty", "-- x\ty\tz\t", "pg_dump: warning: x"]) {
    assert.match(
      await expect(withRows(`1\t2\t3\n${line}\n`), "pg_dump", false),
      /are cut or mixed: the line at byte \d+/,
    );
  }
  await expect(withRows("--\n-- PostgreSQL database dump\npg_dump: error: x\n", "(v)"), "pg_dump", true);
});

Deno.test("sql: a body that is cut is no place for the next dump to hide", async () => {
  const routine = "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN\nSELECT 1;\nEND ;;\nDELIMITER ;\n";
  const dump = MYSQLDUMP.replace("\n-- Dump completed", `\n${routine}\n-- Dump completed`);
  await expect(dump + dump, "mysqldump", true);
  const cut = dump.slice(0, dump.indexOf("SELECT 1"));
  for (const glue of ["", "\n"]) {
    const reason = await expect(cut + glue + dump, "mysqldump", false);
    assert.match(reason, /another dump begins at byte \d+, inside the data of the one before/);
  }
});

Deno.test("sql: backticks and brackets quote in SQLite alone", async () => {
  const odd = "CREATE OPERATOR public.` (\n    FUNCTION = f, x[1\n);\n";
  await expect(PG_DUMP.replace("SET statement", `${odd}SET statement`), "pg_dump", true);
  await expect(SQLITE.replace("CREATE TABLE t(a,b)", "CREATE TABLE t(`it's`,[it's])"), "sqlite", true);
});

Deno.test("sql: the line behind a trailer counts only right behind it", async () => {
  const between = PG_DUMP.replace("dump complete\n--\n\n", "dump complete\nSELECT 1;\n--\n\n");
  assert.notEqual(between, PG_DUMP);
  await expect(between, "pg_dump", false);
});

/** A text of characters below U+10000 in UTF-16, with its byte order mark. */
function utf16(text: string, order: "little-endian" | "big-endian"): Uint8Array {
  const units = `\ufeff${text}`;
  const bytes = new DataView(new ArrayBuffer(2 * units.length));
  for (let i = 0; i < units.length; i++) bytes.setUint16(2 * i, units.charCodeAt(i), order === "little-endian");
  return new Uint8Array(bytes.buffer);
}

Deno.test("sql: an error in the middle of a statement's line counts, and what data quotes of one does not", async () => {
  const error =
    "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View 'shop.v' references invalid table(s) (1356)";
  const withLines = (lines: string) => MARIADB_DUMP.replace("\n-- Dump completed", `\n${lines}\n-- Dump completed`);
  for (
    const line of [
      "-- Table structure for table `t4`",
      "CREATE TABLE `t` (\n  `othe",
      "  KEY `",
      ") ENG",
      "/*!50001 VI",
    ]
  ) {
    const reason = await expect(withLines(`${line}${error}\nrest`), "mariadb-dump", false);
    assert.match(reason, /a program reports an error at byte \d+: "mariadb-dump: Couldn't execute 'SHOW FIELDS/);
  }
  const quoted = error.replaceAll("'", "\\'");
  await expect(withLines(`INSERT INTO \`log\` VALUES\n(1,'${quoted}');`), "mariadb-dump", true);
  await expect(withLines(`  \`a\` int COMMENT '${error.replaceAll("'", "''")}'`), "mariadb-dump", true);
  await expect(
    withLines(`DELIMITER ;;\nCREATE PROCEDURE p() BEGIN -- ${error}\nEND ;;\nDELIMITER ;`),
    "mariadb-dump",
    true,
  );
});

Deno.test("sql: what follows a dump and is no text is refused, zeros and text are not", async () => {
  const cut = Uint8Array.from(bytesOf(MYSQLDUMP.slice(0, -40)));
  const archive = bytesOf("PGDMP\x01\x0e\x00\x04\x08\x01\x01");
  const utf16 = bytesOf("\xff\xfe" + [...MYSQLDUMP.slice(0, -40)].map((character) => `${character}\0`).join(""));
  for (const second of [archive, utf16, utf16.subarray(2), gzipSync(cut), bytesOf("SQLite format 3\0")]) {
    const { complete, reason } = await judge(concat(bytesOf(PG_DUMPALL), second));
    assert.equal(complete, false);
    assert.match(reason, /^what follows the dump at byte \d+ is not text, and no guard can judge it$/);
  }
  await expect(PG_DUMPALL + "\0".repeat(2000), "pg_dumpall", true);
  await expect(PG_DUMPALL + "\x1b[32mdone\x1b[0m \xfcber\n", "pg_dumpall", true);
});
