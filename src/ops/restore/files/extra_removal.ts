/** Finds what a target holds and the backup does not, for `--delete`. */
import { nameOf } from "./entry.ts";
import type { RestoreFilter } from "./restore_filter.ts";
import type { RestoreThread, TargetEntry } from "./target_calls.ts";

/** Finds entries to be deleted. */
export class ExtraRemoval {
  readonly #thread: RestoreThread;
  readonly #filter: RestoreFilter;

  /** Nothing is deleted that `filter` does not select. */
  constructor(thread: RestoreThread, filter: RestoreFilter) {
    this.#thread = thread;
    this.#filter = filter;
  }

  /**
   * What is to be deleted in a directory whose entries in the backup are `names`, each folder after what is in it. A
   * folder stays if something in it does.
   */
  async find(directory: string, names: ReadonlySet<string>): Promise<TargetEntry[]> {
    const extra: TargetEntry[] = [];
    for (const entry of await this.#thread.call("listFolder", { path: directory })) {
      if (!names.has(nameOf(entry.path))) await this.#collect(entry, extra);
    }
    return extra;
  }

  /** Adds an entry and what is in it. Returns whether nothing of it stays. */
  async #collect(entry: TargetEntry, extra: TargetEntry[]): Promise<boolean> {
    const verdict = this.#filter.judge(entry.path, entry.isFolder);
    if (verdict === "skip" || entry.isForeign) return false;
    let isEmptied = true;
    if (entry.isFolder) {
      for (const below of await this.#thread.call("listFolder", { path: entry.path })) {
        if (!await this.#collect(below, extra)) isEmptied = false;
      }
    }
    if (verdict !== "restore" || !isEmptied) return false;
    extra.push(entry);
    return true;
  }
}
