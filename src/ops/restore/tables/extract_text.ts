/** Some tables out of a dump as text: the wanted pieces, as they are. */
import type { BackupFile } from "../../../backup/content/contents.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import type { TableChoice } from "../../../backup/tables/dump_tables.ts";
import { isDefining, mayUsePieces, planPieces } from "../../../backup/tables/piece_plan.ts";
import { type ByteExtent, readRanges } from "../../../backup/content/read_ranges.ts";
import { UsedNames } from "../../../backup/tables/used_names.ts";
import { concatBytes } from "../../../base/bytes.ts";
import type { UsedObject } from "../../../engine/engine.ts";
import { byteStringOf } from "../../../format/byte_string.ts";
import type { ListedPiece } from "../../../format/table_list.ts";
import type { Extract } from "./write_verified.ts";

/** A dump and what it consists of. */
export interface DumpSource {
  readonly file: BackupFile;
  readonly pieces: readonly ListedPiece[];
  readonly reading: ContentReading;
}

/** What is wanted of it. */
export interface Wanted {
  readonly choice: TableChoice;
  /** The keys of the chosen tables. */
  readonly chosen: ReadonlySet<string>;
  /** Whether something that tables use is where they go. */
  readonly isThere?: ((object: UsedObject) => boolean) | undefined;
}

/** Plans a dump of the chosen tables. Reads definitions if others may be used by them. */
export async function extractText(source: DumpSource, { choice, chosen, isThere }: Wanted): Promise<Extract> {
  const { file, pieces, reading } = source;
  const extents = extentsOf(pieces);
  const used = await usedNames(source, extents, { choice, chosen });
  const { taken, notes } = planPieces({ pieces, choice, chosen, used, isThere });
  const wanted = pieces.filter((_, i) => taken[i]);
  const ranges = joined(extents.filter((_, i) => taken[i]));
  return {
    size: wanted.reduce((sum, { bytes }) => sum + bytes, 0),
    wanted,
    notes,
    parts: (within) =>
      within === undefined
        ? readRanges(file, ranges, reading)
        : readRanges(file, sliceOf(ranges, within), { ...reading, endsEarly: true }),
  };
}

/** Where each piece lies. */
export function extentsOf(pieces: readonly ListedPiece[]): ByteExtent[] {
  let end = 0;
  return pieces.map(({ bytes }) => ({ start: end, end: end += bytes }));
}

/** Ranges with neighbours joined, so that none is read in two. */
export function joined(extents: readonly ByteExtent[]): ByteExtent[] {
  const ranges: { start: number; end: number }[] = [];
  for (const { start, end } of extents) {
    const last = ranges.at(-1);
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
  }
  return ranges;
}

/** Where a part of what lies in ranges lies, if their bytes are counted one after the other. */
export function sliceOf(ranges: readonly ByteExtent[], { start, end }: ByteExtent): ByteExtent[] {
  let position = 0;
  return ranges.flatMap((range) => {
    const from = Math.max(start - position, 0);
    const to = Math.min(end - position, range.end - range.start);
    position += range.end - range.start;
    return from < to ? [{ start: range.start + from, end: range.start + to }] : [];
  });
}

/** Reads the definitions of the chosen tables, then of what they use, and so on. */
async function usedNames(
  { file, pieces, reading }: DumpSource,
  extents: readonly ByteExtent[],
  { choice, chosen }: Wanted,
): Promise<UsedNames> {
  const used = new UsedNames();
  if (!mayUsePieces({ pieces, choice })) return used;
  const read = new Set<number>();
  for (;;) {
    const next = pieces.flatMap((piece, i) => !read.has(i) && isDefining(piece, { chosen, used }) ? [i] : []);
    if (next.length === 0) return used;
    for (const i of next) read.add(i);
    await addNames(used, file, joined(next.map((i) => extents[i]!)), reading);
  }
}

/** No name is longer. */
const OVERLAP_BYTES = 1024;

async function addNames(used: UsedNames, file: BackupFile, ranges: readonly ByteExtent[], reading: ContentReading) {
  // A name may be cut between two pieces, so each is read with the end of the one before.
  let before = new Uint8Array(0);
  for await (const { segment, from, to } of readRanges(file, ranges, reading)) {
    const text = concatBytes([before, segment.bytes.subarray(from, to)]);
    segment.release();
    used.add(byteStringOf(text));
    before = text.slice(-OVERLAP_BYTES);
  }
}
