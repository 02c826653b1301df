/** What a database has beside the tables that are restored: what they use, and what they replace. */
import type { UsedObject } from "../../engine.ts";
import { type PostgresqlClient, type QueryOptions, quotedName } from "../postgresql_client.ts";
import type { PostgresqlTable } from "../server_facts.ts";

/** Objects that dumps of tables may bring along. Those of a schema that every database has are in no dump. */
const OBJECTS = `
  SELECT 'schema', '', nspname FROM pg_namespace
  UNION ALL SELECT 'extension', '', extname FROM pg_extension
  UNION ALL SELECT 'sequence', nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'S'
  UNION ALL SELECT 'definition', nspname, name FROM (
    SELECT typnamespace AS place, typname AS name FROM pg_type
    UNION SELECT pronamespace, proname FROM pg_proc
    UNION SELECT collnamespace, collname FROM pg_collation
    UNION SELECT connamespace, conname FROM pg_conversion
    UNION SELECT cfgnamespace, cfgname FROM pg_ts_config
    UNION SELECT dictnamespace, dictname FROM pg_ts_dict
    UNION SELECT opfnamespace, opfname FROM pg_opfamily
    UNION SELECT opcnamespace, opcname FROM pg_opclass
  ) AS o JOIN pg_namespace n ON n.oid = place WHERE nspname NOT IN ('pg_catalog', 'information_schema')
  UNION ALL SELECT 'definition', '', srvname FROM pg_foreign_server
  UNION ALL SELECT 'definition', '', fdwname FROM pg_foreign_data_wrapper`;

/** Whether a database has something, by its name. Throws what `query` throws. */
export async function usedObjects(
  client: PostgresqlClient,
  options: QueryOptions,
): Promise<(object: UsedObject) => boolean> {
  const rows = await client.query(OBJECTS, options);
  const keys = new Set(rows.map(([kind, schema, name]) => keyOf(kind!, schema!, name!)));
  return ({ kind, schema, name }) => keys.has(keyOf(kind, hasSchema(kind) ? schema ?? "" : "", name));
}

function hasSchema(kind: UsedObject["kind"]): boolean {
  return kind === "sequence" || kind === "definition";
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

const KINDS: Readonly<Record<PostgresqlTable["kind"], string>> = {
  view: "VIEW",
  materialized: "MATERIALIZED VIEW",
  partitioned: "TABLE",
  table: "TABLE",
  foreign: "FOREIGN TABLE",
  sequence: "SEQUENCE",
};

/** The statements that drop tables, in an order in which views go before what they show; null if there are none. */
export function dropsOf(tables: readonly PostgresqlTable[]): string | null {
  const statements = [...new Set(Object.values(KINDS))].flatMap((what) => {
    const names = tables.filter(({ kind }) => KINDS[kind] === what)
      .map(({ schema, name }) => `${quotedName(schema)}.${quotedName(name)}`);
    return names.length === 0 ? [] : [`DROP ${what} IF EXISTS ${names.join(", ")}`];
  });
  return statements.length === 0 ? null : statements.join("; ");
}
