/**
 * What the streams of a backup consist of: from the list that was stored with it or, for a backup without one, by
 * reading a stream once.
 */
import { AgentError, IntegrityError, UsageError } from "../../../base/errors.ts";
import { concatBytes } from "../../../base/bytes.ts";
import { type BackupFile, contentsOf, findSeriesNodes } from "../../../backup/content/contents.ts";
import { type ContentReading, readVerified } from "../../../backup/content/read_verified.ts";
import { readStream } from "../../../backup/content/read_stream.ts";
import { sha256Hex } from "../../../crypto/digest.ts";
import { tableListPath } from "../../../format/manifest/series.ts";
import type { ManifestList } from "../../../format/manifest/manifest.ts";
import { decodePieces, decodeTableList, type ListedPiece, MOST_TABLE_LIST_BYTES } from "../../../format/table_list.ts";
import { containersOf } from "../../../guard/recognition.ts";
import type { FoundBackup } from "../get.ts";
import type { PieceCache } from "./piece_cache.ts";

/** The pieces of one stream. Their lengths together are its size. */
export interface StreamPieces {
  readonly file: BackupFile;
  readonly pieces: readonly ListedPiece[];
}

/** More than a list ever has, header and paths included. */
const MOST_LIST_BYTES = MOST_TABLE_LIST_BYTES + 1024 * 1024;

/** What is needed to find pieces. */
export interface PieceSearch {
  readonly found: FoundBackup;
  /** All streams of the backup. */
  readonly files: readonly BackupFile[];
  /** Keeps what reading a stream found; undefined if nothing is kept. */
  readonly cache: PieceCache | undefined;
  /** Called if the list that belongs to the backup cannot be read: the streams are then read instead. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** The pieces of the streams that the stored list has; none without a list. */
export async function listedPieces({ found, files, onProblem }: PieceSearch): Promise<StreamPieces[]> {
  const { manifest } = found;
  if (manifest?.tables === undefined) return [];
  const path = tableListPath(manifest.series);
  try {
    const listed = decodeTableList(await readList(found, path, manifest.tables), JSON.stringify(path));
    return listed.map(({ path: stream, pieces }) => {
      const file = files.find(({ expected }) => expected?.path === stream);
      if (file === undefined) throw new IntegrityError(`Damaged "${path}": the backup has no stream "${stream}"`);
      return checkedPieces(file, pieces, JSON.stringify(path));
    });
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    onProblem?.(new AgentError(`${error.message}; the streams themselves are read instead, which takes longer`));
    return [];
  }
}

async function readList({ backup, reading }: FoundBackup, path: string, expected: ManifestList): Promise<Uint8Array> {
  const { tables } = await findSeriesNodes(reading.repository, backup);
  if (tables === undefined) throw new IntegrityError(`Damaged tree: it does not hold "${path}"`);
  if (expected.size > MOST_LIST_BYTES) throw new IntegrityError(`Damaged "${path}": it is too long for a list`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const { segment, length } of readStream(contentsOf(reading.repository, tables, path), reading)) {
    size += length;
    if (size <= expected.size) parts.push(segment.bytes.slice(0, length));
    segment.release();
  }
  const list = concatBytes(parts);
  if (size !== expected.size || sha256Hex(list) !== expected.sha256) {
    throw new IntegrityError(`Damaged "${path}": it is not the list that the manifest describes`);
  }
  return list;
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
  const { summary: { tables, verdict } } = await readVerified({ ...reading, file, sink, guard: "auto" });
  refuseCompressed(file, verdict.format);
  if (tables !== undefined && "lines" in tables) return tables.lines;
  const problem = tables?.problem ?? (verdict.complete === true ? `its format is ${verdict.format}` : verdict.reason);
  throw new UsageError(`The tables of "${file.path}" cannot be told: ${problem}`);
}
