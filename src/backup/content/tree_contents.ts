/**
 * Compares the streams in the tree of a backup with its manifest. Other tools can remove content from a snapshot and
 * leave the manifest unchanged.
 */
import { IntegrityError } from "../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import type { Backup } from "../backup.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import {
  type FilesManifest,
  isOfFiles,
  type Manifest,
  type ManifestFile,
  type ManifestList,
} from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import { decodeHex } from "../../base/hex.ts";
import { digestListPath, sidecarPath, tableListPath } from "../../format/manifest/series.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";

/** What a tree holds of one stream. */
interface StreamContents extends FileCounts {
  /** Undefined if the stream is one file. */
  readonly parts: number | undefined;
}

/** The total of the files directly in a tree; undefined if the tree cannot be read. */
type CountFiles = (tree: BlobId) => FileCounts | undefined | Promise<FileCounts | undefined>;

/** How much files hold. */
export interface FileCounts {
  /** Plaintext bytes; undefined if blobs are missing, so that nobody can tell. */
  readonly bytes: number | undefined;
  readonly blobs: number;
}

/**
 * How the tree of a backup differs from its manifest. Null if every stream has the listed length, number of blobs and
 * number of parts, and the index knows all the blobs. Reads the trees of the streams. Throws `IntegrityError` if a tree
 * is damaged.
 */
export async function treeProblem(
  repository: IndexedRepository,
  root: BlobId,
  manifest: Manifest,
): Promise<string | null> {
  const reader = new NodeReader(repository, root);
  if (isOfFiles(manifest)) return await problemOfTree(repository, reader, manifest);
  let missing = 0;
  const countFiles = async (tree: BlobId) => {
    const nodes = await reader.read(tree);
    for (const node of nodes) missing += await missingBlobs(node, repository);
    return nodes.reduce((sum, node) => addFile(sum, node), { bytes: 0, blobs: 0 });
  };
  for (const expected of manifest.files) {
    const path = `${manifest.series}/${expected.path}`;
    missing = await missingBlobs(await reader.find(path), repository);
    const problem = problemOfFile(expected, await contentsAt(reader, path, countFiles));
    if (problem !== null) return `its manifest says that ${quoteByteString(path)} ${problem}`;
    if (missing > 0) return `${missing} blobs of ${quoteByteString(path)} are in no index`;
  }
  return null;
}

/**
 * How the tree of a backup of files differs from its manifest; null if it is the very tree that was committed, beside a
 * list of digests of the right size. What is below the tree follows from its id.
 */
export async function filesProblem(
  repository: IndexedRepository<"tree">,
  { snapshot }: Backup,
  manifest: FilesManifest,
): Promise<string | null> {
  return await problemOfTree(repository, new NodeReader(repository, snapshot.tree), manifest);
}

async function problemOfTree(
  repository: IndexedRepository<"tree">,
  reader: NodeReader,
  { series, tree: { root, digests } }: FilesManifest,
): Promise<string | null> {
  const found = await reader.find(series);
  if (found?.type !== "dir") return `its tree holds no directory ${JSON.stringify(series)}`;
  if (found.subtree !== root) return `its manifest says that its files are tree ${root}; they are ${found.subtree}`;
  if (!repository.index.has("tree", decodeHex(root))) return `tree ${root} of its files is in no index`;
  return await problemOfList(reader, digestListPath(series), digests);
}

/**
 * How the list at a path beside the manifest differs from what the manifest says of it; null if it does not, or cannot
 * be read.
 */
export async function problemOfList(reader: NodeReader, path: string, { size }: ManifestList): Promise<string | null> {
  const list = await contentsAt(
    reader,
    path,
    async (tree) => (await reader.read(tree)).reduce((sum, node) => addFile(sum, node), { bytes: 0, blobs: 0 }),
  );
  if (list === "missing") return `its tree does not hold ${quoteByteString(path)}`;
  if (list === "unreadable" || list.bytes === size) return null;
  return `its manifest says that ${quoteByteString(path)} has ${size} bytes; the tree holds ${list.bytes}`;
}

/** Adds a file as its node says. */
function addFile({ bytes, blobs }: StatedCounts, { type, size, content }: Node): StatedCounts {
  if (type !== "file" || content === null) return { bytes, blobs };
  return { bytes: bytes + size, blobs: blobs + content.length / ID_BYTES };
}

interface StatedCounts extends FileCounts {
  readonly bytes: number;
}

async function missingBlobs(node: Node | undefined, { index }: IndexedRepository): Promise<number> {
  const content = node?.type === "file" ? node.content : null;
  if (content !== null) await index.lookUp?.(content);
  let missing = 0;
  for (let at = 0; at < (content?.length ?? 0); at += ID_BYTES) if (!index.has("data", content!, at)) missing++;
  return missing;
}

/**
 * How manifest and tree differ, phrased as the manifest's claim; null if they agree or the tree cannot be read. Sizes
 * are compared only where the tree's is known.
 */
