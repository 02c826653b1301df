/**
 * Lines between the objects of a dump that divide it: settings that hold for what follows, statements that drop, the
 * first line of a trigger, the first line of the end.
 */
import type { Quoting } from "./dialects.ts";
import type { SqlEvent } from "./scan_events.ts";

/** The lines that give a session its settings back; the first of them begins the end of a dump of mysqldump. */
const MYSQL_END = /^\/\*M?!\d+ SET (?:TIME_ZONE|SQL_MODE|FOREIGN_KEY_CHECKS|UNIQUE_CHECKS|CHARACTER_SET_CLIENT)=@OLD_/;
/** A trigger begins with its character set or, if it had another one than the database, with that of the database. */
const MYSQL_TRIGGER = /^(?:\/\*!50003 SET @saved_cs_client |ALTER DATABASE [`"])/;
/**
 * What changes the server or its replication: where it replicates from, what it has replicated, what it logs, its users
 * and their rights (`--system=users`).
 */
const MYSQL_GLOBAL =
  /^(?:CHANGE (?:MASTER|REPLICATION SOURCE) |SET (?:@@)?GLOBAL[. ]|SET @MYSQLDUMP_TEMP_LOG_BIN |SET @@SESSION\.SQL_LOG_BIN ?=|CREATE (?:OR REPLACE )?(?:USER|ROLE|SERVER) |GRANT )/;
const MYSQL_DROP = /^\/\*!40000 DROP DATABASE /;
const POSTGRES_SETTING = /^SET (?:([a-z_]+) = |SESSION AUTHORIZATION )/;
const POSTGRES_DROP = /^(?:DROP|ALTER|UPDATE|CREATE OR REPLACE) /;

/** What a line at `start` outside data begins; null if it begins nothing. */
export function landmarkAt(text: string, start: number, quoting: Quoting): SqlEvent | null {
  return quoting === "mysql"
    ? mysqlLandmark(text, start)
    : quoting === "postgres"
    ? postgresLandmark(text, start)
    : null;
}

function mysqlLandmark(text: string, start: number): SqlEvent | null {
  if (MYSQL_TRIGGER.test(text)) return { kind: "trigger", start };
  if (text.startsWith("/*")) {
    if (MYSQL_END.test(text)) return { kind: "end", start, isCertain: false };
    return MYSQL_DROP.test(text) ? { kind: "drop", start } : null;
  }
  if (MYSQL_GLOBAL.test(text)) return { kind: "global", start };
  return text.startsWith("CREATE DATABASE ") ? { kind: "create-database", start } : null;
}

function postgresLandmark(text: string, start: number): SqlEvent | null {
  const setting = POSTGRES_SETTING.exec(text);
  if (setting !== null) return { kind: "setting", name: setting[1] ?? "session_authorization", start };
  return POSTGRES_DROP.test(text) ? { kind: "drop", start } : null;
}
