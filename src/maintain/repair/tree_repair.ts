/**
 * Rebuilds trees without what is lost. A damaged file keeps its remaining chunks, a directory whose tree is lost
 * becomes empty, and both get a suffix in their names. A walk first finds the trees that are whole with everything
 * below them: these stay as they are, and only the others are examined node by node.
 */
import { IntegrityError, NotFoundError, ShortFileError, StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { bytesOfByteString, byteStringOf } from "../../format/byte_string.ts";
import type { Node } from "../../format/tree/node.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { encodeTree } from "../../format/tree/tree.ts";
import type { SuspectPacks } from "../check/findings.ts";
import { TreeGraph } from "../check/tree_graph.ts";
import { type LostRange, lostRanges } from "./lost_ranges.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { walkTrees } from "../../repository/tree/tree_walk.ts";
import { readTree } from "../../repository/tree/trees.ts";

/** A damaged file or directory. */
export interface TreeDamage {
  /** Its original path from the requested tree, with names joined by `/`. */
  readonly path: string;
  readonly type: "file" | "dir";
  /** Original size of a file in bytes; null for a directory. */
  readonly size: number | null;
  /** The lost ranges of a file; empty if only its recorded size was wrong. */
  readonly ranges: readonly LostRange[];
}

/** Damaged files and directories. Beyond a limit they are only counted. */
interface DamageList {
  /** The first `MOST_DAMAGE`; empty if everything is whole. */
  readonly listed: readonly TreeDamage[];
  /** How many more there are. */
  readonly more: number;
}

/**
 * The most damages that are listed. A lost pack of trees may affect every file of a disk, in each of a thousand
 * backups; the names in the trees still show all of them.
 */
export const MOST_DAMAGE = 10_000;

/** A tree without what is lost. */
export interface RepairedNodes {
  readonly nodes: readonly Node[];
  readonly damage: DamageList;
}

/** What repairing trees needs. */
interface TreeRepairOptions {
  readonly repository: IndexedRepository;
  /** Packs whose blobs count as lost even if an index lists them. */
  readonly suspects: SuspectPacks;
  /** Stores a tree and returns its id. */
  readonly saveTree: (tree: Uint8Array) => Promise<BlobId>;
  readonly signal: AbortSignal;
}

/** The suffix for names of what is not whole. */
export const DAMAGED_SUFFIX = ".damaged";
const MOST_NAME_BYTES = 255;

const EMPTY_TREE = encodeTree([]);
const EMPTY_TREE_ID = sha256Hex(EMPTY_TREE);

const WHOLE: DamageList = { listed: [], more: 0 };

interface RepairedTree {
  readonly tree: BlobId;
  readonly damage: DamageList;
}

interface RepairedNode {
  /** Null if the node is to be dropped. */
  readonly node: Node | null;
  readonly damage: DamageList;
}

/** Repairs any number of trees, which may share subtrees. Memory: a `TreeGraph`, and the damage. */
export class TreeRepair {
  readonly #options: TreeRepairOptions;
  readonly #graph = new TreeGraph();
  /** The numbers of trees that are damaged or contain a damaged tree. */
  #damaged: ReadonlySet<number> = new Set();
  /** Whether the empty tree is lost, the only one that can be restored without its pack. */
  readonly #isEmptyTreeLost: boolean;
  /** By tree and, if a manifest is expected below it, the manifest's path from there. */
  readonly #repaired = new Map<string, RepairedTree | null>();

  private constructor(options: TreeRepairOptions) {
    this.#options = options;
    this.#isEmptyTreeLost = !options.repository.index.has("tree", decodeHex(EMPTY_TREE_ID));
  }

  /** Prepares the repair of these trees by reading them and everything below them. Throws what `repairNodes` throws. */
  static async of(trees: Iterable<BlobId>, options: TreeRepairOptions): Promise<TreeRepair> {
    const repair = new TreeRepair(options);
    await repair.#walk(trees);
    return repair;
  }

  async #walk(trees: Iterable<BlobId>): Promise<void> {
    const { repository, signal } = this.#options;
    const graph = this.#graph;
    const damaged = new Set<number>();
    const visitOf = (tree: BlobId) => ({ tree });
    await walkTrees([...trees].map(visitOf), {
      repository,
      signal,
      met: graph,
      read: (nodes, { tree }) => {
        const isWhole = this.#isTrusted(tree) && nodes.every((node) => this.#isWhole(node));
        return { isWhole, below: [...new Set(nodes.flatMap(({ subtree }) => subtree ?? []))] };
      },
      unreadable: (error, { tree }) => {
        if (!(error instanceof IntegrityError) && this.#isTrusted(tree)) throw error;
        return { isWhole: false, below: [] };
      },
      take: ({ isWhole, below }, { tree }) => {
        if (!isWhole) damaged.add(graph.find(tree));
        return below.map(visitOf);
      },
      onLink: (above, below) => graph.connect(above.tree, below.tree),
    });
    this.#damaged = graph.ancestry().of(damaged);
  }

  /**
   * What is left of a tree; null if the tree is lost. The repaired subtrees are stored, the tree itself is not.
   * `manifest` is the path of a manifest from there: a damaged one is dropped, because half a manifest is useless.
   * Throws `StoreError` if the store cannot deliver a pack that is not suspect, because that does not prove a loss.
   */
  async repairNodes(tree: BlobId, manifest: string | null = null): Promise<RepairedNodes | null> {
    this.#options.signal.throwIfAborted();
    const nodes = await this.#read(tree);
    if (nodes === null) return null;
    const damage = new GrowingDamage();
    const left: Node[] = [];
    for (const node of nodes) {
      const repaired = node.type === "dir"
        ? await this.#repairDirectory(node, pathBelow(manifest, node.name))
        : this.#repairFile(node, manifest === node.name);
      if (repaired.node !== null) left.push(repaired.node);
      damage.add(repaired.damage);
    }
    return { nodes: damage.listed.length > 0 ? withDistinctNames(left) : left, damage };
  }

  /** Whether one of the copies of a tree is in a pack that is not suspect. */
  #isTrusted(tree: BlobId): boolean {
    const { repository, suspects } = this.#options;
    const id = decodeHex(tree);
    return repository.index.has("tree", id) && suspects.reasonsOfTree(repository.index, id).length === 0;
  }

  /** Whether nothing of the node itself is lost. */
  #isWhole(node: Node): boolean {
    return node.type === "dir" ? node.subtree !== null : this.#repairFile(node, false).damage === WHOLE;
  }

  async #repairTree(tree: BlobId, manifest: string | null): Promise<RepairedTree | null> {
    const number = this.#graph.find(tree);
    if (number >= 0 && !this.#damaged.has(number)) return { tree, damage: WHOLE };
    if (tree === EMPTY_TREE_ID && this.#isEmptyTreeLost) {
      return { tree: await this.#options.saveTree(EMPTY_TREE), damage: WHOLE };
    }
    const key = manifest === null ? tree : `${tree} ${manifest}`;
    const known = this.#repaired.get(key);
    if (known !== undefined) return known;
    const repaired = await this.repairNodes(tree, manifest);
    const result = repaired && await this.#saved(tree, repaired);
    this.#repaired.set(key, result);
    return result;
  }

  async #saved(tree: BlobId, { nodes, damage }: RepairedNodes): Promise<RepairedTree> {
    return damage.listed.length === 0
      ? { tree, damage: WHOLE }
      : { tree: await this.#options.saveTree(encodeTree(nodes)), damage };
  }

  async #read(tree: BlobId): Promise<readonly Node[] | null> {
    if (!this.#isTrusted(tree)) return null;
    const nodes = await this.#readIfWhole(tree);
    if (!(nodes instanceof IntegrityError)) return nodes;
    if (!isAbsence(nodes)) return null;
    const again = await this.#readIfWhole(tree);
    if (!(again instanceof IntegrityError)) return again;
    if (!isAbsence(again)) return null;
    const { index } = this.#options.repository;
    throw listedButMissing(index.packId(index.locate("tree", decodeHex(tree))!.pack), again);
  }

  async #readIfWhole(tree: BlobId): Promise<readonly Node[] | IntegrityError> {
    try {
      return await readTree(this.#options.repository, tree);
    } catch (error) {
      if (error instanceof IntegrityError) return error;
      throw error;
    }
  }

  async #repairDirectory(node: Node, manifest: string | null): Promise<RepairedNode> {
    const repaired = node.subtree === null ? null : await this.#repairTree(node.subtree, manifest);
    if (repaired === null) {
      const subtree = await this.#options.saveTree(EMPTY_TREE);
      const damage = only({ path: node.name, type: "dir", size: null, ranges: [] });
      return { node: { ...node, name: damagedName(node.name), subtree }, damage };
    }
    const { tree, damage: { listed, more } } = repaired;
    if (listed.length === 0) return { node, damage: WHOLE };
    const below = listed.map((one) => ({ ...one, path: `${node.name}/${one.path}` }));
    return { node: { ...node, subtree: tree }, damage: { listed: below, more } };
  }

  #repairFile(node: Node, isManifest: boolean): RepairedNode {
    if (node.type !== "file") return { node, damage: WHOLE };
    const ids = node.content ?? new Uint8Array(0);
    const { sizes, lost } = this.#lookUp(ids);
    const size = sizes.reduce((sum, bytes, i) => lost[i] ? sum : sum + bytes, 0);
    if (node.content !== null && size === node.size && !lost.includes(1)) return { node, damage: WHOLE };
    const ranges = node.content === null && node.size > 0
      ? [{ offset: 0, length: node.size, isExact: true }]
      : lostRanges({ sizes, lost, total: node.size });
    const damage = only({ path: node.name, type: "file", size: node.size, ranges });
    if (isManifest) return { node: null, damage };
    return { node: { ...node, name: damagedName(node.name), size, content: withoutLost(ids, lost) }, damage };
  }

  /** The sizes of the chunks, if an index knows them, and which chunks are lost. */
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

