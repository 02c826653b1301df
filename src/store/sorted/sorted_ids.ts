/** Looks keys up in all runs of a table, in the main thread or in others. */
import { IntegrityError } from "../../base/errors.ts";
import { RunReader, type RunView } from "./run_reader.ts";

/** What other threads need to look ids up; can be sent by `postMessage`. */
export interface SortedIdsView {
  /** The secret that turns ids into keys (crypto/table_keys.ts). */
  readonly idSecret: Uint8Array;
  readonly runs: readonly RunView[];
}

/** Ids that are known without being in memory. */
export interface StoredIds {
  has(id: Uint8Array, offset?: number): boolean;
  /** For look-ups in other threads. */
  readonly view: SortedIdsView;
}

/** Open runs. Disposal closes them. */
export class OpenRuns implements Disposable {
  readonly #runs: readonly RunReader[];
  #isDamaged = false;
  readonly #areAllOpen: boolean;

  /** Takes over the runs. */
  constructor(runs: readonly RunReader[], areAllOpen = true) {
    this.#runs = runs;
    this.#areAllOpen = areAllOpen;
  }

  /**
   * Opens the runs of another thread. If that fails, for example since another process has merged them meanwhile, none
   * of their rows are found.
   */
  static ofViews(views: readonly RunView[]): OpenRuns {
    const runs: RunReader[] = [];
    try {
      for (const view of views) runs.push(RunReader.openView(view));
      return new OpenRuns(runs);
    } catch {
      for (const run of runs) run[Symbol.dispose]();
      return new OpenRuns([], false);
    }
  }

  /** Whether a look-up met something that is not what was written. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** Whether every look-up was answered so far. */
  get isWhole(): boolean {
    return this.#areAllOpen && !this.#isDamaged;
  }

  /** For other threads. */
  get views(): RunView[] {
    return this.#runs.map(({ view }) => view);
  }

  /** Whether a row has the key at word `at`. What cannot be read counts as not there. */
  has(keys: Uint32Array, at: number): boolean {
    for (const run of this.#runs) {
      try {
        if (run.find(keys, at) >= 0) return true;
      } catch {
        this.#isDamaged = true;
      }
    }
    return false;
  }

  /**
   * The run that has the key, with its row at `at` of its `words`; undefined if none has it. Throws `IntegrityError`.
   */
  find(keys: Uint32Array, at: number): { readonly words: Uint32Array; readonly at: number } | undefined {
    for (const run of this.#runs) {
      const row = this.#findIn(run, keys, at);
      if (row >= 0) return { words: run.words, at: row };
    }
    return undefined;
  }

  #findIn(run: RunReader, keys: Uint32Array, at: number): number {
    try {
      return run.find(keys, at);
    } catch (thrown) {
      this.#isDamaged = true;
      if (thrown instanceof IntegrityError) throw thrown;
      throw new IntegrityError(`"${run.view.path}" cannot be read; it is made again when it is needed next`, {
        cause: thrown,
      });
    }
  }

  [Symbol.dispose](): void {
    for (const run of this.#runs) run[Symbol.dispose]();
  }
}
