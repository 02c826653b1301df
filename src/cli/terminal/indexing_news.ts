/** Brings what is told while the index on disk is made to whoever shows progress at that moment. */
import type { World } from "../../ops/access.ts";

/** Hears of it. */
type IndexingListener = NonNullable<World["onIndexing"]>;

/** One listener at a time, mostly none. */
export class IndexingNews {
  #listener: IndexingListener | undefined;

  /** For the world of a command. */
  readonly tell: IndexingListener = (progress) => this.#listener?.(progress);

  /** From now on, this listener hears of it, or nobody. */
  listen(listener: IndexingListener | undefined): void {
    this.#listener = listener;
  }
}
