/**
 * Checks backups of files against their manifests: the tree is the one that was committed, and its list of digests is
 * there. With their data, every file is read and compared with the list.
 */
import { IntegrityError } from "../../base/errors.ts";
import { IdTable } from "../../base/id_table.ts";
import { shortId } from "../../base/id.ts";
import { filesProblem } from "../../backup/content/tree_contents.ts";
import { type FilesBackup, verifyFiles } from "../../backup/files/verify_files.ts";
import { type PipelineThreads, startThreads } from "../../pipeline/threads.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import type { TreeCheckContext } from "./check_trees.ts";
import { addPath, type Finding } from "./findings.ts";
import { quoteByteString } from "../../format/byte_string.ts";

/** Compares a backup with its manifest. Returns whether they agree. */
export async function checkFilesBackup(context: TreeCheckContext, { backup, manifest }: FilesBackup): Promise<boolean> {
  const problem = await filesProblem(context.repository, backup, manifest);
  if (problem === null) return true;
  context.findings.error({
    kind: "manifest",
    id: backup.id,
    snapshots: [backup.snapshotId],
    text: `The manifest of ${nameOf(backup)} does not describe its tree: ${problem}`,
    advice: "its files may restore, but no digest vouches for them: make a new backup and forget this one",
  });
  return false;
}

/** Collects backups of files that are to be read. */
export class FilesToRead {
  readonly #backups: FilesBackup[] = [];
  readonly #known = new Set<string>();

  /** Adds a backup, unless one whose manifest says the same of its tree is to be read already. */
  add(backup: FilesBackup): void {
    const key = JSON.stringify(backup.manifest.tree);
    if (!this.#known.has(key)) this.#backups.push(backup);
    this.#known.add(key);
  }

  /** Those that were collected. */
  get backups(): readonly FilesBackup[] {
    return this.#backups;
  }
}

/** How much was read. */
interface FilesRead {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Reads the files of all backups, each different content once. Progress is in bytes. Throws what the store throws if it
 * does not answer.
 */
export async function checkFiles(context: TreeCheckContext, collected: FilesToRead | undefined): Promise<FilesRead> {
  const backups = collected?.backups ?? [];
  if (backups.length === 0) return { count: 0, bytes: 0 };
  using starting = startThreads(context.budget.blobThreads, { digest: false });
  const threads = await starting.configure(context.repository.keys, "off");
  const verified = new IdTable();
  const total = backups.reduce((sum, { manifest }) => sum + manifest.tree.bytes, 0);
  const sum = { count: 0, bytes: 0 };
  for (const backup of backups) {
    const onProgress = (bytes: number) => context.onProgress(Math.min(sum.bytes + bytes, total), total);
    const read = await checkOne({ ...context, threads, verified, onProgress }, backup);
    sum.count += read.count;
    sum.bytes += read.bytes;
  }
  return sum;
}

interface FilesReading extends Omit<TreeCheckContext, "onProgress"> {
  readonly threads: PipelineThreads;
  readonly verified: IdTable;
  readonly onProgress: (bytes: number) => void;
}

async function checkOne(reading: FilesReading, files: FilesBackup): Promise<FilesRead> {
  const { repository, threads, signal, budget: { bufferBytes }, findings, verified, onProgress } = reading;
  const { backup } = files;
  let finding: Finding | undefined;
  const onDifference = (path: string, words: string) => {
    finding ??= findings.error({
      kind: "manifest",
      id: backup.id,
      snapshots: [backup.snapshotId],
      text: `The file ${quoteByteString(path)} of ${nameOf(backup)} ${words}`,
      advice: "its blobs are whole, but they are not what was backed up: make a new backup",
    });
    addPath(finding, path);
  };
  try {
    const options = { onDifference, verified, onProgress };
    const { files: count, bytes } = await verifyFiles(files, { repository, threads, signal, bufferBytes }, options);
    return { count, bytes };
  } catch (thrown) {
    const error = thrown instanceof IntegrityError ? thrown : await failureOfFile(repository.store, thrown, signal);
    if (findings.damagedSnapshots.has(backup.snapshotId)) return { count: 0, bytes: 0 };
    findings.error({
      kind: "manifest",
      id: backup.id,
      snapshots: [backup.snapshotId],
      text: `The files of ${nameOf(backup)} cannot be read: ${error.message}`,
      advice: "check again; see to the disk or the server that holds the pack",
    });
    return { count: 0, bytes: 0 };
  }
}

function nameOf({ series, id }: FilesBackup["backup"]): string {
  return `${series}@${shortId(id)}`;
}
