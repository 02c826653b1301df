/** System-versioned tables of MariaDB. A dump holds their past rows only if the dump program is told so, and can. */
import type { ClientOptions, MysqlClient, QueryOptions } from "./mysql_client.ts";
import { quotedText } from "./mysql_client.ts";
import type { MysqlServer } from "./server_facts.ts";

/** What is looked at. */
interface Dumped {
  readonly databases: readonly string[];
  /** Tables that are left out, each with its database. */
  readonly ignored: readonly string[];
  /** Whether past rows are wanted. */
  readonly history: boolean;
}

/** Whether past rows are dumped; if there are some and they cannot be, why: a line. */
interface TableHistory {
  readonly isDumped: boolean;
  readonly problem: string | null;
}

const NONE: TableHistory = { isDumped: false, problem: null };

/** Looks for tables with a history. `options` are those of the dump program. Throws what `query` throws. */
export async function tableHistory(
  client: MysqlClient,
  server: MysqlServer,
  { databases, ignored, history }: Dumped,
  { options, ...query }: QueryOptions & { readonly options: ClientOptions },
): Promise<TableHistory> {
  if (!history || !server.isMariaDb) return NONE;
  const of = `TABLE_SCHEMA IN (${databases.map(quotedText).join(", ")})`;
  const ask = async (sql: string) => {
    const rows = await client.query(sql, query);
    return rows.map(([database, table]) => `${database}.${table}`).filter((table) => !ignored.includes(table));
  };
  const versioned = await ask(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE ${of} AND TABLE_TYPE = 'SYSTEM VERSIONED'`,
  );
  if (versioned.length === 0) return NONE;
  if (!options.has("dump-history")) return refused(versioned, "only mariadb-dump of version 10.11 or newer dumps it");
  // Their rows have numbers of transactions, which mean nothing on another server.
  const byTransaction = await ask(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS WHERE ${of} AND DATA_TYPE = 'bigint' ` +
      "AND GENERATION_EXPRESSION = 'ROW START'",
  );
  if (byTransaction.length === 0) return { isDumped: true, problem: null };
  return refused(versioned, `mariadb-dump cannot dump that of ${byTransaction[0]}, which counts by transactions`);
}

function refused(tables: readonly string[], why: string): TableHistory {
  const names = tables.slice(0, 3).join(", ") + (tables.length > 3 ? ` and ${tables.length - 3} others` : "");
  return {
    isDumped: false,
    problem: `the past rows of system-versioned tables (${names}): ${why}; leave them out with ?history=no`,
  };
}
