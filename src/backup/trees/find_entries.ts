/**
 * Finds entries in many backups. A tree that was seen at the same path before is not walked again. Memory: what was
 * found, and some 43 bytes for each distinct tree in which nothing was found.
 */
import { UsageError } from "../../base/errors.ts";
import { decodeHex, encodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { IdTable } from "../../base/id_table.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Node } from "../../format/tree/node.ts";
import { subtreeOf } from "../../repository/tree/trees.ts";
import { assertNotTooDeep } from "../../repository/tree/entry_walk.ts";
import type { TreeReader } from "../../repository/tree/tree_reader.ts";
import type { Backup } from "../backup.ts";
import type { EntryMatcher } from "./entry_pattern.ts";
import { nodeInView, type TreeView } from "./tree_view.ts";
import type { ViewedEntry } from "./walk_view.ts";

/** One version of an entry: the same in every backup of a series and host that has it, between the first and the last. */
export interface FoundVersion {
  /** Its absolute path, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** Its node in the first backup that has it; without content list. */
  readonly node: Node;
  /** The oldest backup that has it. */
  readonly first: Backup;
  /** The newest backup that has it. */
  readonly last: Backup;
  /** How many backups have it. */
  readonly backups: number;
}

/** A version while backups are being searched. */
interface GrowingVersion extends FoundVersion {
  readonly identity: string;
  last: Backup;
  backups: number;
}

/** What was found in a tree and below it. */
interface FoundTree {
  readonly versions: readonly GrowingVersion[];
  readonly below: readonly FoundTree[];
}

/** More would be no answer that anybody reads, and take a gigabyte. */
const MOST_VERSIONS = 1_000_000;

/** Finds entries in the backups of one series and host, which are searched oldest first. */
export class EntryFinder {
  readonly #reader: TreeReader;
  readonly #matcher: EntryMatcher;
  readonly #without: TreesWithout;
  readonly #found = new Map<string, FoundTree>();
  /** The versions of each path. */
  readonly #versions = new Map<string, GrowingVersion[]>();
  #count = 0;

  /** Finders with the same matcher may share `without`. */
  constructor(reader: TreeReader, matcher: EntryMatcher, without: TreesWithout) {
    this.#reader = reader;
    this.#matcher = matcher;
    this.#without = without;
  }

  /** What was found so far, by path, older versions first. */
  get versions(): FoundVersion[] {
    const paths = [...this.#versions.keys()].sort(compareByteStrings);
    return paths.flatMap((path) => this.#versions.get(path)!);
  }

  /**
   * Searches one more backup. Throws `IntegrityError` if a tree is damaged; what was found until then counts. Throws
   * `UsageError` if too much is found.
   */
  async search(view: TreeView): Promise<void> {
    await this.#searchTree(view, view.root, "", 0);
  }

  async #searchTree(view: TreeView, tree: BlobId, path: string, depth: number): Promise<FoundTree | null> {
    if (this.#without.has(tree, path)) return null;
    const key = keyOf(tree, path);
    const known = this.#found.get(key);
    if (known !== undefined) {
      touch(known, view.backup);
      return known;
    }
    assertNotTooDeep(depth, view.root);
    const versions: GrowingVersion[] = [];
    const below: FoundTree[] = [];
    const nodes = await this.#reader.read(tree);
    const isUnknown = ({ name, subtree }: Node) => subtree !== null && !this.#isKnown(subtree, `${path}/${name}`);
    for (const [i, stored] of nodes.entries()) {
      const own = `${path}/${stored.name}`;
      const entry = { path: own, node: nodeInView(view, own, stored) };
      if (this.#matcher.matches(entry)) versions.push(this.#note(entry, view.backup));
      if (entry.node.type !== "dir") continue;
      this.#reader.readSubtreesAhead(nodes, i + 1, isUnknown);
      const found = await this.#searchTree(view, subtreeOf(stored), own, depth + 1);
      if (found !== null) below.push(found);
    }
    if (versions.length + below.length === 0) {
      this.#without.add(tree, path);
      return null;
    }
    const found = { versions, below };
    this.#found.set(key, found);
    return found;
  }

  #isKnown(tree: BlobId, path: string): boolean {
    return this.#without.has(tree, path) || this.#found.has(keyOf(tree, path));
  }

  #note({ path, node }: ViewedEntry, backup: Backup): GrowingVersion {
    let versions = this.#versions.get(path);
    if (versions === undefined) this.#versions.set(path, versions = []);
    const identity = identityOf(node);
    const known = versions.findLast((version) => version.identity === identity);
    if (known !== undefined) {
      touchVersion(known, backup);
      return known;
    }
    if (++this.#count > MOST_VERSIONS) {
      throw new UsageError(`More than ${MOST_VERSIONS} entries fit: look for less at once, or with --newest`);
    }
    const version = { path, node: { ...node, content: null }, identity, first: backup, last: backup, backups: 1 };
    versions.push(version);
    return version;
  }
}

/** Trees in and below which nothing is found. */
export class TreesWithout {
  readonly #ids = new IdTable();
  readonly #dependsOnPath: boolean;

  /** `dependsOnPath`: whether the same tree may hold something at another path. */
  constructor(dependsOnPath: boolean) {
    this.#dependsOnPath = dependsOnPath;
  }

  /** Whether nothing is found in a tree at this path. */
  has(tree: BlobId, path: string): boolean {
    return this.#ids.find(this.#key(tree, path)) >= 0;
  }

  /** Notes that nothing is found in a tree at this path. */
  add(tree: BlobId, path: string): void {
    this.#ids.add(this.#key(tree, path));
  }

  #key(tree: BlobId, path: string): Uint8Array {
    return this.#dependsOnPath ? sha256(new TextEncoder().encode(`${tree}${JSON.stringify(path)}`)) : decodeHex(tree);
  }
}

function keyOf(tree: BlobId, path: string): string {
  return `${tree}${path}`;
}

function touch({ versions, below }: FoundTree, backup: Backup): void {
  for (const version of versions) touchVersion(version, backup);
  for (const tree of below) touch(tree, backup);
}

function touchVersion(version: GrowingVersion, backup: Backup): void {
  if (version.last === backup) return;
  version.last = backup;
  version.backups++;
}

/** Equal for the same version of an entry. A directory is the same as long as its own metadata are. */
function identityOf({ type, mode, uid, gid, mtime, size, content, linkTarget, device }: Node): string {
  const chunks = content === null ? "" : encodeHex(sha256(content));
  return JSON.stringify([type, mode, uid, gid, mtime, size, chunks, linkTarget, String(device)]);
}
