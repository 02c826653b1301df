/** Writes index files without the packs that are to go, before the index files that list them are removed. */
import { freeBuffer } from "../base/memory.ts";
import type { IndexId } from "../base/id.ts";
import { encodeIndex, INDEX_MAX_BLOBS } from "../format/index_file.ts";
import type { DescribingFile, PruneIndex } from "./prune_index.ts";
import type { SealedFiles } from "./sealed_files.ts";

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

/**
 * Writes index files that list the given packs; gives their names. All of them are durable when it resolves. `confirmHeld`,
 * which throws where the lock is lost, is asked before each.
 */
export async function writeIndexes(
  files: SealedFiles,
  index: PruneIndex,
  packs: readonly number[],
  { signal, confirmHeld }: { readonly signal: AbortSignal; readonly confirmHeld: () => Promise<void> },
): Promise<IndexId[]> {
  const written: IndexId[] = [];
  for (const group of groupsOf(index, packs)) {
    signal.throwIfAborted();
    await confirmHeld();
    const json = encodeIndex(group.map((pack) => index.describe(pack)));
    written.push(await files.save("index", json, { signal }));
    freeBuffer(json);
  }
  return written;
}

/** Packs in groups that fill an index file each. */
function* groupsOf(index: PruneIndex, packs: readonly number[]): Generator<number[]> {
  let group: number[] = [];
  let blobs = 0;
  for (const pack of packs) {
    group.push(pack);
    blobs += index.blobsIn(pack);
    if (blobs < INDEX_MAX_BLOBS) continue;
    yield group;
    group = [];
    blobs = 0;
  }
  if (group.length > 0) yield group;
}
