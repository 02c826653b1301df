/** A dump file of DaCHS: what is in it, and how its tables get back into a database. */
import { didYouMean } from "../../base/text/nearest_name.ts";
import { onAbort } from "../../base/abort.ts";
import { AgentError, UsageError } from "../../base/errors.ts";
import { type DumpedTable, dumpedTables, type DumpFile, scanDump } from "../../compat/dachs/read_dump.ts";
import type { TableName } from "../../engine/tables/table_name.ts";
import type { TableLoader, TableServer } from "../../engine/tables/table_server.ts";
import { type DoneTable, type DumpOptions, type FailedTable, requireCopy } from "./create_dump.ts";

/** A table of a dump file. */
export interface ListedTable extends DumpedTable {
  /**
   * Whether it can be loaded: its rows are whole and, if a database was named, that has the table.
   */
  readonly isRestorable: boolean;
}

/** Lists a dump file, all of which is read. Throws `IntegrityError` if it is damaged or no dump file. */
export async function listDump(
  file: DumpFile,
  { server, ...options }: DumpOptions & { readonly server?: TableServer | undefined },
): Promise<ListedTable[]> {
  const tables = await scanDump(file);
  const loader = await server?.load(options);
  try {
    const names = await loader?.locate(tables.map(({ id }) => id));
    return tables.map((table, i) => ({
      ...table,
      isRestorable: table.problem === null && (names === undefined || names[i] !== null),
    }));
  } finally {
    await loader?.close();
  }
}

/** What is loaded. */
export interface LoadDumpRequest {
  /** The dump file, which is read several times. */
  readonly file: DumpFile;
  /** The database. */
  readonly server: TableServer;
  /** The tables, as the index names them; empty for all. */
  readonly ids: readonly string[];
}

/** What became of the tables. */
export interface LoadDumpResult {
  /** Tables whose rows were replaced. */
  readonly loaded: readonly DoneTable[];
  /** Tables that the database does not have. */
  readonly skipped: readonly FailedTable[];
  /** Tables that could not be loaded, and are as they were. */
  readonly failed: readonly FailedTable[];
}

/**
 * Replaces the rows of tables by those of a dump file, each in a transaction of its own. The tables must be there, as
 * dump files have no definitions. The file is looked at as a whole before anything is loaded. Throws `IntegrityError`
 * if it is damaged or no dump file, `UsageError` for an id that it does not have, and `AgentError` if nothing could be
 * loaded.
 */
export async function loadDump(
  { file, server, ids }: LoadDumpRequest,
  options: DumpOptions,
): Promise<LoadDumpResult> {
  requireCopy(server);
  const all = await scanDump(file);
  for (const id of ids) {
    if (all.some((table) => table.id === id)) continue;
    const hint = didYouMean(id, all.map((table) => table.id)) || "; agent tables ls lists them";
    throw new UsageError(`The dump file has no table ${JSON.stringify(id)}${hint}`);
  }
  const wanted = ids.length === 0 ? all : all.filter(({ id }) => ids.includes(id));
  const loader = await server.load(options);
  using _stopping = onAbort(options.signal, () => void loader.close());
  try {
    const names = await loader.locate(wanted.map(({ id }) => id));
    const places = new Map(wanted.map((table, i) => [table.member, names[i] ?? null]));
    const result = await loadTables({ file, all, places }, loader, options);
    const { loaded, failed, skipped } = result;
    if (loaded.length > 0 || wanted.length === 0) return result;
    throw new AgentError(`No table was loaded: ${[...failed, ...skipped].map(({ reason }) => reason)[0]}`);
  } finally {
    await loader.close();
  }
}

interface Loading {
  readonly file: DumpFile;
  readonly all: readonly DumpedTable[];
  /** The tables to load by member; null for those that the database does not have. */
  readonly places: ReadonlyMap<string, TableName | null>;
}

async function loadTables(
  { file, all, places }: Loading,
  loader: TableLoader,
  { signal }: DumpOptions,
): Promise<LoadDumpResult> {
  const result = { loaded: [] as DoneTable[], skipped: [] as FailedTable[], failed: [] as FailedTable[] };
  const buffer = new Uint8Array(256 * 1024);
  for await (const { table: { member, id, format, size, problem }, content } of dumpedTables(file, all)) {
    signal.throwIfAborted();
    const name = places.get(member);
    if (name === undefined) continue;
    if (name === null) {
      result.skipped.push({ id, reason: `the database has no table ${id}` });
      continue;
    }
    if (problem !== null) {
      result.failed.push({ id, reason: `its rows in the dump file are not whole: ${problem}` });
      continue;
    }
    const load = loader.begin({ table: name, format, definition: null, hasRows: true });
    for (;;) {
      signal.throwIfAborted();
      const read = await content.read(buffer);
      if (read === null) break;
      await load.write(buffer.subarray(0, read));
    }
    const reason = await load.end();
    signal.throwIfAborted();
    if (reason === null) result.loaded.push({ id, size });
    else result.failed.push({ id, reason });
  }
  return result;
}
