/** Spill files in the cache directory. */
import { encodeHex } from "../../base/hex.ts";
import { SPILL_FOLDER } from "../cache/cache_entry.ts";
import { CacheFolder, type CacheOptions } from "../cache/folder.ts";
import { temporaryPath } from "../layout.ts";
import { localError } from "../local/local_errors.ts";
import { SpillFile } from "./spill_file.ts";

/**
 * Makes a spill file in the repository's folder of the cache directory, whose limit holds for the file. Returns undefined
 * if that is impossible, and calls `onProblem` of `cache`. `create`: tests pass one that fails.
 */
export async function newSpillFile(cache: CacheOptions, create = SpillFile.create): Promise<SpillFile | undefined> {
  const { directory, limitBytes: mostBytes, random, onProblem } = cache;
  try {
    const folder = await new CacheFolder(cache).makeFolder(SPILL_FOLDER);
    if (folder === undefined) return undefined;
    const unique = encodeHex(random(16));
    return create(temporaryPath(`${folder}/${unique}`, unique), { mostBytes, onProblem });
  } catch (thrown) {
    onProblem?.(localError(thrown, "keep in the cache directory what exceeds memory, in", directory));
    return undefined;
  }
}
