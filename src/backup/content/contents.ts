/** What a backup holds: streams and files, content lists, manifest. */
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import { type BlobId, ID_BYTES } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { decodeManifest, isOfFiles, type Manifest, type ManifestFile } from "../../format/manifest/manifest.ts";
import { MOST_MANIFEST_BYTES } from "../../format/bounds.ts";
import type { Node } from "../../format/tree/node.ts";
import { plaintextLength } from "../../format/pack_header.ts";
import { digestListPath, sidecarPath, tableListPath } from "../../format/manifest/series.ts";
import { readBlob } from "../../repository/pack/pack_reader.ts";
import { withRenewal } from "../../repository/index/blob_index.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { TreeTexts } from "../../repository/tree/tree_texts.ts";
import { walkFiles } from "../../repository/tree/file_walk.ts";
import { findNode, readTree, subtreeOf } from "../../repository/tree/trees.ts";
import type { Backup } from "../backup.ts";

/** A file of a backup that can be restored as a stream. */
export interface BackupFile {
  /** From the root of the snapshot, without a leading slash. */
  readonly path: string;
  /** Size in bytes, from the manifest or, without one, from the tree. */
  readonly size: number;
  /** The manifest's entry for it; null if there is no manifest. */
  readonly expected: ManifestFile | null;
  /** Its content lists in order: one, or one for each part. They are read on demand. */
  readonly contents: () => AsyncGenerator<Uint8Array>;
}

/**
 * Reads the manifest of a backup from its sidecar file, which the snapshot's paths locate; null if another tool made
 * the backup. Throws `IntegrityError` if the manifest is damaged or is not the one that the snapshot names.
 */
export async function readManifest(repository: IndexedRepository, backup: Backup): Promise<Manifest | null> {
  const { sidecar } = await findSeriesNodes(repository, backup);
  const text = await readSidecar(repository, sidecar);
  if (text === null) {
    if (backup.info === null) return null;
    throw new IntegrityError(
      `Damaged backup ${backup.id}: its tree holds no manifest at ${sidecarPath(backup.series)}`,
    );
  }
  const digest = sha256Hex(text);
  if (backup.info !== null && digest !== backup.info.manifest) {
    throw new IntegrityError(`Damaged backup ${backup.id}: the manifest in its tree is another one (${digest})`);
  }
  const manifest = decodeManifest(text, `manifest of backup ${backup.id}`);
  repository.files.observer?.addManifest(backup.snapshotId, manifest);
  return manifest;
}

/** What the tree of a backup holds under the name of its series; undefined if it is absent. */
interface SeriesNodes {
  /** The directory of its streams. */
  readonly streams: Node | undefined;
  /** The manifest's file beside that directory. */
  readonly sidecar: Node | undefined;
  /** The list of digests beside it; only backups of files have one. */
  readonly digests: Node | undefined;
  /** The list of tables beside it; only backups of dumps have one. */
  readonly tables: Node | undefined;
}

/** Finds them in one directory and reads each tree on the way once. Throws `IntegrityError` for damaged trees. */
export async function findSeriesNodes(repository: IndexedRepository<"tree">, backup: Backup): Promise<SeriesNodes> {
  const { series, snapshot: { tree } } = backup;
  const [parent, name] = splitPath(series);
  const texts = TreeTexts.alongPath(repository);
  const directory = parent === null ? undefined : await findNode(repository, tree, parent, texts);
  if (parent !== null && directory?.type !== "dir") {
    return { streams: undefined, sidecar: undefined, digests: undefined, tables: undefined };
  }
  const nodes = await readTree(repository, directory === undefined ? tree : subtreeOf(directory), { texts });
  const find = (wanted: string) => nodes.find((node) => node.name === wanted);
  return {
    streams: find(name),
    sidecar: find(sidecarPath(name)),
    digests: find(digestListPath(name)),
    tables: find(tableListPath(name)),
  };
}

