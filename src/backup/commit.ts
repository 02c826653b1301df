/**
 * Turns written streams and entries into a committed backup: trees, manifest, snapshot, in that order. The snapshot is written only
 * after everything it refers to is durable. Until then the backup does not exist.
 */
import { freeBuffer } from "../base/bytes.ts";
import type { BlobId, ManifestId, SnapshotId } from "../base/id.ts";
import { type CompressionLevel, IDS_COMPRESSION } from "../codec/compression.ts";
import { sha256, sha256Hex } from "../crypto/digest.ts";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../format/tree/file_mode.ts";
import { digestListPath, partName, sidecarPath, tableListPath } from "../format/manifest/series.ts";
import { encodeManifest, type Manifest } from "../format/manifest/manifest.ts";
import { makeNode, type Node } from "../format/tree/node.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { Rfc3339 } from "../format/time.ts";
import { encodeTree } from "../format/tree/tree.ts";
import type { EntryProperties } from "../engine/engine.ts";
import type { KnownBlobs } from "../repository/index/blob_index.ts";
import type { Identity } from "../repository/key_files.ts";
import type { PackWriter } from "../repository/pack/pack_writer.ts";
import type { LockedRepository } from "../repository/repository.ts";
import { agentInfo } from "./snapshot_info.ts";
import { type Backup, backupOf } from "./backup.ts";
import { blobIdOf, type StreamContent } from "./content/content_list.ts";

/** One stream, or entry of a tree, that was written. */
export interface WrittenItem {
  /** The path below the series' directory. Only directories have other paths below theirs. */
  readonly path: string;
  readonly size: number;
  /** Null for an entry without content, such as a directory. */
  readonly content: StreamContent | null;
  /** The properties of an entry; absent for a stream. */
  readonly properties?: EntryProperties | undefined;
}

/** A list that goes beside the manifest and is stored already. */
interface WrittenList {
  readonly content: StreamContent;
  readonly summary: { readonly size: number };
}

/** The tree of a files backup, which is stored already. */
interface WrittenFiles {
  readonly root: BlobId;
  /** Counts of its entries, compared with an earlier backup. */
  readonly counts: {
    readonly files: { readonly new: number; readonly changed: number; readonly unmodified: number };
    readonly directories: { readonly new: number; readonly changed: number; readonly unmodified: number };
  };
  /** The list of digests. */
  readonly list: WrittenList;
  /** The earlier backup of the series, and its tree. */
  readonly own: { readonly backup: Backup; readonly root: BlobId } | null;
}

/** What is written of a backup before its snapshot. */
interface PreparationRequest {
  readonly writer: PackWriter;
  readonly index: KnownBlobs<"tree">;
  readonly identity: Identity;
  readonly programVersion: string;
  readonly items: readonly WrittenItem[];
  /** The directories of lower levels, as they are in the tree of the parent. */
  readonly inherited?: readonly Node[];
  /** The tree of a files backup, which has no items. */
  readonly tree?: WrittenFiles;
  /** The list of tables. */
  readonly tables?: WrittenList;
  /** Its `bytesStored` is filled in. */
  readonly manifest: Manifest;
  /** The backup that this one continues; undefined for a level 0. */
  readonly parent: Backup | undefined;
  /** The newest backup at any level; its streams may be identical. */
  readonly predecessor?: Backup | undefined;
  /** The sealed bytes that the writer had taken for other backups before it took any for this one; 0 by default. */
  readonly bytesOfOthers?: number;
}

/** Everything that a commit needs. */
interface CommitRequest extends PreparationRequest {
  readonly repository: LockedRepository;
  /** Called just before the snapshot is written. Throws if there must be no backup after all. */
  readonly confirm: () => Promise<void>;
  /** Whether everything is done but the writing of the snapshot: there is no backup afterwards. */
  readonly isDry?: boolean;
}

