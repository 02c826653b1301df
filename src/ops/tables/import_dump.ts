/** A dump file of DaCHS becomes a backup of tables, and a backup of tables a dump file. */
import type { JudgedSource, StreamSink } from "../../base/byte_source.ts";
import { AgentError, IntegrityError, InterruptedError, SourceError, UsageError } from "../../base/errors.ts";
import { type DumpedTable, dumpedTables, type DumpFile, scanDump } from "../../compat/dachs/read_dump.ts";
import { DumpWriter } from "../../compat/dachs/write_dump.ts";
import { indexWord } from "../../compat/dachs/index_file.ts";
import type { EngineSource, EngineStream, OpenSource } from "../../engine/engine.ts";
import type { Driven, EngineRegistry } from "../../engine/engine_urls.ts";
import { idPath } from "../../engine/tables/table_name.ts";
import { type BackedUpTable, parseTables, TABLES_ENGINE, tablesJson } from "../../engine/tables/table_position.ts";
import { formatTimestamp, parseTimestamp, timestampToDate } from "../../format/time.ts";
import type { RepositoryAccess } from "../access.ts";
import { type ReadOptions, withBackup } from "../restore/get.ts";

/**
 * A dump file as the source of a backup: `put` it. The file is looked at as a whole before anything is stored. Throws
 * `UsageError` if `engines` has none for tables.
 */
export function dumpSource(file: DumpFile, engines: EngineRegistry): Driven<EngineSource> {
  const engine = engines.get(TABLES_ENGINE);
  if (engine === undefined) throw new UsageError(`There is no engine "${TABLES_ENGINE}" to back up dump files with`);
  return {
    name: TABLES_ENGINE,
    engine,
    driver: { options: { dumpFile: true }, open: async () => openDump(file, await scanDump(file)) },
  };
}

function openDump(file: DumpFile, scanned: readonly DumpedTable[]): OpenSource {
  const broken = scanned.find(({ problem }) => problem !== null);
  if (broken !== undefined) {
    throw new SourceError(
      `The table ${broken.id} in the dump file is not whole: ${broken.problem}; nothing was committed`,
    );
  }
  let isCancelled = false;
  const tables: BackedUpTable[] = scanned.map(({ id, format, size, modifiedMs }) => ({
    id,
    // A stream without a byte is no backup of anything.
    stream: size === 0 ? null : idPath(id, format === "binary" ? "copy" : "text"),
    format,
    time: formatTimestamp(new Date(modifiedMs)),
    definition: null,
  }));
  return {
    async *items(): AsyncIterable<EngineStream> {
      for await (const { table: { id, format, size }, content } of dumpedTables(file, scanned)) {
        if (isCancelled) return;
        if (size === 0) continue;
        const { source, over } = memberSource(content.read, () => isCancelled);
        const guard = format === "binary" ? "pg_copy" : "none";
        yield { kind: "stream", path: idPath(id, format === "binary" ? "copy" : "text"), source, guard };
        await over; // The next member begins where this one ends.
      }
    },
    finish() {
      if (isCancelled) return Promise.reject(new InterruptedError("The dump file was no longer read"));
      return Promise.resolve({ position: tablesJson(tables), metadata: null, problems: [] });
    },
    cancel() {
      isCancelled = true;
      return Promise.resolve();
    },
  };
}

function memberSource(
  read: (target: Uint8Array) => Promise<number | null>,
  isCancelled: () => boolean,
): { readonly source: JudgedSource; readonly over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    over: promise,
    source: {
      async read(target) {
        if (isCancelled()) return null;
        // The memory may be shared.
        const piece = new Uint8Array(Math.min(target.length, 256 * 1024));
        const count = await read(piece);
        if (count === null) resolve();
        else target.set(piece.subarray(0, count));
        return count;
      },
      ended: () =>
        isCancelled() ? Promise.reject(new InterruptedError("The dump file was no longer read")) : Promise.resolve(),
      cancel() {
        resolve();
        return Promise.resolve();
      },
    },
  };
}

/** What is exported. */
export interface ExportDumpRequest {
  /** The backup, as `get` names it. */
  readonly selector: string;
  /** Whether no lock is taken. */
  readonly noLock: boolean;
}

/** What became a dump file. */
export interface ExportDumpResult {
  /** The tables, as the index names them. */
  readonly tables: readonly { readonly id: string; readonly size: number }[];
}

/**
 * Writes a backup of tables as a dump file. Throws `UsageError` if it is none, or if a name is not one word, and
 * `IntegrityError` for damage; the sink may then have received a part, which no reader takes for a whole file.
 */
export async function exportDump(
  access: RepositoryAccess,
  request: ExportDumpRequest,
  sink: StreamSink,
  options: ReadOptions,
): Promise<ExportDumpResult> {
  return await withBackup(access, { ...request }, options, async ({ manifest, files, read }) => {
    const tables = manifest?.engine.name === TABLES_ENGINE ? parseTables(manifest.source) : undefined;
    if (tables === undefined) {
      throw new UsageError("The backup is not one of tables, so it has nothing for a dump file");
    }
    const { server = "postgresql" } = manifest?.engine.options ?? {};
    if (server !== "postgresql") {
      throw new UsageError(`Dump files of DaCHS are of PostgreSQL, but the backup is one of ${server}`);
    }
    const rows = tables.filter(({ stream }) => stream !== null);
    for (const { id } of rows) indexWord(id);
    const writer = new DumpWriter(sink);
    try {
      const written: { id: string; size: number }[] = [];
      for (const [number, { id, stream, format, time }] of rows.entries()) {
        const file = files.find(({ expected }) => expected?.path === stream);
        if (file === undefined) throw new IntegrityError(`Damaged backup: its stream "${stream}" is gone`);
        const modifiedMs = timestampToDate(parseTimestamp(time, "time of a table")).getTime();
        await writer.add({ number, id, format, size: file.size, modifiedMs }, (to) => read(file, to));
        written.push({ id, size: file.size });
      }
      if (written.length === 0) throw new AgentError("The backup has no table with rows");
      await writer.finish(options.world.clock.now().getTime());
      return { tables: written };
    } finally {
      await writer.discard();
    }
  });
}
