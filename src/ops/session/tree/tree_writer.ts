/**
 * Writes the trees of a files backup while its entries come. Entries are registered in walk order; the contents of files
 * may follow later and in any order. A directory is written as soon as it has ended and all its contents are known.
 *
 * Memory: the text of the directories that are open, and the entries that wait for a content.
 */
import { freeBuffer } from "../../../base/bytes.ts";
import type { BlobId } from "../../../base/id.ts";
import type { StoredTree } from "../../../backup/content/stored_tree.ts";
import type { UnchangedEntries } from "../../../engine/engine.ts";
import type { DigestLine } from "../../../format/digest_list.ts";
import { type NodeHead, nodeHead } from "../../../format/tree/node_head.ts";
import { propertiesOfHead } from "../../../format/tree/tree.ts";
import { OpenDirectory } from "./open_directory.ts";
import { TreeCounter, type TreeCounts } from "./tree_counts.ts";
import { WalkOrder, type WalkStep } from "./walk_order.ts";

/** The content of a file as a node holds it. */
export interface FileContent {
  /** Bytes. */
  readonly size: number;
  /** The ids of its chunks. */
  readonly content: Uint8Array;
  /** Its digests in hex; null if they stand in the earlier list or nowhere. */
  readonly digests: { readonly md5: string; readonly sha256: string } | null;
}

/** What a tree is written with. */
interface TreeWriterTools {
  /** Stores a tree unless it is stored. */
  readonly save: (tree: Uint8Array) => Promise<BlobId>;
  /** The same for a tree of the earlier backup. */
  readonly saveEarlier: (tree: BlobId, text: Uint8Array) => Promise<BlobId>;
  /** The tree to compare with. */
  readonly earlier: StoredTree | null;
  /** Takes the line of each file in walk order, with the digests if they are known. */
  readonly list: (path: string, digests: Omit<DigestLine, "path"> | null) => void | Promise<void>;
  /** Takes the lines of files that did not change. */
  readonly listUnchanged: (entries: UnchangedEntries) => Promise<void>;
  /** Called with the counts now and then. */
  readonly onCounted: (counts: TreeCounts) => void;
}

/** A whole tree. */
export interface WrittenTree {
  readonly root: BlobId;
  readonly counts: TreeCounts;
}

/** An entry that is registered. */
export interface TreeSlot {
  /** Sets the content of a file. */
  settle(content: FileContent): void;
}

/** An entry. */
interface Entry {
  readonly path: string;
  readonly head: NodeHead;
  readonly step: WalkStep;
}

/** Entries that did not change. */
interface Unchanged {
  readonly unchanged: UnchangedEntries;
  readonly step: WalkStep;
}

/** What waits for its turn, and an entry maybe for its content. */
class Waiting implements TreeSlot {
  readonly entry: Entry | Unchanged;
  /** Undefined as long as it is not known; null for what is no file. */
  content: FileContent | null | undefined;
  readonly #onSettled: (slot: Waiting) => void;

  constructor(
    entry: Waiting["entry"],
    content: FileContent | null | undefined,
    onSettled: (slot: Waiting) => void,
  ) {
    this.entry = entry;
    this.content = content;
    this.#onSettled = onSettled;
  }

  /** How many entries it is. */
  get entries(): number {
    return "unchanged" in this.entry ? this.entry.unchanged.run.starts.length : 1;
  }

  settle(content: FileContent): void {
    this.content = content;
    this.#onSettled(this);
  }
}

/** From so many waiting entries on, no more are taken. An engine with entries gives them by the hundred. */
const MOST_WAITING = 16_384;
const ENTRIES_PER_COUNT = 512;
const ENTRIES_PER_SPLICE = 128;
const EMPTY_CONTENT = new Uint8Array(0);

/** Writes one tree. Everything throws what failed first. */
export class TreeWriter {
  readonly #tools: TreeWriterTools;
  readonly #order = new WalkOrder();
  readonly #counter = new TreeCounter();
  readonly #directories: OpenDirectory[];
  readonly #queue: Waiting[] = [];
  #taken = 0;
  /** Entries in the queue that were not taken. */
  #waiting = 0;
  /** Entries taken since the counts were last told. */
  #uncounted = 0;
  #failure: { readonly error: unknown } | undefined;
  #running: Promise<void> | undefined;
  /** Called when the entry that is waited for has its content, or there is nothing to wait for any more. */
  #wake: (() => void) | undefined;
  #roomMade: PromiseWithResolvers<void> | undefined;
  readonly #onSettled = (slot: Waiting) => {
    if (this.#queue[this.#taken] === slot) this.#wake?.();
  };

  constructor(tools: TreeWriterTools) {
    this.#tools = tools;
    this.#directories = [new OpenDirectory("", () => tools.earlier?.top())];
  }

  /** The counts so far. */
  get counts(): TreeCounts {
    return this.#counter.counts;
  }

  /**
   * Registers the next entry. The content of a file is `pending` until its slot is settled. Throws `BugError` for an
   * entry out of order.
   */
  add(path: string, head: NodeHead, content: FileContent | "pending" | null): TreeSlot {
    this.#throwFailure();
    const step = this.#order.next(path, head.type === "dir");
    return this.#enqueue({ path, head, step }, content === "pending" ? undefined : content);
  }

