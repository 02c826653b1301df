/**
 * Checks backups against their manifests: the right manifest exists, the snapshot agrees with it, and the tree holds
 * exactly the streams that it lists.
 */
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { findSeriesNodes, readManifest } from "../../backup/content/contents.ts";
import { snapshotDifferences, wordsOf } from "../../backup/summary.ts";
import {
  contentsAt,
  NodeReader,
  problemOfFile,
  problemOfList,
  unlistedPaths,
} from "../../backup/content/tree_contents.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { isOfFiles, type Manifest, type ManifestList } from "../../format/manifest/manifest.ts";
import { sidecarPath, tableListPath } from "../../format/manifest/series.ts";
import { compareTimestamps, type Rfc3339 } from "../../format/time.ts";
import type { CheckedTrees, TreeCheckContext } from "./check_trees.ts";
import { addPath, type Finding } from "./findings.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import { checkFilesBackup, type FilesToRead } from "./check_files.ts";
import type { StreamsToRead } from "./check_streams.ts";

const REPLACE_BACKUP = "its streams may restore, but no digest vouches for them: make a new backup and forget this one";

const FORGET_BACKUP = "its streams restore as the manifest says; make a new backup and forget this one";

/** What the check of backups needs. */
interface BackupCheckContext extends TreeCheckContext {
  /** Collects the streams that agree with their manifests so far; undefined if streams are not to be read. */
  readonly streams: StreamsToRead | undefined;
  /** The same for backups of files. */
  readonly files: FilesToRead | undefined;
}

/** Checks every backup. Skips a backup with damaged trees if that damage is all there is to report. */
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
      // A backup of another tool has no manifest, which the walk over its trees has seen.
      const isForeign = backup.info === null && !trees.mayHoldManifest(backup.snapshot.tree);
      if (!isForeign) await checkBackup(context, backup, trees);
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
  const { repository, findings, streams, files } = context;
  const manifest = await readManifest(repository, backup);
  if (manifest === null || !isOf(manifest, backup)) return;
  for (const difference of snapshotDifferences(backup, manifest)) addSaying(context, backup, wordsOf(difference));
  if (backup.info !== null) await checkModified(context, backup, backup.info.modified);
  if (isOfFiles(manifest) && await checkFilesBackup(context, { backup, manifest })) files?.add({ backup, manifest });
  const reader = new NodeReader(repository, backup.snapshot.tree);
  for (const expected of manifest.files) {
    const path = `${manifest.series}/${expected.path}`;
    // Parts were counted during the check of the trees.
    const found = await contentsAt(reader, path, (tree) => trees.filesOf(tree));
    const problem = problemOfFile(expected, found);
    if (problem === null) {
      await streams?.add({ backup, path, expected }, reader);
      continue;
    }
    findings.error({
      ...fieldsOf(backup),
      path,
      text: `The manifest of ${nameOfBackup(backup)} says that ${quoteByteString(path)} ${problem}`,
    });
  }
  if (manifest.tables !== undefined) await checkTableList(context, reader, { backup, expected: manifest.tables });
  if (backup.info !== null) await checkUnlisted(context, backup, manifest);
}

/** Compares the list of tables with the manifest. */
async function checkTableList(
  { findings, streams }: BackupCheckContext,
  reader: NodeReader,
  { backup, expected }: { readonly backup: Backup; readonly expected: ManifestList },
): Promise<void> {
  const path = tableListPath(backup.series);
  const problem = await problemOfList(reader, path, expected);
  if (problem === null) return await streams?.add({ backup, path, expected }, reader);
  findings.error({
    ...fieldsOf(backup),
    path,
    text: `The manifest of ${nameOfBackup(backup)} does not describe its tree: ${problem}`,
    advice: "its streams restore; single tables are found by reading the whole dump",
  });
}

/** Adds that the snapshot disagrees with what it refers to; `words` are like `size 12, its manifest 10`. */
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

