/**
 * OpenStack Freezer's rules for the previous backup (its `max_level`, `always_level` and `restart_always_level`): none
 * where a limit is reached, the one below the highest where that is made again and again, else the newest.
 *
 * They speak of the newest chain, which is the one whose level 0 is newest. Its age is counted from that level 0, as
 * Freezer's documentation has it: counted from the newest backup a nightly job would never begin a chain.
 */
import { shortId } from "../../base/id.ts";
import { type LevelRecord, type LevelVerdict, type NewestChain, newestOf } from "./level_history.ts";

/** Freezer's limits; one that is absent is no rule, and neither is a level of 0. */
export interface FreezerRules {
  /** A chain that has reached this level is not continued. */
  readonly maxLevel?: number;
  /** A chain that has reached this level gets it again and again, on the same base; one beyond it is not continued. */
  readonly alwaysLevel?: number;
  /** So many days after its level 0 a chain is not continued; fractions count, and five minutes less do. */
  readonly restartAlwaysLevelDays?: number;
}

/** Without rules a chain that has to be replayed ends at this level: each restore has to go through all of it. */
const LONGEST_REPLAY_LEVEL = 6;

const MS_PER_DAY = 86_400_000;
/** A job never begins at quite the same time of day. */
const JITTER_MS = 5 * 60_000;

/** The rules without those that say nothing. */
export function withoutEmptyRules<Rules extends FreezerRules>(rules: Rules): Rules {
  const isGiven = ([name, value]: [string, unknown]) =>
    value !== undefined && !(value === 0 && (name === "maxLevel" || name === "alwaysLevel"));
  return Object.fromEntries(Object.entries(rules).filter(isGiven)) as unknown as Rules;
}

/** What the rules that apply say, the strictest first: each that ends the chain, or else the one that goes on. */
export function freezerVerdicts(chain: NewestChain, rules: FreezerRules, nowMs: number): LevelVerdict[] {
  const ends = [maxLevelVerdict(chain, rules), alwaysLevelVerdict(chain, rules), ageVerdict(chain, rules, nowMs)]
    .filter((verdict) => verdict !== null);
  if (ends.length > 0) return ends;
  if (rules.alwaysLevel === chain.highest) return [sameLevelAgain(chain)];
  return [goesOn(chain.newest)];
}

/** To continue a backup, which is what there is to do where no rule says otherwise. */
export function goesOn(newest: LevelRecord): LevelVerdict {
  return { rule: "newest", parent: newest, reason: `continues the newest backup, ${shortId(newest.id)}` };
}

/** What is said without any rule where chains are replayed, or null where the chain is not that long. */
export function longestReplayVerdict({ highest }: NewestChain): LevelVerdict | null {
  if (highest < LONGEST_REPLAY_LEVEL) return null;
  const reason = `${reached(highest)}, and without rules none goes beyond ${LONGEST_REPLAY_LEVEL}`;
  return { rule: "max-level", parent: null, reason };
}

function maxLevelVerdict({ highest }: NewestChain, { maxLevel }: FreezerRules): LevelVerdict | null {
  if (maxLevel === undefined || maxLevel > highest) return null;
  return { rule: "max-level", parent: null, reason: `${reached(highest)}, the highest allowed is ${maxLevel}` };
}

function alwaysLevelVerdict({ highest }: NewestChain, { alwaysLevel }: FreezerRules): LevelVerdict | null {
  if (alwaysLevel === undefined || alwaysLevel >= highest) return null;
  return { rule: "always-level", parent: null, reason: `${reached(highest)}, beyond ${alwaysLevel}` };
}

/**
 * A chain of which nobody knows how old it is ends, too. Its oldest member would not do: where retention keeps fewer days
 * than this rule asks for, that one is always young, and the chain would go on for ever.
 */
function ageVerdict({ levelZero }: NewestChain, rules: FreezerRules, nowMs: number): LevelVerdict | null {
  const { restartAlwaysLevelDays: days } = rules;
  if (days === undefined) return null;
  const rule = "restart-always-level";
  if (levelZero === undefined) {
    return { rule, parent: null, reason: "the level 0 of the newest chain is gone, so how old it is nobody knows" };
  }
  if (nowMs - levelZero.startedMs < days * MS_PER_DAY - JITTER_MS) return null;
  const passed = days === 1 ? "a day has" : `${days} days have`;
  return { rule, parent: null, reason: `${passed} passed since level 0 of the newest chain, ${shortId(levelZero.id)}` };
}

function reached(level: number): string {
  return `the newest chain has reached level ${level}`;
}

function sameLevelAgain({ members, highest }: NewestChain): LevelVerdict {
  const below = newestOf(members.filter(({ level }) => level === highest - 1));
  if (below === undefined) {
    const reason = `level ${highest} is to be made again, but the backup of level ${highest - 1} below it is gone`;
    return { rule: "gone-parent", parent: null, reason };
  }
  const reason = `level ${highest} is made again and again, this time on ${shortId(below.id)}`;
  return { rule: "always-level", parent: below, reason };
}
