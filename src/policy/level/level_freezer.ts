/**
 * OpenStack Freezer's rules for the backup to continue (its `max_level`, `always_level` and `restart_always_level`):
 * none once a limit is reached, the one below the highest level if that level is repeated, else the newest.
 *
 * The rules apply to the newest chain, which is the one with the newest level 0. Its age is counted from that level 0,
 * as Freezer's documentation says; counted from the newest backup, a nightly job would never start a new chain.
 */
import { shortId } from "../../base/id.ts";
import { type LevelRecord, type LevelVerdict, type NewestChain, newestOf } from "./level_history.ts";

/** Freezer's limits. A limit that is absent, or a level of 0, is no rule. */
export interface FreezerRules {
  /** A chain that has reached this level is not continued. */
  readonly maxLevel?: number;
  /** A chain that has reached this level repeats it, on the same base. A chain beyond it is not continued. */
  readonly alwaysLevel?: number;
  /** A chain is not continued this many days after its level 0. Fractions count; five minutes too early is accepted. */
  readonly restartAlwaysLevelDays?: number;
}

/** Without rules, a chain that restores have to replay ends at this level, since each restore replays all of it. */
const LONGEST_REPLAY_LEVEL = 6;

const MS_PER_DAY = 86_400_000;
/** A job never begins at exactly the same time of day. */
const JITTER_MS = 5 * 60_000;

/** Removes rules that have no effect. */
export function withoutEmptyRules<Rules extends FreezerRules>(rules: Rules): Rules {
  const isGiven = ([name, value]: [string, unknown]) =>
    value !== undefined && !(value === 0 && (name === "maxLevel" || name === "alwaysLevel"));
  return Object.fromEntries(Object.entries(rules).filter(isGiven)) as unknown as Rules;
}

/**
 * The verdicts of the rules that apply, the strictest first: every rule that ends the chain, or else the backup to
 * continue.
 */
export function freezerVerdicts(chain: NewestChain, rules: FreezerRules, nowMs: number): LevelVerdict[] {
  const ends = [maxLevelVerdict(chain, rules), alwaysLevelVerdict(chain, rules), ageVerdict(chain, rules, nowMs)]
    .filter((verdict) => verdict !== null);
  if (ends.length > 0) return ends;
  if (rules.alwaysLevel === chain.highest) return [sameLevelAgain(chain)];
  return [goesOn(chain.newest)];
}

/** The verdict to continue the newest backup, if no rule says otherwise. */
export function goesOn(newest: LevelRecord): LevelVerdict {
  return { rule: "newest", parent: newest, reason: `continues the newest backup, ${shortId(newest.id)}` };
}

/** The verdict without any rule if chains are replayed, or null if the chain is short enough. */
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
 * Ends a chain that is too old, or of unknown age. The oldest member left does not tell the age: if retention keeps
 * fewer days than this rule allows, that member is always young, and the chain would never end.
 */
function ageVerdict({ levelZero }: NewestChain, rules: FreezerRules, nowMs: number): LevelVerdict | null {
  const { restartAlwaysLevelDays: days } = rules;
  if (days === undefined) return null;
  const rule = "restart-always-level";
  if (levelZero === undefined) {
    return { rule, parent: null, reason: "the level 0 of the newest chain is gone, so its age is unknown" };
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
