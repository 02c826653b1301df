/**
 * Which removals need the repository to themselves. Of those that go on side by side each sees what the others are about to
 * take, and none may rely on it. So the backup that a series would be left with in the end is nobody's to remove there: who
 * removes others can rely on that one, and who wants to remove it has to be alone and look again.
 */
import { type PlannedBackup, planRetention } from "./retention_plan.ts";

/** No clock is further ahead. */
const END_OF_TIME = new Date(8.64e15);

/**
 * What of each series on a host would stay last of all: its newest good backup, by this clock and by any that is ahead,
 * for which less is of the future. Whatever else is removed, by whomever, this does not change.
 */
export function lastToStay<T extends PlannedBackup>(all: readonly T[], now: Date): ReadonlySet<T> {
  return keptWhereAllGo(all, now).union(keptWhereAllGo(all, END_OF_TIME));
}

function keptWhereAllGo<T extends PlannedBackup>(all: readonly T[], now: Date): Set<T> {
  const groups = planRetention(all, all, {
    judge: (group) => group.map((backup) => ({ backup, matches: [], counters: {} })),
    isPolicy: false,
    groupBy: ["host", "series"],
    allowLast: false,
    now,
  });
  return new Set(groups.flatMap(({ keep }) => keep));
}
