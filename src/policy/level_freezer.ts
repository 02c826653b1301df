/**
 * OpenStack Freezer's rules for the previous backup (its `max_level`, `always_level` and `restart_always_level`): none
 * where a limit is reached, the one below the highest where that is made again and again, else the newest.
 */
import { shortId } from "../base/id.ts";
import { type LevelVerdict, type NewestChain, newestOf } from "./level_history.ts";

/** Freezer's limits; one that is absent is no rule. */
export interface FreezerRules {
  /** A chain that has reached this level is not continued. */
  readonly maxLevel?: number;
  /** A chain that has reached this level gets it again and again, on the same base; one beyond it is not continued. */
  readonly alwaysLevel?: number;
  /** So many days after the newest backup a chain is not continued. */
  readonly restartAlwaysLevelDays?: number;
}

const MS_PER_DAY = 86_400_000;

/** What the rules that apply say, the strictest first: each that ends the chain, or else the one that goes on. */
export function freezerVerdicts(chain: NewestChain, rules: FreezerRules, nowMs: number): LevelVerdict[] {
  const { newest, highest } = chain;
  const { maxLevel, alwaysLevel, restartAlwaysLevelDays } = rules;
  const reached = `the newest chain has reached level ${highest}`;
  const ends: LevelVerdict[] = [];
  if (maxLevel !== undefined && maxLevel <= highest) {
    ends.push({ rule: "max-level", parent: null, reason: `${reached}, the highest allowed is ${maxLevel}` });
  }
  if (alwaysLevel !== undefined && alwaysLevel < highest) {
    ends.push({ rule: "always-level", parent: null, reason: `${reached}, beyond ${alwaysLevel}` });
  }
  const age = nowMs - newest.startedMs;
  if (restartAlwaysLevelDays !== undefined && age >= restartAlwaysLevelDays * MS_PER_DAY) {
    const days = restartAlwaysLevelDays === 1 ? "a day has" : `${restartAlwaysLevelDays} days have`;
    ends.push({ rule: "restart-always-level", parent: null, reason: `${days} passed since the newest backup` });
  }
  if (ends.length > 0) return ends;
  if (alwaysLevel === highest) return [sameLevelAgain(chain)];
  return [{ rule: "newest", parent: newest, reason: `continues the newest backup, ${shortId(newest.id)}` }];
}

function sameLevelAgain({ members, highest }: NewestChain): LevelVerdict {
  if (highest === 0) return { rule: "always-level", parent: null, reason: "level 0 is made again and again" };
  const below = newestOf(members.filter(({ level }) => level === highest - 1));
  if (below === undefined) {
    const reason = `level ${highest} is to be made again, but the backup of level ${highest - 1} below it is gone`;
    return { rule: "gone-parent", parent: null, reason };
  }
  const reason = `level ${highest} is made again and again, this time on ${shortId(below.id)}`;
  return { rule: "always-level", parent: below, reason };
}
