/** Dumps of every dialect, made by hand, whose data quotes whatever could be taken for the beginning or end of a dump. */
import fc from "fast-check";

/** Lines that mean something outside data, and nothing within. */
export const QUOTED_LINES: readonly string[] = [
  "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)",
  "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)",
  "/*M!999999\\- enable the sandbox mode */ ",
  "-- Host: localhost    Database: shop",
  "-- ------------------------------------------------------",
  "-- Dump completed on 2026-01-02  3:04:05",
  "-- Dump completed",
  "--",
  "-- PostgreSQL database dump",
  "-- PostgreSQL database dump complete",
  "-- PostgreSQL database cluster dump",
  "-- PostgreSQL database cluster dump complete",
  "\\restrict tOkEn99",
  "\\unrestrict tOkEn01",
  "\\connect template1",
  "PRAGMA foreign_keys=OFF;",
  "BEGIN TRANSACTION;",
  "COMMIT;",
  "mysqldump: Got error: 2013: Lost connection to MySQL server during query",
  "/usr/bin/mariadb-dump: Error 1105: out of memory",
  "pg_dump: error: connection to server failed",
  "C:\\Program Files\\MySQL\\mysqldump.exe: Couldn't execute 'SHOW'",
  "COPY public.other (id) FROM stdin;",
  "\\.",
  "DELIMITER ;;",
  "it's one apostrophe",
  'a "quote',
  "$$ and $tag$",
  "E'\\' -- /* * / -- '",
  "",
  "plain text, a; b",
];

/** A value of a few lines, each of which may be one that means something outside data. */
const value = fc.array(fc.oneof(fc.constantFrom(...QUOTED_LINES), fc.string({ maxLength: 12 })), { maxLength: 5 })
  .map((lines) => lines.join("\n").replaceAll("\0", ""));
const rows = fc.array(fc.tuple(fc.nat(), value, value), { minLength: 1, maxLength: 6 });
type Rows = readonly (readonly [number, string, string])[];

/** As mysqldump writes a string: line ends and quotes escaped. */
function mysqlString(text: string): string {
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r" };
  return `'${text.replace(/[\n\r'"\\]/g, (character) => escapes[character] ?? `\\${character}`)}'`;
}

/** As the SQL standard has it: quotes doubled, line ends as they are. */
function standardString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function copyField(text: string): string {
  const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return text.replace(/[\\\n\r\t\b\f\v]/g, (character) => escapes[character] ?? "");
}

const mysqlHead = (tool: string) =>
  `-- ${tool} dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: localhost    Database: shop\n` +
  `-- ------------------------------------------------------\n-- Server version\t8.0.36\n\n`;
/** What a routine holds, but for what would end it for the program that loads it. */
const inBody = (text: string) => text.split("\n").filter((line) => !/^DELIMITER/i.test(line)).join("\n");

function mysqlTables(data: Rows, onOneLine: boolean): string {
  const values = data.map(([id, a, b]) => `(${id},${mysqlString(a)},${mysqlString(b)})`);
  const statement = onOneLine ? `VALUES ${values.join(",")};` : `VALUES\n${values.join(",\n")};`;
  return "--\n-- Table structure for table `t`\n--\n\nDROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `id` int(11) COMMENT 'it''s'\n);\n" +
    "\n--\n-- Dumping data for table `t`\n--\n\nLOCK TABLES `t` WRITE;\n" +
    `INSERT INTO \`t\` ${statement}\nUNLOCK TABLES;\n`;
}

function mysqlRoutine(body: string): string {
  return "DELIMITER ;;\nCREATE DEFINER=`root`@`localhost` PROCEDURE `p`()\nBEGIN\n" +
    `/*\n${inBody(body)}\n*/\nSELECT 1;\nEND ;;\nDELIMITER ;\n`;
}

/** One whole dump, and how many bytes at its end may be missing without anything being lost. */
export interface MadeDump {
  readonly format: "mysqldump" | "mariadb-dump" | "pg_dump" | "pg_dumpall" | "sqlite";
  readonly text: string;
}

const mysqlDump = (tool: "MySQL" | "MariaDB"): fc.Arbitrary<MadeDump> =>
  fc.tuple(rows, value, fc.boolean(), fc.boolean(), fc.boolean()).map((
    [data, body, onOneLine, hasRoutine, isDated],
  ) => ({
    format: tool === "MySQL" ? "mysqldump" : "mariadb-dump",
    text: (tool === "MySQL" ? "" : "/*M!999999\\- enable the sandbox mode */ \n") + mysqlHead(tool) +
      mysqlTables(data, onOneLine) + (hasRoutine ? mysqlRoutine(body) : "") +
      `\n-- Dump completed${isDated ? " on 2026-11-28  3:00:00" : ""}\n`,
  }));

