/** Turns the tree of a backup into windows: runs of entries that are planned and restored together. */
import { doubled } from "../../../base/bytes.ts";
import { type AgentError, IntegrityError } from "../../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../../base/id.ts";
import { MOST_CHUNK_BYTES } from "../../../format/bounds.ts";
import { plaintextLength } from "../../../format/pack_header.ts";
import type { Node } from "../../../format/tree/node.ts";
import type { BlobPlace } from "../../../repository/index/place_list.ts";
import { placeOf } from "../../../repository/pack/pack_reader.ts";
import type { IndexedRepository } from "../../../repository/repository.ts";
import { EntryWalk, type FoundNode } from "../../../repository/tree/entry_walk.ts";
import { TreeReader } from "../../../repository/tree/tree_reader.ts";
import { type ReadEntry, shownPath } from "./entry.ts";
import { EntryPacker, type PackedEntries } from "./packed_entries.ts";
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
  readonly entries: readonly ReadEntry[];
  /** The same entries for the thread that writes. */
  readonly packed: PackedEntries;
  readonly leaves: readonly LeftDirectory[];
  readonly chunks: WindowChunks;
}

/** The chunks of a window's files, in order. */
export interface WindowChunks {
  /** 32 bytes for each. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** The bytes of each. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** The place of each, as `BlobPlace` has it. */
  readonly packs: Uint32Array;
  readonly offsets: Uint32Array;
  readonly storedLengths: Uint32Array;
  readonly uncompressedLengths: Uint32Array;
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
  /** What the paths of all below it begin with. */
  readonly prefix: string;
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
  #window = new WindowBuilder(0);

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
    const { lookUp } = this.#source.repository.index;
    for (;;) {
      // Waiting for each of many small files would take longer than looking at it.
      const found = walk.nextBeside() ?? await this.#next(walk);
      if (found === null) break;
      if (lookUp !== undefined && found.node.content !== null) await lookUp(found.node.content);
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
      this.#window.dropChunks();
      onDamage(path, new IntegrityError(`Damaged ${shownPath(path)}: ${error.message}`, { cause: error }));
    }
  }

  #enter(found: FoundNode, isParent: boolean, walk: EntryWalk): void {
    walk.enter(found);
    const { path, node } = found;
    const names = new Set<string>();
    const step: Step = { path, prefix: `${path}/`, node, isParent, names, isComplete: true, isEmitted: false };
    this.#way.push(step);
    if (!isParent) this.#emitWay();
  }

  /** Puts the directories that lead to an entry into windows. */
  #emitWay(): void {
    for (const step of this.#way) {
      if (step.isEmitted) continue;
      step.isEmitted = true;
      const { path, node, isParent } = step;
      this.#window.add(node, { path, isParent, bytes: 0 });
    }
  }

  #add(path: string, node: Node, isParent: boolean): void {
    const bytes = node.type === "file" ? this.#addChunks(node) : 0;
    this.#emitWay();
    this.#window.add(node, { path, isParent, bytes });
  }

  /** Returns their bytes. Throws `IntegrityError` if no index lists a chunk, or if the file would not have its size. */
  #addChunks({ content, size }: Node): number {
    if (content === null) throw new IntegrityError("the file has no content list");
    let bytes = 0;
    for (let at = 0; at < content.length; at += ID_BYTES) {
      const place = placeOf(this.#source.repository.index, "data", content, at, MOST_CHUNK_BYTES);
      bytes += this.#window.addChunk(content, at, place);
    }
    if (bytes === size) return bytes;
    throw new IntegrityError(`its chunks have ${bytes} bytes instead of the ${size} it must have`);
  }

  /** Leaves the directories that a path is not below. */
  #leaveUpTo(path: string): void {
    for (let step = this.#way.at(-1); step !== undefined; step = this.#way.at(-1)) {
      if (path.startsWith(step.prefix)) return;
      this.#way.pop();
      if (step.isEmitted) this.#window.leave(step.path, step.isComplete ? step.names : null);
    }
  }

  #take(): Window {
    const window = this.#window.window;
    this.#window = new WindowBuilder(this.#window.nextNumber);
    return window;
  }
}