/** The id of the snapshot that a dry run does not write. */
const NO_SNAPSHOT = "0".repeat(64) as SnapshotId;

/** A backup that lacks only its snapshot. What the writer has of it is not durable yet. */
export interface PreparedBackup {
  readonly manifest: Manifest;
  /** Its snapshot, which says that the backup added so many bytes to the store. */
  readonly snapshot: (storedBytes: number) => Snapshot;
}

/** The committed backup. */
interface Committed {
  readonly backup: Backup;
  readonly manifest: Manifest;
}

/** Commits a backup. Throws `LockedError`, and what the store and `confirm` throw; then nothing is committed. */
export async function commitBackup(request: CommitRequest): Promise<Committed> {
  const { repository, writer } = request;
  const { manifest, snapshot: snapshotWith } = await prepareBackup(request);
  await writer.finish();
  await request.confirm();
  const snapshot = snapshotWith(writer.storedBytes);
  const id = request.isDry ? NO_SNAPSHOT : await repository.files.saveSnapshot(snapshot);
  if (!request.isDry) repository.files.observer?.addManifest(id, manifest);
  return { backup: backupOf({ id, snapshot }), manifest };
}

/** Gives the trees and the manifest of a backup to the writer. The snapshot may be written once the writer finished. */
export async function prepareBackup(request: PreparationRequest): Promise<PreparedBackup> {
  const { writer, bytesOfOthers = 0 } = request;
  const { tree: seriesTree, modified } = await saveSeriesTree(request);
  const manifest = withBytesStored(request.manifest, writer.blobBytes - bytesOfOthers);
  const text = encodeManifest(manifest);
  const manifestId = sha256Hex(text) as ManifestId;
  const root = await saveRoot(request, seriesTree, modified, text);
  const written = { manifestId, manifestBytes: text.length, root, modified };
  return { manifest, snapshot: (storedBytes) => snapshotOf({ ...request, manifest }, { ...written, storedBytes }) };
}

/** The manifest cannot count its own bytes or the trees above it. The snapshot counts everything. */
function withBytesStored(manifest: Manifest, bytesStored: number): Manifest {
  return { ...manifest, stats: { ...manifest.stats, bytesStored } };
}

/**
 * Writes the directory of the series' streams. Streams that did not change since the previous backup keep their
 * modification time, so that their trees stay identical and are not stored again; they may be megabytes.
 */
async function saveSeriesTree(request: PreparationRequest): Promise<{ tree: BlobId; modified: Rfc3339 }> {
  if (request.tree !== undefined) return { tree: request.tree.root, modified: modifiedOf(request, request.tree) };
  const earlier = request.predecessor?.info?.modified;
  const started = request.manifest.started;
  if (earlier !== undefined && request.manifest.stats.blobsNew === 0) {
    const planned = planSeriesTree(request, earlier);
    const isThere = planned.every(({ id }) => request.index.has("tree", id));
    if (isThere) return { tree: blobIdOf(planned.at(-1)!.id), modified: earlier };
  }
  const planned = planSeriesTree(request, started);
  for (const { tree } of planned) {
    await saveTree(request.writer, tree, IDS_COMPRESSION);
    freeBuffer(tree);
  }
  return { tree: blobIdOf(planned.at(-1)!.id), modified: started };
}

/** When the tree of files last changed. */
function modifiedOf({ manifest }: PreparationRequest, { root, own }: WrittenFiles): Rfc3339 {
  return own?.root === root ? own.backup.info?.modified ?? manifest.started : manifest.started;
}

/** A tree that is not stored yet, and its id. */
interface PlannedTree {
  readonly tree: Uint8Array<ArrayBuffer>;
  readonly id: Uint8Array;
}

