/** Turns the tree of a backup into windows: runs of entries that are planned and restored together. */
import { concatBytes } from "../../../base/bytes.ts";
import { type AgentError, IntegrityError } from "../../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../../base/id.ts";
import { MOST_CHUNK_BYTES } from "../../../format/bounds.ts";
import { plaintextLength } from "../../../format/pack_header.ts";
import type { Node } from "../../../format/tree/node.ts";
import { placeOf } from "../../../repository/pack/pack_reader.ts";
import type { IndexedRepository } from "../../../repository/repository.ts";
import { EntryWalk, type FoundNode } from "../../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../../repository/tree/tree_reader.ts";
import { entryOf, type RestoreEntry, shownPath } from "./entry.ts";
import type { RestoreFilter } from "./restore_filter.ts";
import type { Leave } from "./target_calls.ts";

/** A window ends with the entry that reaches one of these limits: it is in memory, several times, while it is done. */
const MOST_ENTRIES = 2_000;
const MOST_CHUNKS = 20_000;
/** Files are written in the order of the packs within a window, and directories get their times at its end. */
const MOST_BYTES = 128 * 1024 * 1024;

/** A directory that was left. */
export interface LeftDirectory extends Leave {
  /** The names of all its entries in the backup; null if they are not known, because its tree is damaged. */
  readonly names: ReadonlySet<string> | null;
}

/** A run of entries, with the chunks of its files. */
export interface Window {
  readonly entries: readonly RestoreEntry[];
  readonly leaves: readonly LeftDirectory[];
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** The pack of each chunk, and where it is in it. */
  readonly packs: Uint32Array;
  readonly offsets: Float64Array;
}

/** Where windows come from. */
interface WindowSource {
  readonly repository: IndexedRepository;
  readonly root: BlobId;
  readonly filter: RestoreFilter;
  /** Called with what the repository does not hold as it should; these entries are in no window. */
  readonly onDamage: (path: string, error: AgentError) => void;
}

/** A directory on the way to the current entry. */
interface Step {
  readonly path: string;
  readonly node: Node;
  readonly isParent: boolean;
  readonly names: Set<string>;
  isComplete: boolean;
  /** Whether its entry is in a window. */
  isEmitted: boolean;
}

/** Reads windows. */
export class WindowReader {
  readonly #source: WindowSource;
  readonly #way: Step[] = [];
  /** The names in the root, and whether all were read. */
  readonly #top: { readonly names: Set<string>; isComplete: boolean } = { names: new Set(), isComplete: true };
  #number = 0;
  #window = new WindowBuilder();

  constructor(source: WindowSource) {
    this.#source = source;
  }

  /** The names in the root of the tree, after all windows; null if they are not known. */
  get rootNames(): ReadonlySet<string> | null {
    return this.#top.isComplete ? this.#top.names : null;
  }

  /** The windows. */
  async *windows(): AsyncGenerator<Window, void, void> {
    await using reader = new TreeReader(this.#source.repository);
    const walk = new EntryWalk(reader, this.#source.root);
    for (let found = await this.#next(walk); found !== null; found = await this.#next(walk)) {
      this.#leaveUpTo(found.path);
      if (this.#window.isFull) yield this.#take();
      this.#visit(found, walk);
    }
    this.#leaveUpTo("");
    if (!this.#window.isEmpty) yield this.#take();
  }

  async #next(walk: EntryWalk): Promise<FoundNode | null> {
    for (;;) {
      try {
        return await walk.next();
      } catch (error) {
        const step = this.#way.at(-1);
        if (!(error instanceof IntegrityError) || step === undefined) throw error;
        step.isComplete = false;
        this.#source.onDamage(step.path, new IntegrityError(`Damaged ${shownPath(step.path)}: ${error.message}`));
      }
    }
  }

  #visit({ path, node }: FoundNode, walk: EntryWalk): void {
    const { filter, onDamage } = this.#source;
    const { names } = this.#way.at(-1) ?? this.#top;
    if (names.has(node.name)) {
      return onDamage(path, new IntegrityError(`Damaged tree: it holds ${shownPath(path)} twice`));
    }
    names.add(node.name);
    const verdict = filter.judge(path, node.type === "dir");
    // restic leaves sockets out, and whoever listens makes them.
    if (verdict === "skip" || node.type === "socket") return;
    try {
      if (node.type === "dir") this.#enter({ path, node }, verdict === "way", walk);
      else if (verdict === "restore") this.#add(path, node, false);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      onDamage(path, new IntegrityError(`Damaged ${shownPath(path)}: ${error.message}`, { cause: error }));
    }
  }

  #enter(found: FoundNode, isParent: boolean, walk: EntryWalk): void {
    walk.enter(found);
    const { path, node } = found;
    const step: Step = { path, node, isParent, names: new Set(), isComplete: true, isEmitted: false };
    this.#way.push(step);
    if (!isParent) this.#emitWay();
  }

  /** Puts the directories that lead to an entry into windows. */
  #emitWay(): void {
    for (const step of this.#way) {
      if (step.isEmitted) continue;
      step.isEmitted = true;
      const { path, node, isParent } = step;
      this.#window.add(entryOf(node, { number: this.#number++, path, isParent, firstChunk: 0, chunks: 0, size: 0 }));
    }
  }