/** Collects a window. */
class WindowBuilder {
  readonly #entries: ReadEntry[] = [];
  readonly #packer: EntryPacker;
  readonly #firstNumber: number;
  readonly #leaves: LeftDirectory[] = [];
  readonly #chunks = new ChunkTable();
  /** How many of the chunks belong to entries; the others are those of the next one. */
  #ownedChunks = 0;
  #bytes = 0;

  /** `firstNumber`: the number of its first entry. */
  constructor(firstNumber: number) {
    this.#firstNumber = firstNumber;
    this.#packer = new EntryPacker(firstNumber);
  }

  /** The number of its next entry. */
  get nextNumber(): number {
    return this.#firstNumber + this.#entries.length;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#leaves.length === 0;
  }

  get isFull(): boolean {
    return this.#entries.length >= MOST_ENTRIES || this.#ownedChunks >= MOST_CHUNKS || this.#bytes >= MOST_BYTES;
  }

  get window(): Window {
    const chunks = this.#chunks.take(this.#ownedChunks);
    return { entries: this.#entries, packed: this.#packer.packed, leaves: this.#leaves, chunks };
  }

  /** Adds a chunk, whose id is in `ids` at `at`, of the file that is added next. Returns its bytes. */
  addChunk(ids: Uint8Array, at: number, place: BlobPlace): number {
    return this.#chunks.add(ids, at, place);
  }

  /** Adds an entry. If it is a file, the chunks that were added last are its content, with so many `bytes`. */
  add(node: Node, { path, isParent, bytes }: { path: string; isParent: boolean; bytes: number }): void {
    const firstChunk = this.#ownedChunks;
    if (node.type === "file") this.#ownedChunks = this.#chunks.count;
    const chunks = this.#ownedChunks - firstChunk;
    const entry = { number: this.nextNumber, path, type: node.type, size: bytes, firstChunk, chunks };
    this.#entries.push(entry);
    this.#packer.add(node, entry, isParent);
    this.#bytes += bytes;
  }

  /** Forgets the chunks of a file that is not added. */
  dropChunks(): void {
    this.#chunks.count = this.#ownedChunks;
  }

  leave(path: string, names: ReadonlySet<string> | null): void {
    this.#leaves.push({ after: this.#entries.length, path, names });
  }
}

const FIRST_CHUNKS = 256;

/** Chunks and their places in tables that grow. */
class ChunkTable {
  count = 0;
  #ids = new Uint8Array(FIRST_CHUNKS * ID_BYTES);
  #lengths = new Uint32Array(FIRST_CHUNKS);
  #packs = new Uint32Array(FIRST_CHUNKS);
  #offsets = new Uint32Array(FIRST_CHUNKS);
  #storedLengths = new Uint32Array(FIRST_CHUNKS);
  #uncompressedLengths = new Uint32Array(FIRST_CHUNKS);

  /** Returns the bytes of the chunk. */
  add(ids: Uint8Array, at: number, place: BlobPlace): number {
    if (this.count === this.#lengths.length) this.#grow();
    const chunk = this.count++;
    for (let i = 0; i < ID_BYTES; i++) this.#ids[chunk * ID_BYTES + i] = ids[at + i]!;
    this.#packs[chunk] = place.pack;
    this.#offsets[chunk] = place.offset;
    this.#storedLengths[chunk] = place.length;
    this.#uncompressedLengths[chunk] = place.uncompressedLength;
    return this.#lengths[chunk] = plaintextLength(place);
  }

  /** The first chunks. */
  take(count: number): WindowChunks {
    return {
      ids: this.#ids.slice(0, count * ID_BYTES),
      lengths: this.#lengths.slice(0, count),
      packs: this.#packs.slice(0, count),
      offsets: this.#offsets.slice(0, count),
      storedLengths: this.#storedLengths.slice(0, count),
      uncompressedLengths: this.#uncompressedLengths.slice(0, count),
    };
  }

  #grow(): void {
    this.#ids = doubled(this.#ids);
    this.#lengths = doubled(this.#lengths);
    this.#packs = doubled(this.#packs);
    this.#offsets = doubled(this.#offsets);
    this.#storedLengths = doubled(this.#storedLengths);
    this.#uncompressedLengths = doubled(this.#uncompressedLengths);
  }
}
