/**
 * Trees that an index lists and that may be damaged. As long as a backup meets no damage, it relies on the index, as for
 * chunks. Damage seldom comes alone: from then on, a tree that is to be referred to is read before.
 */
import { IntegrityError } from "../../../base/errors.ts";
import { IdTable } from "../../../base/id_table.ts";
import type { IndexedRepository } from "../../../repository/repository.ts";
import { readBlob } from "../../../repository/pack/pack_reader.ts";

/** Tells which trees a backup may refer to. */
export class DoubtedTrees {
  readonly #repository: IndexedRepository<"tree">;
  /** Those that were read and are whole, and those that are stored once more. */
  readonly #settled = new IdTable();
  #isInDoubt = false;

  constructor(repository: IndexedRepository<"tree">) {
    this.#repository = repository;
  }

  /** Whether damage was met. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Tells that damage was met. */
  begin(): void {
    this.#isInDoubt = true;
  }

  /**
   * Whether a backup may refer to a tree that is known. If not, the caller stores it once more. Its id has 32 bytes.
   * Throws what the store throws.
   */
  isReliable(tree: Uint8Array): boolean | Promise<boolean> {
    // What only this backup stored is not in the index.
    if (!this.#isInDoubt || this.#settled.find(tree) >= 0 || !this.#repository.index.has("tree", tree)) return true;
    return this.#isWhole(tree);
  }

  async #isWhole(tree: Uint8Array): Promise<boolean> {
    this.#settled.add(tree);
    try {
      await readBlob(this.#repository, "tree", tree, 0, { fresh: true });
      return true;
    } catch (error) {
      if (error instanceof IntegrityError) return false;
      throw error;
    }
  }
}