  #add(path: string, node: Node, isParent: boolean): void {
    const chunks = node.type === "file" ? this.#chunksOf(node) : NO_CHUNKS;
    this.#emitWay();
    const [firstChunk, number] = [this.#window.chunks, this.#number++];
    const place = { number, path, isParent, firstChunk, chunks: chunks.lengths.length, size: chunks.bytes };
    this.#window.add(entryOf(node, place), chunks);
  }

  /** Throws `IntegrityError` if no index lists a chunk, or if the file would not have its size. */
  #chunksOf({ content, size }: Node): Chunks {
    if (content === null) throw new IntegrityError("the file has no content list");
    const count = content.length / ID_BYTES;
    const chunks = {
      ids: content,
      lengths: new Array<number>(count),
      packs: new Array<number>(count),
      offsets: new Array<number>(count),
    };
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const place = placeOf(this.#source.repository.index, "data", content, i * ID_BYTES, MOST_CHUNK_BYTES);
      bytes += chunks.lengths[i] = plaintextLength(place);
      chunks.packs[i] = place.pack;
      chunks.offsets[i] = place.offset;
    }
    if (bytes === size) return { ...chunks, bytes };
    throw new IntegrityError(`its chunks have ${bytes} bytes instead of the ${size} it must have`);
  }

  /** Leaves the directories that a path is not below. */
  #leaveUpTo(path: string): void {
    for (let step = this.#way.at(-1); step !== undefined; step = this.#way.at(-1)) {
      if (path.startsWith(`${step.path}/`)) return;
      this.#way.pop();
      if (step.isEmitted) this.#window.leave(step.path, step.isComplete ? step.names : null);
    }
  }

  #take(): Window {
    const window = this.#window.window;
    this.#window = new WindowBuilder();
    return window;
  }
}

/** The chunks of a file, in order. */
interface Chunks {
  readonly ids: Uint8Array;
  readonly lengths: readonly number[];
  readonly packs: readonly number[];
  readonly offsets: readonly number[];
  /** Their bytes. */
  readonly bytes: number;
}

const NO_CHUNKS: Chunks = { ids: new Uint8Array(0), lengths: [], packs: [], offsets: [], bytes: 0 };

/** Collects a window. */
class WindowBuilder {
  readonly #entries: RestoreEntry[] = [];
  readonly #leaves: LeftDirectory[] = [];
  readonly #ids: Uint8Array[] = [];
  readonly #lengths: number[] = [];
  readonly #packs: number[] = [];
  readonly #offsets: number[] = [];
  #bytes = 0;

  /** How many chunks it has. */
  get chunks(): number {
    return this.#lengths.length;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#leaves.length === 0;
  }

  get isFull(): boolean {
    return this.#entries.length >= MOST_ENTRIES || this.chunks >= MOST_CHUNKS || this.#bytes >= MOST_BYTES;
  }

  get window(): Window {
    return {
      entries: this.#entries,
      leaves: this.#leaves,
      ids: concatBytes(this.#ids),
      lengths: Uint32Array.from(this.#lengths),
      packs: Uint32Array.from(this.#packs),
      offsets: Float64Array.from(this.#offsets),
    };
  }

  add(entry: RestoreEntry, { ids, lengths, packs, offsets, bytes }: Chunks = NO_CHUNKS): void {
    this.#entries.push(entry);
    if (lengths.length === 0) return;
    this.#ids.push(ids);
    for (let i = 0; i < lengths.length; i++) {
      this.#lengths.push(lengths[i]!);
      this.#packs.push(packs[i]!);
      this.#offsets.push(offsets[i]!);
    }
    this.#bytes += bytes;
  }

  leave(path: string, names: ReadonlySet<string> | null): void {
    this.#leaves.push({ after: this.#entries.length, path, names });
  }
}
