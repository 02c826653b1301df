/** Dump files of DaCHS for an agent: tables of a database become one and go back from it, and backups do the same. */
import { sourceOfStream } from "../base/byte_source.ts";
import { type IndexEntry, parseIndex } from "../compat/dachs/index_file.ts";
import type { TableDefinition } from "../engine/tables/definition.ts";
import type { TableFormat } from "../engine/tables/table_name.ts";
import { tableServer } from "../engine/tables/table_servers.ts";
import type { CreateDumpResult, DumpOptions } from "../ops/tables/create_dump.ts";
import { dumpAt } from "../ops/tables/dump_place.ts";
import { exportDump, type ExportDumpResult } from "../ops/tables/import_dump.ts";
import type { ListedTable, LoadDumpResult } from "../ops/tables/load_dump.ts";
import { type DumpInput, tables } from "../ops/tables/tables.ts";
import type { AgentCalls } from "./opening/agent_calls.ts";
import type { AgentParts, CallOptions, ReadingOptions } from "./opening/agent_parts.ts";
import { intoOutput, type OutputDestination } from "./opening/output.ts";
import { type AtOptions, selectorOf, seriesOf, type WhichBackup } from "./restore/which_backup.ts";

/** A dump file: its path, or a stream of it, which is kept in a temporary file meanwhile. */
export type DumpFileInput = string | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | DumpInput;

/** How dump files are made and loaded. */
export interface DumpFileOptions extends CallOptions {
  /** Receives what client programs write to standard error. */
  readonly onStderr?: (bytes: Uint8Array) => Promise<void>;
}

/** How a dump file is made. */
export interface CreateDumpFileOptions extends DumpFileOptions {
  /** The form of the rows; `binary` by default. */
  readonly format?: TableFormat;
  /** What the tables have to be. */
  readonly definitions?: readonly TableDefinition[];
  /** Whether an existing file is replaced. */
  readonly overwrite?: boolean;
}

/** How a dump file is listed. */
export interface ListDumpFileOptions extends DumpFileOptions {
  /** The URL of a database; the list then says which tables that has. */
  readonly database?: string;
}

/** How a backup of tables becomes a dump file. */
export interface ExportDumpFileOptions extends AtOptions, ReadingOptions {
  /** Whether an existing file is replaced. */
  readonly overwrite?: boolean;
}

/** What can be done with dump files of DaCHS. */
export class AgentTables {
  readonly #calls: AgentCalls;

  /** Made by `openAgent`. */
  constructor(calls: AgentCalls) {
    this.#calls = calls;
  }

  /**
   * Dumps tables of a database: names, patterns such as `myres.*`, or ids of DaCHS. The result names those that could
   * not be dumped. Throws what `createDump` throws.
   */
  create(
    database: string,
    ids: readonly string[],
    to: OutputDestination,
    { format = "binary", definitions, overwrite = false, ...options }: CreateDumpFileOptions = {},
  ): Promise<CreateDumpResult> {
    return this.#run(options, ({ machine }, dump) => {
      const request = { server: tableServer(database, machine), ids, format, definitions };
      return intoOutput(to, { overwrite }, (sink) => tables.create(request, sink, dump));
    });
  }

  /** Lists the tables of a dump file. Throws what `listDump` throws. */
  list(input: DumpFileInput, { database, ...options }: ListDumpFileOptions = {}): Promise<ListedTable[]> {
    return this.#run(options, ({ machine }, dump) => {
      const server = database === undefined ? undefined : tableServer(database, machine);
      return tables.list(dumpInput(input), { ...dump, server });
    });
  }

  /**
   * Replaces the rows of tables in a database by those of a dump file; of all its tables, unless some are named. The
   * result names those that could not be loaded. Throws what `loadDump` throws.
   */
  load(
    input: DumpFileInput,
    database: string,
    ids: readonly string[] = [],
    options: DumpFileOptions = {},
  ): Promise<LoadDumpResult> {
    return this.#run(
      options,
      ({ machine }, dump) =>
        tables.load({ input: dumpInput(input), server: tableServer(database, machine), ids }, dump),
    );
  }

  /** Writes a backup of tables as a dump file. Throws what `exportDump` throws. */
  export(
    which: WhichBackup,
    to: OutputDestination,
    { at, noLock = false, overwrite = false, signal }: ExportDumpFileOptions = {},
  ): Promise<ExportDumpResult> {
    const call = { series: seriesOf(which), signal, command: "tables export" };
    return this.#calls.run(call, ({ access, world }, signal) => {
      const request = { selector: selectorOf(which, at), noLock };
      return intoOutput(to, { overwrite }, (sink) => exportDump(access, request, sink, { world, signal }));
    });
  }

  /** The lines of the member `index.txt` of a dump file. Throws `IntegrityError` that names the first wrong line. */
  parseIndex(text: string): IndexEntry[] {
    return parseIndex(text);
  }

  #run<Result>(
    { signal, onStderr }: DumpFileOptions,
    work: (parts: AgentParts, options: DumpOptions) => Promise<Result>,
  ): Promise<Result> {
    return this.#calls.run(
      { series: null, signal },
      (parts, signal) => work(parts, { clock: parts.world.clock, signal, onStderr }),
    );
  }
}

function dumpInput(input: DumpFileInput): DumpInput {
  if (typeof input === "string") return dumpAt(input);
  return input instanceof ReadableStream || Symbol.asyncIterator in input ? sourceOfStream(input) : input;
}
