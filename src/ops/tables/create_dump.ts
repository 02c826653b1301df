/** Tables become a dump file of DaCHS. One that cannot be read is left out, and the others are dumped. */
import { join } from "node:path";
import { onAbort } from "../../base/abort.ts";
import { writeAll } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { AgentError, messageOf, SourceError, systemReason, UsageError } from "../../base/errors.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import { indexWord } from "../../compat/dachs/index_file.ts";
import { DumpWriter } from "../../compat/dachs/write_dump.ts";
import { PrivateFolder } from "../../engine/client/private_folder.ts";
import type { TableDefinition } from "../../engine/tables/definition.ts";
import { requireDefined } from "../../engine/tables/required_definitions.ts";
import type { TableFormat } from "../../engine/tables/table_name.ts";
import type { FoundTable, TableReader, TableServer } from "../../engine/tables/table_server.ts";
import { createGuard } from "../../guard/formats.ts";

/** What is dumped. */
export interface CreateDumpRequest {
  /** The database. */
  readonly server: TableServer;
  /** Names, patterns (`shop.*`) or ids of DaCHS (`myres/q#main`), at least one. */
  readonly ids: readonly string[];
  /** The form of COPY. */
  readonly format: TableFormat;
  /** What the tables have to be; without it, they are dumped as they are. */
  readonly definitions?: readonly TableDefinition[] | undefined;
  /** Receives the definitions of the tables, before anything is written. */
  readonly onDefinitions?: ((definitions: readonly TableDefinition[]) => Promise<void>) | undefined;
}

/** How a dump is made, or loaded. */
export interface DumpOptions {
  /** Tells when a table was dumped. */
  readonly clock: Clock;
  /** Stops the work. */
  readonly signal: AbortSignal;
  /** The folder for temporary files; that of the system by default. */
  readonly temporaryFolder?: string | undefined;
  /** Receives what client programs write to standard error. */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/** A table that is done. */
export interface DoneTable {
  /** As it was named, or as the index of the dump file names it. */
  readonly id: string;
  /** Bytes of its rows. */
  readonly size: number;
}

/** A table that is not. */
export interface FailedTable {
  /** As it was named, or as the index of the dump file names it. */
  readonly id: string;
  /** Why, in one line. */
  readonly reason: string;
}

/** What became of the tables. */
export interface CreateDumpResult {
  /** The tables in the dump file. */
  readonly dumped: readonly DoneTable[];
  /** The tables that are left out. */
  readonly failed: readonly FailedTable[];
}

/**
 * Writes a dump file of tables at one moment. Each is kept in a temporary file until it is whole, so there must be room
 * for the largest. Throws `UsageError`, before anything is written, if a table is not there, `SourceError` if one is not
 * as defined or none could be dumped, and what the sink throws.
 */
export async function createDump(
  request: CreateDumpRequest,
  sink: StreamSink,
  options: DumpOptions,
): Promise<CreateDumpResult> {
  const { server, ids, definitions, onDefinitions } = request;
  requireCopy(server);
  const reader = await server.read(options);
  using _stopping = onAbort(options.signal, () => void reader.close());
  try {
    // A partitioned table has its rows on disk in its partitions, which a collection has as well.
    const tables = (await reader.find(ids)).filter((table) => !(table.isPartitioned && table.isOfCollection));
    for (const { id } of tables) indexWord(id);
    if (definitions !== undefined) await requireDefined(reader, tables, definitions);
    if (onDefinitions !== undefined) {
      const made: TableDefinition[] = [];
      for (const table of tables) made.push(await reader.define(table));
      await onDefinitions(made);
    }
    return await dumpTables(reader, tables, request, sink, options);
  } finally {
    await reader.close();
  }
}

/** Throws `UsageError` for a database whose rows no dump file of DaCHS can hold: they are those of PostgreSQL's COPY. */
export function requireCopy({ formats, place }: TableServer): void {
  if (formats.includes("binary")) return;
  throw new UsageError(
    `Dump files of DaCHS are of PostgreSQL, but this is ${place}; back its tables up with agent put`,
  );
}

async function dumpTables(
  reader: TableReader,
  tables: readonly FoundTable[],
  { format }: CreateDumpRequest,
  sink: StreamSink,
  { clock, signal, temporaryFolder }: DumpOptions,
): Promise<CreateDumpResult> {
  await using folder = await PrivateFolder.make(temporaryFolder);
  const writer = new DumpWriter(sink);
  const dumped: DoneTable[] = [];
  const failed: FailedTable[] = [];
  try {
    for (const [number, table] of tables.entries()) {
      const { id } = table;
      const path = join(folder.path, `table_${number}`);
      const spooled = await spool(reader, table, format, path).catch((error) => {
        signal.throwIfAborted();
        return { reason: messageOf(error) };
      });
      if ("reason" in spooled) failed.push({ id, reason: spooled.reason });
      else {
        const { size } = spooled;
        const modifiedMs = clock.now().getTime();
        await writer.add({ number, id, format, size, modifiedMs }, (to) => readFile(path, to));
        dumped.push({ id, size });
      }
      await Deno.remove(path).catch(() => {});
      if (dumped.length === 0 && failed.length === tables.length) break;
    }
    if (dumped.length === 0) throw new SourceError(`No table could be dumped: ${failed[0]!.reason}`);
    await writer.finish(clock.now().getTime());
    return { dumped, failed };
  } finally {
    await writer.discard();
  }
}

/** Writes the rows of a table to a file. Throws `AgentError` if they are not whole. */
async function spool(
  reader: TableReader,
  table: FoundTable,
  format: TableFormat,
  path: string,
): Promise<{ readonly size: number }> {
  const refusal = await reader.refusal(table);
  if (refusal !== null) throw new SourceError(refusal);
  const source = reader.rows(table, format);
  const guard = createGuard(reader.guard(format));
  const buffer = new Uint8Array(256 * 1024);
  let size = 0;
  try {
    using file = await kept(() => Deno.open(path, { write: true, createNew: true, mode: 0o600 }));
    for (;;) {
      const read = await source.read(buffer);
      if (read === null) break;
      const piece = buffer.subarray(0, read);
      await guard.push(piece);
      await kept(() => writeAll(file, piece));
      size += read;
    }
    await source.ended();
    const { complete, reason } = await guard.finish();
    if (complete === false) throw new SourceError(`its rows are not whole: ${reason}`);
    return { size };
  } finally {
    guard.dispose();
    await source.cancel();
  }
}

/** Gives a file to a sink. */
export async function readFile(path: string, sink: StreamSink): Promise<void> {
  using file = await kept(() => Deno.open(path));
  const buffer = new Uint8Array(256 * 1024);
  for (;;) {
    const read = await kept(() => file.read(buffer));
    if (read === null) return;
    await sink.write(buffer.subarray(0, read));
  }
}

/** What the system refuses becomes an `AgentError`. */
export async function kept<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = systemReason(error) || messageOf(error);
    throw new AgentError(`Cannot keep tables in a temporary file: ${reason}; choose another folder with TMPDIR`, {
      cause: error,
    });
  }
}
