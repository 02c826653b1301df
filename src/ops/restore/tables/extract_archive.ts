/**
 * Some tables out of an archive of `pg_dump -Fc`: an archive with their entries and data blocks alone, which pg_restore
 * loads as any other.
 */
import { UsageError } from "../../../base/errors.ts";
import { concatBytes } from "../../../base/bytes.ts";
import { planPieces } from "../../../backup/tables/piece_plan.ts";
import { isDefining } from "../../../backup/tables/piece_plan.ts";
import { type ByteExtent, type RangePiece, readRanges } from "../../../backup/content/read_ranges.ts";
import { UsedNames } from "../../../backup/tables/used_names.ts";
import {
  blockHeadBytes,
  dumpIdOfBlock,
  type PgArchiveHeader,
  type PgEntry,
  readPgContents,
  readPgHeader,
  writePgContents,
} from "../../../format/archive/pg_contents.ts";
import { byteStringOf } from "../../../format/byte_string.ts";
import { damaged } from "../../../format/damage.ts";
import { SegmentPool } from "../../../pipeline/segments.ts";
import { type DumpSource, extentsOf, joined, sliceOf, type Wanted } from "./extract_text.ts";
import type { Extract } from "./write_verified.ts";

/** The longest table of contents that is read into memory. */
const MOST_CONTENTS_BYTES = 256 * 1024 * 1024;

/** Plans an archive of the chosen tables. Reads the table of contents. */
export async function extractArchive(source: DumpSource, { choice, chosen, isThere }: Wanted): Promise<Extract> {
  const { pieces, reading, file } = source;
  const { header, entries } = await readContents(source);
  const used = new UsedNames();
  addNames(used, source, entries, { choice, chosen });
  const { taken, notes } = planPieces({ pieces, choice, chosen, used, isThere });
  const blocks = blocksOf(source, entries);
  const kept = entries.flatMap((entry, i) => taken[i + 1] ? [{ entry, block: blocks.get(i) ?? null }] : []);
  const contents = writePgContents(
    header,
    kept.map(({ entry, block }) => ({ ...entry, blockBytes: block === null ? 0 : block.end - block.start })),
  );
  const wantedBlocks = kept.flatMap(({ entry: { dumpId }, block }) => block === null ? [] : [{ ...block, dumpId }]);
  return {
    size: wantedBlocks.reduce((sum, { start, end }) => sum + end - start, contents.length),
    wanted: pieces.filter((_, i) => taken[i]),
    notes,
    async *parts(within) {
      if (within !== undefined) {
        yield* partOf(source, { contents, blocks: joined(wantedBlocks) }, within);
        return;
      }
      yield await asSegment(contents);
      yield* checkedBlocks(readRanges(file, joined(wantedBlocks), reading), wantedBlocks, header, `"${file.path}"`);
    },
  };
}

/** A part of an archive, whose blocks are not compared with their entries: the first one may begin in its middle. */
async function* partOf(
  { file, reading }: DumpSource,
  { contents, blocks }: { readonly contents: Uint8Array; readonly blocks: readonly ByteExtent[] },
  { start, end }: ByteExtent,
): AsyncGenerator<RangePiece, void, void> {
  if (start < contents.length) yield await asSegment(contents.subarray(start, end));
  const behind = { start: Math.max(0, start - contents.length), end: Math.max(0, end - contents.length) };
  yield* readRanges(file, sliceOf(blocks, behind), { ...reading, endsEarly: true });
}

/** Reads header and entries. */
async function readContents(source: DumpSource) {
  const { pieces, file: { path } } = source;
  const what = `"${path}"`;
  const extents = extentsOf(pieces);
  const header = readPgHeader(await readWhole(source, extents[0]!), what);
  const end = extents[header.entries];
  if (end === undefined) throw damaged(`list of the tables of ${what}`, "it has too few pieces");
  if (end.end > MOST_CONTENTS_BYTES) {
    throw new UsageError(`The table of contents of ${what} is too long: restore all of it`);
  }
  const start = extents[0]!.end;
  const bytes = await readWhole(source, { start, end: end.end });
  const lengths = pieces.slice(1, header.entries + 1).map((piece) => piece.bytes);
  return { header, entries: readPgContents(bytes, lengths, header, what) };
}

async function readWhole({ file, reading }: DumpSource, extent: ByteExtent): Promise<Uint8Array<ArrayBuffer>> {
  if (extent.end - extent.start > MOST_CONTENTS_BYTES) throw damaged(`"${file.path}"`, "its header is too long");
  const parts: Uint8Array[] = [];
  for await (const { segment, from, to } of readRanges(file, extent.end > extent.start ? [extent] : [], reading)) {
    parts.push(segment.bytes.slice(from, to));
    segment.release();
  }
  return concatBytes(parts);
}

/** Adds the names in the entries of the chosen tables, then of what they use, and so on. */
function addNames(used: UsedNames, { pieces }: DumpSource, entries: readonly PgEntry[], { chosen }: Wanted): void {
  const read = new Set<number>();
  for (let before = -1; before < read.size;) {
    before = read.size;
    entries.forEach(({ bytes }, i) => {
      if (read.has(i) || !isDefining(pieces[i + 1]!, { chosen, used })) return;
      read.add(i);
      used.add(byteStringOf(bytes));
    });
  }
}

/** Where the data block of each entry lies that has one: blocks follow in the order of the entries. */
function blocksOf({ pieces, file }: DumpSource, entries: readonly PgEntry[]): Map<number, ByteExtent> {
  const withData = entries.flatMap(({ hasData }, i) => hasData ? [i] : []);
  const extents = extentsOf(pieces).slice(entries.length + 1);
  if (extents.length !== withData.length) {
    throw damaged(`list of the tables of "${file.path}"`, "it does not have a piece for each data block");
  }
  return new Map(withData.map((entry, i) => [entry, extents[i]!]));
}

/** Passes blocks on, and makes sure that each is that of its entry. */
async function* checkedBlocks(
  pieces: AsyncGenerator<RangePiece, void, void>,
  blocks: readonly (ByteExtent & { readonly dumpId: number })[],
  header: PgArchiveHeader,
  what: string,
): AsyncGenerator<RangePiece, void, void> {
  const needed = blockHeadBytes(header);
  let [block, left] = [0, 0];
  let head: number[] = [];
  for await (const piece of pieces) {
    for (let at = piece.from; at < piece.to;) {
      if (left === 0) {
        left = blocks[block]!.end - blocks[block]!.start;
        head = [];
      }
      const take = Math.min(left, piece.to - at);
      if (head.length < needed) {
        head.push(...piece.segment.bytes.subarray(at, at + Math.min(take, needed - head.length)));
        if (head.length === needed && dumpIdOfBlock(Uint8Array.from(head), header) !== blocks[block]!.dumpId) {
          piece.segment.release();
          throw damaged(what, "its data blocks are in another order than its table of contents");
        }
      }
      at += take;
      left -= take;
      if (left === 0) block++;
    }
    yield piece;
  }
}

async function asSegment(bytes: Uint8Array): Promise<RangePiece> {
  const segment = await new SegmentPool({ count: 1, segmentBytes: bytes.length }).acquire();
  segment.bytes.set(bytes);
  return { segment, from: 0, to: bytes.length };
}
