/** The index of a whole repository, for what needs it seldom. */
import type { OpenIndex } from "../backup/rewritten.ts";
import { loadIndex } from "../repository/index_files.ts";
import type { IndexedRepository, Repository } from "../repository/repository.ts";

/** The repository with the places of all blobs. Throws what `loadIndex` throws, and the signal's reason. */
export async function withWholeIndex(repository: Repository, signal?: AbortSignal): Promise<IndexedRepository> {
  return { ...repository, index: await loadIndex(repository.files, { dataPlaces: true, signal }) };
}

/** As `withWholeIndex`, once somebody asks. The index is large: it is loaded only once, and then stays in memory. */
export function wholeIndex(repository: Repository, signal?: AbortSignal): OpenIndex {
  let opened: ReturnType<OpenIndex> | undefined;
  return () => opened ??= withWholeIndex(repository, signal);
}
