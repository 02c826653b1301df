/** Which tables a PostgreSQL database has, and which of them a user means. */
import { didYouMean } from "../../../base/text/nearest_name.ts";
import { UsageError } from "../../../base/errors.ts";
import { type PostgresqlClient, quotedText } from "../../postgresql/postgresql_client.ts";
import type { TableColumn } from "../definition.ts";
import { fits, isCollection, parsePattern, type TableName, type TablePattern, tableText } from "../table_name.ts";
import type { FoundTable } from "../table_server.ts";
import { ask, type AskOptions } from "./session.ts";

/** The schema of names without one. */
const USUAL_SCHEMA = "public";

/** A relation. */
interface Relation extends TableName {
  /** `r`: a table on disk, `p`: a partitioned table, `v` and `m`: views, `f`: a foreign table. */
  readonly kind: "r" | "p" | "v" | "m" | "f";
  /** Whether the user may read it. */
  readonly isReadable: boolean;
}

const OF_SYSTEM = "(n.nspname = 'information_schema' OR n.nspname ~ '^pg_')";

/** All tables and views, by schema and name. Those of extensions are made by these. */
function listRelations(client: PostgresqlClient, options: AskOptions): Promise<Relation[]> {
  return ask<Relation>(
    client,
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
      has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS "isReadable"
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT ${OF_SYSTEM} AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`,
    options,
  );
}

/** The columns of tables in order. */
export async function listColumns(
  client: PostgresqlClient,
  tables: readonly TableName[],
  options: AskOptions,
): Promise<TableColumn[][]> {
  if (tables.length === 0) return [];
  const rows = await ask<TableName & { readonly columns: TableColumn[] }>(
    client,
    `SELECT n.nspname AS schema, c.relname AS name, COALESCE((
      SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
        ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND NOT ${OF_SYSTEM}`,
    options,
  );
  return tables.map(({ schema, name }) =>
    rows.find((row) => row.schema === schema && row.name === name)?.columns ?? []
  );
}

/** Finds the tables that ids mean; see `TableReader.find`. */
export class Catalogue {
  readonly #relations: readonly Relation[];
  readonly #ofDescriptors: readonly DescribedTable[];

  private constructor(relations: readonly Relation[], ofDescriptors: readonly DescribedTable[]) {
    this.#relations = relations;
    this.#ofDescriptors = ofDescriptors;
  }

  /** Reads all names. */
  static async read(client: PostgresqlClient, options: AskOptions): Promise<Catalogue> {
    const relations = await listRelations(client, options);
    return new Catalogue(relations, await describedTables(client, relations, options));
  }

  /** See `TableReader.find`. */
  find(ids: readonly string[]): FoundTable[] {
    const found = new Map<string, FoundTable>();
    for (const table of ids.flatMap((id) => this.#tablesOf(id))) {
      const text = tableText(table);
      if (!found.has(text)) found.set(text, table);
    }
    return [...found.values()];
  }

  /** The table of one id; null if it is not there, or not one table. */
  locate(id: string): FoundTable | null {
    try {
      const found = this.find([id]);
      return found.length === 1 ? found[0]! : null;
    } catch (error) {
      if (error instanceof UsageError) return null;
      throw error;
    }
  }

  /** What a relation is; undefined if it is not there. */
  relation({ schema, name }: TableName): Relation | undefined {
    return this.#relations.find((one) => one.schema === schema && one.name === name);
  }

  #tablesOf(id: string): FoundTable[] {
    const descriptor = /^([^"#]*\/[^"#]*)(?:#([^"#]+))?$|^([^"#]+)#([^"#]+)$/.exec(id);
    if (descriptor !== null) {
      return this.#described(id, descriptor[1] ?? descriptor[3]!, descriptor[2] ?? descriptor[4]);
    }
    const pattern = parsePattern(id);
    const fitting = this.#relations.filter((relation) => fits(relation, pattern, USUAL_SCHEMA));
    if (!isCollection(pattern)) return [this.#single(pattern, fitting)];
    const tables = fitting.filter(({ kind }) => kind === "r" || kind === "p");
    if (tables.length > 0) return tables.map((table) => ofCollection(table, tableText(table)));
    throw new UsageError(`No table fits ${JSON.stringify(id)}${this.#hint(pattern)}`);
  }

  #single(pattern: TablePattern, [relation]: readonly Relation[]): FoundTable {
    if (relation === undefined) {
      throw new UsageError(`There is no table ${JSON.stringify(pattern.text)}${this.#hint(pattern)}`);
    }
    if (relation.kind !== "r" && relation.kind !== "p") {
      const what = relation.kind === "f" ? "a foreign table" : "a view";
      throw new UsageError(`${tableText(relation)} is ${what}, and has no rows of its own: name the tables behind it`);
    }
    return { ...ofCollection(relation, pattern.text), isOfCollection: false };
  }

  /** The tables of a resource descriptor: as DaCHS's own table says, or those of the schema of its directory. */
  #described(id: string, descriptor: string, table: string | undefined): FoundTable[] {
    const listed = this.#ofDescriptors.filter((one) => one.descriptor === descriptor);
    const directory = descriptor.split("/")[0]!.toLowerCase();
    const tables = listed.length > 0 ? listed : this.#relations.filter(({ schema }) => schema === directory);
    const wanted = [table, table?.toLowerCase()];
    const found = tables.flatMap((one) => {
      const relation = this.relation(one);
      const isWanted = relation?.kind === "r" && (table === undefined || wanted.includes(relation.name));
      return isWanted ? [ofCollection(relation, `${descriptor}#${relation.name}`)] : [];
    });
    if (found.length > 0) return found;
    const hint = didYouMean(id, tables.map(({ name }) => `${descriptor}#${name}`)) || "; see the name";
    throw new UsageError(`There is no table of DaCHS's ${JSON.stringify(id)}${hint}`);
  }

  #hint({ text }: TablePattern): string {
    const names = this.#relations.map((relation) => tableText(relation));
    return didYouMean(text.includes(".") ? text : `${USUAL_SCHEMA}.${text}`, names) || "; see the name";
  }
}

