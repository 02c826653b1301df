/** Dump files of DaCHS for programs: `tables.create`, `list`, `load` and `parseIndex`. */
import type { ByteSource, StreamSink } from "../../base/byte_source.ts";
import { type IndexEntry, parseIndex } from "../../compat/dachs/index_file.ts";
import type { DumpFile } from "../../compat/dachs/read_dump.ts";
import type { TableServer } from "../../engine/tables/table_server.ts";
import { createDump, type CreateDumpRequest, type CreateDumpResult, type DumpOptions } from "./create_dump.ts";
import { keepDump } from "./dump_place.ts";
import { listDump, type ListedTable, loadDump, type LoadDumpRequest, type LoadDumpResult } from "./load_dump.ts";

/** A dump file, or a stream of one, which is kept in a temporary file meanwhile. */
export type DumpInput = DumpFile | ByteSource;

/** What can be done with dump files. */
export interface Tables {
  /** See `createDump`. The file goes to the sink as a stream. */
  create(request: CreateDumpRequest, sink: StreamSink, options: DumpOptions): Promise<CreateDumpResult>;
  /** See `listDump`. */
  list(input: DumpInput, options: DumpOptions & { readonly server?: TableServer | undefined }): Promise<ListedTable[]>;
  /** See `loadDump`. */
  load(
    request: Omit<LoadDumpRequest, "file"> & { readonly input: DumpInput },
    options: DumpOptions,
  ): Promise<LoadDumpResult>;
  /** The lines of the member `index.txt`. Throws `IntegrityError` that names the first line that is wrong. */
  parseIndex(text: string): IndexEntry[];
}

/** Dump files of DaCHS. */
export const tables: Tables = {
  create: createDump,
  list: (input, options) => withInput(input, options, (file) => listDump(file, options)),
  load: ({ input, ...request }, options) =>
    withInput(input, options, (file) => loadDump({ ...request, file }, options)),
  parseIndex,
};

async function withInput<T>(
  input: DumpInput,
  { temporaryFolder }: DumpOptions,
  work: (file: DumpFile) => Promise<T>,
): Promise<T> {
  if ("open" in input) return await work(input);
  await using kept = await keepDump(input, temporaryFolder);
  return await work(kept);
}
