/**
 * The references of other tables to one that is replaced. MariaDB keeps them by the name of the table while that is gone,
 * so they are as they were once it is back; what they refer to must be there then.
 */
import { quotedName, quotedText } from "../../mysql/mysql_client.ts";
import { type TableName, tableText } from "../table_name.ts";
import type { Ask } from "./mysql_catalogue.ts";
import { nameSql } from "./mysql_definition.ts";

/** A reference. */
export interface Reference {
  /** The table that refers. */
  readonly from: TableName;
  /** The name of the constraint. */
  readonly constraint: string;
  /** Columns of that table, and those that they refer to. */
  readonly columns: readonly { readonly own: string; readonly other: string }[];
}

/** The references of other tables to a table, as far as the user may see them. */
export async function referencesTo(ask: Ask, table: TableName): Promise<Reference[]> {
  const rows = await ask(
    "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME " +
      `FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = ${quotedText(table.schema)} ` +
      `AND REFERENCED_TABLE_NAME = ${quotedText(table.name)} ` +
      `AND (TABLE_SCHEMA, TABLE_NAME) <> (${quotedText(table.schema)}, ${quotedText(table.name)}) ` +
      "ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
  );
  const found = new Map<string, Reference & { columns: { own: string; other: string }[] }>();
  for (const [schema, name, constraint, own, other] of rows) {
    const key = JSON.stringify([schema, name, constraint]);
    const from = { schema: schema!, name: name! };
    const reference = found.get(key) ?? { from, constraint: constraint!, columns: [] };
    reference.columns.push({ own: own!, other: other! });
    found.set(key, reference);
  }
  return [...found.values()];
}

/** Why rows of another table would refer to nothing; null if they do not. */
export async function brokenReason(
  ask: Ask,
  table: TableName,
  { from, constraint, columns }: Reference,
): Promise<string | null> {
  const on = columns.map(({ own, other }) => `o.${quotedName(own)} = t.${quotedName(other)}`).join(" AND ");
  const isSet = columns.map(({ own }) => `o.${quotedName(own)} IS NOT NULL`).join(" AND ");
  const rows = await ask(
    `SELECT 1 FROM ${nameSql(from)} o LEFT JOIN ${nameSql(table)} t ON ${on} ` +
      `WHERE ${isSet} AND t.${quotedName(columns[0]!.other)} IS NULL LIMIT 1`,
  );
  if (rows.length === 0) return null;
  return `rows of the table ${tableText(from)} refer to rows that are gone (foreign key ${constraint})`;
}

/**
 * Makes the reference to another table in a copy of the one that refers, without rows, so that what the server thinks of
 * it is known before the table that is there now is dropped.
 */
export async function rehearse(ask: Ask, table: TableName, { from, columns }: Reference, as: string): Promise<void> {
  const copy = nameSql({ schema: table.schema, name: as });
  const own = columns.map((column) => quotedName(column.own)).join(", ");
  const others = columns.map(({ other }) => quotedName(other)).join(", ");
  await ask(
    `CREATE TABLE ${copy} LIKE ${nameSql(from)}`,
    `ALTER TABLE ${copy} ADD FOREIGN KEY (${own}) REFERENCES ${nameSql(table)} (${others})`,
    `DROP TABLE ${copy}`,
  );
}
