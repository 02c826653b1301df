/** Which bytes of a file are lost, from what is known of the sizes of its pieces. Pure arithmetic. */

/** So many ranges of a file are told apart: a stream may have lost a million chunks, in each of a thousand backups. */
export const MOST_RANGES = 1000;

/**
 * Lost bytes of a file. Where `isExact` is false, pieces of unknown size lie around: the lost bytes then are somewhere in
 * this range, and nothing outside of such ranges is lost.
 */
export interface LostRange {
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** How long it is, in bytes. */
  readonly length: number;
  /** Whether all of these bytes are lost, and no others around them. */
  readonly isExact: boolean;
}

/** The chunks of a file, or the parts of a long stream, in their order. */
export interface FilePieces {
  /** Bytes of each; NaN where nobody knows. */
  readonly sizes: Float64Array;
  /** 1 where the piece is lost. */
  readonly lost: Uint8Array;
  /** Bytes of the whole file. */
  readonly total: number;
}

/** A border between two pieces: at that byte, or, if not exact, between `low` and `high`. */
interface Border {
  readonly low: number;
  readonly high: number;
}

/** The borders of pieces. What is known of them is what the known pieces before and behind leave room for. */
export class PieceBorders {
  readonly #known: Float64Array;
  readonly #unknown: Uint32Array;
  readonly #unknownBytes: number;

  constructor({ sizes, total }: FilePieces) {
    this.#known = new Float64Array(sizes.length + 1);
    this.#unknown = new Uint32Array(sizes.length + 1);
    for (const [i, size] of sizes.entries()) {
      const isUnknown = Number.isNaN(size);
      this.#known[i + 1] = this.#known[i]! + (isUnknown ? 0 : size);
      this.#unknown[i + 1] = this.#unknown[i]! + (isUnknown ? 1 : 0);
    }
    this.#unknownBytes = Math.max(0, total - this.#known.at(-1)!);
  }

  /** Where piece `i` begins; of the number of pieces, where the last one ends. */
  at(i: number): Border {
    const known = this.#known[i]!;
    const before = this.#unknown[i]!;
    return {
      low: before > 0 && before === this.#unknown.at(-1) ? known + this.#unknownBytes : known,
      high: before > 0 ? known + this.#unknownBytes : known,
    };
  }
}

/** The lost bytes of a file, ascending, in `MOST_RANGES` at most; pieces that follow each other make one range. */
export function lostRanges(pieces: FilePieces): LostRange[] {
  const borders = new PieceBorders(pieces);
  const ranges: LostRange[] = [];
  const { lost } = pieces;
  for (let begin = lost.indexOf(1); begin >= 0;) {
    const next = lost.indexOf(0, begin);
    const end = next < 0 ? lost.length : next;
    ranges.push(rangeBetween(borders.at(begin), borders.at(end)));
    begin = lost.indexOf(1, end);
  }
  return limited(ranges);
}

/** The lost bytes of one part as those of the whole stream, in which the part begins at that border. */
export function shiftRange({ offset, length, isExact }: LostRange, start: Border): LostRange {
  return {
    offset: start.low + offset,
    length: length + start.high - start.low,
    isExact: isExact && start.low === start.high,
  };
}

/** Ranges in ascending order, `MOST_RANGES` at most; those that touch become one. */
export function joinRanges(ranges: readonly LostRange[]): LostRange[] {
  const joined: LostRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last?.isExact && range.isExact && last.offset + last.length === range.offset) {
      joined[joined.length - 1] = { ...last, length: last.length + range.length };
    } else joined.push(range);
  }
  return limited(joined);
}

/** Ranges beyond the limit become one within which lost bytes are. */
function limited(ranges: LostRange[]): LostRange[] {
  if (ranges.length <= MOST_RANGES) return ranges;
  const rest = ranges.splice(MOST_RANGES - 1);
  const { offset } = rest[0]!;
  const end = rest.reduce((most, range) => Math.max(most, range.offset + range.length), offset);
  return [...ranges, { offset, length: end - offset, isExact: false }];
}

function rangeBetween(begin: Border, end: Border): LostRange {
  const isExact = begin.low === begin.high && end.low === end.high;
  return { offset: begin.low, length: end.high - begin.low, isExact };
}
