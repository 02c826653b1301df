/** Files: lists what a backup holds, entry by entry. */
import type { Backup } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { parseSelector, selectDespiteDamage } from "../../backup/naming/selector.ts";
import { viewOf } from "../../backup/trees/tree_view.ts";
import { findInView, type ViewedEntry, walkView } from "../../backup/trees/walk_view.ts";
import { passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import { TreeReader } from "../../repository/tree/tree_reader.ts";
import { readingUseCase, type RepositoryAccess, type UseCaseOptions } from "../access.ts";

/** What to list. */
export interface ListEntriesRequest {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** An absolute path; absent for everything. */
  readonly path?: string;
  /** Whether to list what lies in directories below `path`; without a path, everything is listed anyway. */
  readonly isRecursive: boolean;
  /** Read without a lock, for read-only stores. */
  readonly noLock: boolean;
}

/** Options of `listEntries`. */
export interface ListEntriesOptions extends UseCaseOptions {
  /**
   * Receives entries as they are read, some hundreds at once: the entry at `path` first, and each directory before what
   * it holds. The next ones are read when it resolves.
   */
  readonly onEntries: (entries: readonly ViewedEntry[]) => Promise<void>;
}

const ENTRIES_AT_ONCE = 512;

/**
 * Lists a backup under a shared lock: files and directories by their paths in the source, or streams. Throws what
 * `selectDespiteDamage` throws, `UsageError` for a path that is not there, and `IntegrityError` for damaged trees.
 */
export async function listEntries(
  access: RepositoryAccess,
  request: ListEntriesRequest,
  options: ListEntriesOptions,
): Promise<{ readonly backup: Backup }> {
  const selector = { selector: parseSelector(request.selector), text: request.selector };
  return await readingUseCase(access, request, options, async (repository, signal) => {
    const openIndex = wholeIndexOnDemand(repository, passingOver(options.world, signal));
    const { backups, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: openIndex, signal });
    const backup = selectDespiteDamage(backups, damaged, selector);
    const indexed = await openIndex();
    await using reader = new TreeReader(indexed, signal);
    const view = await viewOf(indexed, backup);
    const found = request.path === undefined ? null : await findInView(reader, view, request.path);
    const isRecursive = request.isRecursive || request.path === undefined;
    let entries: ViewedEntry[] = found === null ? [] : [found];
    if (found === null || found.node.type === "dir") {
      for await (const entry of walkView(reader, view, { directory: found, isRecursive })) {
        entries.push(entry);
        if (entries.length < ENTRIES_AT_ONCE) continue;
        await options.onEntries(entries);
        entries = [];
      }
    }
    await options.onEntries(entries);
    return { backup };
  });
}
