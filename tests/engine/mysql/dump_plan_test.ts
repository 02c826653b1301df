/** How dump programs are called for each kind of server, and the positions that their dumps tell. */
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { DumpDatabases } from "../../../src/engine/mysql/load/dump_databases.ts";
import { type DumpContent, dumpProgramFor, planDump } from "../../../src/engine/mysql/dump_plan.ts";
import { DumpPositionReader } from "../../../src/engine/mysql/dump_position.ts";
import type { ClientOptions } from "../../../src/engine/mysql/mysql_client.ts";
import type { MysqlServer } from "../../../src/engine/mysql/server_facts.ts";

const SHOP: DumpContent = { single: "shop", databases: ["shop"], ignored: [], routines: true, pastRows: false };
const USER = { hasRole: false };
const MARIADB: MysqlServer = { version: "10.11", isMariaDb: true, hasBinaryLog: true, privileges: new Set(), ...USER };
const ALLOWED = new Set(["RELOAD", "REPLICATION CLIENT"]);
const MYSQL: MysqlServer = { version: "8.4", isMariaDb: false, hasBinaryLog: true, privileges: ALLOWED, ...USER };

/** What the help of a program tells. */
function helpOf(text: string): ClientOptions {
  return { has: (option) => text.includes(`--${option}`), words: (word) => text.includes(word) };
}
const OF_MARIADB = helpOf("--master-data[=#] --gtid --system=name");
const OF_MYSQL_8 = helpOf("--source-data[=#] --column-statistics --set-gtid-purged[=name] ON COMMENTED");
const OF_MYSQL_57 = helpOf("--master-data[=#] --set-gtid-purged[=name] ON AUTO");

/** The arguments that depend on the server and the program. */
function specific(server: MysqlServer, options: ClientOptions): string[] {
  return planDump(SHOP, server, options).args.filter((arg) => /data=2|column-stat|gtid/.test(arg));
}

Deno.test("each program is told what it and the server know", () => {
  deepEqual(specific(MARIADB, OF_MARIADB), ["--master-data=2"]);
  deepEqual(specific({ ...MARIADB, hasBinaryLog: false }, OF_MARIADB), []);
  deepEqual(specific(MYSQL, OF_MYSQL_8), ["--source-data=2", "--column-statistics=0", "--set-gtid-purged=COMMENTED"]);
  deepEqual(specific(MYSQL, OF_MYSQL_57), ["--master-data=2", "--set-gtid-purged=OFF"]);
  deepEqual(specific({ ...MYSQL, hasBinaryLog: false }, OF_MYSQL_8), [
    "--column-statistics=0",
    "--set-gtid-purged=OFF",
  ]);
  equal(dumpProgramFor(MARIADB).names[0], "mariadb-dump");
  equal(dumpProgramFor(MYSQL).names[0], "mysqldump");
});

Deno.test("without the privileges for a position there is a note and no position, and with SUPER there is one", () => {
  const { args, notes, hasPosition } = planDump(SHOP, { ...MYSQL, privileges: new Set(["RELOAD"]) }, OF_MYSQL_8);
  ok(!hasPosition && !args.includes("--source-data=2") && args.includes("--set-gtid-purged=OFF"));
  deepEqual(notes, [
    "The manifest has no position of the binary log: GRANT REPLICATION CLIENT ON *.* to the user, who lacks it",
  ]);
  deepEqual(planDump(SHOP, { ...MYSQL, privileges: new Set(["SUPER"]) }, OF_MYSQL_8).notes, []);
  deepEqual(planDump(SHOP, { ...MYSQL, privileges: new Set(), hasBinaryLog: false }, OF_MYSQL_8).notes, []);
});

Deno.test("one database is not named in its dump, several are, and no name is taken for an option", () => {
  ok(planDump(SHOP, MARIADB, OF_MARIADB).args.join(" ").endsWith("-- shop"));
  const several = { single: null, databases: ["-a", "b"], ignored: ["b.log"], routines: false, pastRows: true };
  ok(planDump(several, MARIADB, OF_MARIADB).args.join(" ").endsWith("--ignore-table=b.log --databases -- -a b"));
  ok(planDump(several, MARIADB, OF_MARIADB).args.includes("--skip-routines"));
  ok(planDump(several, MARIADB, OF_MARIADB).args.includes("--dump-history"));
});

const HEAD_OF_MARIADB =
  "-- MariaDB dump 10.19\n--\n\n-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000012', MASTER_LOG_POS=1517;\n";
const TAIL_OF_MARIADB = "\n-- SET GLOBAL gtid_slave_pos='0-1-7,3-1-2';\n-- Dump completed on 2026-11-29 11:06:45\n";
const HEAD_OF_MYSQL =
  "-- MySQL dump 10.13\n--\n\n/* SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a-b:1-77,\nc-d:1-3';*/\n" +
  "-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000002', SOURCE_LOG_POS=157;\n";

function positionOf(text: string, pieceBytes = text.length) {
  const reader = new DumpPositionReader();
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  return reader.position();
}

Deno.test("positions are read from the head and the tail, however the dump is cut", () => {
  const rows = "INSERT INTO t VALUES ('-- SET GLOBAL gtid_slave_pos=\\'9-9-9\\';\\n');\n".repeat(3000);
  const maria = { gtid: "0-1-7,3-1-2", binlog: { file: "bin.000012", position: 1517 } };
  const mysql = { gtid: "a-b:1-77,c-d:1-3", binlog: { file: "binlog.000002", position: 157 } };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200_000 }), (pieceBytes) => {
      deepEqual(positionOf(HEAD_OF_MARIADB + rows + TAIL_OF_MARIADB, pieceBytes), maria);
      deepEqual(positionOf(HEAD_OF_MYSQL + rows, pieceBytes), mysql);
    }),
    { seed: 14, numRuns: 30, examples: [[1], [16_384], [16_385], [65_536], [65_537]] },
  );
});

Deno.test("a dump without a position has none", () => {
  deepEqual(positionOf("-- MariaDB dump 10.19\n"), { gtid: null, binlog: null });
  deepEqual(positionOf("-- SET GLOBAL gtid_slave_pos='';\n"), { gtid: null, binlog: null });
});

Deno.test("the databases of a dump are found as it passes, not those within its values", () => {
  const dump =
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- Host: h    Database: \n-- ------------------------------------------------------\n" +
    'USE `a``ü`;\nINSERT INTO t VALUES (\'\\nUSE `x`;\');\nUSE `b`;\nUSE `b`;\nUSE "c""`d";\n-- Dump completed on 2026-11-29 11:06:45\n';
  const bytes = new TextEncoder().encode(dump);
  for (const pieceBytes of [1, 7, bytes.length]) {
    const databases = new DumpDatabases();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      found.push(...databases.push(bytes.subarray(at, at + pieceBytes)));
    }
    deepEqual(found, ["a`ü", "b", 'c"`d']);
  }
});
