/**
 * Which removals need the repository for themselves. Concurrent removals see what the others are about to remove, but
 * must not rely on it. So none of them may remove the backup that a series would be left with in the end: every removal
 * can rely on that one staying. Removing it requires exclusive access, and checking again.
 */
import { type PlannedBackup, planRetention } from "./retention_plan.ts";

/** The largest time that a clock can show. */
const END_OF_TIME = new Date(8.64e15);

/**
 * For each series and host, the backup that would stay last: its newest good backup by this clock, and by any clock
 * that is ahead, for which fewer backups are from the future. No other removal changes this.
 */
export function lastToStay<T extends PlannedBackup>(all: readonly T[], now: Date): ReadonlySet<T> {
  return keptIfAllWereRemoved(all, now).union(keptIfAllWereRemoved(all, END_OF_TIME));
}

function keptIfAllWereRemoved<T extends PlannedBackup>(all: readonly T[], now: Date): Set<T> {
  const groups = planRetention(all, all, {
    judge: (group) => group.map((backup) => ({ backup, matches: [], counters: {} })),
    isPolicy: false,
    groupBy: ["host", "series"],
    allowLast: false,
    now,
  });
  return new Set(groups.flatMap(({ keep }) => keep));
}