/** The trees of the series' directory. Each tree follows its subtrees, so the last one is the directory itself. */
function planSeriesTree(request: PreparationRequest, modified: Rfc3339): PlannedTree[] {
  const planned: PlannedTree[] = [];
  const plan = (nodes: readonly Node[]): BlobId => {
    const tree = encodeTree(nodes);
    const id = sha256(tree);
    planned.push({ tree, id });
    return blobIdOf(id);
  };
  const nodesOf = (items: readonly PlacedItem[]): Node[] =>
    [...Map.groupBy(items, ({ names }) => names[0]!)].map(([name, members]) => {
      const own = members.find(({ names }) => names.length === 1)?.item;
      const below = members.filter((member) => member.names.length > 1)
        .map((member) => ({ ...member, names: member.names.slice(1) }));
      if (own === undefined || own.properties?.type === "dir") {
        return dirNode(request, { name, modified, subtree: plan(nodesOf(below)), properties: own?.properties });
      }
      const { size, content, properties } = own;
      if (content === null) return makeNode({ ...properties!, name });
      if ("content" in content) {
        return fileNode(request, { name, modified, size, content: content.content, properties });
      }
      return dirNode(request, { name, modified, subtree: plan(partNodes(request, content.parts, modified)) });
    });
  const own = nodesOf(request.items.map((item) => ({ names: item.path.split("/"), item })));
  plan([...request.inherited ?? [], ...own]);
  return planned;
}

/** The directories of the parts of a long stream. */
function partNodes(request: PreparationRequest, parts: readonly BlobId[], modified: Rfc3339): Node[] {
  return parts.map((part, i) => dirNode(request, { name: partName(i), modified, subtree: part }));
}

/** A stream or entry and the rest of its path, from the current directory on. */
interface PlacedItem {
  readonly names: readonly string[];
  readonly item: WrittenItem;
}

/** Writes the directories above the series' directory, with the manifest beside it. Returns the root tree. */
async function saveRoot(request: PreparationRequest, seriesTree: BlobId, modified: Rfc3339, manifest: Uint8Array) {
  const { writer } = request;
  const names = request.manifest.series.split("/");
  const last = names.pop()!;
  const content = await writer.addPlaintext("data", manifest);
  const sidecar = {
    name: sidecarPath(last),
    modified: request.manifest.started,
    size: manifest.length,
    content,
  };
  const own = [dirNode(request, { name: last, modified, subtree: seriesTree }), fileNode(request, sidecar)];
  const { tree, tables } = request;
  if (tree !== undefined) own.push(await listNode(request, digestListPath(last), tree.list));
  if (tables !== undefined) own.push(await listNode(request, tableListPath(last), tables));
  let nodes = own;
  for (const name of names.reverse()) {
    nodes = [dirNode(request, { name, modified, subtree: await saveTree(writer, encodeTree(nodes)) })];
  }
  return await saveTree(writer, encodeTree(nodes));
}

/** The node of a list. It changes with the list alone, and a long one is stored in parts like a stream. */
async function listNode(request: PreparationRequest, name: string, list: WrittenList): Promise<Node> {
  const { content: stored, summary: { size } } = list;
  const fields = { name, modified: request.manifest.started };
  if ("content" in stored) return fileNode(request, { ...fields, size, content: stored.content });
  const parts = partNodes(request, stored.parts, fields.modified);
  return dirNode(request, { ...fields, subtree: await saveTree(request.writer, encodeTree(parts)) });
}

interface NodeFields {
  readonly name: string;
  readonly modified: Rfc3339;
  /** If present, everything but name and content is taken from here. */
  readonly properties?: EntryProperties | undefined;
}

function fileNode({ identity }: PreparationRequest, file: NodeFields & { size: number; content: Uint8Array }): Node {
  const { name, modified, size, content, properties } = file;
  if (properties !== undefined) return makeNode({ ...properties, name, size, content });
  return makeNode({ name, type: "file", mode: FILE_MODE_0644, ...times(modified), ...owner(identity), size, content });
}

