/** The index of a whole repository, for what needs it seldom. */
import type { OpenIndex } from "../backup/rewritten.ts";
import { loadIndex } from "../repository/index_files.ts";
import type { Repository } from "../repository/repository.ts";

/** The index with the places of all blobs. It is large: it is loaded where somebody asks for it, and then only once. */
export function wholeIndex(repository: Repository): OpenIndex {
  let opened: ReturnType<OpenIndex> | undefined;
  return () => opened ??= loadIndex(repository.files, { dataPlaces: true }).then((index) => ({ ...repository, index }));
}
