/** Compares tables with what they should be, before anything is dumped. */
import { SourceError, UsageError } from "../../base/errors.ts";
import { columnDifferences, type TableDefinition } from "./definition.ts";
import { tableText } from "./table_name.ts";
import type { FoundTable, TableReader } from "./table_server.ts";

/**
 * Throws `SourceError` that names every column that differs from its definition, and `UsageError` for a table without
 * one.
 */
export async function requireDefined(
  reader: TableReader,
  tables: readonly FoundTable[],
  definitions: readonly TableDefinition[],
): Promise<void> {
  const columns = await reader.columns(tables);
  const problems = tables.flatMap((table, i) => {
    const text = tableText(table);
    const definition = definitions.find((one) => tableText(one) === text);
    if (definition === undefined) throw new UsageError(`The definitions have no table ${text}`);
    return columnDifferences(table, definition.columns, columns[i]!);
  });
  if (problems.length > 0) throw new SourceError(`Not as defined: ${problems.join("; ")}; nothing was dumped`);
}
