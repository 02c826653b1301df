/** The statements that load one PostgreSQL table, before and after its rows, all within one transaction. */
import { AgentError } from "../../../base/errors.ts";
import { type PostgresqlClient, quotedName, quotedText } from "../../postgresql/postgresql_client.ts";
import { columnDifferences, type TableDefinition } from "../definition.ts";
import { tableSql, tableText } from "../table_name.ts";
import type { TableToLoad } from "../table_server.ts";
import { type Catalogue, listColumns } from "./catalogue.ts";
import { type Dependents, dependentsOf } from "./dependents.ts";
import { SETTINGS } from "./session.ts";

/** The statements of a load. */
export interface LoadPlan {
  /** Before the rows. */
  readonly before: readonly string[];
  /** The statement that takes the rows, if there are any. */
  readonly copy: string;
  /** After the rows, without the end of the transaction. */
  readonly after: readonly string[];
}

/** What a server has outside its databases. */
export interface Roles {
  /** The names of all roles. */
  readonly known: ReadonlySet<string>;
  /** Those that the user is a member of, so that it can make them owners. */
  readonly own: ReadonlySet<string>;
  /** The tablespaces, as SQL has their names. */
  readonly tablespaces: ReadonlySet<string>;
}

/** What a plan is made with. */
interface PlanTools {
  readonly client: PostgresqlClient;
  readonly major: number;
  readonly catalogue: Catalogue;
  readonly roles: Roles;
  readonly signal: AbortSignal;
}

/** Plans a load. Throws `AgentError` that says why the table cannot be loaded. */
export async function planLoad(load: TableToLoad, tools: PlanTools): Promise<LoadPlan> {
  const { table, format, definition, hasRows } = load;
  const { client, catalogue, major, signal } = tools;
  const existing = catalogue.relation(table);
  if (existing !== undefined && existing.kind !== "r" && existing.kind !== "p") {
    throw new AgentError(`${tableText(table)} is a view there, and no table`);
  }
  if (definition === null && existing === undefined) throw new AgentError(`there is no table ${tableText(table)}`);
  if (definition !== null && existing?.kind === "p") return await keepPartitioned(definition, tools);
  const dependents = existing === undefined ? null : await dependentsOf(client, table, { major, signal });
  const statements = definition === null
    ? refilled(load, dependents!)
    : made(definition, dependents, tools, await hasSchema(tools, table.schema));
  const begin = ["BEGIN", SETTINGS, "SET LOCAL check_function_bodies = false"];
  const taken = existing === undefined
    ? []
    : [`LOCK TABLE ${tableSql(table)} IN ACCESS EXCLUSIVE MODE`, dependents!.check];
  return {
    before: [...begin, ...taken, ...statements.before],
    copy: hasRows ? `COPY ${tableSql(table)} FROM STDIN (FORMAT ${format})` : NO_ROWS,
    after: [...statements.after, `ANALYZE ${tableSql(table)}`],
  };
}

/** A partitioned table stays as it is: its partitions would be dropped with it, even those that no backup has. */
async function keepPartitioned(definition: TableDefinition, { client, signal }: PlanTools): Promise<LoadPlan> {
  const [columns] = await listColumns(client, [definition], { signal });
  const [difference] = columnDifferences(definition, definition.columns, columns!);
  if (difference !== undefined) throw new AgentError(`${difference}; it is partitioned, and stays as it is`);
  return { before: ["BEGIN"], copy: NO_ROWS, after: [] };
}

const NO_ROWS = "SELECT 1";

type Statements = Pick<LoadPlan, "before" | "after">;

/** New rows for a table that stays as it is. Views need not be taken down, since no column changes. */
function refilled({ table }: TableToLoad, dependents: Dependents): Statements {
  const { keysDown, keysBack, triggersOff, triggersOn } = dependents;
  return {
    before: [...keysDown, ...triggersOff, `TRUNCATE ${tableSql(table)}`],
    after: [...triggersOn, ...keysBack],
  };
}

/** A table that is made, in place of one that may be there. */
function made(
  definition: TableDefinition,
  dependents: Dependents | null,
  { roles }: PlanTools,
  schemaIsThere: boolean,
): Statements {
  const { schema, owner, grants, sequences } = definition;
  const table = tableSql(definition);
  const down = dependents === null ? [] : [...dependents.viewsDown, ...dependents.keysDown, `DROP TABLE ${table}`];
  // In a tablespace that is not there, they lie where others lie.
  const inPlace = (sql: string) =>
    sql.replaceAll(
      /^SET default_tablespace = (.*);$/gm,
      (line, name: string) => roles.tablespaces.has(name) ? line : "SET default_tablespace = '';",
    );
  const given = grants.filter(({ role }) => role === "PUBLIC" || roles.known.has(role));
  return {
    before: [
      ...down,
      ...schemaIsThere ? [] : [`CREATE SCHEMA ${quotedName(schema)}`],
      ...definition.before.map(inPlace),
    ],
    after: [
      ...definition.after.map(inPlace),
      ...sequences.map((sequence) =>
        `SELECT pg_catalog.setval(${quotedText(tableSql(sequence))}, ${BigInt(sequence.last)})`
      ),
      ...owner !== null && roles.own.has(owner) ? [`ALTER TABLE ${table} OWNER TO ${quotedName(owner)}`] : [],
      ...dependents === null ? given.map(({ statement }) => statement) : dependents.grants,
      ...dependents?.keysBack ?? [],
      ...dependents?.viewsBack ?? [],
    ],
  };
}

async function hasSchema({ client, signal }: PlanTools, schema: string): Promise<boolean> {
  const rows = await client.query(`SELECT 1 FROM pg_namespace WHERE nspname = ${quotedText(schema)}`, { signal });
  return rows.length > 0;
}
