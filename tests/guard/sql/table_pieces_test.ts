/** What dumps consist of: each piece belongs to the right table, whatever names, bodies and comments quote. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { createGuard } from "../../../src/guard/formats.ts";
import type { BuiltInGuardChoice } from "../../../src/guard/guard.ts";
import type { DumpPiece } from "../../../src/guard/tables/piece.ts";
import { foreignText, madeDump } from "./made_dumps.ts";

const encoder = new TextEncoder();

interface Divided {
  readonly pieces: DumpPiece[];
  /** `undefined` if it was not given up. */
  readonly problem: string | null | undefined;
  readonly complete: boolean | null;
}

async function divide(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  choice: BuiltInGuardChoice = "auto",
): Promise<Divided> {
  const pieces: DumpPiece[] = [];
  let problem: string | null | undefined;
  const guard = createGuard(choice, {
    piece: (piece) => void pieces.push(piece),
    giveUp: (reason) => void (problem = reason),
  });
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    const piece = bytes.slice(start, cut);
    guard.push(piece);
    piece.fill(0xa5); // A view that somebody kept would show.
    start = cut;
  }
  const { complete } = await guard.finish();
  return { pieces, problem, complete };
}

/** Each piece in a few words, with the beginning of its text. */
async function told(text: string): Promise<string[]> {
  const bytes = encoder.encode(text);
  const { pieces, complete } = await divide(bytes);
  assert.equal(complete, true);
  let at = 0;
  return pieces.map(({ kind, database, schema, name, of, bytes: length }) => {
    const latin1 = (part: string | null) =>
      part === null ? null : new TextDecoder().decode(Uint8Array.from(part, (character) => character.charCodeAt(0)));
    const names = [database, schema, name].map(latin1).filter((part) => part !== null).join("/");
    const begins = new TextDecoder().decode(bytes.subarray(at, at + length)).replace(/^--\n/, "").split("\n")[0]!;
    at += length;
    return `${kind}${names === "" ? "" : ` of ${names}`}${of === null ? "" : ` and ${of.name}`}: ${
      begins.slice(0, 36)
    }`;
  });
}

const MYSQL_HEAD = "-- MySQL dump 10.13\n--\n-- Host: h    Database: shop\n" +
  "-- ------------------------------------------------------\n\n/*!40103 SET TIME_ZONE='+00:00' */;\n\n";
const MYSQL_END =
  "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n\n-- Dump completed\n";

function comment(text: string): string {
  return `--\n-- ${text}\n--\n\n`;
}

Deno.test("pieces: tables of mysqldump with triggers, views, routines and the end", async () => {
  const trigger = "/*!50003 SET @saved_cs_client      = @@character_set_client */ ;\nDELIMITER ;;\n" +
    "/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON `a` FOR EACH ROW SET NEW.v = '\n" +
    `${comment("Table structure for table `evil`")}' */;;\nDELIMITER ;\n\n`;
  const dump = `${MYSQL_HEAD}${comment("Table structure for table `a`")}CREATE TABLE \`a\` (\n  \`v\` text\n);\n\n` +
    `${
      comment("Dumping data for table `a`")
    }INSERT INTO \`a\` VALUES ('x\\n-- Table structure for table \`evil\`\\n');\n` +
    `${trigger}${comment("Temporary view structure for view `v`")}SET x;\n\n` +
    `${comment("Dumping events for database 'shop'")}${comment("Dumping routines for database 'shop'")}` +
    "/*!50003 SET @saved_cs_client      = @@character_set_client */ ;\n\n" +
    `${comment("Final view structure for view `v`")}/*!50001 VIEW */;\n${MYSQL_END}`;
  assert.deepEqual(
    await told(dump),
    [
      "head: -- MySQL dump 10.13",
      "structure of shop/a: -- Table structure for table `a`",
      "data of shop/a: -- Dumping data for table `a`",
      "trigger of shop/a: /*!50003 SET @saved_cs_client      =",
      "view of shop/v: -- Temporary view structure for view",
      "definition of shop: -- Dumping events for database 'shop",
      "definition of shop: -- Dumping routines for database 'sh",
      "view of shop/v: -- Final view structure for view `v`",
      "tail of shop: /*!40103 SET TIME_ZONE=@OLD_TIME_ZONE",
    ].map((line) => line.slice(0, line.indexOf(": ") + 38)),
  );
});

