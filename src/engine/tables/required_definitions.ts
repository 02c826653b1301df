/** Compares tables with what they should be, before anything is dumped. */
import { SourceError, UsageError } from "../../base/errors.ts";
import { columnDifferences, type TableDefinition } from "./definition.ts";
import { tableText } from "./table_name.ts";
import type { FoundTable, TableReader } from "./table_server.ts";

/** Where definitions come from. */
type DefinitionsOf = "file" | "newest";

/**
 * Throws `SourceError` that names every column that differs from its definition, and `UsageError` for a table without
 * one. Those of the newest backup need not have every table.
 */
export async function requireDefined(
  reader: TableReader,
  tables: readonly FoundTable[],
  definitions: readonly TableDefinition[],
  of: DefinitionsOf = "file",
): Promise<void> {
  if (of === "newest" && definitions.length === 0) return;
  const columns = await reader.columns(tables);
  const problems = tables.flatMap((table, i) => {
    const text = tableText(table);
    const definition = definitions.find((one) => tableText(one) === text);
    if (definition === undefined && of === "newest") return [];
    if (definition === undefined) throw new UsageError(`The definitions have no table ${text}`);
    return columnDifferences(table, definition.columns, columns[i]!);
  });
  if (problems.length === 0) return;
  const [what, advice] = of === "file"
    ? ["Not as defined", ""]
    : ["Not as in the newest backup of the series", "; to take tables as they are from now on, add definitions=none"];
  throw new SourceError(`${what}: ${problems.join("; ")}; nothing was dumped${advice}`);
}
