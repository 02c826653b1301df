/**
 * TwinDB Backup's rules: runs of one interval and of longer ones are full. Runs of shorter intervals are incremental on
 * the newest full backup of their own or a longer interval.
 */
import { countedRunType, isFullRun, type RunType, runTypesFrom } from "../../base/run_type.ts";
import { shortId } from "../../base/id.ts";
import { type LevelRecord, type LevelVerdict, newestOf } from "./level_history.ts";

/** The input of `nextBackupType`. */
interface NextBackup {
  /** Runs of this type and of longer intervals are full. */
  readonly fullBackup: RunType;
  readonly runType: RunType;
  /** Whether there is a full backup to continue; see `candidateParent`. */
  readonly fullCopyExists: boolean;
}

/** TwinDB's `next_backup_type`. */
export function nextBackupType({ fullBackup, runType, fullCopyExists }: NextBackup): "full" | "incremental" {
  return isFullRun(fullBackup, runType) || !fullCopyExists ? "full" : "incremental";
}

/** TwinDB's `candidate_parent`: the newest full backup of this run type, else of the next longer one, and so on. */
export function candidateParent(records: readonly LevelRecord[], runType: RunType): LevelRecord | undefined {
  for (const candidate of runTypesFrom(runType)) {
    const full = newestOf(
      records.filter((record) => record.level === 0 && countedRunType(record.runType) === candidate),
    );
    if (full !== undefined) return full;
  }
  return undefined;
}

/** The verdict of TwinDB's rules on a run. */
export function twinDbVerdict(records: readonly LevelRecord[], fullBackup: RunType, runType: RunType): LevelVerdict {
  const parent = candidateParent(records, runType);
  const rule = "full-backup";
  if (nextBackupType({ fullBackup, runType, fullCopyExists: true }) === "full") {
    return { rule, parent: null, reason: `${runType} runs are full` };
  }
  if (parent === undefined) {
    return { rule, parent: null, reason: `there is no full backup of ${runType} or longer runs to continue` };
  }
  const which = `the newest full one of ${countedRunType(parent.runType)} runs, ${shortId(parent.id)}`;
  return { rule, parent, reason: `${runType} runs are incremental on ${which}` };
}
