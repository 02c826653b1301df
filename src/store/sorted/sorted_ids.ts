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
  /** Whether an id is known. Throws `IntegrityError` if that cannot be told. */
  has(id: Uint8Array, offset?: number): boolean;
  /** For look-ups in other threads; undefined if only this one can tell. */
  readonly view?: SortedIdsView | undefined;
}

/** Whether an id is known; false if that cannot be told. For those who do too much then, and nothing wrong. */
export function isSurelyStored(stored: StoredIds | undefined, id: Uint8Array, offset: number): boolean {
  try {
    return stored?.has(id, offset) === true;
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    return false;
  }
}

/** Open runs. Disposal closes them. */
export class OpenRuns implements Disposable {
  readonly #runs: readonly RunReader[];
  /** Where the row begins that was found last. */
  #row = -1;
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

  /** Whether a row has the key at word `at`. Throws `IntegrityError` if that cannot be told. */
  has(keys: Uint32Array, at: number): boolean {
    return this.#runWith(keys, at) !== undefined;
  }

  /**
   * The words of the run that has the key, and where its row begins in them; undefined if none has it. Throws
   * `IntegrityError` if that cannot be told.
   */
  find(keys: Uint32Array, at: number): { readonly words: Uint32Array; readonly at: number } | undefined {
    const run = this.#runWith(keys, at);
    return run && { words: run.words, at: this.#row };
  }

  /** If a run cannot be read, another one may still have the key. */
  #runWith(keys: Uint32Array, at: number): RunReader | undefined {
    let failure: IntegrityError | undefined;
    for (const run of this.#runs) {
      try {
        this.#row = run.find(keys, at);
        if (this.#row >= 0) return run;
      } catch (thrown) {
        this.#isDamaged = true;
        failure ??= unreadableRun(run, thrown);
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const run of this.#runs) run[Symbol.dispose]();
  }
}

function unreadableRun({ view: { path } }: RunReader, cause: unknown): IntegrityError {
  if (cause instanceof IntegrityError) return cause;
  return new IntegrityError(`"${path}" cannot be read; it is made again when it is needed next`, { cause });
}
