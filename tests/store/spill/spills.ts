/** Spill files for tests: in a folder of their own, and files that fail. */
import { encodeHex } from "../../../src/base/hex.ts";
import { Spill, type SpillLimits } from "../../../src/store/spill/spill.ts";
import type { SpillHandle } from "../../../src/store/spill/spill_file.ts";
import type { CacheOptions } from "../../../src/store/cache/folder.ts";
import { FakeClock, seededRandom } from "../../helpers/world.ts";

/** Nothing full stays in memory, and a handful of records is a segment. */
export const TINY_SPILL: SpillLimits = { memoryBytes: 0, mostSegmentRecords: 8, blockBytes: 32 };

/** How a cache directory is used for spilling. */
export function spillPlace(directory: string, options: Partial<CacheOptions> = {}): CacheOptions {
  const random = seededRandom(`spill in ${directory}`);
  const repositoryId = encodeHex(new Uint8Array(32));
  return { directory, repositoryId, limitBytes: 1 << 30, clock: new FakeClock(), random, ...options };
}

/** A spill that is ready to write to its file. */
export async function preparedSpill(directory: string, limits = TINY_SPILL): Promise<Spill> {
  const spill = new Spill(spillPlace(directory), limits);
  await spill.prepare(1 << 30);
  return spill;
}

/** A file in memory that does what a test tells it. */
export class MadeFile implements SpillHandle {
  bytes = new Uint8Array(1 << 20);
  isClosed = false;
  /** How many bytes a write takes. */
  take: (wanted: number) => number = (wanted) => wanted;
  /** How many bytes a read gives; null at the end of the file. */
  give: (wanted: number) => number | null = (wanted) => wanted;
  #at = 0;

  seekSync(offset: number | bigint): number {
    return this.#at = Number(offset);
  }

  writeSync(bytes: Uint8Array): number {
    const count = this.take(bytes.length);
    this.bytes.set(bytes.subarray(0, count), this.#at);
    this.#at += count;
    return count;
  }

  readSync(target: Uint8Array): number | null {
    const count = this.give(target.length);
    if (count === null) return null;
    target.set(this.bytes.subarray(this.#at, this.#at + count));
    this.#at += count;
    return count;
  }

  /** Throws the second time, as a file of the system does. */
  close(): void {
    if (this.isClosed) throw new Deno.errors.BadResource("Bad resource ID");
    this.isClosed = true;
  }
}
