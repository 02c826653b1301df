/**
 * Ids of data blobs that a backup has stored and that are too many for memory, in spill files in the cache directory.
 * They lie there as keys of 16 bytes under a secret of this process alone, so that nothing that is left on the disk tells
 * of content. Few sorted runs hold them: new ones are merged with those that are not much larger.
 */
import { AgentError, messageOf } from "../../../base/errors.ts";
import { ID_BYTES } from "../../../base/id.ts";
import { KEPT_ID_BYTES } from "../../../base/id_table.ts";
import { KeyedIds } from "../../../crypto/table_keys.ts";
import type { CacheOptions } from "../../../store/cache/folder.ts";
import { runsToMerge } from "../../../store/sorted/merge_plan.ts";
import { KEY_WORDS } from "../../../store/sorted/row_layout.ts";
import { newSpillFile } from "../../../store/spill/new_spill_file.ts";
import { SpillFile } from "../../../store/spill/spill_file.ts";
import type { IdSpill } from "../noted_ids.ts";
import { IdFilter } from "./id_filter.ts";
import { HeldKeys, type KeyRun, type KeySource, writeKeys } from "./key_run.ts";
import { sortedKeys } from "./sort_keys.ts";

const SECRET_BYTES = 32;
/** How many ids become keys at a time. */
const IDS_AT_ONCE = 1 << 12;

/** The ids of one backup. Nothing touches the disk before the first ones are taken. Disposal closes the files. */
export class SpilledIds implements IdSpill, Disposable {
  readonly #cache: CacheOptions;
  readonly #createFile: typeof SpillFile.create;
  readonly #keyed: KeyedIds;
  readonly #id = new Uint8Array(ID_BYTES);
  #filter: IdFilter | undefined;
  /** The largest first. */
  #runs: readonly KeyRun[] = [];
  #hasTold = false;
  #isClosed = false;

  /** `cache`: the cache directory, whose limit holds for each file. `createFile`: tests pass one that fails. */
  constructor(cache: CacheOptions, createFile = SpillFile.create) {
    this.#cache = cache;
    this.#createFile = createFile;
    this.#keyed = new KeyedIds(cache.random(SECRET_BYTES));
  }

  /** How many files there are. */
  get fileCount(): number {
    return this.#runs.length;
  }

  has(id: Uint8Array, offset: number): boolean {
    if (this.#filter?.mayHave(id, offset) !== true) return false;
    for (let i = 0; i < KEPT_ID_BYTES; i++) this.#id[i] = id[offset + i]!;
    const key = this.#keyed.of(this.#id);
    return this.#runs.some((run) => {
      try {
        return run.has(key, 0);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        this.#tell(error);
        return false;
      }
    });
  }

  /** After false, no more can be taken. Does not go on after disposal. */
  async take(ids: Uint8Array): Promise<boolean> {
    const keys = sortedKeys(this.#keysOf(ids));
    const count = keys.length / KEY_WORDS;
    const merged = runsToMerge(this.#runs.map(({ size }) => size), count);
    const kept = this.#runs.slice(0, this.#runs.length - merged);
    const replaced = this.#runs.slice(kept.length);
    const run = await this.#write([new HeldKeys(keys), ...replaced.map((run) => run.keys())]);
    if (run === undefined) return false;
    if (this.#isClosed) {
      run[Symbol.dispose]();
      return false;
    }
    this.#runs = [...kept, run];
    this.#filter ??= new IdFilter();
    for (let at = 0; at < ids.length; at += ID_BYTES) this.#filter.add(ids, at);
    for (const run of replaced) run[Symbol.dispose]();
    return true;
  }

  /** The keys of what counts of the ids. */
  #keysOf(ids: Uint8Array): Uint32Array {
    const keys = new Uint32Array(ids.length / ID_BYTES * KEY_WORDS);
    for (let first = 0; first < ids.length / ID_BYTES; first += IDS_AT_ONCE) {
      const some = ids.slice(first * ID_BYTES, (first + IDS_AT_ONCE) * ID_BYTES);
      for (let at = 0; at < some.length; at += ID_BYTES) some.fill(0, at + KEPT_ID_BYTES, at + ID_BYTES);
      keys.set(this.#keyed.ofAll(some), first * KEY_WORDS);
    }
    return keys;
  }

  /** Writes a run, which is the caller's; undefined if that is impossible, which was told, or not needed any more. */
  async #write(sources: readonly KeySource[]): Promise<KeyRun | undefined> {
    const file = await newSpillFile(this.#cache, this.#createFile);
    if (file === undefined) return undefined;
    using unfinished = new DisposableStack();
    unfinished.use(file);
    try {
      const run = await writeKeys(file, sources, () => this.#turn());
      if (run !== undefined) unfinished.move();
      return run;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (!this.#isClosed) this.#tell(error);
      return undefined;
    }
  }

  /** Lets others work. Throws once this is closed. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    if (this.#isClosed) throw new AgentError("The backup has ended");
  }

  #tell(cause: AgentError): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    const message =
      `What this backup has stored cannot be looked up any more, so that chunks may be stored twice, until ` +
      `the next prune: ${messageOf(cause)}`;
    this.#cache.onProblem?.(new AgentError(message, { cause }));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const run of this.#runs) run[Symbol.dispose]();
    this.#runs = [];
    this.#keyed[Symbol.dispose]();
  }
}
