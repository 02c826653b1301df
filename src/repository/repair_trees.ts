/**
 * Makes trees without what is lost: a file keeps the chunks that are there, a directory whose tree is lost becomes an
 * empty one, and both get names that say so. Every distinct tree is read once; what is whole stays the blob it is.
 */
import { IntegrityError } from "../base/errors.ts";
import { decodeHex } from "../base/hex.ts";
import { type BlobId, ID_BYTES } from "../base/id.ts";
import { IdTable } from "../base/id_table.ts";
import { bytesOfByteString, byteStringOf } from "../format/byte_string.ts";
import type { Node } from "../format/node.ts";
import { encodeTree } from "../format/tree.ts";
import { plaintextLength } from "./blob_index.ts";
import type { IndexedRepository } from "./blob_reader.ts";
import type { SuspectPacks } from "./check_findings.ts";
import { type LostRange, lostRanges } from "./repair_ranges.ts";
import { readTree } from "./trees.ts";

/** One file or directory that is not what it was. */
export interface TreeDamage {
  /** From the tree that was asked for, names joined by `/`, as it was called before. */
  readonly path: string;
  readonly type: "file" | "dir";
  /** Bytes the file had; null for a directory, of which nothing is known any more. */
  readonly size: number | null;
  /** What is lost of a file; nothing where only its recorded size was wrong. */
  readonly ranges: readonly LostRange[];
}

/** A tree without what is lost. */
export interface RepairedNodes {
  readonly nodes: readonly Node[];
  /** None: the tree is whole. */
  readonly damage: readonly TreeDamage[];
}

/** What repairing trees takes. */
export interface TreeRepairOptions {
  readonly repository: IndexedRepository;
  /** Packs whose blobs count as lost though an index lists them. */
  readonly suspects: SuspectPacks;
  /** Stores a tree; gives its id. */
  readonly saveTree: (tree: Uint8Array) => Promise<BlobId>;
  readonly signal: AbortSignal;
}

/** Stands behind the name of what is not whole. */
export const DAMAGED_SUFFIX = ".damaged";
const MOST_NAME_BYTES = 255;

interface RepairedTree {
  readonly tree: BlobId;
  readonly damage: readonly TreeDamage[];
}

/** Repairs any number of trees that may share others. Memory: 43 bytes a whole tree, and the damage. */
export class TreeRepair {
  readonly #options: TreeRepairOptions;
  readonly #whole = new IdTable();
  readonly #repaired = new Map<BlobId, RepairedTree | null>();

  constructor(options: TreeRepairOptions) {
    this.#options = options;
  }

  /** What is left of a tree and all below it, which is stored; the tree itself is not. Null where it is lost. */
  async repairNodes(tree: BlobId): Promise<RepairedNodes | null> {
    this.#options.signal.throwIfAborted();
    const nodes = await this.#read(tree);
    if (nodes === null) return null;
    const damage: TreeDamage[] = [];
    const left: Node[] = [];
    for (const node of nodes) {
      const repaired = node.type === "dir" ? await this.#repairDirectory(node) : this.#repairFile(node);
      left.push(repaired.node);
      for (const one of repaired.damage) damage.push(one);
    }
    return { nodes: damage.length > 0 ? withDistinctNames(left) : left, damage };
  }

  async #repairTree(tree: BlobId): Promise<RepairedTree | null> {
    if (this.#whole.find(decodeHex(tree)) >= 0) return { tree, damage: [] };
    const known = this.#repaired.get(tree);
    if (known !== undefined) return known;
    const repaired = await this.repairNodes(tree);
    if (repaired?.damage.length === 0) {
      this.#whole.add(decodeHex(tree));
      return { tree, damage: [] };
    }
    const result = repaired === null
      ? null
      : { tree: await this.#options.saveTree(encodeTree(repaired.nodes)), damage: repaired.damage };
    this.#repaired.set(tree, result);
    return result;
  }

  async #read(tree: BlobId): Promise<readonly Node[] | null> {
    const { repository, suspects } = this.#options;
    const id = decodeHex(tree);
    const place = repository.index.locate("tree", id);
    if (place === undefined || suspects.reasons(place.pack, id).length > 0) return null;
    try {
      return await readTree(repository, tree);
    } catch (error) {
      if (error instanceof IntegrityError) return null;
      throw error;
    }
  }

  async #repairDirectory(node: Node): Promise<{ node: Node; damage: readonly TreeDamage[] }> {
    const repaired = node.subtree === null ? null : await this.#repairTree(node.subtree);
    if (repaired === null) {
      const subtree = await this.#options.saveTree(encodeTree([]));
      const damage = [{ path: node.name, type: "dir", size: null, ranges: [] }] as const;
      return { node: { ...node, name: damagedName(node.name), subtree }, damage };
    }
    const { tree, damage } = repaired;
    if (damage.length === 0) return { node, damage };
    const below = damage.map((one) => ({ ...one, path: `${node.name}/${one.path}` }));
    return { node: { ...node, subtree: tree }, damage: below };
  }

  #repairFile(node: Node): { node: Node; damage: readonly TreeDamage[] } {
    if (node.type !== "file") return { node, damage: [] };
    const ids = node.content ?? new Uint8Array(0);
    const { sizes, lost } = this.#lookUp(ids);
    const size = sizes.reduce((sum, bytes, i) => lost[i] ? sum : sum + bytes, 0);
    if (node.content !== null && size === node.size && !lost.includes(1)) return { node, damage: [] };
    const ranges = node.content === null && node.size > 0
      ? [{ offset: 0, length: node.size, isExact: true }]
      : lostRanges({ sizes, lost, total: node.size });
    const damage = [{ path: node.name, type: "file", size: node.size, ranges }] as const;
    return { node: { ...node, name: damagedName(node.name), size, content: withoutLost(ids, lost) }, damage };
  }

  /** The sizes of chunks, as far as any index knows them, and which of them are lost. */
  #lookUp(ids: Uint8Array) {
    const { repository: { index }, suspects } = this.#options;
    const count = ids.length / ID_BYTES;
    const sizes = new Float64Array(count);
    const lost = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const place = index.locate("data", ids, i * ID_BYTES);
      sizes[i] = place === undefined ? NaN : plaintextLength(place);
      const isThere = place !== undefined && suspects.reasons(place.pack, ids, i * ID_BYTES).length === 0;
      lost[i] = isThere ? 0 : 1;
    }
    return { sizes, lost };
  }
}

function withoutLost(ids: Uint8Array, lost: Uint8Array): Uint8Array {
  const left = new Uint8Array(lost.reduce((count, isLost) => isLost ? count : count + ID_BYTES, 0));
  let end = 0;
  lost.forEach((isLost, i) => {
    if (isLost) return;
    left.set(ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES), end);
    end += ID_BYTES;
  });
  return left;
}

/** The name with the suffix; a long one is cut, so that a file system still takes it. */
function damagedName(name: string): string {
  const bytes = bytesOfByteString(name);
  const room = MOST_NAME_BYTES - DAMAGED_SUFFIX.length;
  return (bytes.length > room ? byteStringOf(bytes.subarray(0, room)) : name) + DAMAGED_SUFFIX;
}

/** A tree cannot hold two nodes of one name: later ones get a number. */
export function withDistinctNames(nodes: readonly Node[]): Node[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    let name = node.name;
    for (let number = 2; taken.has(name); number++) name = `${node.name}.${number}`;
    taken.add(name);
    return name === node.name ? node : { ...node, name };
  });
}
