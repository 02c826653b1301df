/**
 * Writes a dump of some tables while a guard reads along. A list of tables that is wrong does not get past it: what
 * comes out must be a whole dump, and consist of just the pieces that were wanted.
 */
import { IntegrityError } from "../../../base/errors.ts";
import type { StreamSink } from "../../../base/byte_source.ts";
import type { BackupFile } from "../../../backup/content/contents.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import type { ByteExtent, RangePiece } from "../../../backup/content/read_ranges.ts";
import { decodePieces, type ListedPiece, type PieceKind } from "../../../format/table_list.ts";
import type { ReadSummary } from "../../../pipeline/calls.ts";

/** A dump of some tables, before it is read. */
export interface Extract {
  /** Its length in bytes. */
  readonly size: number;
  /** The pieces that it consists of. */
  readonly wanted: readonly ListedPiece[];
  /** What is left out, for people. */
  readonly notes: readonly string[];
  /** Its bytes, or some of them. Owns: the caller releases the segment of each piece. */
  readonly parts: (within?: ByteExtent) => AsyncGenerator<RangePiece, void, void>;
}

interface Writing extends Omit<Extract, "notes"> {
  readonly file: BackupFile;
  readonly onProgress?: ((bytesWritten: number) => void) | undefined;
}

/** Writes all of it. Throws as `TableSource.write` says. */
export async function writeVerified(
  { file, size, wanted, parts, onProgress }: Writing,
  { threads, signal }: ContentReading,
  sink: StreamSink,
): Promise<void> {
  const inspection = threads.inspect("auto", { md5: false });
  let bytes = 0;
  try {
    for await (const { segment, from, to } of parts()) {
      segment.retain();
      inspection.take({ segment, length: to }, from);
      try {
        await sink.write(segment.bytes.subarray(from, to));
      } finally {
        segment.release();
      }
      signal.throwIfAborted();
      bytes += to - from;
      onProgress?.(bytes);
    }
    const problem = problemOf(await inspection.finish(), size, wanted);
    if (problem === null) return;
    throw new IntegrityError(
      `Damaged list of the tables of "${file.path}": ${problem}; do not use what was written, restore the whole dump`,
    );
  } finally {
    inspection.drop();
  }
}

/** The pieces that look the same in any dump, whatever stands around them. */
const ALIKE: ReadonlySet<PieceKind> = new Set([
  "structure",
  "data",
  "index",
  "constraint",
  "trigger",
  "property",
  "foreign-key",
  "partition",
  "owned-sequence",
  "index-partition",
  "view",
  "sequence",
  "sequence-data",
  "schema",
  "extension",
  "definition",
]);

function problemOf(summary: ReadSummary, size: number, wanted: readonly ListedPiece[]): string | null {
  const { verdict, tables } = summary;
  if (summary.size !== size) return `what it leads to has ${summary.size} bytes instead of ${size}`;
  if (verdict.complete !== true) return `what it leads to is not a whole dump: ${verdict.reason}`;
  if (tables !== undefined && "problem" in tables) return `what it leads to cannot be told: ${tables.problem}`;
  const found = tables === undefined ? [] : decodePieces(tables.lines, "list of what was written");
  const [is, should] = [found, wanted].map((pieces) => pieces.filter(({ kind }) => ALIKE.has(kind)).map(wordsOf));
  // Without a table there is no list, but there may be types, sequences and the like.
  if (tables === undefined && !wanted.some(({ kind }) => MAKES_A_LIST.has(kind))) return null;
  for (let i = 0; i < Math.max(is!.length, should!.length); i++) {
    if (is![i] !== should![i]) return `it has ${should![i] ?? "nothing"} where the dump has ${is![i] ?? "nothing"}`;
  }
  return null;
}

/** The pieces of which a dump has at least one if it has a list (`TableCollector`). */
const MAKES_A_LIST: ReadonlySet<PieceKind> = new Set(["structure", "data", "view"]);

function wordsOf({ kind, database, schema, name, bytes }: ListedPiece): string {
  return `${bytes} bytes of ${kind} of ${JSON.stringify([database, schema, name])}`;
}
