/** Tables out of the dumps of a backup: which there are, and a stream of some of them that loads alone. */
import { IntegrityError, UsageError } from "../../../base/errors.ts";
import type { StreamSink } from "../../../base/byte_source.ts";
import type { BackupFile } from "../../../backup/content/contents.ts";
import { type ByteExtent, writePieces } from "../../../backup/content/read_ranges.ts";
import {
  chooseTables,
  type DumpTable,
  keyOf,
  type TableChoice,
  tableName,
  tablesOf,
} from "../../../backup/tables/dump_tables.ts";
import { withPartitions } from "../../../backup/tables/piece_plan.ts";
import { isOfFiles } from "../../../format/manifest/manifest.ts";
import type { UsedObject } from "../../../engine/engine.ts";
import type { ListedPiece } from "../../../format/table_list.ts";
import type { CacheAccess, World } from "../../access.ts";
import { chooseFile, filesFor, type FoundBackup, type ReadableBackup } from "../get.ts";
import { extractArchive } from "./extract_archive.ts";
import { extractText } from "./extract_text.ts";
import { listedPieces, type PieceSearch, scanPieces, type StreamPieces } from "./found_pieces.ts";
import { PieceCache } from "./piece_cache.ts";
import { writeVerified } from "./write_verified.ts";

/** What is needed besides the backup. */
export interface TablesOptions {
  readonly world: World;
  /** The cache of this machine, for backups without a list; absent if nothing is kept. */
  readonly cache?: (() => Promise<CacheAccess | undefined>) | undefined;
}

/** The tables of one stream. */
export interface StreamTableList {
  readonly file: BackupFile;
  readonly tables: readonly DumpTable[];
}

/** Some tables of a dump as a dump of their own. */
export interface TableSource {
  /** The stream that holds them. */
  readonly file: BackupFile;
  /** The tables, views and sequences that were chosen. */
  readonly tables: readonly DumpTable[];
  /** The length of the dump, in bytes. */
  readonly size: number;
  /** What is left out, for people. */
  readonly notes: readonly string[];
  /**
   * Writes the dump. Throws `IntegrityError` if a chunk is damaged, or if what came out is not a whole dump of just the
   * wanted pieces; the sink may have received part of it by then.
   */
  write(sink: StreamSink, onProgress?: (bytesWritten: number) => void): Promise<void>;
  /**
   * Writes a part of the dump, of which only the chunks are verified: what leads to them is the list of tables. Throws
   * `IntegrityError` as `write` does.
   */
  writeRange(range: ByteExtent, sink: StreamSink): Promise<void>;
}

/**
 * The tables of all streams, or of the one that is named. Throws `UsageError` if there is no dump whose tables can be
 * told.
 */
export async function listTables(
  found: FoundBackup,
  { file }: { readonly file?: string | undefined },
  options: TablesOptions,
): Promise<StreamTableList[]> {
  const streams = await streamsOf(found, file, options);
  return streams.map(({ file, pieces }) => ({ file, tables: tablesOf(pieces) }));
}

/** Which tables are meant. */
interface TablesRequest {
  readonly file?: string | undefined;
  readonly choice: TableChoice;
  /**
   * Called once it is clear which stream and tables are meant. Returns whether something that they use is where they go,
   * and so is left out; absent if everything comes.
   */
  readonly enter?: (
    chosen: { readonly stream: string; readonly tables: readonly DumpTable[] },
  ) => Promise<((object: UsedObject) => boolean) | undefined>;
}

/**
 * Opens some tables of a dump. Throws `UsageError`, with the nearest name, if a table is not there, and if it is not
 * clear which stream is meant.
 */
export async function openTables(
  found: ReadableBackup,
  request: TablesRequest,
  options: TablesOptions,
): Promise<TableSource> {
  const { choice } = request;
  const { file, pieces } = theOne(await streamsOf(found, request.file, options), choice);
  const all = tablesOf(pieces);
  const chosen = withPartitions(pieces, chooseTables(all, choice));
  // Partitions come with their table, unless they are to be left out.
  for (const key of choice.skipped.length === 0 ? [] : skippedKeys(all, choice)) chosen.delete(key);
  const tables = all.filter((table) => chosen.has(keyOf(table)));
  const isThere = await request.enter?.({ stream: file.expected?.path ?? file.path, tables });
  const source = { file, pieces, reading: found.reading };
  const extract = isArchive(file, pieces) ? extractArchive : extractText;
  const { size, wanted, notes, parts } = await extract(source, { choice, chosen, isThere });
  return {
    file,
    tables,
    size,
    notes,
    write: (sink, onProgress) => writeVerified({ file, size, wanted, parts, onProgress }, found.reading, sink),
    writeRange: (range, sink) =>
      writePieces(parts(range), { bytes: range.end - range.start, path: file.path }, found.reading.signal, sink),
  };
}

/** The pieces of the streams that are meant. */
async function streamsOf(
  found: ReadableBackup,
  name: string | undefined,
  { world, cache }: TablesOptions,
): Promise<StreamPieces[]> {
  if (isOfFiles(found.manifest)) {
    throw new UsageError("The backup holds files and directories, no dump: its tables cannot be told");
  }
  const files = await filesFor(found, undefined);
  const access = await cache?.();
  const search: PieceSearch = {
    found,
    files,
    cache: access && new PieceCache(access, found, world),
    onProblem: world.onProblem,
  };
  const listed = await listedPieces(search);
  if (name === undefined && listed.length > 0) return listed;
  const file = chooseFile(files, name);
  return [listed.find((stream) => stream.file === file) ?? await scanPieces(search, file)];
}

/** The only stream that holds what is meant. */
function theOne(streams: readonly StreamPieces[], choice: TableChoice): StreamPieces {
  if (streams.length === 1) return streams[0]!;
  const holding = choice.tables.length === 0
    ? streams
    : streams.filter(({ pieces }) => holdsAll(tablesOf(pieces), choice));
  if (holding.length === 1) return holding[0]!;
  if (holding.length === 0) {
    chooseTables(streams.flatMap(({ pieces }) => tablesOf(pieces)), choice); // Names a table that is nowhere.
    throw new UsageError("The tables that are meant are in several streams: get them one by one");
  }
  const paths = holding.slice(0, 5).map(({ file: { path } }) => path).join(", ");
  throw new UsageError(`Several streams of the backup hold what is meant: choose one with --file: ${paths}`);
}

function holdsAll(tables: readonly DumpTable[], choice: TableChoice): boolean {
  try {
    return chooseTables(tables, { ...choice, skipped: [] }).size > 0;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

function skippedKeys(all: readonly DumpTable[], { skipped }: TableChoice): Set<string> {
  return chooseTables(all, { tables: skipped, skipped: [], parts: "all" });
}

/** Whether a stream is an archive of `pg_dump -Fc`; those without a manifest show it by their pieces. */
function isArchive({ path, expected }: BackupFile, pieces: readonly ListedPiece[]): boolean {
  if (pieces.length === 0) throw new IntegrityError(`Damaged list of tables: "${path}" has no pieces in it`);
  const format = expected?.guard?.format;
  if (format !== undefined && format !== "none") return format === "pg_dump-custom";
  return !pieces.some(({ kind }) => kind === "tail");
}

/** The names of tables, for people. */
export function describeTables(tables: readonly DumpTable[]): string {
  const names = tables.slice(0, 5).map(tableName).join(", ");
  return tables.length > 5 ? `${names} and ${tables.length - 5} others` : names;
}
