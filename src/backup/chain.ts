/** Chains: the backups from a level 0 to the one asked for, linked by the ids of their manifests. */
import type { ManifestId, SnapshotId } from "../base/id.ts";
import { IntegrityError } from "../base/errors.ts";
import type { Backup } from "./backup.ts";

/** One member of a chain; `backup` is null where it is gone (retention may remove any: every backup stands alone). */
export interface ChainMember {
  readonly id: ManifestId | SnapshotId;
  readonly level: number | null;
  readonly backup: Backup | null;
}

/**
 * The chain that ends with `last`, its level 0 first. Where a member is gone, everything before it is unknown, too, but
 * for the base, whose id every member carries. Throws `IntegrityError` for levels that do not descend by one.
 */
export function chainOf(backups: readonly Backup[], last: Backup): ChainMember[] {
  const byId = new Map<string, Backup>(backups.map((backup) => [backup.id, backup]));
  const members: ChainMember[] = [member(last)];
  let current = last;
  while (current.info !== null && current.info.parent !== null) {
    const parentId = current.info.parent;
    const parent = byId.get(parentId);
    if (parent === undefined) {
      members.unshift(...membersBefore(current, parentId, byId));
      break;
    }
    if (parent.info === null || parent.info.level !== current.info.level - 1) {
      throw new IntegrityError(
        `Broken chain: backup ${current.id} of level ${current.info.level} follows one of level ${parent.info?.level}`,
      );
    }
    members.unshift(member(parent));
    current = parent;
  }
  return members;
}

function member(backup: Backup): ChainMember {
  return { id: backup.id, level: backup.info?.level ?? null, backup };
}

/** What is known of the members before one whose parent is gone: that parent's id, and the base, which may still be there. */
function membersBefore({ info }: Backup, parent: ManifestId, byId: ReadonlyMap<string, Backup>): ChainMember[] {
  const { level, base } = info!;
  const gone: ChainMember[] = [{ id: parent, level: level - 1, backup: null }];
  return base !== null && base !== parent ? [{ id: base, level: 0, backup: byId.get(base) ?? null }, ...gone] : gone;
}
