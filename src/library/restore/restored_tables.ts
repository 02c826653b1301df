/** Tables out of a backup: into the target of an engine, or as a dump of their own. */
import type { DumpTable, TableChoice } from "../../backup/tables/dump_tables.ts";
import { UsageError } from "../../base/errors.ts";
import type { EngineTarget } from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";
import { TABLES_ENGINE } from "../../engine/tables/table_position.ts";
import type { RepositoryAccess, World } from "../../ops/access.ts";
import { filesFor, type FoundBackup } from "../../ops/restore/get.ts";
import { listBackedUp } from "../../ops/restore/tables/list_backed_up.ts";
import { loadTables } from "../../ops/restore/tables/load_tables.ts";
import { listTables, openTables } from "../../ops/restore/tables/open_tables.ts";
import { intoOutput, type OutputDestination } from "../opening/output.ts";

/** How tables are restored. */
interface TablesRestore {
  readonly choice: TableChoice;
  readonly file?: string | undefined;
  readonly overwrite?: boolean | undefined;
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/** What tables are restored with. */
interface TablesTools {
  readonly access: RepositoryAccess;
  readonly world: World;
}

/** What came of it. */
interface RestoredTables {
  readonly tables: readonly DumpTable[];
  /** What could not be restored, one line each. */
  readonly problems: readonly string[];
}

/** A table of a backup, and the stream that holds it; null for a table without rows. */
export interface BackupTable extends DumpTable {
  /** The path of the stream. */
  readonly stream: string | null;
}

/**
 * The URL of a target for a backup of tables: `postgresql://localhost/shop` becomes
 * `tables:postgresql://localhost/shop?table=orders`.
 */
export function tablesUrl(url: string, { tables, skipped }: Pick<TableChoice, "tables" | "skipped">): string {
  const chosen = [...tables.map((name) => ["table", name]), ...skipped.map((name) => ["skip", name])];
  const names = chosen.map(([key, name]) => `${key}=${encodeURIComponent(name!)}`).join("&");
  const whole = url.startsWith(`${TABLES_ENGINE}:`) ? url : `${TABLES_ENGINE}:${url}`;
  return names === "" ? whole : `${whole}${whole.includes("?") ? "&" : "?"}${names}`;
}

/** Whether a backup was made table by table. */
export function isOfTables({ manifest }: FoundBackup): boolean {
  return manifest?.engine.name === TABLES_ENGINE;
}

/** Loads some tables of a dump into a target. */
export async function loadIntoTarget(
  found: FoundBackup,
  target: Driven<EngineTarget>,
  { choice, file, overwrite = false, onStderr }: TablesRestore,
  { access, world }: TablesTools,
): Promise<RestoredTables> {
  const request = { file, choice, overwrite, onStderr, onProgress: () => {} };
  const { source, problems } = await loadTables(found, target, request, { world, cache: access.listCache });
  return { tables: source.tables, problems };
}

/** Writes a dump of some tables. Throws `UsageError` for a backup of tables, which has no dump. */
export async function writeDump(
  found: FoundBackup,
  to: OutputDestination,
  { choice, file, overwrite = false }: TablesRestore,
  { access, world }: TablesTools,
): Promise<RestoredTables> {
  if (isOfTables(found)) {
    throw new UsageError("This is a backup of tables, whose rows are streams: restore them into a database");
  }
  const source = await openTables(found, { file, choice }, { world, cache: access.listCache });
  await intoOutput(to, { overwrite }, (sink) => source.write(sink));
  return { tables: source.tables, problems: source.notes };
}

/** The tables of a backup. Throws `UsageError` if it has no dump whose tables can be told. */
export async function tablesOfBackup(
  found: FoundBackup,
  file: string | undefined,
  { access, world }: TablesTools,
): Promise<BackupTable[]> {
  const backedUp = listBackedUp(found.manifest, await filesFor(found, undefined));
  if (backedUp !== undefined) {
    return backedUp.map(({ table, file }) => ({ ...table, stream: file?.path ?? null }));
  }
  const lists = await listTables(found, { file }, { world, cache: access.listCache });
  return lists.flatMap(({ file, tables }) => tables.map((table) => ({ ...table, stream: file.path })));
}