/** Splits a path into its directory (null for the root) and its name. */
function splitPath(path: string): readonly [directory: string | null, name: string] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? [null, path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** Reads the sidecar's bytes without decoding them; null if the node is not a file. Throws `IntegrityError`. */
export async function readSidecar(repository: IndexedRepository, node: Node | undefined): Promise<Uint8Array | null> {
  if (node?.type !== "file" || node.content === null) return null;
  const { content } = node;
  return await withRenewal(repository.index, () => readWhole(repository, content));
}

/**
 * The streams that the manifest lists (none, for a backup of files) or, without a manifest, every file of the tree.
 * Throws `IntegrityError` for damaged trees, and if a tree without a manifest expands to more than 200,000 files.
 */
export async function listFiles(
  repository: IndexedRepository<"tree">,
  backup: Backup,
  manifest: Manifest | null,
): Promise<BackupFile[]> {
  if (manifest === null) return await filesOfTree(repository, backup.snapshot.tree);
  const files: BackupFile[] = [];
  for (const expected of manifest.files) files.push(await listedFile(repository, { backup, manifest }, expected));
  return files;
}

/** One of the streams that a manifest lists. Throws `IntegrityError` if the tree does not hold it. */
export async function listedFile(
  repository: IndexedRepository<"tree">,
  { backup, manifest }: { readonly backup: Backup; readonly manifest: Manifest },
  expected: ManifestFile,
): Promise<BackupFile> {
  const path = `${manifest.series}/${expected.path}`;
  const node = await findNode(repository, backup.snapshot.tree, path);
  if (node === undefined) {
    throw new IntegrityError(`Damaged backup ${backup.id}: its tree does not hold ${path}; run "agent check"`);
  }
  return { path, size: expected.size, expected, contents: () => contentsOf(repository, node, path) };
}

/**
 * The tree that a backup of files holds, ours or another tool's: of ours, what lies below the series. Null if the
 * backup holds streams. Throws `IntegrityError` if the tree is not there.
 */
export async function treeOfFiles(
  repository: IndexedRepository<"tree">,
  { backup, manifest }: { readonly backup: Backup; readonly manifest: Manifest | null },
): Promise<BlobId | null> {
  if (manifest === null) return backup.snapshot.tree;
  if (!isOfFiles(manifest)) return null;
  const root = await findNode(repository, backup.snapshot.tree, manifest.series);
  if (root?.type === "dir") return subtreeOf(root);
  throw new IntegrityError(`Damaged backup ${backup.id}: its tree does not hold ${manifest.series}; run "agent check"`);
}

async function filesOfTree(repository: IndexedRepository<"tree">, tree: BlobId): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  for await (const { path, type, size, content } of walkFiles(repository, tree)) {
    if (type === "file") files.push({ path, size, expected: null, contents: () => onlyList(content, path) });
  }
  return files;
}

async function* onlyList(content: Uint8Array | null, path: string): AsyncGenerator<Uint8Array> {
  if (content === null) throw new IntegrityError(`Damaged tree: the file ${quoteByteString(path)} has no content list`);
  yield content;
}

/** For comparison: a stream of 20 million chunks has 500 parts. */
const MOST_PARTS = 100_000;
/** A stream's directory holds a directory for each part, and that holds one file. */
const PART_DEPTH = 2;

/** The content list of a file, or of all parts of a long stream, which is a directory. */
export async function* contentsOf(
  repository: IndexedRepository<"tree">,
  node: Node,
  path: string,
): AsyncGenerator<Uint8Array> {
  let lists = 0;
  for await (const content of partsOf(repository, node, path, PART_DEPTH)) {
    if (++lists > MOST_PARTS) {
      throw new IntegrityError(`Damaged tree: ${quoteByteString(path)} has more than ${MOST_PARTS} parts`);
    }
    yield content;
  }
}

async function* partsOf(
  repository: IndexedRepository<"tree">,
  node: Node,
  path: string,
  depth: number,
): AsyncGenerator<Uint8Array> {
  if (node.type === "dir" && depth > 0) {
    for (const child of await readTree(repository, subtreeOf(node))) {
      yield* partsOf(repository, child, `${path}/${child.name}`, depth - 1);
    }
  } else if (node.type !== "dir" && node.content !== null) yield node.content;
  else throw new IntegrityError(`Damaged tree: ${quoteByteString(path)} is neither a file nor a directory of parts`);
}

async function readWhole(repository: IndexedRepository, content: Uint8Array): Promise<Uint8Array> {
  let bytes = 0;
  for (let at = 0; at < content.length; at += ID_BYTES) {
    const place = repository.index.locate("data", content, at);
    bytes += place === undefined ? 0 : plaintextLength(place) + 1;
    if (bytes > MOST_MANIFEST_BYTES) {
      throw new IntegrityError(`Damaged manifest: its chunks are more than ${MOST_MANIFEST_BYTES} bytes together`);
    }
  }
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += ID_BYTES) pieces.push(await readBlob(repository, "data", content, at));
  return concatBytes(pieces);
}