/** Compares the time of the last change in the snapshot with that of the streams' directory in the tree. */
async function checkModified(context: TreeCheckContext, backup: Backup, modified: Rfc3339): Promise<void> {
  const { streams } = await findSeriesNodes(context.repository, backup);
  if (streams === undefined || compareTimestamps(streams.mtime, modified) === 0) return;
  addSaying(context, backup, `modified ${modified}, its tree ${streams.mtime}`);
}

/** Makes one finding for all unlisted paths, because there may be many. */
async function checkUnlisted({ repository, findings }: TreeCheckContext, backup: Backup, manifest: Manifest) {
  const { snapshotId, snapshot: { tree } } = backup;
  let finding: Finding | undefined;
  for await (const path of unlistedPaths(repository, tree, manifest)) {
    finding ??= findings.error({
      ...fieldsOf(backup),
      text: `The tree of snapshot ${snapshotId} of ${nameOfBackup(backup)} holds ${quoteByteString(path)}, ` +
        `which is not among the ${manifest.files.length} files of its manifest`,
      advice: "find out who put that there; the streams that the manifest lists restore",
    });
    addPath(finding, path);
  }
}

/** Ends the check if the store cannot deliver a manifest, unless damage of its backup is already known. */
async function allowWhereDamaged({ repository, signal }: TreeCheckContext, error: unknown, isDamaged: boolean) {
  const failure = await failureOfFile(repository.store, error, signal);
  if (!isDamaged) throw failure;
}

/**
 * Whether the manifest belongs to this tree. Another tool may have backed up restored files together with their
 * manifest.
 */
function isOf(manifest: Manifest, { series, info, snapshotId }: Backup): boolean {
  if (manifest.series === series) return true;
  if (info === null) return false;
  throw new IntegrityError(`Snapshot ${snapshotId} says series ${series}, its manifest ${manifest.series}`);
}

/** Reports an unreadable manifest. Without our summary in the snapshot, the file may not be a manifest at all. */
function addUnreadable({ findings }: TreeCheckContext, backup: Backup, error: IntegrityError): void {
  const fields = { ...fieldsOf(backup), path: sidecarPath(backup.series), text: error.message };
  if (backup.info !== null) findings.error(fields);
  else findings.note({ ...fields, advice: "if that is no manifest of ours, nothing has to be done" });
}

function fieldsOf({ id, snapshotId }: Backup) {
  return { kind: "manifest", id, snapshots: [snapshotId], advice: REPLACE_BACKUP } as const;
}

/**
 * Checks the levels of parents. A missing parent is no damage, because every backup can be restored alone; an unfitting
 * level is.
 */
function checkParents({ findings }: TreeCheckContext, backups: readonly Backup[]): void {
  const byId = new Map(backups.map((backup) => [backup.id, backup]));
  const withoutParent: Backup[] = [];
  for (const backup of backups) {
    const { info, snapshotId } = backup;
    if (info === null || info.parent === null) continue;
    const parent = byId.get(info.parent);
    if (parent === undefined) withoutParent.push(backup);
    else if (parent.info?.level !== info.level - 1) {
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
  if (withoutParent.length === 0) return;
  findings.note({
    kind: "chain",
    id: null,
    snapshots: withoutParent.map(({ snapshotId }) => snapshotId),
    text: parentsGone(withoutParent),
    advice: "nothing has to be done: retention removes parents, and every backup stands alone",
  });
}

/** One sentence for all of them, since each series loses parents to retention. */
function parentsGone(backups: readonly Backup[]): string {
  const series = [...new Set(backups.map(({ series }) => series))];
  const ofSeries = series.length === 1 ? `"${series[0]}"` : `${series.length} series`;
  return backups.length === 1
    ? `The parent of a backup of ${ofSeries} is gone`
    : `The parents of ${backups.length} backups of ${ofSeries} are gone`;
}

function nameOfBackup({ series, id }: Backup): string {
  return `${series}@${shortId(id)}`;
}
