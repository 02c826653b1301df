/**
 * The places of blobs, by number. An index file lists the blobs of a pack one behind the other, so that the pack and the
 * offset of few of them say those of all.
 *
 * Memory: some 7 bytes a place, and at most 19 for places in any order; a quarter of a byte for places that spill.
 */
import { RecordList } from "../../store/spill/record_list.ts";
import type { Spill } from "../../store/spill/spill.ts";
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
  readonly #lengths: LengthPairs;
  /** Runs of blobs that lie in one pack without gaps; one begins at each multiple of the stride. */
  readonly #runs: RecordList<Uint32Array<ArrayBuffer>>;
  /** By the number of a place divided by the stride: the run that begins there. */
  readonly #runAt: number[] = [];
  #pack = -1;
  #end = -1;

  /** With a `spill`, `at` throws what `SpillFile.read` throws. */
  constructor(spill?: Spill) {
    this.#lengths = new LengthPairs(spill);
    const make = (count: number) => new Uint32Array(count);
    this.#runs = new RecordList({ make, fields: RUN_NUMBERS, segmentRecords: SEGMENT_RUNS }, spill);
  }

  /** How many places there are. */
  get size(): number {
    return this.#lengths.size;
  }

  /** Adds a place. */
  push({ pack, offset, length, uncompressedLength }: BlobPlace): void {
    const number = this.size;
    const isAtStride = number % STRIDE === 0;
    if (isAtStride) this.#runAt.push(this.#runs.size);
    if (isAtStride || pack !== this.#pack || offset !== this.#end) this.#beginRun(number, pack, offset);
    this.#pack = pack;
    this.#end = offset + length;
    this.#lengths.push(length, uncompressedLength);
  }

  /** A place by its number. */
  at(number: number): BlobPlace {
    const at = this.#runs.seek(this.#runOf(number));
    const { view } = this.#runs;
    let offset = view[at + 2]!;
    for (let before = view[at]!; before < number; before++) offset += this.#lengths.lengthOf(before);
    return {
      pack: view[at + 1]!,
      offset,
      length: this.#lengths.lengthOf(number),
      uncompressedLength: this.#lengths.uncompressedLengthOf(number),
    };
  }

  #runOf(number: number): number {
    let run = this.#runAt[(number / STRIDE) | 0]!;
    while (run + 1 < this.#runs.size && this.#startOf(run + 1) <= number) run++;
    return run;
  }

  #startOf(run: number): number {
    const at = this.#runs.seek(run);
    return this.#runs.view[at]!;
  }

  #beginRun(number: number, pack: number, offset: number): void {
    const at = this.#runs.add();
    const { view } = this.#runs;
    view[at] = number;
    view[at + 1] = pack;
    view[at + 2] = offset;
  }
}
