/**
 * The places of blobs, by number. An index file lists the blobs of a pack one behind the other, so that the pack and the
 * offset of few of them say those of all.
 *
 * Memory: some 7 bytes a place, and at most 19 for places in any order.
 */
import { LengthPairs } from "./length_pairs.ts";

/** Where a blob is stored. Lengths and offset are in bytes of the pack file. */
export interface BlobPlace {
  /** The number of the pack; the index returns its name. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** The length of the plaintext in bytes if the blob is compressed, else 0. */
  readonly uncompressedLength: number;
}

/** So many places at most are one run, whose lengths are added up to find the last one's offset. */
const STRIDE = 32;
const SEGMENT_RUNS = 1 << 12;
/** The number of the first place, its pack, and its offset. */
const RUN_NUMBERS = 3;

/** Places, numbered from 0 in the order in which they are added. */
export class PlaceList {
  readonly #lengths = new LengthPairs();
  /** Runs of blobs that lie in one pack without gaps; one begins at each multiple of the stride. */
  readonly #segments: Uint32Array[] = [];
  #runs = 0;
  /** By the number of a place divided by the stride: the run that begins there. */
  readonly #runAt: number[] = [];
  #pack = -1;
  #end = -1;

  /** How many places there are. */
  get size(): number {
    return this.#lengths.size;
  }

  /** Adds a place. */
  push({ pack, offset, length, uncompressedLength }: BlobPlace): void {
    const number = this.size;
    const isAtStride = number % STRIDE === 0;
    if (isAtStride) this.#runAt.push(this.#runs);
    if (isAtStride || pack !== this.#pack || offset !== this.#end) this.#beginRun(number, pack, offset);
    this.#pack = pack;
    this.#end = offset + length;
    this.#lengths.push(length, uncompressedLength);
  }

  /** A place by its number. */
  at(number: number): BlobPlace {
    const run = this.#runOf(number);
    const segment = this.#segments[(run / SEGMENT_RUNS) | 0]!;
    const at = (run % SEGMENT_RUNS) * RUN_NUMBERS;
    let offset = segment[at + 2]!;
    for (let before = segment[at]!; before < number; before++) offset += this.#lengths.lengthOf(before);
    return {
      pack: segment[at + 1]!,
      offset,
      length: this.#lengths.lengthOf(number),
      uncompressedLength: this.#lengths.uncompressedLengthOf(number),
    };
  }

  #runOf(number: number): number {
    let run = this.#runAt[(number / STRIDE) | 0]!;
    while (run + 1 < this.#runs && this.#startOf(run + 1) <= number) run++;
    return run;
  }

  #startOf(run: number): number {
    return this.#segments[(run / SEGMENT_RUNS) | 0]![(run % SEGMENT_RUNS) * RUN_NUMBERS]!;
  }

  #beginRun(number: number, pack: number, offset: number): void {
    if (this.#runs % SEGMENT_RUNS === 0) this.#segments.push(new Uint32Array(SEGMENT_RUNS * RUN_NUMBERS));
    const at = (this.#runs++ % SEGMENT_RUNS) * RUN_NUMBERS;
    this.#segments.at(-1)!.set([number, pack, offset], at);
  }
}
