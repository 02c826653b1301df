/** How a dump program is called: safe defaults, and what this server and this program can do. */
import type { ClientProgram } from "../client/client_program.ts";
import type { ClientOptions } from "./mysql_client.ts";
import type { MysqlServer } from "./server_facts.ts";

/** What a dump holds. */
export interface DumpContent {
  /** The only database, whose dump does not name it, so that it can be loaded under another name; null for several. */
  readonly single: string | null;
  /** The databases. */
  readonly databases: readonly string[];
  /** Tables that are left out, each with its database: `shop.log`. */
  readonly ignored: readonly string[];
  /** Whether it holds procedures and functions. */
  readonly routines: boolean;
  /** Whether it holds the past rows of system-versioned tables. */
  readonly pastRows: boolean;
}

/** A call of a dump program. */
export interface DumpPlan {
  /** Its arguments, without those that connect. */
  readonly args: readonly string[];
  /** Whether the dump tells the position of the binary log. */
  readonly hasPosition: boolean;
  /** Why it does not, if the server has such a log: a line for people. */
  readonly notes: readonly string[];
}

/** The dump program that fits a server. Either kind can read the other kind of server, but not everything of it. */
export function dumpProgramFor({ isMariaDb }: MysqlServer): ClientProgram {
  const names = ["mariadb-dump", "mysqldump"];
  return {
    names: isMariaDb ? names : names.toReversed(),
    debianPackage: "mariadb-client",
    purpose: "to dump MariaDB or MySQL",
  };
}

/** What is always given, so that no option file turns it off: dumps that guards can judge, and no error passed over. */
const SAFE = [
  "--opt",
  // With locks, a table whose default takes numbers from a sequence cannot be loaded.
  "--skip-add-locks",
  "--comments",
  "--skip-force",
  "--single-transaction",
  "--quick",
  "--triggers",
  "--events",
  "--hex-blob",
  "--tz-utc",
  // The largest packet of the protocol: a program's own default refuses rows of 24 MB.
  "--max-allowed-packet=1G",
];

/** The privileges without which MySQL tells no position: it locks all tables for a moment. */
const FOR_POSITION = ["RELOAD", "REPLICATION CLIENT"];

/** Plans the dump of databases. */
export function planDump(content: DumpContent, server: MysqlServer, options: ClientOptions): DumpPlan {
  const { single, databases, ignored, routines, pastRows } = content;
  const lacked = lackedForPosition(server);
  const hasPosition = server.hasBinaryLog && lacked.length === 0;
  const args = [
    ...SAFE,
    routines ? "--routines" : "--skip-routines",
    ...pastRows ? ["--dump-history"] : [],
    ...hasPosition ? [options.has("source-data") ? "--source-data=2" : "--master-data=2"] : [],
    // MySQL 8 asks for statistics that older servers and MariaDB do not have.
    ...options.has("column-statistics") ? ["--column-statistics=0"] : [],
    ...gtidArguments(options, hasPosition),
    ...ignored.map((table) => `--ignore-table=${table}`),
    ...single === null ? ["--databases"] : [],
    "--", // A name may begin with a dash.
    ...databases,
  ];
  const notes = server.hasBinaryLog && lacked.length > 0
    ? [
      `The manifest has no position of the binary log: GRANT ${lacked.join(", ")} ON *.* to the user, who lacks ${
        lacked.length > 1 ? "them" : "it"
      }`,
    ]
    : [];
  return { args, hasPosition, notes };
}

/** A dump that sets a server's GTIDs cannot be loaded twice, nor beside other data. So they come as a comment at most. */
function gtidArguments(options: ClientOptions, hasPosition: boolean): string[] {
  if (!options.has("set-gtid-purged")) return [];
  return [`--set-gtid-purged=${hasPosition && options.words("COMMENTED") ? "COMMENTED" : "OFF"}`];
}

/** MariaDB tells the position of a transaction's snapshot to everybody. */
function lackedForPosition({ isMariaDb, privileges }: MysqlServer): string[] {
  if (isMariaDb || privileges.has("SUPER")) return [];
  return FOR_POSITION.filter((privilege) => !privileges.has(privilege));
}
