/** Which bytes of a file are lost, calculated from the known sizes of its pieces. Pure: arithmetic alone. */

/**
 * The most ranges that are listed for one file. A stream may have lost a million chunks, in each of a thousand backups.
 */
export const MOST_RANGES = 1000;

/**
 * Lost bytes of a file. If `isExact` is false, pieces of unknown size are nearby: the lost bytes are then somewhere in
 * this range. No byte outside all ranges is lost.
 */
export interface LostRange {
  /** Where the range begins, in bytes. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly length: number;
  /** Whether exactly these bytes are lost. */
  readonly isExact: boolean;
}

/** The chunks of a file, or the parts of a long stream, in order. */
export interface FilePieces {
  /** Size of each piece in bytes; NaN if unknown. */
  readonly sizes: Float64Array;
  /** 1 for each lost piece. */
  readonly lost: Uint8Array;
  /** Bytes of the whole file. */
  readonly total: number;
}

/** A border between two pieces: the exact byte if `low` equals `high`, otherwise somewhere between them. */
interface Border {
  readonly low: number;
  readonly high: number;
}

/** The borders of pieces, as narrow as the known sizes allow. */
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

  /** Where piece `i` begins. For the number of pieces: where the last piece ends. */
  at(i: number): Border {
    const known = this.#known[i]!;
    const before = this.#unknown[i]!;
    return {
      low: before > 0 && before === this.#unknown.at(-1) ? known + this.#unknownBytes : known,
      high: before > 0 ? known + this.#unknownBytes : known,
    };
  }
}

/** The lost bytes of a file, ascending, in at most `MOST_RANGES` ranges. Adjacent lost pieces form one range. */
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

/** Shifts a lost range of one part to the whole stream, in which the part begins at `start`. */
export function shiftRange({ offset, length, isExact }: LostRange, start: Border): LostRange {
  return {
    offset: start.low + offset,
    length: length + start.high - start.low,
    isExact: isExact && start.low === start.high,
  };
}

/** Joins exact ranges that touch. Takes and returns ascending ranges, at most `MOST_RANGES`. */
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

/** Merges the ranges beyond the limit into one inexact range. */
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
