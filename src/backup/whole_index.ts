/** Loads the index of a whole repository: at once, when it is first needed, or while a session begins without it. */
import type { AgentError } from "../base/errors.ts";
import type { OpenIndex } from "./rewritten.ts";
import { type ExistenceIndex, type LoadableIndex, NamedIndex } from "../repository/index/blob_index.ts";
import { loadIndexInto, type UnreadableIndex, unreadableIndexProblem } from "../repository/index/index_files.ts";
import type { RandomBytes } from "../crypto/random.ts";
import {
  type EarlyExistence,
  type ExistenceTools,
  type LoadedExistence,
  loadExistence,
  loadExistenceAhead,
  loadExistenceUnlessLong,
} from "../repository/index/sorted/load_existence.ts";
import { loadPlaces } from "../repository/index/sorted/load_places.ts";
import type { IndexedRepository, Repository } from "../repository/repository.ts";

/** How a whole index is loaded. */
export interface WholeIndexOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with one error about all index files that cannot be read; they are then skipped. Without it, such a file is
   * an error. Code that decides which backups to remove must not set it; code that reads or makes backups may.
   */
  readonly onUnreadable?: ((problem: AgentError) => void) | undefined;
}

/** Where to report problems that do not stop the work; they may be ignored. */
interface ProblemTeller {
  readonly onProblem?: (problem: AgentError) => void;
}

/**
 * The repository with the places of all blobs, which are looked up on disk if there is an index on disk. Throws what
 * `loadIndex` throws, and the signal's reason.
 */
export async function loadWholeIndex(
  repository: Repository,
  { signal, onUnreadable }: WholeIndexOptions = {},
): Promise<IndexedRepository> {
  const loading = { signal, onUnreadable: tellOf(onUnreadable), spill: repository.spill };
  return { ...repository, index: await loadPlaces(repository, loading) };
}

/**
 * The repository with the places of all trees and of the data blobs `names`; it may know no others. Treats unreadable
 * index files like `loadWholeIndex`.
 */
export async function loadNamedIndex(
  repository: Repository,
  names: readonly Uint8Array[],
  { signal, onUnreadable }: WholeIndexOptions,
): Promise<IndexedRepository> {
  const loading = { signal, onUnreadable: tellOf(onUnreadable), make: () => new NamedIndex(names) };
  return { ...repository, index: await loadPlaces(repository, loading) };
}

/**
 * The same as `loadWholeIndex`, but on demand. The index may be large, so it is loaded only once and then stays.
 */
export function wholeIndexOnDemand(repository: Repository, options: WholeIndexOptions = {}): OpenIndex {
  let opened: ReturnType<OpenIndex> | undefined;
  return () => opened ??= loadWholeIndex(repository, options);
}

/** Options for readers and backups: unreadable index files are skipped and reported to `onProblem`. */
export function passingOver({ onProblem = () => {} }: ProblemTeller, signal?: AbortSignal): WholeIndexOptions {
  return { signal, onUnreadable: onProblem };
}

/** Loads an index that keeps only a part, made by `make`. Treats unreadable index files like `loadWholeIndex`. */
export function indexPassingOver<Index extends LoadableIndex>(
  make: () => Index,
  { files }: Repository,
  { signal, onUnreadable }: WholeIndexOptions,
): Promise<Index> {
  return loadIndexInto(make, files, { signal, onUnreadable: tellOf(onUnreadable) });
}

/** What is needed to load the index of a session before a lock is confirmed. */
interface AheadOptions {
  readonly confirmed: Promise<unknown>;
  readonly random: RandomBytes;
  /** As in `ExistenceTools`. */
  readonly onAhead?: ((index: ExistenceIndex) => void) | undefined;
}

/**
 * Loads the ids of all blobs, and the places of trees and of the data blobs `names`, before a lock is confirmed, as
 * `loadExistenceAhead` does. Treats unreadable index files like `loadWholeIndex`.
 */
export function existenceAhead(
  names: readonly Uint8Array[],
  repository: Repository,
  { confirmed, ...ahead }: AheadOptions,
  options: WholeIndexOptions & { readonly signal: AbortSignal },
): Promise<LoadedExistence> {
  return loadExistenceAhead(confirmed, existenceTools(names, repository, ahead, options));
}

/** What `existenceUnlessLong` has loaded, and what is left to be loaded. */
export interface LoadedUnlessLong {
  readonly loaded: LoadedExistence | EarlyExistence;
  /**
   * Makes and loads the index on disk, if that was not waited for; its progress is told only while `isAwaited` says so.
   * Throws what `loadExistence` throws.
   */
  readonly loadComplete: (signal: AbortSignal, isAwaited: () => boolean) => Promise<LoadedExistence>;
}

/** The same, but does not wait for an index on disk of which most must be made first. */
export async function existenceUnlessLong(
  names: readonly Uint8Array[],
  repository: Repository,
  { confirmed, ...ahead }: AheadOptions,
  options: WholeIndexOptions & { readonly signal: AbortSignal },
): Promise<LoadedUnlessLong> {
  const tools = existenceTools(names, repository, ahead, options);
  const loaded = await loadExistenceUnlessLong(confirmed, tools);
  return {
    loaded,
    loadComplete(signal, isAwaited) {
      const { onProgress, ...place } = tools.place!;
      const tell: typeof onProgress = (progress) => isAwaited() ? onProgress?.(progress) : undefined;
      return loadExistence({ ...tools, place: { ...place, onProgress: tell }, signal });
    },
  };
}

function existenceTools(
  names: readonly Uint8Array[],
  { files, keys, sealer, sortedIndex: place }: Repository,
  ahead: Omit<AheadOptions, "confirmed">,
  { signal, onUnreadable }: WholeIndexOptions & { readonly signal: AbortSignal },
): ExistenceTools {
  return { ...ahead, files, keys, sealer, place, signal, onUnreadable: tellOf(onUnreadable), names };
}

/** Reports all skipped index files as one problem. */
function tellOf(onProblem: ((problem: AgentError) => void) | undefined) {
  return onProblem && ((unreadable: readonly UnreadableIndex[]) => onProblem(unreadableIndexProblem(unreadable)));
}
