/** The tree of a files backup within its session: entries come in, contents and trees and the list of digests go out. */
import { BugError, invariant } from "../../../base/errors.ts";
import { decodeHex, encodeHex } from "../../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../../base/id.ts";
import { holdsAll } from "../../../backup/content/stored_tree.ts";
import { MD5_BYTES, sha256 } from "../../../crypto/digest.ts";
import type { EngineEntries, EngineItem, RunContent, RunEntry } from "../../../engine/engine.ts";
import type { ManifestTree } from "../../../format/manifest/manifest.ts";
import { nodeHead } from "../../../format/tree/node_head.ts";
import type { Feed } from "../../../pipeline/feed.ts";
import type { PipelineThreads } from "../../../pipeline/threads.ts";
import type { ExistenceIndex } from "../../../repository/index/blob_index.ts";
import { encodeTree } from "../../../format/tree/tree.ts";
import type { SessionChunks } from "../session_chunks.ts";
import type { DoubtedTrees } from "./doubted_trees.ts";
import { DigestListWriter, EMPTY_DIGESTS, type StoredList } from "./digest_list_writer.ts";
import type { EarlierBackup } from "./earlier_backup.ts";
import { SharedContents } from "./shared_contents.ts";
import { totalOf, type TreeCounts } from "./tree_counts.ts";
import { type FileContent, type TreeSlot, TreeWriter, type WrittenTree } from "./tree_writer.ts";

/** What the tree of a session is written with. */
interface SessionTreeTools {
  readonly threads: PipelineThreads;
  readonly index: ExistenceIndex;
  readonly chunks: SessionChunks;
  /** Which of the trees that are stored can be relied on. */
  readonly doubts: DoubtedTrees;
  /** What it is compared with. */
  readonly earlier: EarlierBackup | null;
  readonly signal: AbortSignal;
  /** Stores the stream of the list of digests. */
  readonly storeList: (feed: Feed) => Promise<StoredList>;
}

/** A tree and its list of digests, stored. */
export interface StoredSessionTree extends WrittenTree {
  readonly list: StoredList;
  /** Bytes of the files that were read. */
  readonly bytesRead: number;
}

const EMPTY_FILE: FileContent = { size: 0, content: new Uint8Array(0), digests: EMPTY_DIGESTS };

const EMPTY_TREE = encodeTree([]);

/** Writes one tree. Everything throws what failed first. */
export class SessionTree {
  readonly #tools: SessionTreeTools;
  readonly #list: DigestListWriter;
  readonly #writer: TreeWriter;
  readonly #shared = new SharedContents();
  #bytesRead = 0;
  /** Called with the counts now and then. */
  onCounted: ((counts: TreeCounts) => void) | undefined;