Deno.test("pieces: several databases, and the line that drops one by itself", async () => {
  const database = (name: string) =>
    `${comment(`Current Database: \`${name}\``)}/*!40000 DROP DATABASE IF EXISTS \`${name}\`*/;\n\n` +
    `CREATE DATABASE /*!32312 IF NOT EXISTS*/ \`${name}\`;\n\nUSE \`${name}\`;\n\n`;
  const table = (name: string) =>
    `${comment(`Table structure for table \`${name}\``)}CREATE TABLE \`${name}\` (\n);\n\n`;
  const dump = `${MYSQL_HEAD}${database("ü")}${table("t")}${database("a``b\n-- c")}${table("t")}` +
    `${comment("Current Database: `ü`")}USE \`ü\`;\n\n${comment("Final view structure for view `v`")}x;\n${MYSQL_END}`;
  const names = (await told(dump)).map((line) => line.split(": ")[0]);
  assert.deepEqual(names, [
    "head",
    "database of ü",
    "global of ü",
    "database of ü",
    "structure of ü/t",
    "database of a`b\nc",
    "global of a`b\nc",
    "database of a`b\nc",
    "structure of a`b\nc/t",
    "database of ü",
    "view of ü/v",
    "tail of ü",
  ]);
});

Deno.test("pieces: what changes a server or its replication belongs to no table", async () => {
  const table = (name: string) =>
    `${comment(`Table structure for table \`${name}\``)}CREATE TABLE \`${name}\` (\n);\n\n`;
  const dump = `${MYSQL_HEAD}SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n\n` +
    `${
      comment("GTID state at the beginning of the backup ")
    }SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5,\nb:1';\n\n` +
    `CHANGE MASTER TO MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=4;\n\n${table("a")}${table("b")}` +
    `SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;\n${MYSQL_END}`;
  assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
    "head",
    "global of shop",
    "structure of shop/a",
    "structure of shop/b",
    "global of shop",
    "tail of shop",
  ]);
  const gtid =
    `${MYSQL_HEAD}${table("a")}SET GLOBAL gtid_slave_pos='0-1-2';\n${comment("Final view structure for view `v`")}` +
    `x;\n${MYSQL_END}`;
  assert.deepEqual((await told(gtid)).map((line) => line.split(": ")[0]), [
    "head",
    "structure of shop/a",
    "global of shop",
    "view of shop/v",
    "tail of shop",
  ]);
});

Deno.test("pieces: no name with line ends is taken for a comment, a setting or the end", async () => {
  const names = [
    "x\n--\n-- Table structure for table ``evil``\n--\n\nCREATE",
    "x\n--\n-- Dumping events for database 'shop'\n--\n",
    "x\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n",
    "x\nUSE ``mysql``;\n",
    "x\n/*!40000 DROP DATABASE x */;\n",
    "x\nCHANGE MASTER TO x;\n",
    "x\nSET GLOBAL x=1;\n",
  ];
  for (const name of names) {
    const dump =
      `${MYSQL_HEAD}${comment("Table structure for table `a`")}CREATE TABLE \`a\` (\n  \`${name}\` text\n);\n\n` +
      `${comment("Dumping data for table `a`")}INSERT INTO \`a\` VALUES (1);\n\n` +
      `${comment("Table structure for table `b`")}CREATE TABLE \`b\` (\n);\n\n${MYSQL_END}`;
    assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
      "head",
      "structure of shop/a",
      "data of shop/a",
      "structure of shop/b",
      "tail of shop",
    ], name);
  }
});

Deno.test("pieces: a trigger of another character set than its database is one piece", async () => {
  const dump = `${MYSQL_HEAD}${comment("Dumping data for table `a`")}INSERT INTO \`a\` VALUES (1);\n` +
    "ALTER DATABASE `shop` CHARACTER SET utf8mb4 ;\n/*!50003 SET @saved_cs_client      = @@character_set_client */ ;\n" +
    "DELIMITER ;;\nx;;\nDELIMITER ;\nALTER DATABASE `shop` CHARACTER SET latin1 ;\n\n" +
    `${comment("Dumping routines for database 'shop'")}ALTER DATABASE \`shop\` CHARACTER SET utf8mb4 ;\n${MYSQL_END}`;
  assert.deepEqual((await told(dump)).map((line) => line.slice(0, 30)), [
    "head: -- MySQL dump 10.13",
    "data of shop/a: -- Dumping dat",
    "trigger of shop/a: ALTER DATAB",
    "definition of shop: -- Dumping",
    "tail of shop: /*!40103 SET TIM",
  ]);
});

