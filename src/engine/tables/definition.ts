/** What a table is besides its rows, so that it can be made anew; and whether a table is still what it was. */
import * as v from "valibot";
import type { JsonObject } from "../../format/json/json_text.ts";
import { type TableName, tableText } from "./table_name.ts";

/** A column. */
export interface TableColumn {
  /** Its name as the database has it. */
  readonly name: string;
  /** Its type as the database writes it. */
  readonly type: string;
  /** Whether the database computes its values, so that rows have none. */
  readonly isGenerated?: boolean;
}

/** A table without its rows. */
export interface TableDefinition extends TableName {
  /** Its columns in order. */
  readonly columns: readonly TableColumn[];
  /** For SQLite: the name of the row number, if rows have it as a value before all others; absent if not. */
  readonly rowid?: string;
  /** Statements that make it, before its rows. */
  readonly before: readonly string[];
  /** Statements for indexes, constraints and triggers, after its rows. */
  readonly after: readonly string[];
  /** For MariaDB and MySQL: whether it may have triggers that the server did not show to the user. */
  readonly hidesTriggers?: boolean;
  /** Statements for its references to other tables, which come after all tables. */
  readonly foreignKeys: readonly string[];
  /** The last values of its own sequences, in decimal digits. */
  readonly sequences: readonly (TableName & { readonly last: string })[];
  /** The role that owns it; null where tables have no owners. */
  readonly owner: string | null;
  /** Rights of other roles, each with the statement that gives it. */
  readonly grants: readonly { readonly role: string; readonly statement: string }[];
}

const name = { schema: v.string(), name: v.string() };
const statements = () => v.array(v.string());

const DefinitionSchema: v.GenericSchema<unknown, TableDefinition> = v.object({
  ...name,
  columns: v.array(v.object({ name: v.string(), type: v.string(), isGenerated: v.exactOptional(v.boolean()) })),
  rowid: v.exactOptional(v.string()),
  before: statements(),
  after: statements(),
  hidesTriggers: v.exactOptional(v.boolean()),
  foreignKeys: statements(),
  sequences: v.array(v.object({ ...name, last: v.pipe(v.string(), v.regex(/^-?[0-9]+$/)) })),
  owner: v.nullable(v.string()),
  grants: v.array(v.object({ role: v.string(), statement: v.string() })),
});

const DefinitionsSchema = v.object({ format: v.literal("agent-tables/1"), tables: v.array(DefinitionSchema) });

/** The columns that rows have values of, in order. */
export function storedColumns(columns: readonly TableColumn[]): readonly TableColumn[] {
  return columns.filter(({ isGenerated = false }) => !isGenerated);
}

/** The definitions of several tables as JSON. */
export function definitionsJson(tables: readonly TableDefinition[]): JsonObject {
  return { format: "agent-tables/1", tables: tables.map((table) => ({ ...table })) } as unknown as JsonObject;
}

/** Reads what `definitionsJson` made; undefined for anything else. */
export function parseDefinitions(json: unknown): TableDefinition[] | undefined {
  const parsed = v.safeParse(DefinitionsSchema, json);
  return parsed.success ? parsed.output.tables : undefined;
}

/** Reads one definition; undefined for anything else. */
export function parseDefinition(json: unknown): TableDefinition | undefined {
  const parsed = v.safeParse(DefinitionSchema, json);
  return parsed.success ? parsed.output : undefined;
}

/** What differs between the columns that a table should have and those that it has: one line each. */
export function columnDifferences(
  table: TableName,
  expected: readonly TableColumn[],
  actual: readonly TableColumn[],
): string[] {
  const of = `of the table ${tableText(table)}`;
  const named = (columns: readonly TableColumn[], name: string) => columns.find((column) => column.name === name);
  const missing = expected.filter(({ name }) => named(actual, name) === undefined);
  const extra = actual.filter(({ name }) => named(expected, name) === undefined);
  const retyped = expected.flatMap(({ name, type }) => {
    const found = named(actual, name);
    return found === undefined || found.type === type ? [] : [{ name, type, found: found.type }];
  });
  const computed = expected.filter(({ name, isGenerated = false }) => {
    const found = named(actual, name);
    return found !== undefined && (found.isGenerated ?? false) !== isGenerated;
  });
  const differences = [
    ...missing.map(({ name }) => `the column ${JSON.stringify(name)} ${of} is missing`),
    ...extra.map(({ name }) => `the column ${JSON.stringify(name)} ${of} is extra: its definition has none`),
    ...retyped.map(({ name, type, found }) =>
      `the column ${JSON.stringify(name)} ${of} is of the type ${found}, and its definition says ${type}`
    ),
    ...computed.map(({ name, isGenerated }) =>
      `the column ${JSON.stringify(name)} ${of} ${
        isGenerated
          ? "holds values, and its definition says that it is generated"
          : "is generated, and its definition does not say so"
      }`
    ),
  ];
  if (missing.length > 0 || extra.length > 0) return differences;
  const at = expected.findIndex(({ name }, i) => actual[i]!.name !== name);
  if (at < 0) return differences;
  const order =
    `the columns ${of} are in another order: column ${at + 1} is ${JSON.stringify(actual[at]!.name)}, and ` +
    `its definition says ${JSON.stringify(expected[at]!.name)}`;
  return [...differences, order];
}
