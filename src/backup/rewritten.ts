/**
 * Backups whose snapshot restic rewrote (`tag`, `rewrite`, `repair snapshots`) or copied into another repository: their
 * trees are as they were, but our summary is gone from the snapshot. It is made again from the manifest in the tree.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { IntegrityError } from "../base/errors.ts";
import type { ManifestId } from "../base/id.ts";
import { sha256Hex } from "../crypto/digest.ts";
import { encodeManifest } from "../format/manifest.ts";
import { seriesProblem } from "../format/series.ts";
import { haveSameSeriesAndHost } from "../policy/series_and_host.ts";
import type { IndexedRepository } from "../repository/repository.ts";
import { findNode } from "../repository/trees.ts";
import { agentInfo } from "./agent_info.ts";
import { type Backup, parentFor } from "./backup.ts";
import { readManifest } from "./contents.ts";

/** Gives the repository with the places of its data blobs; asked only where a manifest has to be read. */
export type OpenIndex = () => Promise<IndexedRepository>;

const BACKUPS_AT_ONCE = 8;

/** The backups in the same order, those of rewritten snapshots with what their manifests say. */
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
 * A backup with what its manifest says, where its snapshot was rewritten; as it is where the tree holds no manifest of its
 * series. Damage that keeps the manifest from being read is for a check to tell: the backup then counts as another tool's.
 */
export async function recoverBackup(backup: Backup, openIndex: OpenIndex): Promise<Backup> {
  if (!mayBeRewritten(backup)) return backup;
  const repository = await openIndex();
  try {
    const manifest = await readManifest(repository, backup);
    if (manifest === null || manifest.series !== backup.series) return backup;
    const id = sha256Hex(encodeManifest(manifest)) as ManifestId;
    const streams = await findNode(repository, backup.snapshot.tree, backup.series);
    const info = agentInfo(manifest, id, streams?.mtime ?? manifest.started);
    return { ...backup, id, started: info.started, info };
  } catch (error) {
    if (error instanceof IntegrityError) return backup;
    throw error;
  }
}

/** As `parentFor`; but where snapshots that came later than what it finds were rewritten, the newest of those. */
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
    if (recovered.info !== null) return recovered;
  }
  return known;
}

/** restic notes in what it rewrites or copies where that came from; a snapshot of ours has its series as its only path. */
function mayBeRewritten({ info, series, snapshot }: Backup): boolean {
  return info === null && snapshot.original !== null && snapshot.paths.length === 1 && seriesProblem(series) === null;
}
