/**
 * Checks backups against their manifests: the right one is there, the snapshot says what it says, and the tree holds the
 * streams that it lists and no others.
 */
import { IntegrityError } from "../../base/errors.ts";
import { shortId, type SnapshotId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { findSeriesNodes, readManifest } from "../../backup/contents.ts";
import { snapshotDifferences, wordsOf } from "../../backup/summary.ts";
import { contentsAt, NodeReader, problemOfFile, unlistedPaths } from "../../backup/tree_contents.ts";
import type { Manifest } from "../../format/manifest/manifest.ts";
import { sidecarPath } from "../../format/manifest/series.ts";
import { compareTimestamps, type Rfc3339 } from "../../format/time.ts";
import type { CheckedTrees, TreeCheckContext } from "./check_trees.ts";
import { addPath, type Finding } from "./findings.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import type { StreamsToRead } from "./check_streams.ts";

const REPLACE_BACKUP = "its streams may restore, but no digest vouches for them: make a new backup and forget this one";

const FORGET_BACKUP = "its streams restore as the manifest says; make a new backup and forget this one";

/** What checking backups takes. */
interface BackupCheckContext extends TreeCheckContext {
  /** Gets the streams that are there as their manifests say; undefined where none is to be read. */
  readonly streams: StreamsToRead | undefined;
}

/** Checks every backup. One whose trees are known to be damaged is passed over where that is all there is to say. */
export async function checkBackups(
  context: BackupCheckContext,
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

async function checkBackup(context: BackupCheckContext, backup: Backup, trees: CheckedTrees): Promise<void> {
  const { repository, findings, streams } = context;
  const manifest = await readManifest(repository, backup);
  if (manifest === null || !isOf(manifest, backup)) return;
  for (const difference of snapshotDifferences(backup, manifest)) addSaying(context, backup, wordsOf(difference));
  if (backup.info !== null) await checkModified(context, backup, backup.info.modified);
  const reader = new NodeReader(repository, backup.snapshot.tree);
  for (const expected of manifest.files) {
    const path = `${manifest.series}/${expected.path}`;
    // Parts were counted when their trees were checked.
    const found = await contentsAt(reader, path, (tree) => trees.filesOf(tree));
    const problem = problemOfFile(expected, found);
    if (problem === null) {
      await streams?.add({ backup, path, expected }, reader);
      continue;
    }
    findings.error({
      ...fieldsOf(backup),
      path,
      text: `The manifest of ${nameOfBackup(backup)} says that ${JSON.stringify(path)} ${problem}`,
    });
  }
  if (backup.info !== null) await checkUnlisted(context, backup, manifest);
}

/** Adds that the snapshot says something else than what it names: `size 12, its manifest 10`. */
function addSaying({ findings }: TreeCheckContext, backup: Backup, words: string): void {
  const { snapshotId } = backup;
  findings.error({
    kind: "snapshot",
    id: snapshotId,
    snapshots: [snapshotId],
    text: `Snapshot ${snapshotId} of ${nameOfBackup(backup)} says ${words}`,
    advice: FORGET_BACKUP,
  });
}

/** The snapshot says when its streams last changed, which the tree says of their directory. */
async function checkModified(context: TreeCheckContext, backup: Backup, modified: Rfc3339): Promise<void> {
  const { streams } = await findSeriesNodes(context.repository, backup);
  if (streams === undefined || compareTimestamps(streams.mtime, modified) === 0) return;
  addSaying(context, backup, `modified ${modified}, its tree ${streams.mtime}`);
}

/** One finding for all of them, as there may be any number. */
async function checkUnlisted({ repository, findings }: TreeCheckContext, backup: Backup, manifest: Manifest) {
  const { snapshotId, snapshot: { tree } } = backup;
  let finding: Finding | undefined;
  for await (const path of unlistedPaths(repository, tree, manifest)) {
    finding ??= findings.error({
      ...fieldsOf(backup),
      text: `The tree of snapshot ${snapshotId} of ${nameOfBackup(backup)} holds ${JSON.stringify(path)}, ` +
        `which is not among the ${manifest.files.length} files of its manifest`,
      advice: "find out who put that there; the streams that the manifest lists restore",
    });
    addPath(finding, path);
  }
}

/** That the store does not give a manifest is no news where its pack is in doubt; else it ends the check. */
async function allowWhereDamaged({ repository, signal }: TreeCheckContext, error: unknown, isDamaged: boolean) {
  const failure = await failureOfFile(repository.store, error, signal);
  if (!isDamaged) throw failure;
}

/** Whether the manifest speaks of this tree. Another tool may have backed restored files up, manifest and all. */
function isOf(manifest: Manifest, { series, info, snapshotId }: Backup): boolean {
  if (manifest.series === series) return true;
  if (info === null) return false;
  throw new IntegrityError(`Snapshot ${snapshotId} says series ${series}, its manifest ${manifest.series}`);
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
