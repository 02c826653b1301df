/** The plan of a change of tags: which snapshots are replaced, and by what. Pure: values in, values out. */
import type { Backup } from "../../backup/backup.ts";
import type { Snapshot } from "../../format/snapshot.ts";
import { changedTags, haveSameTags, type TagChange } from "../../policy/retention/tag_change.ts";
import { withTags } from "./replace_snapshot.ts";

/** What is done to one backup. Nothing if `old` is empty. */
export interface PlannedTags {
  /** The backup as it was. */
  readonly before: Backup;
  /** The snapshot that stays: a stored one, or one to be written. */
  readonly by: Backup | Snapshot;
  /** Its tags. */
  readonly tags: readonly string[];
  /** The snapshots that it replaces. */
  readonly old: readonly Backup[];
}

/**
 * Plans a change of the tags of the `wanted` backups among `all`. An interrupted change leaves two snapshots of one
 * backup. If both get the same tags, only one stays. Otherwise each keeps what distinguishes it, such as a hold.
 */
export function planTags(wanted: readonly Backup[], all: readonly Backup[], change: TagChange): PlannedTags[] {
  const versions = Map.groupBy(all, versionKey);
  const keys = new Set(wanted.map(versionKey));
  return [...keys].flatMap((key) => {
    const byOutcome = Map.groupBy(versions.get(key)!, (backup) => outcomeKey(backup, change));
    return [...byOutcome.values()].map((members) => planOf(members, change));
  });
}

/** Plans for snapshots of one backup that get the same tags. */
function planOf(members: readonly Backup[], change: TagChange): PlannedTags {
  const model = members.find(({ info, damage }) => info !== null && damage === null) ?? members[0]!;
  const tags = changedTags(model.snapshot.tags, change);
  const done = members.find(({ snapshot }) => haveSameTags(snapshot.tags, tags));
  const old = members.filter((member) => member !== done);
  return { before: old[0] ?? model, by: done ?? withTags(model, tags), tags: done?.snapshot.tags ?? tags, old };
}

/** Snapshots of one backup that differ only in what a change of tags changes have the same key. */
function versionKey({ info, snapshotId, series, snapshot }: Backup): string {
  const { original, hostname, time, tree } = snapshot;
  return JSON.stringify([info?.manifest ?? null, original ?? snapshotId, series, hostname, time, tree]);
}

function outcomeKey({ snapshot }: Backup, change: TagChange): string {
  return JSON.stringify(changedTags(snapshot.tags, change).sort());
}
