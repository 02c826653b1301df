/** Backups by name, for the storage interface. */
import { ExistsError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import { LENIENT, loadBackups } from "../../backup/load_backups.ts";
import { nameOf } from "../../backup/naming/backup_name.ts";
import { type OpenIndex, withRewritten } from "../../backup/rewritten.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import type { Repository } from "../../repository/repository.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { wholeIndexOnDemand } from "../../backup/whole_index.ts";

/** A backup and the name it is listed under. */
export interface NamedBackup {
  readonly name: string;
  readonly backup: Backup;
}

/** The backups of exactly this series by name, and the unreadable snapshots, whose series is unknown. */
export async function loadNamed(
  repository: Repository,
  series: string,
  signal?: AbortSignal,
): Promise<{ readonly named: readonly NamedBackup[]; readonly damaged: readonly DamagedSnapshot[] }> {
  const { all, damaged } = await loadBackups(repository.files, { ...LENIENT, rewritten: "unread", signal });
  return { named: await namedOf(all, series, wholeIndexOnDemand(repository, { signal })), damaged };
}

/** The backups of one series, sorted by the bytes of their names. */
export async function namedOf(
  backups: readonly Backup[],
  series: string,
  openIndex: OpenIndex,
): Promise<readonly NamedBackup[]> {
  const ofSeries = await withRewritten(backups.filter((backup) => backup.series === series), openIndex);
  return ofSeries.map((backup) => ({ name: nameOf(backup), backup })).sort((a, b) =>
    compareByteStrings(a.name, b.name)
  );
}

/** Whether other snapshots exist besides those of these backups. */
export async function hasOthers(
  { files }: Repository,
  backups: readonly Backup[],
  signal: AbortSignal,
): Promise<boolean> {
  const known = new Set<string>(backups.map(({ snapshotId }) => snapshotId));
  for await (const { name } of files.list("snapshot", { signal })) if (!known.has(name)) return true;
  return false;
}

/** Throws `ExistsError` if a backup has this name. */
export function refuseTaken(named: readonly NamedBackup[], series: string, name: string): void {
  if (named.some((other) => other.name === name)) throw nameTaken(series, name);
}

/** The error for a name that is taken. */
export function nameTaken(series: string, name: string): ExistsError {
  return new ExistsError(`There is a backup ${JSON.stringify(name)} of "${series}" already: choose another name`);
}
