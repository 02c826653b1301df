/** The index of a repository that stays in memory while others go on to change the repository. */
import type { AgentError } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import type { BlobId, IndexId } from "../base/id.ts";
import { listIndexes, unreadableIndexProblem } from "../repository/index/index_files.ts";
import { loadPlaces } from "../repository/index/sorted/load_places.ts";
import type { IndexedRepository, Repository } from "../repository/repository.ts";

/** What a kept index needs. */
interface KeptIndexOptions {
  /** Ends the loading. */
  readonly signal: AbortSignal;
  /** Called with one error about all index files that cannot be read; they are then skipped. */
  readonly onUnreadable: (problem: AgentError) => void;
  /** Called whenever the index was loaded again: what was found with the one before may be gone. */
  readonly onLoaded: () => void;
}

/** An index, and the names of the files that it was loaded from. */
interface LoadedIndex {
  readonly repository: IndexedRepository;
  readonly files: ReadonlySet<IndexId>;
}

/** An index that is loaded when it is first needed, and again when it no longer fits. */
export class KeptIndex {
  readonly #repository: Repository;
  readonly #options: KeptIndexOptions;
  #loaded: Promise<LoadedIndex> | undefined;

  /** Nothing is loaded yet. */
  constructor(repository: Repository, options: KeptIndexOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /**
   * Makes sure that no pack which the index names was removed so far: whoever removes packs removes the index files that
   * list them, too. Under a lock that stays so. Throws what `loadPlaces` throws.
   */
  async refresh(): Promise<void> {
    const { signal } = this.#options;
    const loading = this.#current();
    const { files } = await loading;
    const there = new Set(await listIndexes(this.#repository.files, signal));
    if (![...files].every((id) => there.has(id))) await this.#next(loading);
  }

  /** The repository with an index that knows a tree, if any index file does. Throws what `loadPlaces` throws. */
  async knowing(tree: BlobId): Promise<IndexedRepository> {
    const loading = this.#current();
    const { repository } = await loading;
    return repository.index.has("tree", decodeHex(tree)) ? repository : (await this.#next(loading)).repository;
  }

  /** The repository with all that the index files list as of now. Throws what `loadPlaces` throws. */
  async newest(): Promise<IndexedRepository> {
    return (await this.#load()).repository;
  }

  #current(): Promise<LoadedIndex> {
    return this.#loaded ?? this.#load();
  }

  /** What is loaded after `before`, once for all who found that this no longer fits. */
  #next(before: Promise<LoadedIndex>): Promise<LoadedIndex> {
    return this.#loaded === before || this.#loaded === undefined ? this.#load() : this.#loaded;
  }

  #load(): Promise<LoadedIndex> {
    const loading = this.#read();
    this.#loaded = loading;
    loading.catch(() => {
      // The next one tries again.
      if (this.#loaded === loading) this.#loaded = undefined;
    });
    return loading;
  }

  async #read(): Promise<LoadedIndex> {
    const { signal, onUnreadable, onLoaded } = this.#options;
    let files: readonly IndexId[] = [];
    const index = await loadPlaces(this.#repository, {
      signal,
      onListed: (ids) => files = ids,
      onUnreadable: (unreadable) => onUnreadable(unreadableIndexProblem(unreadable)),
    });
    onLoaded();
    return { repository: { ...this.#repository, index }, files: new Set(files) };
  }
}
