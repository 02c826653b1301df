/** What the manifest of a backup of tables says about each of them. */
import * as v from "valibot";
import type { JsonObject } from "../../format/json/json_text.ts";
import { parseDefinition, type TableDefinition } from "./definition.ts";
import type { TableFormat } from "./table_name.ts";

/** The name of the engine. */
export const TABLES_ENGINE = "tables";

/** A table of a backup. */
export interface BackedUpTable {
  /** Its name (`tableText`), or what a dump file of DaCHS calls it. */
  readonly id: string;
  /** The path of its rows; null if it has none. */
  readonly stream: string | null;
  /** The form of its rows. */
  readonly format: TableFormat;
  /** When it was read (RFC 3339). */
  readonly time: string;
  /** Null for a table out of a dump file, which has no definitions. */
  readonly definition: TableDefinition | null;
}

const PositionSchema = v.object({
  tables: v.array(v.object({
    id: v.string(),
    stream: v.nullable(v.string()),
    format: v.picklist(["binary", "text"]),
    time: v.string(),
    definition: v.optional(v.nullable(v.unknown())),
  })),
});

/** The tables as a position has them. */
export function tablesJson(tables: readonly BackedUpTable[]): JsonObject {
  return { tables: tables.map((table) => ({ ...table })) } as unknown as JsonObject;
}

/** The tables of a position; undefined for that of another engine. */
export function parseTables(position: unknown): BackedUpTable[] | undefined {
  const parsed = v.safeParse(PositionSchema, position);
  if (!parsed.success) return undefined;
  return parsed.output.tables.map(({ definition = null, ...table }) => (
    { ...table, definition: definition === null ? null : parseDefinition(definition) ?? null }
  ));
}
