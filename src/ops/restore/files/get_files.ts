/** Get of a backup that holds a tree: restores it, or some paths of it, into a directory. */
import type { Backup } from "../../../backup/backup.ts";
import { treeOfFiles } from "../../../backup/content/contents.ts";
import { startWorker, Thread } from "../../../base/thread.ts";
import { bytesOfByteString } from "../../../format/byte_string.ts";
import { pathInTree } from "../../../repository/tree/trees.ts";
import type { FoundBackup } from "../get.ts";
import { assertHolds, filterByPaths, type RestoreFilter } from "./restore_filter.ts";
import { restoreFiles, type RestoreOptions, type RestoreResult } from "./restore_files.ts";
import type { RestoreCalls, RestoreThread } from "./target_calls.ts";

/** What is restored, and where. */
export interface GetFilesRequest extends Omit<RestoreOptions, "target" | "mark"> {
  /** The target, a byte string. It is made if it is absent, except for a dry run. */
  readonly target: string;
  /** The paths that are wanted, each with all below it; all if there are none. */
  readonly paths: readonly string[];
  /** What to restore of them; null for everything. Paths are below the root of the tree. */
  readonly filter: RestoreFilter | null;
  /** Makes the target, if that is to be done. */
  readonly makeTarget: () => Promise<void>;
  /** What restores; by default a thread of this program. */
  readonly thread?: RestoreThread;
}

/** The totals that a backup records, for progress; null if it does not. */
export function totalBytesOf({ snapshot }: Backup): number | null {
  return snapshot.summary?.totalBytesProcessed ?? null;
}

/**
 * Restores a tree. Throws what `restoreFiles` throws, and `UsageError` for a path that the backup does not hold; then
 * nothing was touched.
 */
export async function getFiles(found: FoundBackup, request: GetFilesRequest): Promise<RestoreResult> {
  const { backup, manifest, reading } = found;
  const root = (await treeOfFiles(reading.repository, { backup, manifest }))!;
  const paths = request.paths.map(pathInTree).filter((path) => path !== "");
  await assertHolds(reading.repository, root, paths);
  await request.makeTarget();
  const wanted = request.paths.length > paths.length ? [] : paths;
  const mark = `${reading.repository.config.id} ${backup.series}`;
  const options = { ...request, target: bytesOfByteString(request.target), mark };
  const source = { reading, root, filter: filterByPaths(wanted, request.filter) };
  if (request.thread !== undefined) return await restoreFiles(source, request.thread, options);
  const thread = new Thread<RestoreCalls>(startWorker());
  try {
    return await restoreFiles(source, thread, options);
  } finally {
    thread.terminate();
  }
}
