/** What a PostgreSQL server tells about itself: its version and position, its databases, and what they hold. */
import { didYouMean } from "../../base/text/nearest_name.ts";
import { AgentError } from "../../base/errors.ts";
import { placeOf } from "./postgresql_address.ts";
import { type PostgresqlClient, type QueryOptions, quotedText } from "./postgresql_client.ts";

/** A server at a moment. */
export interface PostgresqlServer {
  /** Its version as it tells it, such as `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly version: string;
  /** As in 15 of 15.18. */
  readonly major: number;
  /** Whether it follows another server. */
  readonly isStandby: boolean;
  /** Where its write-ahead log is; on a standby, up to where it was replayed. Empty if the server does not tell. */
  readonly lsn: string;
  /** The timeline of that log. Null if the server does not tell. */
  readonly timeline: number | null;
  /** The server's time (RFC 3339, UTC). */
  readonly time: string;
  /** The database that the client is connected to. */
  readonly database: string;
  /** Whether the user is a superuser. */
  readonly isSuperuser: boolean;
}

/** A database, and what one must be made with that takes its dump. */
export interface PostgresqlDatabase {
  /** Its name. */
  readonly name: string;
  /** Its encoding, such as `UTF8`. */
  readonly encoding: string;
  /** `LC_COLLATE`. */
  readonly collation: string;
  /** `LC_CTYPE`. */
  readonly characterType: string;
  /** Whose locales it uses: `libc`, `icu` or `builtin`. */
  readonly localeProvider: string;
  /** The locale of that provider; empty for `libc`. */
  readonly locale: string;
  /** Whether the user may connect to it. */
  readonly isOpen: boolean;
}

/** An extension of a database. */
export interface PostgresqlExtension {
  readonly name: string;
  readonly version: string;
}

/** A relation of a database that holds rows, or a view. */
export interface PostgresqlTable {
  /** Its schema. */
  readonly schema: string;
  /** Its name. */
  readonly name: string;
  /** What it is. A partitioned table holds its rows in its partitions, which are tables. */
  readonly kind: "table" | "partitioned" | "foreign" | "view" | "materialized" | "sequence";
  /** The bytes of its data and indexes on disk. */
  readonly bytes: number;
  /** Whether it belongs to an extension, which makes it by itself. */
  readonly isOfExtension: boolean;
}

