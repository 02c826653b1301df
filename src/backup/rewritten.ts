/**
 * Backups whose snapshot restic rewrote (`tag`, `rewrite`, `repair snapshots`) or copied into another repository. The
 * snapshot then lacks our summary, which is restored from the manifest in the tree. `rewrite` and `repair snapshots`
 * may also remove content but leave the manifest unchanged, so the tree is compared with the manifest.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { IntegrityError } from "../base/errors.ts";
import type { ManifestId } from "../base/id.ts";
import { sha256Hex } from "../crypto/digest.ts";
import { encodeManifest, type Manifest } from "../format/manifest/manifest.ts";
import { seriesProblem } from "../format/manifest/series.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { IndexedRepository } from "../repository/repository.ts";
import { findNode } from "../repository/tree/trees.ts";
import { agentInfo } from "./snapshot_info.ts";
import { type Backup, parentFor, withoutDamagedCopies } from "./backup.ts";
import { readManifest } from "./content/contents.ts";
import { summaryProblem } from "./summary.ts";
import { treeProblem } from "./content/tree_contents.ts";

/** Gives the repository with the places of its data blobs. Called only if a manifest must be read. */
export type OpenIndex = () => Promise<IndexedRepository>;

const BACKUPS_AT_ONCE = 8;

/**
 * The backups in the same order. Those of rewritten snapshots get their summary from the manifest, and their damage.
 */
export async function withRewritten(backups: readonly Backup[], openIndex: OpenIndex): Promise<Backup[]> {
  const recovered = [...backups];
  const rewritten = [...backups.entries()].filter(([, backup]) => mayBeRewritten(backup));
  if (rewritten.length === 0) return recovered;
  const repository = await openIndex();
  await mapConcurrently(rewritten, BACKUPS_AT_ONCE, async ([position, backup]) => {
    recovered[position] = await recoverBackup(backup, () => Promise.resolve(repository));
  });
  return recovered;
}

/**
 * A backup completed from its manifest, if its snapshot was rewritten. `damage` is set if the tree does not hold what
 * the manifest lists, or if the snapshot's own summary disagrees with the manifest.
 *
 * The backup is returned unchanged, as one of another tool, if the snapshot has no summary and the tree holds no
 * manifest of the series that its path names, or if the manifest cannot be read and nothing shows that the backup was
 * ours.
 */
export async function recoverBackup(backup: Backup, openIndex: OpenIndex): Promise<Backup> {
  if (!mayBeRewritten(backup)) return backup;
  const repository = await openIndex();
  const recovered = await completedFrom(repository, backup);
  repository.files.observer?.addRecovered(recovered);
  return recovered;
}

async function completedFrom(repository: IndexedRepository, backup: Backup): Promise<Backup> {
  const { snapshot: { tree, programVersion }, info } = backup;
  try {
    const manifest = await readManifest(repository, backup);
    if (manifest === null) return backup;
    if (info !== null) {
      return { ...backup, damage: summaryProblem(info, manifest) ?? await treeProblem(repository, tree, manifest) };
    }
    if (manifest.series !== backup.series) return backup;
    const recovered = await withSummaryOf(manifest, backup, repository);
    return { ...recovered, damage: await treeProblem(repository, tree, manifest) };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    const wasOurs = info !== null || programVersion.startsWith("agent ");
    return wasOurs ? { ...backup, damage: error.message } : backup;
  }
}

async function withSummaryOf(manifest: Manifest, backup: Backup, repository: IndexedRepository): Promise<Backup> {
  const { snapshot, series } = backup;
  const { tree } = snapshot;
  const id = sha256Hex(encodeManifest(manifest)) as ManifestId;
  const streams = await findNode(repository, tree, series);
  // restic keeps its own summary, which counts everything stored, but drops ours.
  const storedBytes = snapshot.summary?.dataAddedPacked;
  const recovered = agentInfo(manifest, id, streams?.mtime ?? manifest.started, storedBytes);
  return { ...backup, id, info: { ...recovered, tree } };
}

/**
 * The same as `parentFor`, but prefers the newest rewritten snapshot that is later than its result, damaged or not. A
 * backup whose manifest is damaged has no summary.
 */
export async function findParent(
  backups: readonly Backup[],
  series: string,
  host: string,
  openIndex: OpenIndex,
): Promise<Backup | undefined> {
  const known = parentFor(backups, series, host);
  const later = known === undefined ? backups : backups.slice(backups.indexOf(known) + 1);
  for (const backup of later.toReversed()) {
    if (!haveSameSeriesAndHost(backup, { series, host })) continue;
    const recovered = await recoverBackup(backup, openIndex);
    const isOurs = recovered.info !== null || recovered.damage !== null;
    const others = backups.filter((other) => other !== backup);
    if (isOurs && withoutDamagedCopies([...others, recovered]).includes(recovered)) return recovered;
  }
  return known && await recoverBackup(known, openIndex);
}

/**
 * Whether a snapshot may have been rewritten. restic records the original of what it rewrites or copies, and our
 * snapshots have the series as their only path. If another tool kept our summary, the tree id in the summary is that of
 * the original.
 */
export function mayBeRewritten({ info, series, snapshot }: Backup): boolean {
  if (info !== null) return info.tree === undefined ? snapshot.original !== null : info.tree !== snapshot.tree;
  return snapshot.original !== null && snapshot.paths.length === 1 && seriesProblem(series) === null;
}
