/**
 * Plans what is read together of a window's chunks, and where each goes. As `planRead` does for streams, but from tables
 * of places: a restore of small files needs a plan for each of a hundred thousand chunks.
 */
import { ID_BYTES, type PackId } from "../../../base/id.ts";
import { OPEN_FIELDS } from "../../../pipeline/calls.ts";
import type { PackRange } from "../../../repository/pack/pack_ranges.ts";
import type { WindowChunks } from "./window_source.ts";

/** How to read a batch. */
export interface BatchPlan {
  readonly ranges: readonly PackRange[];
  /** What `OpenRequest` says of each distinct chunk. */
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly table: Uint32Array<ArrayBuffer>;
  /** Chunks that are in the batch more than once: from, to and length of each copy in its bytes. */
  readonly copies: readonly number[];
  /** Bytes of plaintext. */
  readonly bytes: number;
  /** How many of the wanted chunks it has. */
  readonly count: number;
}

/** Numbers for each of `copies`. */
export const COPY_FIELDS = 3;

/** The limits of a batch, in bytes. */
interface BatchLimits {
  /** The most plaintext, except for a single larger chunk. */
  readonly batchBytes: number;
  /** Gaps up to this size are read, too. */
  readonly gapBytes: number;
}

/** Plans the next batch: the chunks with the numbers `wanted` from position `from` on, their plaintext back to back. */
export function planBatch(
  chunks: WindowChunks,
  packId: (pack: number) => PackId,
  { wanted, from, ...limits }: BatchLimits & { readonly wanted: Uint32Array; readonly from: number },
): BatchPlan {
  const targets: number[] = [];
  let bytes = 0;
  for (let position = from; position < wanted.length; position++) {
    const length = chunks.lengths[wanted[position]!]!;
    if (bytes > 0 && bytes + length > limits.batchBytes) break;
    targets.push(bytes);
    bytes += length;
  }
  const { packs, offsets } = chunks;
  const chunkAt = (i: number) => wanted[from + i]!;
  const order = Uint32Array.from(targets.keys()).sort((a, b) =>
    packs[chunkAt(a)]! - packs[chunkAt(b)]! || offsets[chunkAt(a)]! - offsets[chunkAt(b)]! || a - b
  );
  const builder = new PlanBuilder(chunks, packId, limits.gapBytes, order.length);
  for (const i of order) builder.add(chunkAt(i), targets[i]!);
  return { ...builder.plan, bytes, count: targets.length };
}

/** Builds a plan of chunks in the order of their places. */
class PlanBuilder {
  readonly #chunks: WindowChunks;
  readonly #packId: (pack: number) => PackId;
  readonly #gapBytes: number;
  readonly #ids: Uint8Array<ArrayBuffer>;
  readonly #table: Uint32Array<ArrayBuffer>;
  readonly #copies: number[] = [];
  readonly #ranges: { pack: PackId; offset: number; length: number }[] = [];
  #count = 0;
  #last = -1;
  #lastTarget = 0;

  constructor(chunks: WindowChunks, packId: (pack: number) => PackId, gapBytes: number, most: number) {
    this.#chunks = chunks;
    this.#packId = packId;
    this.#gapBytes = gapBytes;
    this.#ids = new Uint8Array(most * ID_BYTES);
    this.#table = new Uint32Array(most * OPEN_FIELDS.count);
  }

  get plan(): Pick<BatchPlan, "ranges" | "ids" | "table" | "copies"> {
    const ids = this.#ids.slice(0, this.#count * ID_BYTES);
    const table = this.#table.slice(0, this.#count * OPEN_FIELDS.count);
    return { ranges: this.#ranges, ids, table, copies: this.#copies };
  }

  add(chunk: number, target: number): void {
    const { packs, offsets, lengths, storedLengths, uncompressedLengths, ids } = this.#chunks;
    const [last, offset, length] = [this.#last, offsets[chunk]!, storedLengths[chunk]!];
    const isSamePack = last >= 0 && packs[last] === packs[chunk];
    if (isSamePack && offsets[last] === offset) {
      this.#copies.push(this.#lastTarget, target, lengths[chunk]!);
      return;
    }
    const range = this.#rangeFor(isSamePack, chunk);
    range.length = Math.max(range.length, offset + length - range.offset);
    const row = this.#count * OPEN_FIELDS.count;
    this.#table[row + OPEN_FIELDS.part] = this.#ranges.length - 1;
    this.#table[row + OPEN_FIELDS.offset] = offset - range.offset;
    this.#table[row + OPEN_FIELDS.length] = length;
    this.#table[row + OPEN_FIELDS.uncompressedLength] = uncompressedLengths[chunk]!;
    this.#table[row + OPEN_FIELDS.target] = target;
    this.#ids.set(ids.subarray(chunk * ID_BYTES, (chunk + 1) * ID_BYTES), this.#count * ID_BYTES);
    this.#count++;
    this.#last = chunk;
    this.#lastTarget = target;
  }

  /** The range of the chunk before, if this one is near behind it, or a new one. */
  #rangeFor(isSamePack: boolean, chunk: number) {
    const { packs, offsets } = this.#chunks;
    const range = this.#ranges.at(-1);
    const offset = offsets[chunk]!;
    if (isSamePack && range !== undefined && offset - (range.offset + range.length) <= this.#gapBytes) return range;
    const begun = { pack: this.#packId(packs[chunk]!), offset, length: 0 };
    this.#ranges.push(begun);
    return begun;
  }
}