/** Whether a blob cannot be read because its pack is missing or truncated. */
function isAbsence({ cause }: IntegrityError): boolean {
  return cause instanceof NotFoundError || cause instanceof ShortFileError;
}

/**
 * The error for a pack that the store lists but cannot deliver. Packs that are missing or truncated in the listing are
 * suspects, whose blobs are never read; so the store contradicts itself.
 */
function listedButMissing(pack: string, cause: IntegrityError): StoreError {
  const message =
    `The store lists pack ${pack} in its full size but cannot deliver it; check the store and run it again`;
  return new StoreError(message, { cause });
}

/** A growing list of damage. */
class GrowingDamage implements DamageList {
  readonly listed: TreeDamage[] = [];
  more = 0;

  add({ listed, more }: DamageList): void {
    this.more += more;
    for (const one of listed) {
      if (this.listed.length < MOST_DAMAGE) this.listed.push(one);
      else this.more++;
    }
  }
}

function only(damage: TreeDamage): DamageList {
  return { listed: [damage], more: 0 };
}

/** The rest of a path below a directory of this name; null if the path does not lead there. */
function pathBelow(path: string | null, directory: string): string | null {
  return path?.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : null;
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

/** The name with the suffix. A long name is cut so that file systems accept it. */
function damagedName(name: string): string {
  const bytes = bytesOfByteString(name);
  const room = MOST_NAME_BYTES - DAMAGED_SUFFIX.length;
  return (bytes.length > room ? byteStringOf(bytes.subarray(0, room)) : name) + DAMAGED_SUFFIX;
}

/** Makes names unique, because a tree cannot hold one name twice: later nodes get a number. */
export function withDistinctNames(nodes: readonly Node[]): Node[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    let name = node.name;
    for (let number = 2; taken.has(name); number++) name = `${node.name}.${number}`;
    taken.add(name);
    return name === node.name ? node : { ...node, name };
  });
}