type Token = string | null;

function pgDump(parts: string, token: Token, standard = true): string {
  return "--\n-- PostgreSQL database dump\n--\n\n" + (token === null ? "" : `\\restrict ${token}\n\n`) +
    `-- Dumped from database version 15.18\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = ${
      standard ? "on" : "off"
    };\n\n` +
    `${parts}\n--\n-- PostgreSQL database dump complete\n--\n\n` + (token === null ? "" : `\\unrestrict ${token}\n\n`);
}

function pgCopy(data: Rows, isNarrow: boolean): string {
  const columns = isNarrow ? "(a)" : '(id, "a,(""b", b)';
  const lines = data.map(([id, a, b]) => isNarrow ? copyField(a) : [id, copyField(a), copyField(b)].join("\t"));
  return `--\n-- Data for Name: it's; Type: TABLE DATA; Schema: public; Owner: o\n--\n\n` +
    `COPY public.t ${columns} FROM stdin;\n${lines.map((line) => `${line}\n`).join("")}\\.\n\n\n`;
}

function pgInserts(data: Rows, multiple: boolean): string {
  const values = data.map(([id, a, b]) => `(${id}, ${standardString(a)}, ${standardString(b)})`);
  if (multiple) return `INSERT INTO public.t VALUES\n\t${values.join(",\n\t")};\n\n\n`;
  return values.map((row) => `INSERT INTO public."t""x" VALUES ${row};\n`).join("") + "\n\n";
}

function pgFunction(body: string, tag: string): string {
  const inside = body.replaceAll("$", "S");
  return `--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: o\n--\n\nCREATE FUNCTION public.f() RETURNS text\n    LANGUAGE sql\n    AS $${tag}$\n${inside}\n$${tag}$;\n\n` +
    `COMMENT ON FUNCTION public.f() IS ${standardString(inside)};\nCOMMENT ON TABLE public."a'b\n--" IS E'x\\'${
      inside.replace(/[\\']/g, "")
    }\\\\';\n\n`;
}

const pgParts = fc.tuple(rows, rows, value, fc.boolean(), fc.boolean(), fc.constantFrom("", "_", "tag"))
  .map(([copied, inserted, body, isNarrow, multiple, tag]) =>
    pgFunction(body, tag) + pgCopy(copied, isNarrow) + pgInserts(inserted, multiple)
  );
const token: fc.Arbitrary<Token> = fc.option(fc.stringMatching(/^[A-Za-z0-9]{6,20}$/));

const pgDumpArbitrary: fc.Arbitrary<MadeDump> = fc.tuple(pgParts, token).map(([parts, key]) => ({
  format: "pg_dump",
  text: pgDump(parts, key),
}));

const pgDumpAll: fc.Arbitrary<MadeDump> = fc.tuple(fc.array(pgParts, { maxLength: 2 }), token).map((
  [databases, key],
) => ({
  format: "pg_dumpall",
  text:
    '--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\nCREATE ROLE "it\'s";\n\n' +
    databases.map((parts, i) => `\\connect "dbname='d${i}'"\n\n${pgDump(parts, key)}`).join("") +
    "--\n-- PostgreSQL database cluster dump complete\n--\n\n",
}));

const sqliteDump: fc.Arbitrary<MadeDump> = fc.tuple(rows, value).map(([data, comment]) => ({
  format: "sqlite",
  text: "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a, -- it's\n[b'c] text, `d'` /* '\n" +
    `${comment.replaceAll("*/", "")}\n*/);\n` +
    data.map(([id, a, b]) => `INSERT INTO t VALUES(${id},${standardString(a)},${standardString(b)});\n`).join("") +
    "COMMIT;\n",
}));

/** Any whole dump. */
export const madeDump: fc.Arbitrary<MadeDump> = fc.oneof(
  mysqlDump("MySQL"),
  mysqlDump("MariaDB"),
  pgDumpArbitrary,
  pgDumpAll,
  sqliteDump,
);

/** Text that may stand before, between and behind dumps. */
export const foreignText: fc.Arbitrary<string> = fc.constantFrom(
  "",
  "\n\n",
  "SET FOREIGN_KEY_CHECKS=0;\n",
  "# made by a framework, don't edit\n-- second line\n",
  "mysqldump: [Warning] Using a password on the command line interface can be insecure.\n",
  "CREATE DATABASE shop;\n\\connect shop\n",
);
