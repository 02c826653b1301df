/** What an engine asks a MariaDB or MySQL server before it reads or writes. */
import { AgentError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import { placeOf } from "./mysql_address.ts";
import { type MysqlClient, type QueryOptions, quotedText } from "./mysql_client.ts";

/** A database, and what its tables get if they say nothing else. */
export interface MysqlDatabase {
  /** Its name. */
  readonly name: string;
  /** Its default character set, as `utf8mb4`. */
  readonly characterSet: string;
  /** Its default collation. */
  readonly collation: string;
}

/** A table or view. */
interface MysqlTable {
  /** Its name, without that of the database. */
  readonly name: string;
  /** What it is. */
  readonly kind: "table" | "view" | "sequence";
  /** Bytes of rows and indexes, as the server estimates them; 0 for views. */
  readonly bytes: number;
}

/** What a server is, and what the user may do. */
export interface MysqlServer {
  /** Its version as it tells it, such as `10.11.6-MariaDB-log`. */
  readonly version: string;
  /** Whether it is MariaDB, not MySQL. */
  readonly isMariaDb: boolean;
  /** Whether it writes a binary log. */
  readonly hasBinaryLog: boolean;
  /** The privileges that the user has for the whole server, without those of roles. */
  readonly privileges: ReadonlySet<string>;
  /** Whether a role is set, whose privileges are the user's. */
  readonly hasRole: boolean;
}

/** Asks a server what it is. Throws what `query` throws. */
export async function askServer(client: MysqlClient, options: QueryOptions = {}): Promise<MysqlServer> {
  const [first, ...privileges] = await client.query(
    // Before version 8 MySQL had no roles. MariaDB skips what is for MySQL 8.
    "SELECT VERSION(), @@version_comment, @@log_bin, CURRENT_USER(), " +
      "/*M!100005 COALESCE(CURRENT_ROLE(), 'NONE'), */ /*!80000 CURRENT_ROLE(), */ 'NONE'; " +
      "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES",
    options,
  );
  const [version, comment, log, user, role] = first!;
  const at = user!.lastIndexOf("@");
  const grantee = `'${user!.slice(0, at)}'@'${user!.slice(at + 1)}'`;
  return {
    version: version!,
    isMariaDb: /mariadb/i.test(`${version} ${comment}`),
    hasBinaryLog: log === "1" || log === "ON",
    hasRole: role !== "NONE",
    privileges: new Set(privileges.flatMap(([name, privilege]) => name === grantee ? [privilege!] : [])),
  };
}

/** The databases of the server itself. They are never dumped with the others: a restore would overwrite its accounts. */
const SYSTEM_DATABASES: ReadonlySet<string> = new Set(["mysql", "information_schema", "performance_schema", "sys"]);

/** Whether a database belongs to the server itself. */
export function isSystemDatabase(name: string): boolean {
  return SYSTEM_DATABASES.has(name.toLowerCase());
}

/** All databases that the user may see, those of the server itself included, by name. Throws what `query` throws. */
export async function listDatabases(client: MysqlClient, options: QueryOptions = {}): Promise<MysqlDatabase[]> {
  const rows = await client.query(
    "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA " +
      "ORDER BY SCHEMA_NAME",
    options,
  );
  return rows.map(([name, characterSet, collation]) => ({
    name: name!,
    characterSet: characterSet!,
    collation: collation!,
  }));
}

/** The tables, sequences and views of a database by name. Throws what `query` throws. */
export async function listTables(
  client: MysqlClient,
  database: string,
  options: QueryOptions = {},
): Promise<MysqlTable[]> {
  const rows = await client.query(
    "SELECT TABLE_NAME, TABLE_TYPE, COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) " +
      `FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quotedText(database)} ORDER BY TABLE_NAME`,
    options,
  );
  return rows.map(([name, type, bytes]) => ({ name: name!, kind: kindOf(type!), bytes: Number(bytes) }));
}

/** The tables of several databases, as `shop.orders`. Throws what `query` throws. */
export async function namesOfTables(
  client: MysqlClient,
  databases: readonly string[],
  options: QueryOptions = {},
): Promise<string[]> {
  const rows = await client.query(
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES " +
      `WHERE TABLE_SCHEMA IN (${databases.map(quotedText).join(", ")})`,
    options,
  );
  return rows.map(([database, table]) => `${database}.${table}`);
}

/** The databases of these names. Throws `AgentError` that names the first one that is not there, and the nearest. */
export function databasesNamed(
  names: readonly string[],
  known: readonly MysqlDatabase[],
  client: MysqlClient,
): MysqlDatabase[] {
  return names.map((name) => {
    const found = known.find((database) => database.name === name);
    if (found !== undefined) return found;
    const hint = didYouMean(name, known.map((database) => database.name)) ||
      "; see the name, and whether the user has rights there";
    throw new AgentError(
      `There is no database ${JSON.stringify(name)} on the server ${placeOf(client.address)}${hint}`,
    );
  });
}

function kindOf(type: string): MysqlTable["kind"] {
  if (type === "VIEW" || type === "SYSTEM VIEW") return "view";
  return type === "SEQUENCE" ? "sequence" : "table";
}
