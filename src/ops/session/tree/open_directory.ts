/** A directory of a tree while its entries come: its text, and what the earlier tree has of it. */
import { SourceError } from "../../../base/errors.ts";
import type { BlobId } from "../../../base/id.ts";
import type { StoredDirectory } from "../../../backup/content/stored_tree.ts";
import type { StoredRun, UnchangedEntries } from "../../../engine/engine.ts";
import { MOST_TREE_BYTES, MOST_TREE_NODES } from "../../../format/bounds.ts";
import type { NodeHead } from "../../../format/tree/node_head.ts";
import { TREE_BEGINNING, TREE_END, TreeEncoder } from "../../../format/tree/tree.ts";

/** The text of a directory that has ended: that of a tree of the earlier backup, or one that was put together. */
type DirectoryText =
  | { readonly text: Uint8Array; readonly same: BlobId }
  | { readonly text: Uint8Array<ArrayBuffer>; readonly same: null };

/** Entries of the earlier tree that are the beginning of the text. */
interface Beginning {
  readonly run: StoredRun;
  readonly nodes: number;
  readonly last: string;
  readonly first: string;
}

/** Takes the entries of a directory in order. */
export class OpenDirectory {
  readonly #path: string;
  readonly #encoder = new TreeEncoder();
  readonly #openEarlier: () => Promise<StoredDirectory | null> | undefined;
  #earlier: StoredDirectory | null | undefined;
  /** As long as all entries are those of the earlier tree from its first one on, none of them is written. */
  #beginning: Beginning | null = null;

  /** `openEarlier`: the same directory in the earlier tree. */
  constructor(path: string, openEarlier: () => Promise<StoredDirectory | null> | undefined) {
    this.#path = path;
    this.#openEarlier = openEarlier;
  }

  /** Whether `open` was called. */
  get isOpen(): boolean {
    return this.#earlier !== undefined;
  }

  /** Opens the earlier directory, so that entries can be compared. May be called again. */
  async open(): Promise<void> {
    if (this.#earlier === undefined) this.#earlier = await this.#openEarlier() ?? null;
  }

  /** A directory in this one, which is open. */
  below(name: string): OpenDirectory {
    const path = this.#path === "" ? name : `${this.#path}/${name}`;
    return new OpenDirectory(path, () => this.#earlier?.below(name));
  }

  /**
   * Adds an entry. Returns whether it is the same as before in everything; undefined for a new one. Throws `SourceError`
   * if there are too many.
   */
  add(
    name: string,
    head: NodeHead,
    listed: { readonly content: Uint8Array | null; readonly subtree: BlobId | null },
  ): boolean | undefined {
    this.#writeBeginning();
    this.#encoder.addHead(name, head, listed);
    this.#requireRoom(this.#encoder.nodes, this.#encoder.bytes);
    return this.#earlier?.hasSame(name, head.text, listed);
  }

  /** Adds entries that are the same as before. Throws as `add` does. */
  addUnchanged({ run, first, last }: UnchangedEntries): void {
    const nodes = run.starts.length;
    const before = this.#beginning;
    if (before === null && this.#encoder.nodes === 0 && run.starts[0] === TREE_BEGINNING.length) {
      this.#beginning = { run, nodes, first, last };
    } else if (before !== null && before.run.tree === run.tree && run.starts[0] === before.run.end + 1) {
      this.#beginning = { run, nodes: before.nodes + nodes, first: before.first, last };
    } else {
      this.#writeBeginning();
      this.#encoder.addNodes(run.text.subarray(run.starts[0], run.end), { nodes, first, last });
    }
    this.#requireRoom(this.#beginning?.nodes ?? this.#encoder.nodes, this.#beginning?.run.end ?? this.#encoder.bytes);
    this.#earlier?.passOver(run);
  }

  /** The text. Nothing may be added afterwards. */
  finish(): DirectoryText {
    if (this.#beginning !== null) {
      const { run: { text, tree, end } } = this.#beginning;
      if (end + TREE_END.length === text.length && TREE_END.every((byte, i) => text[end + i] === byte)) {
        return { text, same: tree };
      }
    }
    this.#writeBeginning();
    return { text: this.#encoder.finish(), same: null };
  }

  #writeBeginning(): void {
    if (this.#beginning === null) return;
    const { run: { text, end }, ...names } = this.#beginning;
    this.#beginning = null;
    this.#encoder.addNodes(text.subarray(TREE_BEGINNING.length, end), names);
  }

  #requireRoom(nodes: number, bytes: number): void {
    if (nodes <= MOST_TREE_NODES && bytes <= MOST_TREE_BYTES) return;
    throw new SourceError(
      `Cannot back up the directory ${JSON.stringify(this.#path)}: it has more entries than a tree may hold ` +
        `(${MOST_TREE_NODES} entries, ${MOST_TREE_BYTES} bytes); leave it out, or put its files into several directories`,
    );
  }
}
