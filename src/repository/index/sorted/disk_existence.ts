/**
 * The ids of all blobs for backups: those of data blobs lie on disk, and in memory what the table there does not cover.
 *
 * If the table cannot be read any more, the ids of all index files are loaded instead, once, as they would be without a
 * table. If that fails as well, the backup goes on: what nobody can tell is stored, perhaps for the second time.
 */
import { AgentError, IntegrityError, messageOf } from "../../../base/errors.ts";
import type { IdTable } from "../../../base/id_table.ts";
import type { BlobType } from "../../../format/blob.ts";
import { isSurelyStored, type StoredIds } from "../../../store/sorted/sorted_ids.ts";
import { ExistenceIndex, type NamedIndex } from "../blob_index.ts";

/** How the table is replaced if it cannot be read. */
interface TableReplacement {
  /** Adds all index files to what `make` returns. Throws what the store throws, and the signal's reason. */
  readonly loadAll: (make: () => ExistenceIndex) => Promise<ExistenceIndex>;
  readonly signal: AbortSignal;
  /** Called once if the table could not be read. */
  readonly onProblem?: ((problem: AgentError) => void) | undefined;
}

/** The index of a repository of which a table is open. */
export class DiskExistence extends ExistenceIndex {
  #stored: StoredIds | undefined;
  readonly #replacement: TableReplacement;
  #renewal: Promise<void> | undefined;
  /** All data blobs, once they were loaded instead of the table. */
  #loaded: IdTable | undefined;
  #damage: IntegrityError | undefined;
  /** Whether what the table cannot tell counts as unknown. */
  #hasGivenUp = false;

  /** `named`: as in `ExistenceIndex`. `stored`: the table. */
  constructor(named: NamedIndex, stored: StoredIds, replacement: TableReplacement) {
    super(named);
    this.#stored = stored;
    this.#replacement = replacement;
  }

  override get dataBlobs(): IdTable {
    return this.#loaded ?? super.dataBlobs;
  }

  override get stored(): StoredIds | undefined {
    return this.#stored;
  }

  /** Throws `IntegrityError` if the table cannot tell; `renew` helps. */
  override note(type: BlobType, id: Uint8Array, offset = 0, isNotOnDisk = false): boolean {
    if (type === "data" && !isNotOnDisk && this.#isStored(id, offset)) return false;
    return super.note(type, id, offset, true);
  }

  /** Throws the signal's reason. */
  override readonly renew = (): Promise<void> => this.#renewal ??= this.#loadInstead();

  #isStored(id: Uint8Array, offset: number): boolean {
    if (this.#hasGivenUp) return isSurelyStored(this.#stored, id, offset);
    try {
      return this.#stored?.has(id, offset) === true;
    } catch (error) {
      if (error instanceof IntegrityError) this.#damage = error;
      throw error;
    }
  }

  async #loadInstead(): Promise<void> {
    const { loadAll, signal, onProblem } = this.#replacement;
    const reason = this.#damage?.message ?? "The index on disk cannot be read; it is made again when it is needed next";
    try {
      const { dataBlobs } = await loadAll(() => new ExistenceIndex());
      dataBlobs.addAll(this.dataBlobs);
      this.#loaded = dataBlobs;
      this.#stored = undefined;
      onProblem?.(new AgentError(`${reason}; until then, the index files themselves say what is stored`));
    } catch (cause) {
      signal.throwIfAborted();
      this.#hasGivenUp = true;
      const message =
        `${reason}; the index files cannot be read either, so that chunks may be stored twice, until the ` +
        `next prune: ${messageOf(cause)}`;
      onProblem?.(new AgentError(message, { cause }));
    }
  }
}