  /** Registers the next entries, which did not change. Throws `BugError` for the first one as `add` does. */
  addUnchanged(unchanged: UnchangedEntries): TreeSlot {
    this.#throwFailure();
    const step = this.#order.nextRun(unchanged.directory, unchanged.first, unchanged.last);
    return this.#enqueue({ unchanged, step }, null);
  }

  #enqueue(entry: Entry | Unchanged, content: FileContent | null | undefined): Waiting {
    const slot = new Waiting(entry, content, this.#onSettled);
    this.#queue.push(slot);
    this.#waiting += slot.entries;
    this.#running ??= this.#run();
    return slot;
  }

  /** Waits until few enough entries wait. */
  async room(): Promise<void> {
    this.#throwFailure();
    if (this.#waiting < MOST_WAITING) return;
    this.#roomMade ??= Promise.withResolvers();
    await this.#roomMade.promise;
    this.#throwFailure();
  }

  /** Waits until all entries are written, and writes the top. */
  async finish(): Promise<WrittenTree> {
    this.#throwFailure();
    this.#order.end();
    await this.#running;
    this.#throwFailure();
    const root = await this.#save(this.#directories[0]!);
    this.#tools.onCounted(this.counts);
    return { root, counts: this.counts };
  }

  /** Ends everything; whoever waits gets the reason. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
    this.#roomMade?.resolve();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Takes entries in order until none is left. Never throws. */
  async #run(): Promise<void> {
    try {
      await Promise.resolve();
      for (let slot = this.#queue[this.#taken]; slot !== undefined; slot = this.#queue[this.#taken]) {
        while (slot.content === undefined && !this.#failure) await this.#settled();
        if (this.#failure) return;
        const { entry } = slot;
        const taking = "unchanged" in entry ? this.#takeUnchanged(entry) : this.#take(entry, slot.content ?? null);
        if (taking) await taking;
        this.#forgetTaken(slot.entries);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  #forgetTaken(entries: number): void {
    this.#taken++;
    this.#waiting -= entries;
    this.#uncounted += entries;
    if (this.#uncounted >= ENTRIES_PER_COUNT) this.#tellCounts();
    if (this.#taken < ENTRIES_PER_SPLICE && this.#taken < this.#queue.length) return;
    this.#queue.splice(0, this.#taken);
    this.#taken = 0;
    if (this.#roomMade === undefined || this.#waiting >= MOST_WAITING / 2) return;
    this.#roomMade.resolve();
    this.#roomMade = undefined;
  }

  #tellCounts(): void {
    this.#uncounted = 0;
    this.#tools.onCounted(this.counts);
  }

  /** Takes an entry. What must be waited for is rare: a wait for each of a million files would take long. */
  #take({ path, head, step }: Entry, content: FileContent | null): void | Promise<void> {
    const directory = this.#directories.at(-1)!;
    if (head.type !== "dir" && step.opens.length === 0 && directory.isOpen) {
      return this.#addEntry(path, head, step, content);
    }
    return this.#open(step).then(async () => {
      const subtree = head.type === "dir" ? await this.#endDirectory(step) : null;
      await this.#directories.at(-1)!.open();
      await this.#addEntry(path, head, step, content, subtree);
    });
  }

  async #takeUnchanged({ unchanged, step }: Unchanged): Promise<void> {
    await this.#open(step);
    const directory = this.#directories.at(-1)!;
    await directory.open();
    directory.addUnchanged(unchanged);
    this.#counter.addUnchanged(unchanged);
    await this.#tools.listUnchanged(unchanged);
  }

  async #open({ opens }: WalkStep): Promise<void> {
    for (const opened of opens) {
      const above = this.#directories.at(-1)!;
      await above.open();
      this.#directories.push(above.below(opened));
    }
  }

  #addEntry(
    path: string,
    head: NodeHead,
    { name }: WalkStep,
    content: FileContent | null,
    subtree: BlobId | null = null,
  ): void | Promise<void> {
    const { type } = head;
    const isFile = type === "file";
    const size = content?.size ?? 0;
    const sized = head.size === size ? head : nodeHead(name, propertiesOfHead(head), size);
    const listed = { content: isFile ? content?.content ?? EMPTY_CONTENT : null, subtree };
    this.#counter.add(type, size, this.#directories.at(-1)!.add(name, sized, listed));
    if (isFile) return this.#tools.list(path, content?.digests ?? null);
  }

  /** The tree of the directory that ends, or an empty one. */
  async #endDirectory({ isEnd }: WalkStep): Promise<BlobId> {
    return await this.#save(isEnd ? this.#directories.pop()! : new OpenDirectory("", () => undefined));
  }

  async #save(directory: OpenDirectory): Promise<BlobId> {
    const finished = directory.finish();
    if (finished.same !== null) return await this.#tools.saveEarlier(finished.same, finished.text);
    try {
      return await this.#tools.save(finished.text);
    } finally {
      freeBuffer(finished.text);
    }
  }
}
