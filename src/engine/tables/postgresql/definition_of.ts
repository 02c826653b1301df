/** What PostgreSQL tables are besides their rows: what pg_dump writes about them, divided by when it is needed. */
import { AgentError, invariant } from "../../../base/errors.ts";
import { findProgram } from "../../postgresql/client_versions.ts";
import { placeOf } from "../../postgresql/postgresql_address.ts";
import { type PostgresqlClient, quotedName } from "../../postgresql/postgresql_client.ts";
import { reasonIn } from "../../postgresql/remarks.ts";
import type { TableDefinition } from "../definition.ts";
import { type TableName, tableSql, tableText } from "../table_name.ts";
import { listColumns, relationText } from "./catalogue.ts";
import { ask, type AskOptions } from "./session.ts";

/** The kinds of objects that are made after the rows. */
const AFTER_ROWS = new Set([
  "CHECK CONSTRAINT",
  "CONSTRAINT",
  "INDEX",
  "INDEX ATTACH",
  "POLICY",
  "ROW SECURITY",
  "RULE",
  "STATISTICS",
  "TRIGGER",
]);
const FOREIGN_KEY = "FK CONSTRAINT";
const HEADING = /^--\n-- (?:Data for )?Name: .*?; Type: ([A-Z ]+?); Schema: .*\n--\n/gm;

/** Where a table lies, and how, unless as usual: servers before version 12 know no other way. */
const PLACE = /^SET default_(?:tablespace = .*|table_access_method = (?!heap;).*);$/gm;

/** What a definition is asked with. */
interface DefineOptions extends AskOptions {
  /** The major version of the server. */
  readonly major: number;
}

/** The definition of a table. Throws `AgentError` if it cannot be read. */
export async function defineTable(
  client: PostgresqlClient,
  table: TableName,
  options: DefineOptions,
): Promise<TableDefinition> {
  const [columns] = await listColumns(client, [table], options);
  const text = await dumpedSchema(client, [table], ["--no-owner", "--no-privileges"], options);
  const facts = await factsOf(client, table, options);
  const divided = divide(entriesOf(text));
  const keys = divided.foreignKeys.filter((sql) => /^ALTER TABLE .* FOREIGN KEY /s.test(sql));
  // What was taken for a heading might be a part of a comment. Then the numbers differ, in all likelihood.
  if (keys.length !== facts.foreignKeys) {
    throw new AgentError(
      `What pg_dump writes about ${tableText(table)} cannot be taken apart; back it up as a database`,
    );
  }
  return {
    schema: table.schema,
    name: table.name,
    columns: columns!,
    ...divided,
    sequences: facts.sequences,
    owner: facts.owner,
    grants: grantsOf(table, facts.rights),
  };
}

/** Statements by when they are needed. A comment goes with what it is about, which is written before it. */
function divide(entries: readonly Entry[]): Pick<TableDefinition, "before" | "after" | "foreignKeys"> {
  const divided = { before: [] as string[], after: [] as string[], foreignKeys: [] as string[] };
  let place: keyof typeof divided = "before";
  for (const { type, sql } of entries) {
    if (type === FOREIGN_KEY) place = "foreignKeys";
    else if (type !== "COMMENT") place = AFTER_ROWS.has(type) ? "after" : "before";
    divided[place].push(sql);
  }
  return divided;
}

/** What pg_dump writes about relations, without their rows and without commands of psql. Throws `AgentError`. */
export async function dumpedSchema(
  client: PostgresqlClient,
  relations: readonly TableName[],
  more: readonly string[],
  { snapshot = null, major, signal }: DefineOptions,
): Promise<string> {
  const pgDump = await findProgram("pg_dump", client.machine, { major, signal });
  const args = [
    "--schema-only",
    "--encoding=UTF8",
    "--no-publications",
    "--no-subscriptions",
    ...more,
    ...snapshot === null ? [] : [`--snapshot=${snapshot}`],
    ...relations.map((relation) => `--table=${tableSql(relation)}`),
  ];
  const { output, failure } = await client.run(pgDump, args, { signal });
  if (failure !== null) throw new AgentError(reasonIn(failure, placeOf(client.address)));
  return output.replace(/^\\restrict .*\n/m, "").replace(/^\\unrestrict .*\n/gm, "");
}

interface Entry {
  readonly type: string;
  readonly sql: string;
}

/**
 * The statements of each object. Where tables lie and how is set before the heading of the first one that lies there, and
 * so behind the statements of another, or at the beginning.
 */
export function entriesOf(text: string): Entry[] {
  const headings = [...text.matchAll(HEADING)];
  const places = text.slice(0, headings[0]?.index).match(PLACE) ?? [];
  return headings.flatMap(({ index, 0: heading, 1: type }, i) => {
    const sql = text.slice(index + heading.length, headings[i + 1]?.index)
      .replace(/\n--\n-- PostgreSQL database dump complete\n--\n\s*$/, "");
    const placed = i === 0 ? [...places, sql.trim()].join("\n") : sql.trim();
    return placed === "" ? [] : [{ type: type!, sql: placed }];
  });
}

interface Right {
  readonly role: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

interface TableFacts {
  readonly owner: string;
  readonly foreignKeys: number;
  readonly sequences: { schema: string; name: string; last: string }[];
  readonly rights: readonly Right[];
}

/** The planner may look at it before it looks whether the relation is a sequence. */
const LAST_VALUE = "CASE s.relkind WHEN 'S' THEN pg_sequence_last_value(s.oid) END";

async function factsOf(client: PostgresqlClient, table: TableName, options: AskOptions): Promise<TableFacts> {
  const [facts] = await ask<TableFacts>(
    client,
    `SELECT pg_get_userbyid(c.relowner) AS owner,
      (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0)
        AS "foreignKeys",
      COALESCE((SELECT json_agg(json_build_object('schema', n.nspname, 'name', s.relname,
          'last', ${LAST_VALUE}::text) ORDER BY s.relname)
        FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        JOIN pg_namespace n ON n.oid = s.relnamespace
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
          AND d.deptype IN ('a', 'i') AND ${LAST_VALUE} IS NOT NULL), '[]') AS sequences,
      ${rightsOf("c")} AS rights
    FROM pg_class c WHERE c.oid = ${relationText(table)}::regclass`,
    options,
  );
  invariant(facts !== undefined, "A table that is named is there, or the query fails");
  return facts;
}

/** The rights of other roles than the owner, as JSON. */
export function rightsOf(alias: string): string {
  return `COALESCE((SELECT json_agg(json_build_object(
      'role', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
      'privilege', a.privilege_type, 'grantable', a.is_grantable) ORDER BY a.grantee, a.privilege_type)
    FROM aclexplode(${alias}.relacl) a WHERE a.grantee <> ${alias}.relowner), '[]')`;
}

/** Statements that give rights. The role `PUBLIC` is everybody. */
export function grantsOf(table: TableName, rights: readonly Right[]): TableDefinition["grants"] {
  return rights.map(({ role, privilege, grantable }) => ({
    role,
    statement: `GRANT ${privilege} ON ${tableSql(table)} TO ${role === "PUBLIC" ? role : quotedName(role)}` +
      `${grantable ? " WITH GRANT OPTION" : ""}`,
  }));
}
