/**
 * Content-defined cut points by a gear hash with normalised chunking.
 *
 * The idea is FastCDC's (Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data
 * Deduplication", USENIX ATC '16, and its successor in IEEE TPDS 31(9), 2020). Nothing is hashed below the least size.
 * A cut is unlikely up to the middle of the range and likely after it, so that sizes gather around the mean. Here a cut
 * is made when the hash, as a signed number, is below a threshold; that allows any probability, not only powers of two.
 */
import { invariant } from "../base/errors.ts";
import type { ChunkerParameters } from "./parameters.ts";

/** Bytes of the secret from which a gear table is made. */
export const GEAR_TABLE_BYTES = 256 * 4;

/** One random 32-bit number for each byte value. */
export type GearTable = Int32Array<ArrayBuffer>;

/**
 * The gear table made from `GEAR_TABLE_BYTES` of the repository's secret (little-endian). Without the secret nobody can
 * tell where known content would be cut.
 */
export function gearTable(secret: Uint8Array): GearTable {
  invariant(secret.length === GEAR_TABLE_BYTES, `A gear table takes ${GEAR_TABLE_BYTES} bytes, got ${secret.length}`);
  const view = new DataView(secret.buffer, secret.byteOffset, secret.byteLength);
  return Int32Array.from({ length: 256 }, (_, value) => view.getInt32(value * 4, true));
}

/** Finds the cut points of one stream that arrives in pieces. The pieces do not affect where it is cut. */
export class Chunker {
  readonly #gear: GearTable;
  readonly #min: number;
  readonly #middle: number;
  readonly #max: number;
  readonly #rareThreshold: number;
  readonly #likelyThreshold: number;
  #hash = 0;
  #length = 0;

  constructor(gear: GearTable, parameters: ChunkerParameters) {
    this.#gear = gear;
    this.#min = parameters.min;
    this.#max = parameters.max;
    this.#middle = middleOf(parameters);
    this.#rareThreshold = threshold(1 / (parameters.average * RARE_FACTOR));
    this.#likelyThreshold = threshold(LIKELY_FACTOR / parameters.average);
  }

  /** The length of the longest chunk, in bytes. */
  get mostBytes(): number {
    return this.#max;
  }

  /** Bytes since the last cut. */
  get pendingBytes(): number {
    return this.#length;
  }

  /**
   * Reads on from `bytes[start]`. Returns the position just after the next cut, or -1 if `bytes` ends before one. The
   * bytes up to there count as read; the next call must continue after them.
   */
  next(bytes: Uint8Array, start: number): number {
    const gear = this.#gear;
    const chunkStart = start - this.#length;
    const end = bytes.length;
    let position = Math.max(start, Math.min(chunkStart + this.#min, end));
    let hash = this.#hash;

    const rareEnd = Math.min(chunkStart + this.#middle, end);
    const rare = this.#rareThreshold;
    while (position < rareEnd) {
      hash = ((hash << 1) + gear[bytes[position++]!]!) | 0;
      if (hash < rare) return this.#cutAt(position);
    }

    const likelyEnd = Math.min(chunkStart + this.#max, end);
    const likely = this.#likelyThreshold;
    while (position < likelyEnd) {
      hash = ((hash << 1) + gear[bytes[position++]!]!) | 0;
      if (hash < likely) return this.#cutAt(position);
    }
    if (position === chunkStart + this.#max) return this.#cutAt(position);

    this.#hash = hash;
    this.#length = end - chunkStart;
    return -1;
  }

  /**
   * What `next` returns for bytes that are all zero, from `start` to `end`. After 32 of them the hash does not change any
   * more: the zeros behind them need not be looked at.
   */
  nextInZeros(start: number, end: number): number {
    const zero = this.#gear[0]!;
    const settled = -zero | 0;
    const chunkStart = start - this.#length;
    let position = Math.max(start, Math.min(chunkStart + this.#min, end));
    let hash = this.#hash;
    const parts = [[this.#middle, this.#rareThreshold], [this.#max, this.#likelyThreshold]] as const;
    for (const [length, threshold] of parts) {
      const partEnd = Math.min(chunkStart + length, end);
      while (position < partEnd) {
        hash = ((hash << 1) + zero) | 0;
        position++;
        if (hash < threshold) return this.#cutAt(position);
        if (hash === settled) position = partEnd;
      }
    }
    if (position === chunkStart + this.#max) return this.#cutAt(position);

    this.#hash = hash;
    this.#length = end - chunkStart;
    return -1;
  }

  #cutAt(position: number): number {
    this.#hash = 0;
    this.#length = 0;
    return position;
  }
}

/**
 * How much rarer than one in `average` a cut is before the middle, and how much likelier after it. Measured on dumps: a
 * stronger contrast gives more uniform sizes, and so stores less after scattered small edits, but after an insertion it
 * takes much longer until the cut points agree again (factors of 16 store six times as much there).
 */
const RARE_FACTOR = 4;
const LIKELY_FACTOR = 4;

/**
 * Where cuts turn from rare to likely, in bytes. Chosen so that random content has the mean `average` = A: with a least
 * size of A/4 and the middle at A/4 + x, the mean is A/4 + 4A(1 - e^(-x/4A)) + A/4 · e^(-x/4A), which is A for x =
 * 0.572 A.
 */
function middleOf({ average }: ChunkerParameters): number {
  return Math.round(average * 0.822);
}

/** The signed number below which a uniform 32-bit value lies with the given probability. */
function threshold(probability: number): number {
  return Math.round(probability * 2 ** 32 - 2 ** 31);
}
