/** A run of entries before its small files are read. */
import type { EngineBuffer, EngineEntries, RunEntry, UnchangedEntries } from "../engine.ts";
import type { FileToRead, SmallFilesResult } from "./read/file_to_read.ts";
import type { FileState } from "./walk/entry_record.ts";
import type { FolderPlace } from "./walk/open_below.ts";

/** So many entries are one run at most. */
const MOST_ENTRIES = 1000;
/** So many if nothing of them is read: what is only passed on should be garbage before the next collection of it. */
const MOST_UNREAD_ENTRIES = 256;
/** What files that grow meanwhile may need: an eighth of the buffer. */
const SPARE = 1 / 8;

/** What a run needs to be made whole. */
interface RunTools {
  readonly onProblem: (order: number, text: string) => void;
  /** Paths of files with several names that were left out. */
  readonly missing: Set<string>;
}

/** An entry of which something is still to be known. */
interface PlannedEntry {
  readonly entry: RunEntry;
  /** Its place among the entries. */
  readonly place: number;
  /** Its number in the walk. */
  readonly order: number;
}

/** Collects entries. */
export class RunPlan {
  readonly folders: FolderPlace[] = [];
  readonly files: FileToRead[] = [];
  readonly #entries: (RunEntry | UnchangedEntries)[] = [];
  #count = 0;
  readonly #planned: PlannedEntry[] = [];
  /** Entries that have the content of others. */
  readonly #same: PlannedEntry[] = [];
  /** Where the bytes of its files go; null as long as it has none. */
  buffer: EngineBuffer | null = null;
  #bytes = 0;

  /** Whether it has entries. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether a further file of that size, or an entry without content, would be too much. */
  isFull(fileBytes: number): boolean {
    if (this.#count >= (this.buffer === null ? MOST_UNREAD_ENTRIES : MOST_ENTRIES)) return true;
    if (this.buffer === null || this.#bytes === 0) return false;
    return this.#bytes + fileBytes > this.buffer.bytes.length * (1 - SPARE);
  }

  /** Adds an entry that is whole. `order`: its number in the walk. */
  add(entry: RunEntry, order: number): void {
    if (entry.content?.kind === "same") this.#same.push({ entry, place: this.#entries.length, order });
    this.#push(entry);
  }

  /** Adds entries that are the same as before. */
  addUnchanged(entries: UnchangedEntries): void {
    this.#count += entries.run.starts.length;
    this.#entries.push(entries);
  }

  /** Adds a file that is to be read. `order`: its number in the walk. */
  addFile(
    { order, ...entry }: Omit<RunEntry, "content"> & { readonly order: number },
    { place, name, state }: { place: FolderPlace; name: string; state: FileState },
  ): void {
    // Files of one folder follow each other.
    if (this.folders.at(-1) !== place) this.folders.push(place);
    const planned: RunEntry = { ...entry, content: { kind: "inline", length: state.size } };
    this.#planned.push({ entry: planned, place: this.#entries.length, order });
    this.files.push({ folder: this.folders.length - 1, name, state });
    this.#bytes += state.size;
    this.#push(planned);
  }

  #push(entry: RunEntry): void {
    this.#count++;
    this.#entries.push(entry);
  }

  /** The run once its files were read; null if nothing of it is left. Its buffer is given back unless it is needed. */
  finish(
    { lengths, remarks }: SmallFilesResult,
    { onProblem, missing }: RunTools,
  ): EngineEntries | null {
    const entries: (RunEntry | UnchangedEntries | null)[] = [...this.#entries];
    this.#planned.forEach(({ entry, place }, i) => {
      const length = lengths[i]!;
      if (length < 0 && entry.isShared) missing.add(entry.path);
      entries[place] = length < 0 ? null : { ...entry, content: { kind: "inline", length } };
    });
    for (const { entry: { path, content }, place, order } of this.#same) {
      if (content?.kind !== "same" || !missing.has(content.path)) continue;
      onProblem(order, `"/${path}" is another name of "/${content.path}", which could not be read`);
      entries[place] = null;
    }
    for (const { file, head, problem } of remarks) {
      const { place, order } = this.#planned[file]!;
      if (problem !== undefined) onProblem(order, problem);
      if (head !== undefined && entries[place] !== null) entries[place] = { ...entries[place] as RunEntry, head };
    }
    const left = entries.filter((entry) => entry !== null);
    const needsBuffer = lengths.some((length) => length > 0);
    if (!needsBuffer) this.buffer?.release();
    if (left.length === 0) return null;
    return { kind: "entries", entries: left, buffer: needsBuffer ? this.buffer : null };
  }
}