export function problemOfFile(expected: ManifestFile, found: StreamContents | "missing" | "unreadable"): string | null {
  if (found === "unreadable") return null;
  if (found === "missing") return "is there; the tree does not hold it";
  const bytes = found.bytes === undefined ? undefined : expected.size;
  const says = describe({ bytes, blobs: expected.blobs, parts: expected.parts });
  const holds = describe(found);
  return says === holds ? null : `has ${says}; the tree holds ${holds}`;
}

function describe({ bytes, blobs, parts }: StreamContents): string {
  const size = bytes === undefined ? "" : `${bytes} bytes in `;
  return `${size}${blobs} blobs${parts === undefined ? "" : ` in ${parts} parts`}`;
}

/** What the tree holds at a stream's path. A long stream is a directory of parts, each in its own tree. */
export async function contentsAt(
  reader: NodeReader,
  path: string,
  countFiles: CountFiles,
): Promise<StreamContents | "missing" | "unreadable"> {
  const node = await reader.find(path);
  if (node?.type === "file" && node.content !== null) {
    return { bytes: node.size, blobs: node.content.length / ID_BYTES, parts: undefined };
  }
  if (node?.type !== "dir") return "missing";
  const parts = (await reader.read(subtreeOf(node))).filter(({ type }) => type === "dir");
  let bytes: number | undefined = 0;
  let blobs = 0;
  for (const part of parts) {
    const count = await countFiles(subtreeOf(part));
    if (count === undefined) return "unreadable";
    bytes = bytes === undefined || count.bytes === undefined ? undefined : bytes + count.bytes;
    blobs += count.blobs;
  }
  return { bytes, blobs, parts: parts.length };
}

/**
 * Yields the paths in the tree of a backup that its manifest does not list, from the root. The manifest and the
 * directories that lead to listed files are not reported. If the backup holds entries of a tree and no streams, only
 * its files have to be listed. Throws `IntegrityError` if a tree is damaged.
 */
export async function* unlistedPaths(
  repository: IndexedRepository<"tree">,
  root: BlobId,
  { series, files, tree: filesTree, tables }: Manifest,
): AsyncGenerator<string> {
  const listed = new Set([sidecarPath(series), ...files.map(({ path }) => `${series}/${path}`)]);
  // What is in the tree of files follows from its id, which the manifest has.
  if (filesTree !== undefined) listed.add(series).add(digestListPath(series));
  if (tables !== undefined) listed.add(tableListPath(series));
  const directories = new Set([series, ...listed].flatMap(pathsAbove)).add(series);
  const holdsEntries = files.every(({ guard }) => guard === null);
  const walk = async function* (tree: BlobId, prefix: string): AsyncGenerator<string> {
    for (const node of await readTree(repository, tree)) {
      const path = prefix + node.name;
      if (listed.has(path)) continue;
      const mayBeEntry = holdsEntries && path.startsWith(`${series}/`);
      if (node.type === "dir" && (mayBeEntry || directories.has(path))) yield* walk(subtreeOf(node), `${path}/`);
      else if (node.type === "file" || !mayBeEntry) yield path;
    }
  };
  yield* walk(root, "");
}

/** For `a/b/c`: `a`, `a/b`. */
function pathsAbove(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, i) => names.slice(0, i + 1).join("/"));
}

/** The most trees that are read for one backup: one for each directory, and one for each part of a long stream. */
const MOST_READS = 100_000;

/**
 * Finds nodes by path. Keeps the trees on the way to the last one, because manifests list files directory by directory.
 */
export class NodeReader {
  readonly #repository: IndexedRepository<"tree">;
  #steps: { readonly tree: BlobId; readonly nodes: readonly Node[] }[] = [];
  readonly #root: BlobId;
  #reads = 0;

  constructor(repository: IndexedRepository<"tree">, root: BlobId) {
    this.#repository = repository;
    this.#root = root;
  }

  /**
   * The nodes of any tree. Throws `IntegrityError` if too many trees were read, as when many files lead to the same
   * trees.
   */
  read(tree: BlobId): Promise<readonly Node[]> {
    if (++this.#reads > MOST_READS) {
      throw new IntegrityError(`Refusing to walk tree ${this.#root}: its files take more than ${MOST_READS} trees`);
    }
    return readTree(this.#repository, tree);
  }

  /** The node at a path from the root, or undefined. */
  async find(path: string): Promise<Node | undefined> {
    const names = path.split("/");
    let tree = this.#root;
    for (const [depth, name] of names.entries()) {
      const node = (await this.#nodesAt(depth, tree)).find((candidate) => candidate.name === name);
      if (depth === names.length - 1 || node?.type !== "dir") return depth === names.length - 1 ? node : undefined;
      tree = subtreeOf(node);
    }
    return undefined;
  }

  async #nodesAt(depth: number, tree: BlobId): Promise<readonly Node[]> {
    const step = this.#steps[depth];
    if (step?.tree === tree) return step.nodes;
    const nodes = await this.read(tree);
    this.#steps = [...this.#steps.slice(0, depth), { tree, nodes }];
    return nodes;
  }
}
