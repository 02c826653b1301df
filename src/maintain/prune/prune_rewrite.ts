/** Writes index files without the packs that are to go, before the index files that list them are removed. */
import type { IndexId } from "../../base/id.ts";
import { INDEX_MAX_BLOBS } from "../../format/index/index_file.ts";
import { IndexFileWriter, type IndexWriteOptions } from "../../repository/index/index_file_writer.ts";
import type { DescribingFile, PruneIndex } from "./prune_index.ts";
import type { LockedFiles } from "../../repository/lock/locked_files.ts";

/** An index file is small where it lists less than half as many blobs as a full one. */
const SMALL_FILE_BLOBS = INDEX_MAX_BLOBS / 2;
/** Fewer small files are left alone where nothing else has to be written. */
const LEAST_SMALL_FILES = 10;

/** Which index files go, and what the ones in their place list. */
export interface IndexRewrite {
  readonly replaced: readonly DescribingFile[];
  /** Numbers of packs. */
  readonly packs: readonly number[];
}

/**
 * Plans the rewriting: files go that list a pack which goes, or one that an earlier file lists, too; and the small ones
 * with them, or where there are many.
 */
export function planIndexRewrite(files: readonly DescribingFile[], removed: ReadonlySet<number>): IndexRewrite {
  const listed = new Set<number>();
  const small: DescribingFile[] = [];
  const affected: DescribingFile[] = [];
  const kept = new Set<number>();
  for (const file of files) {
    const goes = file.packs.length === 0 || file.packs.some((pack) => removed.has(pack) || listed.has(pack));
    for (const pack of file.packs) listed.add(pack);
    if (goes) affected.push(file);
    else if (file.blobs < SMALL_FILE_BLOBS) small.push(file);
    else for (const pack of file.packs) kept.add(pack);
  }
  const merges = small.length >= LEAST_SMALL_FILES || affected.length > 0;
  if (!merges) { for (const { packs } of small) for (const pack of packs) kept.add(pack); }
  const replaced = merges ? [...affected, ...small] : affected;
  const packs = new Set(replaced.flatMap(({ packs }) => packs).filter((pack) => !removed.has(pack) && !kept.has(pack)));
  return { replaced, packs: [...packs] };
}

/** Writes index files that list the given packs; gives their names. All of them are durable when it resolves. */
export async function writeIndexes(
  files: LockedFiles,
  index: PruneIndex,
  packs: readonly number[],
  options: IndexWriteOptions,
): Promise<readonly IndexId[]> {
  const writer = new IndexFileWriter(files, options);
  for (const pack of packs) {
    options.signal.throwIfAborted();
    await writer.add(index.describe(pack), index.blobsIn(pack));
  }
  await writer.finish();
  return writer.written;
}
