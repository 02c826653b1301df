/**
 * A list of records of one size that only grows, in segments, so that growing copies nothing. Full segments may lie in a
 * spill file. Of these, blocks are read one by one and verified, and some of them stay in memory: whoever reads mostly in
 * order, even in a few places by turns, reads each block once.
 */
import type { Spill } from "./spill.ts";
import type { SpilledBlocks } from "./spill_file.ts";

/** Numbers of the fields of records. */
type Fields = Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** What records consist of. */
interface RecordShape<View extends Fields> {
  /** Makes so many numbers. */
  readonly make: (count: number) => View;
  /** How many numbers a record has. */
  readonly fields: number;
  /** How many records a segment has if nothing spills: a power of two. */
  readonly segmentRecords: number;
}

/**
 * So many blocks of each list are kept, 1 to 1.5 MiB: the chunks of a dump that was backed up for a month lie in dozens of
 * runs, among which its content list goes back and forth.
 */
const CACHED_BLOCKS = 256;
const CACHE_SHIFT = 32 - Math.log2(CACHED_BLOCKS);
/** 2^32 divided by the golden ratio: spreads neighbours, so that runs that are read by turns do not meet for long. */
const SPREAD = 0x9e37_79b1;

/** Records, numbered from 0 in the order in which they are added; fewer than 2^31. */
export class RecordList<View extends Fields> {
  readonly #make: (count: number) => View;
  readonly #fields: number;
  readonly #spill: Spill | undefined;
  readonly #segmentBits: number;
  readonly #segmentMask: number;
  readonly #blockBits: number;
  /** Those in memory; undefined for the others, which are in `#spilled`. */
  readonly #segments: (View | undefined)[] = [];
  readonly #spilled: (SpilledBlocks | undefined)[] = [];
  #newest: View;
  #size = 0;
  /** Blocks of spilled segments, and the number of each. */
  #cached: (View | undefined)[] | undefined;
  readonly #cachedNumbers = new Int32Array(CACHED_BLOCKS).fill(-1);
  /** The numbers among which the record of the last `add` or `seek` lies. */
  view: View;

  /** Without a `spill`, all records stay in memory. */
  constructor({ make, fields, segmentRecords }: RecordShape<View>, spill?: Spill) {
    this.#make = make;
    this.#fields = fields;
    this.#spill = spill;
    this.#segmentBits = Math.log2(Math.min(segmentRecords, spill?.limits.mostSegmentRecords ?? segmentRecords));
    this.#segmentMask = (1 << this.#segmentBits) - 1;
    this.view = this.#newest = make(0);
    const blockRecords = Math.max(1, (spill?.limits.blockBytes ?? 0) / (fields * this.view.BYTES_PER_ELEMENT));
    this.#blockBits = Math.min(this.#segmentBits, Math.round(Math.log2(blockRecords)));
  }

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a record; returns where it begins in `view`. All its numbers must be set before the next call. */
  add(): number {
    const record = this.#size++;
    if ((record & this.#segmentMask) === 0) this.#beginSegment();
    this.view = this.#newest;
    return (record & this.#segmentMask) * this.#fields;
  }

  /**
   * Returns where a record begins in `view`, until the next call of `add` or `seek`. Throws what `SpillFile.read`
   * throws.
   */
  seek(record: number): number {
    const segment = this.#segments[record >>> this.#segmentBits];
    if (segment !== undefined) {
      this.view = segment;
      return (record & this.#segmentMask) * this.#fields;
    }
    this.view = this.#blockOf(record);
    return (record & ((1 << this.#blockBits) - 1)) * this.#fields;
  }

  #blockOf(record: number): View {
    const number = record >>> this.#blockBits;
    const at = Math.imul(number, SPREAD) >>> CACHE_SHIFT;
    this.#cached ??= new Array<View | undefined>(CACHED_BLOCKS).fill(undefined);
    if (this.#cachedNumbers[at] === number) return this.#cached[at]!;
    this.#cachedNumbers[at] = -1;
    const block = this.#cached[at] ??= this.#make(this.#fields << this.#blockBits);
    const inSegment = (record & this.#segmentMask) >>> this.#blockBits;
    this.#spill!.read(this.#spilled[record >>> this.#segmentBits]!, inSegment, new Uint8Array(block.buffer));
    this.#cachedNumbers[at] = number;
    return block;
  }

  #beginSegment(): void {
    const full = this.#newest;
    const blockBytes = (this.#fields * full.BYTES_PER_ELEMENT) << this.#blockBits;
    const spilled = full.length === 0 ? undefined : this.#spill?.take(new Uint8Array(full.buffer), blockBytes);
    if (spilled === undefined) {
      this.#newest = this.#make(this.#fields << this.#segmentBits);
    } else {
      const last = this.#segments.length - 1;
      [this.#segments[last], this.#spilled[last]] = [undefined, spilled];
    }
    this.#segments.push(this.#newest);
    this.#spilled.push(undefined);
  }
}