interface DescribedTable extends TableName {
  /** The resource descriptor, such as `myres/q`. */
  readonly descriptor: string;
}

/** What DaCHS notes about its tables, in `dc.tablemeta`; nothing where there is no DaCHS. */
async function describedTables(
  client: PostgresqlClient,
  relations: readonly Relation[],
  options: AskOptions,
): Promise<DescribedTable[]> {
  const meta = relations.find(({ schema, name }) => schema === "dc" && name === "tablemeta");
  if (meta === undefined || !meta.isReadable) return [];
  const columns = (await listColumns(client, [meta], options))[0]!.map(({ name }) => name);
  if (!columns.includes("sourcerd") || !columns.includes("tablename")) return [];
  const rows = await ask<{ readonly descriptor: string; readonly table: string }>(
    client,
    "SELECT sourcerd AS descriptor, tablename AS table FROM dc.tablemeta WHERE sourcerd IS NOT NULL",
    options,
  );
  return rows.flatMap(({ descriptor, table }) => {
    const name = nameIn(table);
    return name === null ? [] : [{ descriptor, ...name }];
  });
}

/** The table that a name means, with its schema; null if it means none. */
function nameIn(text: string): TableName | null {
  try {
    const { schema, table } = parsePattern(text);
    return schema === null ? null : { schema: schema.text, name: table.text };
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

function ofCollection({ schema, name, kind }: Relation, id: string): FoundTable {
  return { schema, name, id, isPartitioned: kind === "p", isOfCollection: true };
}

/** A table as an SQL text that names it for `::regclass`. */
export function relationText({ schema, name }: TableName): string {
  return quotedText([schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join("."));
}
