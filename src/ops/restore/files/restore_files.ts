/** Get of a backup that holds a tree: restores it, or some paths of it, into a directory. */
import { UsageError } from "../../../base/errors.ts";
import type { Backup } from "../../../backup/backup.ts";
import { treeOfFiles } from "../../../backup/content/contents.ts";
import type { ContentReading } from "../../../backup/content/read_verified.ts";
import { startWorker, Thread } from "../../../base/thread.ts";
import { restoreRules, RestoreSelection } from "../../../engine/files/selection/restore_selection.ts";
import { bytesOfByteString } from "../../../format/byte_string.ts";
import type { Manifest } from "../../../format/manifest/manifest.ts";
import { pathInTree } from "../../../repository/tree/trees.ts";
import { localFolderOf } from "../../../store/built_in.ts";
import { makeFolders } from "../make_folders.ts";
import type { Decision, IfExists } from "./decision.ts";
import { assertHolds, assertSelects, filterByPaths, type RestoreFilter } from "./restore_filter.ts";
import { type RestoreProgress, type RestoreResult, restoreTree } from "./restore_tree.ts";
import type { Problem, RestoreCalls, RestoreThread } from "./target_calls.ts";

/** What is restored of a backup of files, and where. */
export interface RestoreRequest {
  /** The target directory, a byte string (`byte_string.ts`). It is made if it is absent, except for a dry run. */
  readonly target: string;
  /** The paths that are wanted, each with all below it; everything if there are none. */
  readonly paths?: readonly string[];
  /** Rules of gitignore, as of `--include`: only what one of them matches is restored. */
  readonly include?: readonly string[];
  /** Rules of gitignore, as of `--exclude`: what one of them matches is left out. */
  readonly exclude?: readonly string[];
  /** What to do with what is there; by default, a target that is not empty is refused. */
  readonly ifExists?: IfExists | null;
  /**
   * Whether entries are deleted that the backup does not have. It needs `include`, or a target that an earlier restore
   * of the series made.
   */
  readonly deletes?: boolean;
  /** Whether nothing is changed; `onDecision` tells what would be. */
  readonly dryRun?: boolean;
  /** Called with each decision of a dry run. */
  readonly onDecision?: (path: string, decision: Decision) => void | Promise<void>;
  /** Called with everything that could not be restored; `isDamage` if the backup is to blame. */
  readonly onProblem: (problem: Problem, isDamage: boolean) => void;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: RestoreProgress) => void;
}

/** A backup to restore, and what reads it. */
interface ReadableBackup {
  readonly backup: Backup;
  readonly manifest: Manifest | null;
  readonly reading: ContentReading;
}

/** The totals that a backup records, for progress; null if it does not. */
export function totalBytesOf({ snapshot }: Backup): number | null {
  return snapshot.summary?.totalBytesProcessed ?? null;
}

/**
 * Restores a tree. `thread` does so instead of a thread of this program. Throws what `restoreTree` throws, and
 * `UsageError` for a backup of streams, for malformed patterns, for a path that the backup does not hold and for
 * `include` that matches nothing; then nothing was touched.
 */
export async function restoreFiles(
  { backup, manifest, reading }: ReadableBackup,
  request: RestoreRequest,
  thread?: RestoreThread,
): Promise<RestoreResult> {
  const { ifExists = null, deletes = false, dryRun = false, include = [] } = request;
  const filter = filterOf(request);
  const root = await treeOfFiles(reading.repository, { backup, manifest });
  if (root === null) throw new UsageError("The backup holds streams and no tree of files: read them one by one");
  const given = request.paths ?? [];
  const paths = given.map(pathInTree).filter((path) => path !== "");
  await assertHolds(reading.repository, root, paths);
  const source = { reading, root, filter: filterByPaths(given.length > paths.length ? [] : paths, filter) };
  // What a deletion is to concern need not be in the backup.
  if (include.length > 0 && !deletes) await assertSelects(reading.repository, { ...source, patterns: include });
  if (!dryRun) await makeFolders(request.target);
  const folder = localFolderOf(reading.repository.store);
  const options = {
    ...request,
    target: bytesOfByteString(request.target),
    repository: folder === null ? null : new TextEncoder().encode(folder),
    mark: `${reading.repository.config.id} ${backup.series}`,
    ifExists,
    deletes,
    mayDeleteAnywhere: include.length > 0,
    dryRun,
  };
  if (thread !== undefined) return await restoreTree(source, thread, options);
  const own = new Thread<RestoreCalls>(startWorker("restore"));
  try {
    return await restoreTree(source, own, options);
  } finally {
    own.terminate();
  }
}

/** What the patterns let through; null for everything. */
function filterOf({ include = [], exclude = [] }: RestoreRequest): RestoreFilter | null {
  return include.length + exclude.length === 0 ? null : new RestoreSelection(restoreRules({ include, exclude }));
}