  constructor(tools: SessionTreeTools) {
    const { earlier, chunks, storeList } = this.#tools = tools;
    this.#list = new DigestListWriter(earlier?.digests ?? null, storeList);
    this.#writer = new TreeWriter({
      save: (tree) => chunks.saveTree(tree),
      earlier: earlier?.tree ?? null,
      saveEarlier: (tree, text) => this.#saveEarlier(tree, text),
      list: (path, digests) => this.#list.add(path, digests),
      listUnchanged: (entries) => this.#list.addUnchanged(entries),
      onCounted: (counts) => this.onCounted?.(counts),
    });
  }

  /** Bytes of all files of the backup that this one is compared with; null if that is not known. */
  get bytesBefore(): number | null {
    return this.#tools.earlier?.own?.backup.info?.size ?? null;
  }

  /** How many files that backup has; null if that is not known. */
  get filesBefore(): number | null {
    return this.#tools.earlier?.own?.backup.info?.files ?? null;
  }

  /** What of the tree is done. */
  get counts(): TreeCounts {
    return this.#writer.counts;
  }

  /** Waits until there is room for more entries. */
  room(): Promise<void> {
    return this.#writer.room();
  }

  /** Registers the entries of the next item, in order. Throws `BugError` if they are none, or out of order. */
  register(item: EngineItem): readonly TreeSlot[] {
    if (item.kind === "stream") throw new BugError(`The stream "${item.path}" is no entry of a tree`);
    if (item.kind === "entry") {
      const { path, properties, source } = item;
      invariant(
        (source !== null) === (properties.type === "file"),
        () => `Only files have a content: ${JSON.stringify(path)}`,
      );
      const head = nodeHead(path.slice(path.lastIndexOf("/") + 1), properties);
      const slot = this.#writer.add(path, head, source === null ? null : "pending");
      return [item.isShared ? this.#shared.add(path, slot) : slot];
    }
    return item.entries.map((entry) => "run" in entry ? this.#writer.addUnchanged(entry) : this.#registerEntry(entry));
  }

  /** A tree that need not be digested once more, unless it may have to be stored once more: `saveTree` asks for that. */
  async #saveEarlier(tree: BlobId, text: Uint8Array): Promise<BlobId> {
    const { index, doubts, chunks } = this.#tools;
    return !doubts.isInDoubt && index.has("tree", decodeHex(tree)) ? tree : await chunks.saveTree(text);
  }

  #registerEntry({ path, head, content, isShared }: RunEntry): TreeSlot {
    invariant(
      (content !== null) === (head.type === "file"),
      () => `Only files have a content: ${JSON.stringify(path)}`,
    );
    if (content?.kind === "same") {
      const slot = this.#writer.add(path, head, "pending");
      this.#shared.take(content, slot);
      return slot;
    }
    const slot = this.#writer.add(path, head, content === null ? null : this.#known(path, content));
    return isShared ? this.#shared.add(path, slot) : slot;
  }

  /** The content of a file if it needs no reading. */
  #known(path: string, content: Exclude<RunContent, { kind: "same" }>): FileContent | "pending" {
    if (content.kind === "inline") return content.length === 0 ? EMPTY_FILE : "pending";
    const { index, earlier } = this.#tools;
    const { size, content: ids } = earlier?.counterparts.get(content.content) ?? content;
    const isHeld = holdsAll((list, at) => index.has("data", list, at), ids);
    invariant(isHeld, () => `A chunk of ${JSON.stringify(path)} is not stored any more`);
    return { size, content: ids, digests: null };
  }

  /** Stores the files whose bytes came with a run. The buffer may be used again afterwards. */
  async storeRun({ entries, buffer }: EngineEntries, slots: readonly TreeSlot[]): Promise<void> {
    const files = entries.flatMap((entry, i) => {
      const length = "run" in entry || entry.content?.kind !== "inline" ? 0 : entry.content.length;
      return length > 0 ? [{ slot: slots[i]!, length }] : [];
    });
    if (files.length === 0) return;
    let end = 0;
    const cuts = Uint32Array.from(files, ({ length }) => end += length);
    invariant(buffer !== null && end <= buffer.bytes.length, "A run of entries lacks the bytes of its files");
    const { threads, index, chunks, signal } = this.#tools;
    using _slot = await threads.batchSlots.take({ signal });
    threads.shareKnown(index);
    const segment = buffer.bytes.buffer;
    const batch = await threads.seal({ carry: segment, carryBytes: 0, segment, cuts, wantsMd5: true });
    await chunks.addAll(batch);
    const { ids, md5s } = batch;
    files.forEach(({ slot, length }, i) => {
      const content = ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES);
      const digests = { sha256: encodeHex(content), md5: encodeHex(md5s, i * MD5_BYTES, MD5_BYTES) };
      slot.settle({ size: length, content, digests });
    });
    this.#bytesRead += end;
  }

  /** Sets the content of a file that was read by itself. */
  settle(slot: TreeSlot, content: FileContent): void {
    this.#bytesRead += content.size;
    slot.settle(content);
  }

  /** Waits until everything is stored. */
  async finish(): Promise<StoredSessionTree> {
    const written = await this.#writer.finish();
    const { doubts, index, chunks } = this.#tools;
    // A tree without entries is never read, so no damage of it is met.
    if (doubts.isInDoubt && index.has("tree", sha256(EMPTY_TREE))) await chunks.saveTree(EMPTY_TREE);
    return { ...written, list: await this.#list.finish(), bytesRead: this.#bytesRead };
  }

  /** Ends everything, and waits until nothing is under way. */
  async fail(error: unknown): Promise<void> {
    this.#writer.fail(error);
    await this.#list.fail(error);
  }
}

/** What the manifest says of a tree. */
export function manifestTree({ root, counts, list: { summary } }: StoredSessionTree): ManifestTree {
  const { files, directories, others, bytes } = counts;
  const digests = { size: summary.size, md5: summary.md5, sha256: summary.sha256 };
  return { root, files: totalOf(files), directories: totalOf(directories), others, bytes, digests };
}
