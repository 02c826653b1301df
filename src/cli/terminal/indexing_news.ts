/** Tells whoever shows progress how far the index on disk is while a command waits for it. */
import type { World } from "../../ops/access.ts";

/** Receives how far the index on disk is, and null at the end. */
type IndexingListener = NonNullable<World["onIndexing"]>;

/** Has one listener at a time: the world of a command is made before its progress, and outlives it. */
export class IndexingNews {
  #listener: IndexingListener | undefined;

  /** For the world of a command. */
  readonly tell: IndexingListener = (progress) => this.#listener?.(progress);

  /** Replaces the listener; undefined: nobody listens any more. */
  listen(listener: IndexingListener | undefined): void {
    this.#listener = listener;
  }
}
