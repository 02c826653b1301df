/**
 * Checks every tree that a snapshot reaches, each distinct tree once, and determines which snapshots a finding affects.
 */
import { IntegrityError, StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { BlobId } from "../../base/id.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { mayBeSidecar } from "../../format/manifest/series.ts";
import { MOST_TREE_DEPTH } from "../../format/bounds.ts";
import type { WalkedNode } from "../../format/tree/node.ts";
import type { Backup } from "../../backup/backup.ts";
import type { FileCounts } from "../../backup/content/tree_contents.ts";
import { addPath, type Finding } from "./findings.ts";
import { TreeGraph } from "./tree_graph.ts";
import type { MemoryBudget } from "../../base/memory_budget.ts";
import { withDecodedTrees } from "./decoded_trees.ts";
import type { CheckContext } from "./check_index.ts";
import { type CheckedNodes, checkNodes } from "./check_nodes.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { type TreeVisit, walkTreesFrom } from "../../repository/tree/tree_walk.ts";
import { failureOfFile } from "../../repository/unreadable.ts";

const REPLACE_UNLISTED_TREE =
  `bring its index back from a copy of the store, or run "agent repair index", which finds ` +
  `it if its pack exists; otherwise "agent repair snapshots" saves what is left of the backups it hits`;
const REPLACE_DAMAGED_TREE =
  `bring its pack back from a copy of the store, or run "agent repair packs", which saves the ` +
  `other blobs of it, then "agent repair snapshots", which saves what is left of the backups it hits`;
const REPLACE_BACKUP = `it cannot be restored as it was: back it up again; "agent repair index" helps if only the ` +
  `index lost its blobs, "agent repair snapshots" saves what is left`;

/** What the check of backups needs to know about the trees. */
export interface CheckedTrees {
  /** The number of distinct trees, including unreadable ones. */
  readonly count: number;
  /**
   * Plaintext bytes and blobs of the files directly in a tree; undefined if the tree was not reached or not readable. The
   * bytes are undefined if some of these blobs are in no index, which is an error already.
   */
  filesOf(tree: BlobId): FileCounts | undefined;
  /** Whether a manifest may lie below a tree: one does by its name, or not all trees below it were readable. */
  mayHoldManifest(tree: BlobId): boolean;
}

interface Visit extends TreeVisit {
  /** The path where it was first met, ending with a slash; empty for a root. */
  readonly prefix: string;
}

/** The result of visiting a tree: its subtrees and checks, or why it cannot be read. */
type Visited =
  | { readonly subtrees: readonly Visit[]; readonly checked: CheckedNodes; readonly namesManifest: boolean }
  | { readonly failure: IntegrityError | StoreError };

/** A check of trees needs the loaded index. */
export interface TreeCheckContext extends CheckContext {
  readonly repository: IndexedRepository;
  readonly budget: MemoryBudget;
}

/**
 * Walks all trees of the backups. Every finding, including those about suspect packs, gets the snapshots that it
 * affects.
 */
export async function checkTrees(
  context: TreeCheckContext,
  backups: readonly Backup[],
): Promise<CheckedTrees> {
  const check = new TreesCheck(context);
  await check.run(backups);
  check.attribute(backups);
  return check;
}

class TreesCheck implements CheckedTrees {
  readonly #context: TreeCheckContext;
  readonly #graph = new TreeGraph();
  /** By number of tree; NaN if blobs are missing or the tree could not be read. */
  readonly #fileBytes: number[] = [];
  /** By number of tree; NaN if the tree could not be read. */
  readonly #fileBlobs: number[] = [];
  /** For each finding, the trees in which it occurs. */
  readonly #hits = new Map<Finding, Set<number>>();
  /** The trees that hold a file named as a manifest, and those that were not read. */
  readonly #manifestTrees = new Set<number>();
  /** These and the trees above them; made when first needed. */
  #aboveManifests: ReadonlySet<number> | undefined;

  constructor(context: TreeCheckContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#graph.size;
  }

  filesOf(tree: BlobId): FileCounts | undefined {
    const number = this.#graph.find(tree);
    const blobs = number < 0 ? NaN : this.#fileBlobs[number]!;
    if (Number.isNaN(blobs)) return undefined;
    const bytes = this.#fileBytes[number]!;
    return { bytes: Number.isNaN(bytes) ? undefined : bytes, blobs };
  }

  mayHoldManifest(tree: BlobId): boolean {
    this.#aboveManifests ??= this.#graph.ancestry().of(this.#manifestTrees);
    return this.#aboveManifests.has(this.#graph.find(tree));
  }

  async run(backups: readonly Backup[]): Promise<void> {
    const { repository, suspects, budget, signal, onProgress } = this.#context;
    const roots = backups.map(({ snapshot: { tree } }) => ({ tree, prefix: "" }));
    await withDecodedTrees(
      { repository, budget, signal },
      (source) =>
        walkTreesFrom<Visit, Visited, WalkedNode>(source, roots, {
          repository,
          signal,
          met: this.#graph,
          read: (nodes, { prefix }) => {
            return {
              subtrees: subtreesOf(nodes, prefix),
              checked: checkNodes(nodes, repository.index, suspects),
              namesManifest: nodes.some(({ type, name }) => type === "file" && mayBeSidecar(name)),
            };
          },
          unreadable: async (error) => {
            if (error instanceof IntegrityError) return { failure: error };
            return { failure: await failureOfFile(repository.store, error, signal) };
          },
          take: (visited, visit) => this.#take(visited, visit),
          onLink: (above, below) => this.#graph.connect(above.tree, below.tree),
          tooDeep: { mostDepth: MOST_TREE_DEPTH, refuse: (level) => this.#refuseDeeper(level) },
          onProgress: (done) => onProgress(done, Math.max(done, repository.index.treeCount)),
        }),
    );
  }

  /** Reports trees that are too deep. Anything below them is not read. */
  #refuseDeeper(level: readonly Visit[]): void {
    for (const { tree } of level) {
      const number = this.#graph.find(tree);
      this.#fileBytes[number] = NaN;
      this.#fileBlobs[number] = NaN;
      this.#manifestTrees.add(number);
    }
    const [{ tree }] = level as [Visit];
    const text = `Tree ${tree} lies more than ${MOST_TREE_DEPTH} directories deep`;
    this.#hit(this.#context.findings.error({ kind: "tree", id: tree, text, advice: REPLACE_BACKUP }), tree, "");
  }

  /** Adds to every finding the snapshots that it affects. */
  attribute(backups: readonly Backup[]): void {
    if (this.#hits.size === 0) return;
    const ancestry = this.#graph.ancestry();
    const roots = backups.map(({ snapshotId: id, snapshot }) => ({ id, number: this.#graph.find(snapshot.tree) }));
    for (const [finding, trees] of this.#hits) {
      const hit = ancestry.of(trees);
      for (const { id, number } of roots) if (hit.has(number)) finding.snapshots.add(id);
    }
  }

  #take(visited: Visited, visit: Visit): readonly Visit[] {
    const number = this.#graph.find(visit.tree);
    const doubts = this.#doubtsAbout(visit);
    for (const finding of doubts) this.#hit(finding, visit.tree, visit.prefix.slice(0, -1));
    const failed = "failure" in visited;
    this.#fileBytes[number] = failed ? NaN : visited.checked.fileBytes ?? NaN;
    this.#fileBlobs[number] = failed ? NaN : visited.checked.fileBlobs;
    if (failed || visited.namesManifest) this.#manifestTrees.add(number);
    if (!failed) {
      this.#takeNodes(visit, visited.checked);
      return visited.subtrees;
    }
    if (doubts.length === 0) {
      // A failure of the store is no proof of damage, unless the pack is in doubt anyway.
      if (visited.failure instanceof StoreError) throw visited.failure;
      this.#hit(this.#context.findings.error(this.#unreadable(visit, visited.failure)), visit.tree, "");
    }
    return [];
  }

  #takeNodes({ tree, prefix }: Visit, { problems, suspects }: CheckedNodes): void {
    for (const { name, text } of problems) {
      const path = name === null ? prefix.slice(0, -1) : prefix + name;
      const subject = name === null ? `Tree ${tree}` : `${quoteByteString(path)} in tree ${tree}`;
      const kind = name === null ? "tree" : "file";
      const fields = {
        kind,
        id: tree,
        path,
        text: `${subject} ${text}`,
        advice: REPLACE_BACKUP,
        repair: "snapshots",
      } as const;
      this.#hit(this.#context.findings.error(fields), tree, path);
    }
    for (const { name, findings } of suspects) {
      for (const finding of findings) this.#hit(finding, tree, prefix + name);
    }
  }

  /** The findings that put the tree itself in doubt because of its pack. */
  #doubtsAbout({ tree }: Visit): readonly Finding[] {
    const { repository: { index }, suspects } = this.#context;
    return suspects.isEmpty ? [] : suspects.reasonsOfTree(index, decodeHex(tree));
  }

  #unreadable({ tree, prefix }: Visit, failure: IntegrityError) {
    const { repository: { index } } = this.#context;
    const isIndexed = index.has("tree", decodeHex(tree));
    const path = prefix.slice(0, -1);
    const where = path === "" ? "a root" : quoteByteString(path);
    const how = isIndexed
      ? { text: failure.message, advice: REPLACE_DAMAGED_TREE, repair: "packs" } as const
      : { text: `Tree ${tree}, ${where}, is in no index`, advice: REPLACE_UNLISTED_TREE, repair: "snapshots" } as const;
    return { kind: "tree", id: tree, ...how, ...path !== "" && { path } } as const;
  }

  #hit(finding: Finding, tree: BlobId, path: string): void {
    if (path !== "") addPath(finding, path);
    const number = this.#graph.find(tree);
    const trees = this.#hits.get(finding);
    if (trees) trees.add(number);
    else this.#hits.set(finding, new Set([number]));
  }
}

/** The distinct subtrees of a tree. */
function subtreesOf(nodes: readonly WalkedNode[], prefix: string): Visit[] {
  const byTree = new Map<BlobId, Visit>();
  for (const { type, name, subtree } of nodes) {
    if (type !== "dir" || subtree === null || byTree.has(subtree)) continue;
    byTree.set(subtree, { tree: subtree, prefix: `${prefix}${name}/` });
  }
  return [...byTree.values()];
}