Deno.test("pieces: a dump of mysqldump in a mode of other systems quotes names as they do", async () => {
  const table = (name: string, columns = "") =>
    `${comment(`Table structure for table "${name}"`)}CREATE TABLE "${name}" (${columns}\n);\n\n` +
    `${comment(`Dumping data for table "${name}"`)}INSERT INTO "${name}" VALUES (1);\n\n`;
  const database = `${comment('Current Database: "ü""x"')}CREATE DATABASE "ü""x";\n\nUSE "ü""x";\n\n`;
  const evil = "x\n--\n-- Table structure for table `evil`\n--\n\nUSE `evil`;\n";
  const dump = `${MYSQL_HEAD}${database}${table('a""b', `\n  "${evil}" int`)}${table("c`d")}${MYSQL_END}`;
  const expected = ["database", "structure", "data", "structure", "data", "tail"];
  const names = [":", '/a"b:', '/a"b:', "/c`d:", "/c`d:", ":"];
  const lines = await told(dump);
  assert.equal(lines.length, expected.length + 1);
  lines.slice(1).forEach((line, i) => assert.ok(line.startsWith(`${expected[i]} of ü"x${names[i]}`), line));
  // And a name in double quotes within a dump that does not quote so is nothing but a name.
  const forged = 'x\n--\n-- Table structure for table "evil"\n--\n\nUSE "evil";\n';
  const usual =
    `${MYSQL_HEAD}${comment("Table structure for table `a`")}CREATE TABLE \`a\` (\n  \`${forged}\` int\n);\n\n` +
    MYSQL_END;
  assert.deepEqual((await told(usual)).map((line) => line.split(": ")[0]), [
    "head",
    "structure of shop/a",
    "tail of shop",
  ]);
});

Deno.test("pieces: users and their rights at the end of a dump belong to no table", async () => {
  const dump = `${MYSQL_HEAD}${comment("Final view structure for view `v`")}x;\nCREATE USER \`a\`@\`b\`;\n` +
    `GRANT USAGE ON *.* TO \`a\`@\`b\`;\n${MYSQL_END}`;
  assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
    "head",
    "view of shop/v",
    "global of shop",
    "tail of shop",
  ]);
});

const PG_HEAD = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\n";
const PG_END = "--\n-- PostgreSQL database dump complete\n--\n\n";

Deno.test("pieces: pg_dump, with settings that hold on, and bodies and comments that quote another dump", async () => {
  const forged = comment("Name: evil; Type: TABLE; Schema: public; Owner: p") + "CREATE TABLE public.evil (\n);\n";
  const dump =
    `${PG_HEAD}DROP TABLE public.orders;\n${comment("Name: f(); Type: FUNCTION; Schema: public; Owner: p")}` +
    `CREATE FUNCTION public.f() RETURNS trigger\n    AS $$\n${forged}$$;\n\n\nSET default_tablespace = fast;\n\n` +
    `${comment("Name: a; Type: TABLE; Schema: b; Type: TABLE; Schema: public; Owner: p")}` +
    'CREATE TABLE public."a; Type: TABLE; Schema: b" (\n);\n\n\n' +
    `${
      comment("Name: orders; Type: COMMENT; Schema: public; Owner: p")
    }COMMENT ON TABLE public.orders IS '${forged}';\n\n` +
    `${comment("Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: p")}` +
    `COPY public.orders (v) FROM stdin;\n-- Name: evil; Type: TABLE\n\\.\n\n\n${PG_END}`;
  assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
    "head",
    "global",
    "definition of public/f",
    "setting of default_tablespace",
    "structure of public/a; Type",
    "property of public/orders",
    "data of public/orders",
    "tail",
    "other",
  ]);
});

const TABLE_DATA = "Type: TABLE DATA; Schema: public; Owner: p";