const REACHED_LSN = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END`;

/** Asks a server what and where it is. Throws what `query` throws. */
export async function askServer(client: PostgresqlClient, options: QueryOptions = {}): Promise<PostgresqlServer> {
  const [row] = await client.query(
    `SELECT current_setting('server_version'), current_setting('server_version_num'), pg_is_in_recovery(),
      to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), current_database(),
      (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`,
    options,
  );
  const [version, number, isStandby, time, database, isSuperuser] = row as [string, string, ...string[]];
  // Other servers that speak the same language have no such functions.
  const position = await client.tryQuery(`SELECT ${REACHED_LSN}, timeline_id FROM pg_control_checkpoint()`, options);
  const [lsn, timeline] = Array.isArray(position) ? position[0]! : [];
  return {
    version,
    major: Math.floor(Number(number) / 10_000),
    isStandby: isStandby === "t",
    lsn: lsn ?? "",
    timeline: timeline ? Number(timeline) : null,
    time: time!,
    database: database!,
    isSuperuser: isSuperuser === "t",
  };
}

/** What a client connects to if no database is named. */
const MAINTENANCE = ["postgres", "template1"];

/**
 * Asks a server by the first of these databases that is there and lets the user in, or by one that every server has.
 * Throws what `query` throws for the first one.
 */
export async function askAnyDatabase(
  client: PostgresqlClient,
  databases: readonly string[],
  options: QueryOptions = {},
): Promise<PostgresqlServer> {
  let refused: unknown;
  for (const database of [...databases, ...MAINTENANCE]) {
    try {
      return await askServer(client, { ...options, database });
    } catch (error) {
      refused ??= error;
      // Another reason, such as a wrong password, would come again.
      if (!(error instanceof AgentError) || !/database|pg_hba/.test(error.message)) throw error;
    }
  }
  throw refused;
}

/**
 * All databases without templates and those that nobody may connect to, by name. `major`: the version of the server.
 * Throws what `query` throws.
 */
export async function listDatabases(
  client: PostgresqlClient,
  { major, ...options }: QueryOptions & { readonly major: number },
): Promise<PostgresqlDatabase[]> {
  const provider = major >= 15
    ? "CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
    : "'libc'";
  const locale = major >= 17 ? "datlocale" : major >= 15 ? "daticulocale" : "''";
  const rows = await client.query(
    `SELECT datname, pg_encoding_to_char(encoding), datcollate, datctype, ${provider}, COALESCE(${locale}, ''),
      has_database_privilege(oid, 'CONNECT')
      FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname COLLATE "C"`,
    options,
  );
  return (rows as [string, string, string, string, string, string, string][]).map(
    ([name, encoding, collation, characterType, localeProvider, locale, isOpen]) => (
      { name, encoding, collation, characterType, localeProvider, locale, isOpen: isOpen === "t" }
    ),
  );
}

/** The databases of these names. Throws `AgentError` that names the first one that is not there, and the nearest. */
export function databasesNamed(
  names: readonly string[],
  known: readonly PostgresqlDatabase[],
  client: PostgresqlClient,
): PostgresqlDatabase[] {
  return names.map((name) => {
    const found = known.find((database) => database.name === name);
    if (found !== undefined) return found;
    const hint = didYouMean(name, known.map((database) => database.name)) || "; see the name";
    throw new AgentError(
      `There is no database ${JSON.stringify(name)} on the PostgreSQL server ${placeOf(client.address)}${hint}`,
    );
  });
}

/** The extensions of a database by name. Throws what `query` throws. */
export async function listExtensions(client: PostgresqlClient, options: QueryOptions): Promise<PostgresqlExtension[]> {
  const rows = await client.query(`SELECT extname, extversion FROM pg_extension ORDER BY extname COLLATE "C"`, options);
  return rows.map(([name, version]) => ({ name: name!, version: version! }));
}

const KINDS: Readonly<Record<string, PostgresqlTable["kind"]>> = {
  r: "table",
  p: "partitioned",
  f: "foreign",
  v: "view",
  m: "materialized",
  S: "sequence",
};
/** The schemas of the server itself, and those of temporary tables. */
const OF_SYSTEM = `(n.nspname = 'information_schema' OR n.nspname ~ '^pg_')`;

/**
 * The tables, views and sequences of a database, by schema and name. Without a database, those of the address. Throws
 * what `query` throws.
 */
export async function listTables(
  client: PostgresqlClient,
  database: string | null = null,
  options: QueryOptions = {},
): Promise<PostgresqlTable[]> {
  const rows = await client.query(
    `SELECT n.nspname, c.relname, c.relkind, COALESCE(pg_total_relation_size(c.oid), 0),
      ${isOfExtension("pg_class", "c")}
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN (${Object.keys(KINDS).map(quotedText).join(", ")}) AND NOT ${OF_SYSTEM}
      ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
    { ...options, database },
  );
  return (rows as [string, string, string, string, string][]).map(([schema, name, kind, bytes, ofExtension]) => (
    { schema, name, kind: KINDS[kind]!, bytes: Number(bytes), isOfExtension: ofExtension === "t" }
  ));
}

/** What a database holds besides extensions and what belongs to the system, as one name of it; null if it is empty. */
export async function contentOf(client: PostgresqlClient, options: QueryOptions): Promise<string | null> {
  const named = (catalogue: string, name: string, namespace: string, also: string) =>
    `SELECT n.nspname || '.' || o.${name} FROM ${catalogue} o JOIN pg_namespace n ON n.oid = o.${namespace}
      WHERE NOT ${OF_SYSTEM} AND NOT ${isOfExtension(catalogue, "o")} AND ${also}`;
  const [row] = await client.query(
    `SELECT * FROM (
      ${named("pg_class", "relname", "relnamespace", "o.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')")}
      UNION ALL ${named("pg_proc", "proname", "pronamespace", "true")}
      UNION ALL ${named("pg_type", "typname", "typnamespace", "o.typtype IN ('d', 'e', 'r')")}
      UNION ALL SELECT n.nspname FROM pg_namespace n
        WHERE NOT ${OF_SYSTEM} AND n.nspname <> 'public' AND NOT ${isOfExtension("pg_namespace", "n")}
      UNION ALL SELECT 'large objects' FROM pg_largeobject_metadata
    ) AS content LIMIT 1`,
    options,
  );
  return row?.[0] ?? null;
}

function isOfExtension(catalogue: string, alias: string): string {
  return `EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = '${catalogue}'::regclass AND d.objid = ${alias}.oid AND d.deptype = 'e')`;
}
