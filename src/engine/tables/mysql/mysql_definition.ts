/** What tables of MariaDB and MySQL are besides their rows: what the server says that makes them. */
import { AgentError } from "../../../base/errors.ts";
import { quotedName, quotedText } from "../../mysql/mysql_client.ts";
import type { TableDefinition } from "../definition.ts";
import { type TableName, tableText } from "../table_name.ts";
import { type Ask, listColumns } from "./mysql_catalogue.ts";

/** A line of SHOW CREATE TABLE that is a reference to another table, or to itself. */
const FOREIGN_KEY = /^ {2}CONSTRAINT `(?:[^`]|``)+` FOREIGN KEY /;

/** The definition of a table. Throws `AgentError` if it cannot be read. */
export async function defineTable(ask: Ask, table: TableName): Promise<TableDefinition> {
  const { schema, name } = table;
  const [columns] = await listColumns(ask, [table]);
  const made = (await ask(`SHOW CREATE DATABASE ${quotedName(schema)}`))[0]![1]!;
  const text = (await ask(`SHOW CREATE TABLE ${nameSql(table)}`))[0]![1]!;
  const { create, foreignKeys } = divided(text, table);
  // Texts in the statement have no line feeds, but names may.
  if (columns!.some((column) => column.name.includes("\n"))) throw notApart(table);
  return {
    schema,
    name,
    columns: columns!,
    before: [made, create],
    after: await triggersOf(ask, table),
    foreignKeys: foreignKeys.map((key) => `ALTER TABLE ${quotedName(name)} ADD ${key}`),
    sequences: [],
    owner: null,
    grants: [],
  };
}

/** A table as SQL has it. */
export function nameSql({ schema, name }: TableName): string {
  return `${quotedName(schema)}.${quotedName(name)}`;
}

/**
 * The statement that makes a database, if a definition has one, and the one that makes the table, which may get another
 * name. Throws `AgentError` for another definition.
 */
export function makingStatements(
  { before, name }: TableDefinition,
  as: string,
): { readonly database: string; readonly table: string } {
  const [database, create] = before;
  const head = `CREATE TABLE ${quotedName(name)} (`;
  if (before.length !== 2 || !database!.startsWith("CREATE DATABASE ") || !create!.startsWith(head)) {
    throw new AgentError("its definition in the backup is not one of MariaDB or MySQL");
  }
  return { database: database!, table: `CREATE TABLE ${quotedName(as)} (${create!.slice(head.length)}` };
}

/** SHOW CREATE TABLE has a line for each column, key and reference. */
function divided(text: string, table: TableName): { readonly create: string; readonly foreignKeys: readonly string[] } {
  const lines = text.split("\n");
  const keys = lines.filter((line) => FOREIGN_KEY.test(line));
  const others = lines.filter((line) => !FOREIGN_KEY.test(line));
  const end = others.findIndex((line) => line.startsWith(") "));
  if (end < 2 || !others[0]!.endsWith(" (")) throw notApart(table);
  others[end - 1] = others[end - 1]!.replace(/,$/, "");
  return { create: others.join("\n"), foreignKeys: keys.map((line) => line.trim().replace(/,$/, "")) };
}

/** Triggers in the order in which they fire, each after the settings that it was made with. */
async function triggersOf(ask: Ask, table: TableName): Promise<string[]> {
  const rows = await ask(
    "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, DEFINER FROM information_schema.TRIGGERS " +
      `WHERE EVENT_OBJECT_SCHEMA = ${quotedText(table.schema)} AND EVENT_OBJECT_TABLE = ${quotedText(table.name)} ` +
      "ORDER BY EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER",
  );
  const statements: string[] = [];
  for (const [name, timing, event, definer] of rows) {
    const trigger = { schema: table.schema, name: name! };
    const [shown] = await ask(`SHOW CREATE TRIGGER ${nameSql(trigger)}`);
    const [, mode, text, , collation] = shown!;
    const body = /^CREATE[^]*?\bFOR\s+EACH\s+ROW\s+(?:(?:FOLLOWS|PRECEDES)\s+\S+\s+)?([^]+)$/i.exec(text!)?.[1];
    if (body === undefined) throw notApart(trigger);
    const at = definer!.lastIndexOf("@");
    const by = `${quotedName(definer!.slice(0, at))}@${quotedName(definer!.slice(at + 1))}`;
    statements.push(
      `SET SESSION sql_mode = ${quotedText(mode!)}, collation_connection = ${quotedText(collation!)}`,
      // The names that the statement was written with may have that of the database before them.
      `CREATE DEFINER=${by} TRIGGER ${quotedName(name!)} ${timing} ${event} ON ${quotedName(table.name)} ` +
        `FOR EACH ROW ${body}`,
    );
  }
  return statements;
}

function notApart(table: TableName): AgentError {
  return new AgentError(
    `What the server says about ${tableText(table)} cannot be taken apart; back it up as a database (mysql:)`,
  );
}
