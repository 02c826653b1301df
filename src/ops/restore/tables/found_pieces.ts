/**
 * What the streams of a backup consist of: from the list that was stored with it or, for a backup without one, by
 * reading a stream once.
 */
import { AgentError, IntegrityError, UsageError } from "../../../base/errors.ts";
import type { BackupFile } from "../../../backup/content/contents.ts";
import { type ContentReading, readVerified } from "../../../backup/content/read_verified.ts";
import { readTableList } from "../../../backup/tables/table_list_file.ts";
import { decodePieces, type ListedPiece } from "../../../format/table_list.ts";
import type { Verdict } from "../../../guard/guard.ts";
import { containersOf, dumpsOf } from "../../../guard/recognition.ts";
import type { ReadableBackup } from "../get.ts";
import type { PieceCache } from "./piece_cache.ts";

/** The pieces of one stream. Their lengths together are its size. */
export interface StreamPieces {
  readonly file: BackupFile;
  readonly pieces: readonly ListedPiece[];
}

/** What is needed to find pieces. */
export interface PieceSearch {
  readonly found: ReadableBackup;
  /** All streams of the backup. */
  readonly files: readonly BackupFile[];
  /** Keeps what reading a stream found; undefined if nothing is kept. */
  readonly cache: PieceCache | undefined;
  /** Called if the list that belongs to the backup cannot be read: the streams are then read instead. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** The pieces of the streams that the stored list has; none without a list, or without one that can be read. */
export async function listedPieces({ found, files, onProblem }: PieceSearch): Promise<StreamPieces[]> {
  try {
    const listed = await readTableList(found, found.reading) ?? [];
    return listed.map(({ path, pieces }) => ({ file: files.find(({ expected }) => expected?.path === path)!, pieces }));
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    onProblem?.(new AgentError(`${error.message}; the streams themselves are read instead, which takes longer`));
    return [];
  }
}

/** Pieces that cover the stream. Throws `IntegrityError` if they are longer or shorter. */
function checkedPieces(file: BackupFile, pieces: readonly ListedPiece[], what: string): StreamPieces {
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  if (bytes === file.size) return { file, pieces };
  throw new IntegrityError(`Damaged ${what}: its pieces have ${bytes} bytes, "${file.path}" has ${file.size}`);
}

/**
 * Finds the pieces of a stream by reading all of it, or in the cache. Throws `UsageError` for a stream that is no dump
 * whose tables can be told.
 */
export async function scanPieces({ found, cache }: PieceSearch, file: BackupFile): Promise<StreamPieces> {
  refuseCompressed(file);
  const what = `"${file.path}"`;
  const kept = await cache?.read(found, file);
  if (kept !== undefined) {
    try {
      return checkedPieces(file, decodePieces(kept, `list of the tables of ${what}`), what);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
    }
  }
  const lines = await scan(found.reading, file);
  await cache?.write(found, file, lines);
  return checkedPieces(file, decodePieces(lines, `list of the tables of ${what}`), what);
}

function refuseCompressed({ path, expected }: BackupFile, format = expected?.guard?.format ?? "none"): void {
  if (containersOf(format).length === 0) return;
  throw new UsageError(
    `"${path}" is compressed (${format}), so its tables cannot be told: restore all of it, and back the dump up ` +
      "without compressing it; agent compresses it itself",
  );
}

async function scan(reading: ContentReading, file: BackupFile): Promise<Uint8Array> {
  const sink = { write: () => Promise.resolve() };
  const { summary: { tables, verdict } } = await readVerified({ ...reading, file, sink, guard: "auto", md5: false });
  refuseCompressed(file, verdict.format);
  if (tables !== undefined && "lines" in tables) return tables.lines;
  throw new UsageError(
    `The tables of "${file.path}" cannot be told: ${tables?.problem ?? whyNone(verdict)}; restore all of it`,
  );
}

/** The formats of dumps that are divided into tables. */
const DIVIDED: ReadonlySet<string> = new Set(["mysqldump", "mariadb-dump", "pg_dump", "pg_dumpall", "pg_dump-custom"]);

function whyNone({ complete, format, reason }: Verdict): string {
  if (complete !== true) return reason;
  if (dumpsOf(format).every((dump) => DIVIDED.has(dump))) return "it holds none";
  return `it is of the format ${format}, and single tables come only out of dumps of mysqldump, mariadb-dump and ` +
    "pg_dump (plain or custom)";
}
