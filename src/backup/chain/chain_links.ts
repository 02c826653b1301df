/** Chains: the backups from a level 0 to the one asked for, linked by the ids of their manifests. */
import { IntegrityError } from "../../base/errors.ts";
import type { ManifestId, SnapshotId } from "../../base/id.ts";
import type { Backup } from "../backup.ts";

/** One member of a chain. Retention may remove any member, because every backup can be restored alone. */
export interface ChainMember {
  /** The member's id, as in `Backup.id`, even if the backup is gone. */
  readonly id: ManifestId | SnapshotId;
  /** Its level; null if another tool made it. */
  readonly level: number | null;
  /** The backup; null if it is gone. */
  readonly backup: Backup | null;
}

/**
 * The chain that ends with `last`; level 0 comes first. If a member is gone, the members before it are unknown, except
 * the base, whose id every member records. Throws `IntegrityError` if the levels do not rise by one.
 */
export function chainOf(backups: readonly Backup[], last: Backup): ChainMember[] {
  const members = chainOfAnyLevels(backups, last);
  for (const [position, { backup }] of members.entries()) {
    const parent = members[position - 1]?.backup;
    if (backup !== null && parent && parent.id === backup.info?.parent) assertFollows(backup, parent);
  }
  return members;
}

/** The same as `chainOf`, but accepts any levels. Throws `IntegrityError` only if the parents form a circle. */
export function chainOfAnyLevels(backups: readonly Backup[], last: Backup): ChainMember[] {
  const byId = backupsById(backups);
  const newestFirst: ChainMember[] = [];
  const passed = new Set<string>();
  for (let current: Backup | undefined = last; current !== undefined;) {
    if (passed.has(current.id)) {
      throw new IntegrityError(
        `Broken chain: the parents of backup ${last.id} go round in a circle at ${current.id}; begin another chain with "agent put --level full"`,
      );
    }
    passed.add(current.id);
    newestFirst.push(memberOf(current));
    const parentId: ManifestId | null = current.info?.parent ?? null;
    const parent: Backup | undefined = parentId === null ? undefined : byId.get(parentId);
    if (parentId !== null && parent === undefined) newestFirst.push(...membersBefore(current, parentId, byId));
    current = parent;
  }
  return newestFirst.reverse();
}

/** Backups by their ids. A damaged copy has the id of its original; the whole backup wins. */
export function backupsById(backups: readonly Backup[]): Map<string, Backup> {
  const isDamaged = ({ damage }: Backup) => damage !== null;
  const wholeLast = [...backups.filter(isDamaged), ...backups.filter((backup) => !isDamaged(backup))];
  return new Map(wholeLast.map((backup) => [backup.id, backup]));
}

/** A backup as a member of its chain. */
export function memberOf(backup: Backup): ChainMember {
  return { id: backup.id, level: backup.info?.level ?? null, backup };
}

/** Throws `IntegrityError` unless the level of a backup is one above its parent's. */
export function assertFollows(backup: Backup, parent: Backup): void {
  if (follows(backup, parent)) return;
  const { id, info } = backup;
  throw new IntegrityError(
    `Broken chain: backup ${id} of level ${info?.level} follows one of level ${parent.info?.level}; begin another chain with "agent put --level full"`,
  );
}

function follows({ info }: Backup, parent: Backup): boolean {
  return info !== null && parent.info !== null && parent.info.level === info.level - 1;
}

/** The backups for which `chainOf` throws. Visits each backup once, however long the chains are. */
export function withBrokenChains(backups: readonly Backup[]): Set<Backup> {
  const byId = backupsById(backups);
  const parentOf = ({ info }: Backup) => info?.parent ? byId.get(info.parent) : undefined;
  const isBroken = new Map<Backup, boolean>();
  for (const last of backups) {
    const way = new Set<Backup>();
    let end: Backup | undefined = last;
    while (end !== undefined && !isBroken.has(end) && !way.has(end)) {
      way.add(end);
      end = parentOf(end);
    }
    // A backup that is met again closes a circle.
    let broken = end !== undefined && (isBroken.get(end) ?? true);
    for (const backup of [...way].reverse()) {
      const parent = parentOf(backup);
      broken ||= parent !== undefined && !follows(backup, parent);
      isBroken.set(backup, broken);
    }
  }
  return new Set(backups.filter((backup) => isBroken.get(backup)));
}

/** The known members before a backup whose parent is gone: the parent's id, and the base, which may still exist. */
function membersBefore({ info }: Backup, parent: ManifestId, byId: ReadonlyMap<string, Backup>): ChainMember[] {
  const { level, base } = info!;
  const gone: ChainMember[] = [{ id: parent, level: level - 1, backup: null }];
  return base !== null && base !== parent ? [...gone, { id: base, level: 0, backup: byId.get(base) ?? null }] : gone;
}