function dirNode({ identity }: PreparationRequest, directory: NodeFields & { subtree: BlobId }): Node {
  const { name, modified, subtree, properties } = directory;
  if (properties !== undefined) return makeNode({ ...properties, name, subtree });
  return makeNode({ name, type: "dir", mode: DIR_MODE_0755, ...times(modified), ...owner(identity), subtree });
}

function times(modified: Rfc3339) {
  return { mtime: modified, atime: modified, ctime: modified };
}

function owner({ uid, gid }: Identity) {
  return { uid, gid };
}

/** Stores a tree and returns its id. `compression`: for one that is mostly ids, `IDS_COMPRESSION`. */
export async function saveTree(
  writer: PackWriter,
  tree: Uint8Array,
  compression: CompressionLevel = "auto",
): Promise<BlobId> {
  return blobIdOf(await writer.addPlaintext("tree", tree, compression));
}

interface CommittedTree {
  readonly manifestId: ManifestId;
  readonly manifestBytes: number;
  readonly root: BlobId;
  readonly modified: Rfc3339;
  /** What the backup added to the store. */
  readonly storedBytes: number;
}

/**
 * Builds the snapshot. Its totals count all files of the tree, as restic does: `restic rewrite` makes a new snapshot if
 * they differ.
 */
function snapshotOf(request: PreparationRequest, tree: CommittedTree): Snapshot {
  const { manifestId, manifestBytes, root, modified, storedBytes } = tree;
  const { manifest, identity, parent } = request;
  const { stats } = manifest;
  return {
    time: manifest.started,
    parent: parent?.snapshotId ?? null,
    tree: root,
    paths: [`/${manifest.series}`],
    hostname: manifest.host,
    username: identity.username,
    uid: identity.uid,
    gid: identity.gid,
    excludes: [],
    tags: manifest.tags,
    original: null,
    programVersion: request.programVersion,
    summary: {
      backupStart: manifest.started,
      backupEnd: manifest.finished,
      ...changesOf(request, modified),
      dataBlobs: stats.blobsNew,
      treeBlobs: 0,
      dataAdded: stats.bytesAdded,
      dataAddedPacked: storedBytes,
      ...totalsOf(request, manifestBytes),
    },
    agent: { ...agentInfo(manifest, manifestId, modified, storedBytes), tree: root },
  };
}

/** Counts of files and directories as restic keeps them. Those of streams tell only whether any changed. */
function changesOf({ manifest, parent, tree }: PreparationRequest, modified: Rfc3339) {
  if (tree !== undefined) {
    const { files, directories } = tree.counts;
    return {
      filesNew: files.new,
      filesChanged: files.changed,
      filesUnmodified: files.unmodified,
      dirsNew: directories.new,
      dirsChanged: directories.changed,
      dirsUnmodified: directories.unmodified,
    };
  }
  const count = manifest.files.length;
  const isChanged = modified === manifest.started;
  return {
    filesNew: parent ? 0 : count,
    filesChanged: parent && isChanged ? count : 0,
    filesUnmodified: parent && !isChanged ? count : 0,
    dirsNew: 0,
    dirsChanged: 0,
    dirsUnmodified: 0,
  };
}

/** All files in the tree of the snapshot, those beside the series' directory included. */
function totalsOf({ manifest: { files, tree, tables }, ...written }: PreparationRequest, manifestBytes: number) {
  const listFiles = [written.tree?.list, written.tables].flatMap((list) => list ?? [])
    .reduce((sum, { content }) => sum + ("parts" in content ? content.parts.length : 1), 0);
  return {
    totalFilesProcessed: files.reduce((sum, { parts = 1 }) => sum + parts, 1 + listFiles + (tree?.files ?? 0)),
    totalBytesProcessed: files.reduce(
      (sum, { size }) => sum + size,
      manifestBytes + (tree?.bytes ?? 0) + (tree?.digests.size ?? 0) + (tables?.size ?? 0),
    ),
  };
}
