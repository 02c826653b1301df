/** List and chain: what backups there are, from snapshots alone unless restic rewrote some. */
import { type Backup, backupOf } from "../backup/backup.ts";
import { type ChainMember, chainOf } from "../backup/chain.ts";
import { withRewritten } from "../backup/rewritten.ts";
import { parseSelector, selectDespiteDamage } from "../backup/selector.ts";
import { type DamagedSnapshot, loadSnapshots } from "../repository/snapshots.ts";
import { type RepositoryAccess, withRepository, type World } from "./access.ts";
import { passingOver, wholeIndex } from "./whole_index.ts";

/** Backups, oldest first, and the snapshots that could not be read. */
export interface BackupList {
  readonly backups: readonly Backup[];
  readonly damaged: readonly DamagedSnapshot[];
}

/** Which backups to list; what is not given does not matter. */
export interface ListFilter {
  readonly series?: string;
  readonly host?: string;
  readonly tags?: readonly string[];
}

/** All backups that fit. */
export function listBackups(access: RepositoryAccess, filter: ListFilter, world: World): Promise<BackupList> {
  return withRepository(access, world, async (repository) => {
    const { snapshots, damaged } = await loadSnapshots(repository.files);
    const fitting = snapshots.map(backupOf).filter((backup) => fits(backup, filter));
    return { backups: await withRewritten(fitting, wholeIndex(repository, passingOver(world))), damaged };
  });
}

/** The chain that ends with the backup that `selector` means. Throws what `selectDespiteDamage` throws. */
export function listChain(access: RepositoryAccess, selector: string, world: World): Promise<ChainMember[]> {
  const wanted = parseSelector(selector);
  return withRepository(access, world, async (repository) => {
    const { snapshots, damaged } = await loadSnapshots(repository.files);
    const backups = await withRewritten(snapshots.map(backupOf), wholeIndex(repository, passingOver(world)));
    return chainOf(backups, selectDespiteDamage(backups, damaged, { selector: wanted, text: selector }));
  });
}

function fits({ series, host, snapshot }: Backup, filter: ListFilter): boolean {
  const wantsSeries = filter.series;
  return (wantsSeries === undefined || series === wantsSeries || series.startsWith(`${wantsSeries}/`)) &&
    (filter.host === undefined || host === filter.host) &&
    (filter.tags ?? []).every((tag) => snapshot.tags.includes(tag));
}
