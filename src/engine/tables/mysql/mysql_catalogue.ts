/** Which tables a MariaDB or MySQL server has, and which of them a user means. A schema is a database there. */
import { didYouMean } from "../../../base/text/nearest_name.ts";
import { UsageError } from "../../../base/errors.ts";
import { quotedText } from "../../mysql/mysql_client.ts";
import type { TableColumn } from "../definition.ts";
import { fits, isCollection, parsePattern, type TableName, tableText } from "../table_name.ts";
import type { FoundTable } from "../table_server.ts";

/** Asks a server: the rows of one statement after the other. */
export type Ask = (...statements: readonly string[]) => Promise<string[][]>;

/** A table or view. */
export interface MysqlRelation extends TableName {
  /** As the server calls it: `BASE TABLE`, `VIEW`, `SEQUENCE`, `SYSTEM VERSIONED`. */
  readonly kind: string;
  /** The storage engine; empty for views. */
  readonly engine: string;
  /** Whether the engine has transactions, and so snapshots. */
  readonly isTransactional: boolean;
}

const OF_SYSTEM = "('mysql', 'information_schema', 'performance_schema', 'sys')";
/** The kinds of relations that hold rows. */
const TABLES = ["BASE TABLE", "SYSTEM VERSIONED"];

/** All tables and views that the user may see, those of the server itself not among them. */
export async function listRelations(ask: Ask): Promise<MysqlRelation[]> {
  const rows = await ask(
    "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE, COALESCE(t.ENGINE, ''), COALESCE(e.TRANSACTIONS, '') " +
      "FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE " +
      `WHERE t.TABLE_SCHEMA NOT IN ${OF_SYSTEM}`,
  );
  const relations = rows.map(([schema, name, kind, engine, transactions]) => ({
    schema: schema!,
    name: name!,
    kind: kind!,
    engine: engine!,
    isTransactional: transactions === "YES",
  }));
  return relations.sort((one, other) => compare(one.schema, other.schema) || compare(one.name, other.name));
}

/** The tables that ids mean; see `TableReader.find`. `database` is that of names without one; null if there is none. */
export function findTables(
  relations: readonly MysqlRelation[],
  ids: readonly string[],
  database: string | null,
): FoundTable[] {
  const found = new Map<string, FoundTable>();
  for (const id of ids) {
    const pattern = parsePattern(id, { isCaseKept: true });
    const isOfCollection = isCollection(pattern);
    const inReach = pattern.schema === null && database !== null
      ? relations.filter(({ schema }) => schema === database)
      : relations;
    const fitting = inReach.filter((relation) => fits(relation, pattern, database ?? ""));
    const tables = fitting.filter(({ kind }) => TABLES.includes(kind));
    if (tables.length === 0) throw notThere(id, { fitting, relations, database });
    for (const { schema, name } of tables) {
      const table = { schema, name };
      const text = tableText(table);
      if (found.has(text)) continue;
      found.set(text, { ...table, id: isOfCollection ? text : id, isPartitioned: false, isOfCollection });
    }
  }
  return [...found.values()];
}

/** The columns of tables in order. Types of texts tell their character set. */
export async function listColumns(ask: Ask, tables: readonly TableName[]): Promise<TableColumn[][]> {
  if (tables.length === 0) return [];
  const names = tables.map(({ schema, name }) => `(${quotedText(schema)}, ${quotedText(name)})`);
  const rows = await ask(
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COALESCE(CHARACTER_SET_NAME, ''), " +
      "COALESCE(GENERATION_EXPRESSION, '') <> '' OR EXTRA LIKE '%GENERATED ALWAYS%' OR EXTRA LIKE '% GENERATED%' " +
      `FROM information_schema.COLUMNS WHERE (TABLE_SCHEMA, TABLE_NAME) IN (${names.join(", ")}) ` +
      "ORDER BY ORDINAL_POSITION",
  );
  return tables.map((table) =>
    rows.filter(([schema, name]) => schema === table.schema && name === table.name).map(
      ([, , name, type, characterSet, isGenerated]) => ({
        name: name!,
        type: characterSet === "" ? type! : `${type} CHARACTER SET ${characterSet}`,
        ...isGenerated === "1" ? { isGenerated: true } : {},
      }),
    )
  );
}

interface NotThere {
  readonly fitting: readonly MysqlRelation[];
  readonly relations: readonly MysqlRelation[];
  readonly database: string | null;
}

function notThere(id: string, { fitting: [other], relations, database }: NotThere): UsageError {
  if (other !== undefined) {
    const what = other.kind === "SEQUENCE" ? "a sequence" : "a view";
    return new UsageError(`${tableText(other)} is ${what}, and has no rows of its own`);
  }
  if (id.includes("*")) {
    return new UsageError(`No table fits ${JSON.stringify(id)}; see the name, and whether the user has rights there`);
  }
  const text = id.includes(".") || database === null ? id : `${database}.${id}`;
  const hint = didYouMean(text, relations.map((relation) => tableText(relation))) ||
    "; see the name, and whether the user has rights there";
  return new UsageError(`There is no table ${JSON.stringify(id)}${hint}`);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
