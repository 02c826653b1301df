/** The tables of a backup of the engine `tables`, whose manifest names them. */
import { UsageError } from "../../../base/errors.ts";
import type { BackupFile } from "../../../backup/content/contents.ts";
import type { DumpTable } from "../../../backup/tables/dump_tables.ts";
import type { TableDefinition } from "../../../engine/tables/definition.ts";
import { type BackedUpTable, parseTables, TABLES_ENGINE } from "../../../engine/tables/table_position.ts";
import type { Manifest } from "../../../format/manifest/manifest.ts";

/** A table, and the stream of its rows. */
interface ListedTable {
  /** Null if it has no rows. */
  readonly file: BackupFile | null;
  readonly table: DumpTable;
}

/** Its tables in order; undefined for a backup of another engine. Throws `UsageError` if the manifest names none. */
export function listBackedUp(
  manifest: Manifest | null,
  files: readonly BackupFile[],
): readonly ListedTable[] | undefined {
  if (manifest?.engine.name !== TABLES_ENGINE) return undefined;
  const tables = parseTables(manifest.source);
  if (tables === undefined) throw new UsageError("The backup is not one of tables: its manifest names none");
  const { server, database } = manifest.engine.options;
  const names = namesIn(server, typeof database === "string" ? database : null);
  return tables.map((table) => {
    const file = files.find(({ expected }) => table.stream !== null && expected?.path === table.stream) ?? null;
    return {
      file,
      table: { ...names(table), kind: "table", dataBytes: file?.size ?? 0, structureBytes: sizeOf(table.definition) },
    };
  });
}

/** How tables are called, which depends on what a schema is for the server. */
function namesIn(server: unknown, database: string | null) {
  return ({ id, definition }: BackedUpTable): Pick<DumpTable, "database" | "schema" | "name"> => {
    if (definition === null) return { database, schema: null, name: id };
    const { schema, name } = definition;
    if (server === "mysql") return { database: schema, schema: null, name };
    return server === "sqlite" ? { database, schema: null, name } : { database, schema, name };
  };
}

function sizeOf(definition: TableDefinition | null): number {
  if (definition === null) return 0;
  const { before, after, foreignKeys, grants } = definition;
  const statements = [...before, ...after, ...foreignKeys, ...grants.map(({ statement }) => statement)];
  return statements.reduce((sum, statement) => sum + new TextEncoder().encode(statement).length, 0);
}
