/** Checks backups against their manifests: the right one is there, and the tree holds the streams that it lists. */
import { IntegrityError } from "../base/errors.ts";
import { type BlobId, ID_BYTES, shortId, type SnapshotId } from "../base/id.ts";
import type { Backup } from "../backup/backup.ts";
import { readManifest } from "../backup/contents.ts";
import type { Manifest, ManifestFile } from "../format/manifest.ts";
import type { Node } from "../format/node.ts";
import { sidecarPath } from "../format/series.ts";
import type { CheckedTrees, TreeCheckContext } from "../repository/check_trees.ts";
import type { IndexedRepository } from "../repository/repository.ts";
import { readTree, subtreeOf } from "../repository/trees.ts";
import { failureOfFile } from "../repository/unreadable.ts";

const REPLACE_BACKUP = "its streams may restore, but no digest vouches for them: make a new backup and forget this one";

/** Checks every backup. One whose trees are known to be damaged is passed over where that is all there is to say. */
export async function checkBackups(
  context: TreeCheckContext,
  backups: readonly Backup[],
  trees: CheckedTrees,
): Promise<void> {
  const { findings, signal, onProgress } = context;
  const damaged = findings.damagedSnapshots;
  for (const [position, backup] of backups.entries()) {
    signal.throwIfAborted();
    try {
      await checkBackup(context, backup, trees);
    } catch (error) {
      const isDamaged = damaged.has(backup.snapshotId);
      if (!(error instanceof IntegrityError)) await allowWhereDamaged(context, error, isDamaged);
      else if (!isDamaged) addUnreadable(context, backup, error);
    }
    onProgress(position + 1, backups.length);
  }
  checkParents(context, backups);
}

async function checkBackup(context: TreeCheckContext, backup: Backup, trees: CheckedTrees): Promise<void> {
  const { repository, findings } = context;
  const manifest = await readManifest(repository, backup);
  if (manifest === null || !isOf(manifest, backup)) return;
  const reader = new NodeReader(repository, backup.snapshot.tree);
  for (const expected of manifest.files) {
    const path = `${manifest.series}/${expected.path}`;
    const problem = problemOfFile(expected, await contentsAt(reader, path, trees));
    if (problem === null) continue;
    findings.error({
      ...fieldsOf(backup),
      path,
      text: `The manifest of ${nameOfBackup(backup)} says that ${JSON.stringify(path)} ${problem}`,
    });
  }
}

/** That the store does not give a manifest is no news where its pack is in doubt; else it ends the check. */
async function allowWhereDamaged({ repository, signal }: TreeCheckContext, error: unknown, isDamaged: boolean) {
  const failure = await failureOfFile(repository.store, error, signal);
  if (!isDamaged) throw failure;
}

/** Whether the manifest speaks of this tree. Another tool may have backed restored files up, manifest and all. */
function isOf(manifest: Manifest, { series, info }: Backup): boolean {
  if (manifest.series === series) return true;
  if (info === null) return false;
  throw new IntegrityError(`The manifest of series "${manifest.series}" lies in a backup of "${series}"`);
}

/** Without our summary in the snapshot it is only a guess that the file is a manifest at all. */
function addUnreadable({ findings }: TreeCheckContext, backup: Backup, error: IntegrityError): void {
  const fields = { ...fieldsOf(backup), path: sidecarPath(backup.series), text: error.message };
  if (backup.info !== null) findings.error(fields);
  else findings.note({ ...fields, advice: "if that is no manifest of ours, nothing has to be done" });
}

function fieldsOf({ id, snapshotId }: Backup) {
  return { kind: "manifest", id, snapshots: [snapshotId], advice: REPLACE_BACKUP } as const;
}

/** What the tree holds of a stream. */
interface TreeContents {
  readonly bytes: number;
  readonly blobs: number;
  /** Undefined where it is one file. */
  readonly parts: number | undefined;
}

/** How manifest and tree differ, as what the manifest says; null where they agree or the tree cannot be read. */
function problemOfFile(expected: ManifestFile, found: TreeContents | "missing" | "unreadable"): string | null {
  if (found === "unreadable") return null;
  if (found === "missing") return "is there; the tree does not hold it";
  const says = describe({ bytes: expected.size, blobs: expected.blobs, parts: expected.parts });
  const holds = describe(found);
  return says === holds ? null : `has ${says}; the tree holds ${holds}`;
}

function describe({ bytes, blobs, parts }: TreeContents): string {
  return `${bytes} bytes in ${blobs} blobs${parts === undefined ? "" : ` in ${parts} parts`}`;
}

/** A long stream is a directory of parts, each in a tree of its own that was counted when it was checked. */
async function contentsAt(
  reader: NodeReader,
  path: string,
  trees: CheckedTrees,
): Promise<TreeContents | "missing" | "unreadable"> {
  const node = await reader.find(path);
  if (node?.type === "file" && node.content !== null) {
    return { bytes: node.size, blobs: node.content.length / ID_BYTES, parts: undefined };
  }
  if (node?.type !== "dir") return "missing";
  const parts = (await reader.read(subtreeOf(node))).filter(({ type }) => type === "dir");
  const counts = parts.map((part) => trees.filesOf(subtreeOf(part)));
  let bytes = 0;
  let blobs = 0;
  for (const count of counts) {
    if (count === undefined) return "unreadable";
    bytes += count.bytes;
    blobs += count.blobs;
  }
  return { bytes, blobs, parts: parts.length };
}

/** Finds nodes by path; keeps the trees on the way to the last one, since manifests list files directory by directory. */
class NodeReader {
  readonly #repository: IndexedRepository;
  #steps: { readonly tree: BlobId; readonly nodes: readonly Node[] }[] = [];
  readonly #root: BlobId;

  constructor(repository: IndexedRepository, root: BlobId) {
    this.#repository = repository;
    this.#root = root;
  }

  read(tree: BlobId): Promise<readonly Node[]> {
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

/** Every backup stands alone, so a parent may be gone; one of a level that does not fit is damage. */
function checkParents({ findings }: TreeCheckContext, backups: readonly Backup[]): void {
  const byId = new Map(backups.map((backup) => [backup.id, backup]));
  const withoutParentBySeries = new Map<string, SnapshotId[]>();
  for (const backup of backups) {
    const { info, series, snapshotId } = backup;
    if (info === null || info.parent === null) continue;
    const parent = byId.get(info.parent);
    if (parent === undefined) {
      withoutParentBySeries.set(series, [...(withoutParentBySeries.get(series) ?? []), snapshotId]);
    } else if (parent.info?.level !== info.level - 1) {
      findings.error({
        kind: "chain",
        id: backup.id,
        snapshots: [snapshotId],
        text: `${nameOfBackup(backup)} of level ${info.level} follows ${
          nameOfBackup(parent)
        } of level ${parent.info?.level}`,
        advice: "the backup itself restores; begin a new chain with a full one",
      });
    }
  }
  for (const [series, snapshots] of withoutParentBySeries) {
    findings.note({
      kind: "chain",
      id: null,
      snapshots,
      text: snapshots.length === 1
        ? `The parent of a backup of "${series}" is gone`
        : `The parents of ${snapshots.length} backups of "${series}" are gone`,
      advice: "nothing has to be done: retention removes parents, and every backup stands alone",
    });
  }
}

function nameOfBackup({ series, id }: Backup): string {
  return `${series}@${shortId(id)}`;
}
