/** What a scan tells of the places of things in a dump, from which a list of tables can be made. */
import { strict as assert } from "node:assert";
import type { SqlEvent } from "../../../src/guard/sql/scan_events.ts";
import { SqlJudge } from "../../../src/guard/sql/sql_judge.ts";

const encoder = new TextEncoder();

function eventsOf(text: string): SqlEvent[] {
  const events: SqlEvent[] = [];
  const judge = new SqlJudge(null, (event) => events.push(event));
  judge.push(encoder.encode(text));
  assert.equal(judge.finish().complete, true);
  return events;
}

/** The events in a few words, with the text that each is about. */
function told(text: string): string[] {
  const bytes = encoder.encode(text);
  const at = (start: number, end: number) => new TextDecoder().decode(bytes.subarray(start, end));
  return eventsOf(text).map((event) => {
    switch (event.kind) {
      case "section":
        return `${event.dialect} from ${JSON.stringify(at(event.start, event.start + 12))}`;
      case "section-end":
        return `end behind ${JSON.stringify(at(event.end - 8, event.end))}`;
      case "object":
        return `object ${event.title} at ${JSON.stringify(at(event.start, event.start + 11))}`;
      case "database":
        return `database ${event.line} at ${JSON.stringify(at(event.start, event.start + 3))}`;
      case "end":
        return `${event.isCertain ? "end" : "maybe the end"} at ${JSON.stringify(at(event.start, event.start + 9))}`;
      case "setting":
        return `setting ${event.name}`;
      case "host":
        return event.line;
      case "trigger":
      case "global":
      case "drop":
      case "create-database":
        return `${event.kind} at ${JSON.stringify(at(event.start, event.start + 9))}`;
      case "data":
        return `data of ${event.statement}: ${JSON.stringify(at(event.start, event.end))}`;
    }
  });
}

Deno.test("events: mysqldump's sections, databases and objects are told", () => {
  const dump = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n--\n-- Host: h    Database: d\n" +
    "-- ------------------------------------------------------\n\n--\n-- Current Database: `ü`\n--\n\nUSE `ü`;\n\n" +
    "--\n-- Table structure for table `t`\n--\n\nCREATE TABLE `t` (\n  `a` int\n);\n\n--\n-- Dumping data for table `t`\n" +
    "--\n\nINSERT INTO `t` VALUES\n(1),\n(2);\n-- Dump completed\n";
  assert.deepEqual(
    told(`SET a = 1;\n${dump}`),
    [
      'mariadb-dump from "/*M!999999\\\\-"',
      "-- Host: h    Database: d",
      'object Current Database: `ü` at "--\\n-- Curre"',
      'database USE `Ã¼`; at "USE"',
      'object Table structure for table `t` at "--\\n-- Table"',
      'object Dumping data for table `t` at "--\\n-- Dumpi"',
      'end at "-- Dump c"',
      'end behind "mpleted\\n"',
    ].map((line) => line.replace("Database: `ü`", "Database: `Ã¼`")),
  );
});

Deno.test("events: rows of pg_dump lie from their statement to the line that closes them", () => {
  const dump =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n--\n-- Data for Name: t; Type: TABLE DATA; Schema: s\n--\n\n" +
    'COPY s.t (a, "b\n,") FROM stdin;\n1\tx\n\\.\n\nCOPY s.u (a) FROM stdin;\n\\.\n\n' +
    "INSERT INTO s.v VALUES (1, 'it''s\n');\nINSERT INTO s.v VALUES (2, '');\n\n" +
    "INSERT INTO s.w VALUES\n\t(1),\n\t(2);\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n";
  const all =
    `--\n-- PostgreSQL database cluster dump\n--\n\n\\connect d\n\n${dump}--\n-- PostgreSQL database cluster dump complete\n--\n`;
  assert.deepEqual(told(all), [
    'pg_dumpall from "--\\n-- Postgr"',
    'database \\connect d at "\\\\co"',
    'pg_dump from "--\\n-- Postgr"',
    'object Data for Name: t; Type: TABLE DATA; Schema: s at "--\\n-- Data "',
    'data of COPY s.t (a, "b: "COPY s.t (a, \\"b\\n,\\") FROM stdin;\\n1\\tx\\n"',
    'data of COPY s.u (a) FROM stdin;: "COPY s.u (a) FROM stdin;\\n"',
    "data of INSERT INTO s.v: " +
    JSON.stringify("INSERT INTO s.v VALUES (1, 'it''s\n');\nINSERT INTO s.v VALUES (2, '');\n"),
    'data of INSERT INTO s.w: "INSERT INTO s.w VALUES\\n\\t(1),\\n\\t(2);\\n"',
    'end at "--\\n-- Pos"',
    'end behind "trict x\\n"',
    'end at "--\\n-- Pos"',
    'end behind "lete\\n--\\n"',
  ]);
});

Deno.test("events: rows of sqlite3 are told table by table", () => {
  const dump = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES('\n--');\n" +
    'CREATE TABLE "u"(a);\nINSERT INTO "u" VALUES(1);\nINSERT INTO "u" VALUES(2);\nCOMMIT;\n';
  assert.deepEqual(told(dump), [
    'sqlite from "PRAGMA forei"',
    "data of INSERT INTO t: \"INSERT INTO t VALUES('\\n--');\\n\"",
    'data of INSERT INTO "u": "INSERT INTO \\"u\\" VALUES(1);\\nINSERT INTO \\"u\\" VALUES(2);\\n"',
    'end at "COMMIT;\\n"',
    'end behind "COMMIT;\\n"',
  ]);
});