Deno.test("pieces: rows that pg_dump loads through another table, or without triggers, are those of their table", async () => {
  const rows = (name: string) => `COPY public.${name} (v) FROM stdin;\n1\n\\.\n\n\n`;
  const off = (name: string) =>
    `ALTER TABLE public.${name} DISABLE TRIGGER ALL;\n\n${
      rows(name)
    }ALTER TABLE public.${name} ENABLE TRIGGER ALL;\n\n`;
  const root = "-- load via partition root public.p\n\n";
  const dump = `${PG_HEAD}${comment(`Data for Name: p1; ${TABLE_DATA}`)}${root}${rows("p")}` +
    `${comment(`Data for Name: p2; ${TABLE_DATA}`)}${root}INSERT INTO public.p VALUES (2);\n\n\n` +
    `${comment(`Data for Name: a; ${TABLE_DATA}`)}SET SESSION AUTHORIZATION 'p;q';\n\n${off("a")}` +
    `${comment(`Data for Name: b; ${TABLE_DATA}`)}${off("b")}` +
    `SET SESSION AUTHORIZATION 'p';\n\n${comment(`Data for Name: c; ${TABLE_DATA}`)}${rows("c")}` +
    `SET SESSION AUTHORIZATION 'q';\n\n${comment(`Data for Name: d; ${TABLE_DATA}`)}${rows("d")}${PG_END}`;
  assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
    "head",
    "data of public/p",
    "data of public/p",
    "data of public/a",
    "data of public/b",
    "data of public/c",
    "setting of session_authorization",
    "data of public/d",
    "tail",
    "other",
  ]);
});

Deno.test("pieces: rows that no known comment leads up to are not passed over", async () => {
  const dump = `${PG_HEAD}${comment(`Data for Name: a; ${TABLE_DATA}`)}-- nobody knows this line\n\n` +
    `COPY public.a (v) FROM stdin;\n1\n\\.\n\n\n${PG_END}`;
  const { problem, complete } = await divide(encoder.encode(dump));
  assert.equal(complete, true);
  assert.match(problem!, /^the comment before the rows of "a" at byte \d+ is not understood$/);
});

Deno.test("pieces: a pg_dumpall keeps what is around its dumps apart", async () => {
  const inner = `${PG_HEAD}${
    comment("Name: t; Type: TABLE; Schema: public; Owner: p")
  }CREATE TABLE public.t (\n);\n\n\n${PG_END}`;
  const dump = "--\n-- PostgreSQL database cluster dump\n--\n\nDROP DATABASE shop;\nCREATE ROLE x;\n\n" +
    `\\connect shop\n\n${inner}--\n-- PostgreSQL database cluster dump complete\n--\n\n`;
  assert.deepEqual((await told(dump)).map((line) => line.split(": ")[0]), [
    "other",
    "database of shop",
    "head of shop",
    "structure of shop/public/t",
    "tail of shop",
    "other of shop",
  ]);
});

Deno.test("pieces: they cover the stream, however it is cut, and nothing else is divided", async () => {
  const streams = fc.array(fc.tuple(foreignText, madeDump), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(streams, fc.array(fc.nat(), { maxLength: 12 }), async (parts, offsets) => {
      const bytes = encoder.encode(parts.map(([before, { text }]) => before + text).join(""));
      const whole = await divide(bytes);
      const cuts = offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b);
      assert.deepEqual(await divide(bytes, cuts), whole);
      if (whole.complete !== true || whole.problem !== undefined) return;
      assert.equal(whole.pieces.reduce((sum, piece) => sum + piece.bytes, 0), bytes.length);
      assert.ok(whole.pieces.every((piece) => piece.bytes > 0));
    }),
    { seed: 20261129, numRuns: 400 },
  );
});

Deno.test("pieces: what cannot be divided is given up, once, with the reason if somebody may wonder", async () => {
  const text = `${MYSQL_HEAD}${comment("Table structure for table `a`")}CREATE TABLE \`a\` (\n);\n\n${MYSQL_END}`;
  const utf16 = new Uint8Array([0xff, 0xfe, ...[...text].flatMap((character) => [character.charCodeAt(0), 0])]);
  assert.equal((await divide(utf16)).problem, "it is in UTF-16");
  const sqlite = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nCOMMIT;\n";
  assert.deepEqual([(await divide(encoder.encode(sqlite))).problem, (await divide(encoder.encode(sqlite))).complete], [
    null,
    true,
  ]);
  assert.equal((await divide(encoder.encode(text), [], "mysqldump")).pieces.length, 3);
  assert.deepEqual((await divide(encoder.encode(text), [], "none")).pieces, []);
});
