/** Reads the list of tables that lies beside the manifest of a backup. */
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { tableListPath } from "../../format/manifest/series.ts";
import { decodeTableList, MOST_TABLE_LIST_BYTES, type StreamPieces } from "../../format/table_list.ts";
import type { Backup } from "../backup.ts";
import { contentsOf, findSeriesNodes } from "../content/contents.ts";
import { readStream } from "../content/read_stream.ts";
import type { ContentReading } from "../content/read_verified.ts";

/** More than a list ever has, header and paths included. */
const MOST_BYTES = MOST_TABLE_LIST_BYTES + 1024 * 1024;

/**
 * The pieces of the streams that the list has; null for a backup without a list. Throws `IntegrityError` if the list is
 * not the one that the manifest describes, or does not fit the streams.
 */
export async function readTableList(
  { backup, manifest }: { readonly backup: Backup; readonly manifest: Manifest | null },
  reading: ContentReading,
): Promise<StreamPieces[] | null> {
  if (manifest?.tables === undefined) return null;
  const path = tableListPath(manifest.series);
  const expected = manifest.tables;
  const { tables } = await findSeriesNodes(reading.repository, backup);
  if (tables === undefined) throw new IntegrityError(`Damaged tree: it does not hold "${path}"`);
  if (expected.size > MOST_BYTES) throw new IntegrityError(`Damaged "${path}": it is too long for a list`);
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
  const streams = decodeTableList(list, JSON.stringify(path));
  const files = new Map(manifest.files.map((file) => [file.path, file]));
  for (const { path: stream, pieces } of streams) {
    const file = files.get(stream);
    if (file === undefined) throw new IntegrityError(`Damaged "${path}": the backup has no stream "${stream}"`);
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (bytes === file.size) continue;
    throw new IntegrityError(`Damaged "${path}": its pieces have ${bytes} bytes, "${stream}" has ${file.size}`);
  }
  reading.repository.files.observer?.addTables(backup.snapshotId, () => streams);
  return streams;
}
