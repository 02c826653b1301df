/** The index of a whole repository, for what needs it seldom. */
import type { AgentError } from "../base/errors.ts";
import type { OpenIndex } from "./rewritten.ts";
import type { LoadableIndex } from "../repository/index/blob_index.ts";
import {
  loadIndex,
  loadIndexInto,
  type UnreadableIndex,
  unreadableIndexProblem,
} from "../repository/index/index_files.ts";
import type { IndexedRepository, Repository } from "../repository/repository.ts";

/** How a whole index is loaded. */
export interface WholeIndexOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Told, in one line, of index files that cannot be read; they are then passed over. Only for readers and backups: what
   * decides about removing backups leaves it out, and fails.
   */
  readonly onUnreadable?: ((problem: AgentError) => void) | undefined;
}

/** Whoever is told of what went wrong without undoing what was done; absent where nobody wants to know. */
interface ProblemTeller {
  readonly onProblem?: (problem: AgentError) => void;
}

/** The repository with the places of all blobs. Throws what `loadIndex` throws, and the signal's reason. */
export async function withWholeIndex(
  repository: Repository,
  { signal, onUnreadable }: WholeIndexOptions = {},
): Promise<IndexedRepository> {
  const index = await loadIndex(repository.files, { signal, onUnreadable: tellOf(onUnreadable) });
  return { ...repository, index };
}

/** As `withWholeIndex`, once somebody asks. The index is large: it is loaded only once, and then stays in memory. */
export function wholeIndex(repository: Repository, options: WholeIndexOptions = {}): OpenIndex {
  let opened: ReturnType<OpenIndex> | undefined;
  return () => opened ??= withWholeIndex(repository, options);
}

/** For readers and backups: index files that cannot be read are passed over, and `onProblem` is told of them. */
export function passingOver({ onProblem = () => {} }: ProblemTeller, signal?: AbortSignal): WholeIndexOptions {
  return { signal, onUnreadable: onProblem };
}

/** Another index than the whole one, as `loadIndexInto` loads it, with the options of `withWholeIndex`. */
export function indexPassingOver<Index extends LoadableIndex>(
  make: () => Index,
  { files }: Repository,
  { signal, onUnreadable }: WholeIndexOptions,
): Promise<Index> {
  return loadIndexInto(make, files, { signal, onUnreadable: tellOf(onUnreadable) });
}

/** Tells in one line of all index files that are passed over. */
function tellOf(onProblem: ((problem: AgentError) => void) | undefined) {
  return onProblem && ((unreadable: readonly UnreadableIndex[]) => onProblem(unreadableIndexProblem(unreadable)));
}
