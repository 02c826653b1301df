/** Counts the files and bytes of each kind in each repository. */
import type { FileKind } from "../../store/store.ts";

/** The total of one kind of files in one repository. */
export interface UsageRow {
  readonly repository: string;
  readonly kind: FileKind;
  readonly files: number;
  readonly bytes: number;
}

/** One count for each repository and kind. */
export class Usage {
  readonly #rows = new Map<string, Map<FileKind, { files: number; bytes: number }>>();

  /** Counts one more file of that size. */
  added(repository: string, kind: FileKind, bytes: number): void {
    this.#change(repository, kind, 1, bytes);
  }

  /** Counts one file of that size less. */
  removed(repository: string, kind: FileKind, bytes: number): void {
    this.#change(repository, kind, -1, -bytes);
  }

  /** All counts. */
  *rows(): Generator<UsageRow> {
    for (const [repository, kinds] of this.#rows) {
      for (const [kind, { files, bytes }] of kinds) yield { repository, kind, files, bytes };
    }
  }

  #change(repository: string, kind: FileKind, files: number, bytes: number): void {
    let kinds = this.#rows.get(repository);
    if (!kinds) this.#rows.set(repository, kinds = new Map());
    let count = kinds.get(kind);
    if (!count) kinds.set(kind, count = { files: 0, bytes: 0 });
    count.files += files;
    count.bytes += bytes;
  }
}
