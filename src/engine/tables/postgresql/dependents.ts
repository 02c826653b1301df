/**
 * What depends on a PostgreSQL table that is to be replaced: foreign keys of other tables, and views, which are taken
 * down and put back in the transaction that replaces it. Whatever else depends on it makes that transaction fail.
 */
import { AgentError } from "../../../base/errors.ts";
import { type PostgresqlClient, quotedName, quotedText } from "../../postgresql/postgresql_client.ts";
import { type TableName, tableSql } from "../table_name.ts";
import { relationText } from "./catalogue.ts";
import { dumpedSchema, entriesOf, grantsOf, rightsOf } from "./definition_of.ts";
import { ask } from "./session.ts";

/** How a table is taken out of what depends on it. */
export interface Dependents {
  /** A statement that fails if something else depends on the table by now. */
  readonly check: string;
  /** Statements that take foreign keys of other tables down. */
  readonly keysDown: readonly string[];
  /** Statements that put them back. */
  readonly keysBack: readonly string[];
  /** Statements that take views down, the last one first. */
  readonly viewsDown: readonly string[];
  /** Statements that put them back, with their owners, rights, comments and rows. */
  readonly viewsBack: readonly string[];
  /** Statements that keep the table's own triggers from firing while rows are loaded. */
  readonly triggersOff: readonly string[];
  /** Statements that make them as they were. */
  readonly triggersOn: readonly string[];
  /** Statements that give other roles the rights that they had. */
  readonly grants: readonly string[];
}

interface ForeignKey extends TableName {
  readonly constraint: string;
  readonly definition: string;
  readonly comment: string | null;
}

interface View extends TableName {
  readonly isMaterialized: boolean;
  readonly isPopulated: boolean;
}

interface Trigger {
  readonly trigger: string;
  /** `O`: as usual, `A`: always, `R`: on a replica. */
  readonly enabled: "O" | "A" | "R";
}

interface Found {
  readonly foreignKeys: readonly ForeignKey[];
  readonly views: readonly View[];
  readonly triggers: readonly Trigger[];
  readonly rights: Parameters<typeof grantsOf>[1];
  readonly digest: string;
}

const OTHERS = "k.contype = 'f' AND k.confrelid = {table} AND k.conrelid <> {table} AND k.conparentid = 0";
/** The views over a table, directly or through other views, and how far they are. */
const VIEWS = `WITH RECURSIVE view(oid, depth) AS (
    SELECT {table}::oid, 0
    UNION
    SELECT r.ev_class, depth + 1 FROM view JOIN pg_depend d ON d.refobjid = view.oid
      AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid WHERE r.ev_class <> view.oid AND depth < 1000)
  SELECT oid, max(depth) AS depth FROM view WHERE depth > 0 GROUP BY oid`;
const DIGEST = `SELECT md5(concat(
    (SELECT string_agg(k.oid::text || pg_get_constraintdef(k.oid), ',' ORDER BY k.oid) FROM pg_constraint k WHERE ${OTHERS}),
    (SELECT string_agg(v.oid::text || pg_get_viewdef(v.oid), ',' ORDER BY v.oid) FROM (${VIEWS}) v)))`;

/** What depends on a table. Throws `AgentError` if that cannot be told. */
export async function dependentsOf(
  client: PostgresqlClient,
  table: TableName,
  options: { readonly major: number; readonly signal?: AbortSignal | undefined },
): Promise<Dependents> {
  const oid = `${relationText(table)}::regclass`;
  const of = (text: string) => text.replaceAll("{table}", oid);
  const [found] = await ask<Found>(
    client,
    `SELECT
      COALESCE((SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'constraint', k.conname,
          'definition', pg_get_constraintdef(k.oid), 'comment', obj_description(k.oid, 'pg_constraint')) ORDER BY k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE ${of(OTHERS)}), '[]') AS "foreignKeys",
      COALESCE((SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname,
          'isMaterialized', c.relkind = 'm', 'isPopulated', c.relispopulated) ORDER BY v.depth DESC, c.oid DESC)
        FROM (${of(VIEWS)}) v JOIN pg_class c ON c.oid = v.oid JOIN pg_namespace n ON n.oid = c.relnamespace
        ), '[]') AS views,
      COALESCE((SELECT json_agg(json_build_object('trigger', t.tgname, 'enabled', t.tgenabled) ORDER BY t.oid)
        FROM pg_trigger t WHERE t.tgrelid = ${oid} AND NOT t.tgisinternal AND t.tgenabled <> 'D'), '[]') AS triggers,
      (SELECT ${rightsOf("c")} FROM pg_class c WHERE c.oid = ${oid}) AS rights,
      (${of(DIGEST)}) AS digest`,
    options,
  );
  if (found === undefined) throw new AgentError(`Cannot tell what depends on ${tableSql(table)}`);
  const { foreignKeys, views, triggers, rights, digest } = found;
  const alter = (key: ForeignKey) => `ALTER TABLE ${tableSql(key)}`;
  const own = `ALTER TABLE ${tableSql(table)}`;
  return {
    check: checkStatement(of(DIGEST), digest),
    keysDown: foreignKeys.map((key) => `${alter(key)} DROP CONSTRAINT ${quotedName(key.constraint)}`),
    keysBack: foreignKeys.flatMap((key) => [
      `${alter(key)} ADD CONSTRAINT ${quotedName(key.constraint)} ${key.definition}`,
      ...key.comment === null
        ? []
        : [`COMMENT ON CONSTRAINT ${quotedName(key.constraint)} ON ${tableSql(key)} IS ${quotedText(key.comment)}`],
    ]),
    viewsDown: views.map((view) => `DROP ${view.isMaterialized ? "MATERIALIZED " : ""}VIEW ${tableSql(view)}`),
    viewsBack: await viewsBack(client, views, options),
    triggersOff: triggers.map(({ trigger }) => `${own} DISABLE TRIGGER ${quotedName(trigger)}`),
    triggersOn: triggers.map(({ trigger, enabled }) =>
      `${own} ENABLE ${{ O: "", A: "ALWAYS ", R: "REPLICA " }[enabled]}TRIGGER ${quotedName(trigger)}`
    ),
    grants: grantsOf(table, rights).map(({ statement }) => statement),
  };
}

/** Between the question and the transaction, somebody may have changed something. */
function checkStatement(query: string, digest: string): string {
  const body = `BEGIN
    IF (${query}) IS DISTINCT FROM ${quotedText(digest)} THEN
      RAISE EXCEPTION 'what depends on the table changed meanwhile';
    END IF;
  END`;
  return `DO ${quotedText(body)}`;
}

async function viewsBack(
  client: PostgresqlClient,
  views: readonly View[],
  options: { readonly major: number; readonly signal?: AbortSignal | undefined },
): Promise<string[]> {
  if (views.length === 0) return [];
  const text = await dumpedSchema(client, views, [], options);
  const filled = views.filter(({ isMaterialized, isPopulated }) => isMaterialized && isPopulated).reverse();
  return [
    ...entriesOf(text).map(({ sql }) => sql),
    ...filled.map((view) => `REFRESH MATERIALIZED VIEW ${tableSql(view)}`),
  ];
}
