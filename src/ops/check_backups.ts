/** Checks backups against their manifests: the right one is there, and the tree holds the streams that it lists. */
import { IntegrityError } from "../base/errors.ts";
import { shortId, type SnapshotId } from "../base/id.ts";
import type { Backup } from "../backup/backup.ts";
import { readManifest } from "../backup/contents.ts";
import { contentsAt, NodeReader, problemOfFile } from "../backup/tree_contents.ts";
import type { Manifest } from "../format/manifest.ts";
import { sidecarPath } from "../format/series.ts";
import type { CheckedTrees, TreeCheckContext } from "../repository/check_trees.ts";
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
    // Parts were counted when their trees were checked.
    const found = await contentsAt(reader, path, (tree) => trees.filesOf(tree));
    const problem = problemOfFile(expected, found);
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
