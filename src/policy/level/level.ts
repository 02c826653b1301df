/** Which level the next backup has, and which backup it continues. Pure: what there is comes in, a decision goes out. */
import { type ManifestId, shortId, type SnapshotId } from "../../base/id.ts";
import type { RunType } from "../../base/run_type.ts";
import { isInFuture } from "../../base/clock.ts";
import {
  type FreezerRules,
  freezerVerdicts,
  goesOn,
  longestReplayVerdict,
  withoutEmptyRules,
} from "./level_freezer.ts";
import {
  levelOf,
  type LevelRecord,
  type LevelRuleName,
  type LevelVerdict,
  newestChainOf,
  newestOf,
} from "./level_history.ts";
import { twinDbVerdict } from "./level_twindb.ts";

export { withoutEmptyRules } from "./level_freezer.ts";
export type { LevelRecord } from "./level_history.ts";

/** What `--level` takes: `incremental` continues where it can, which is what `auto` does without other rules. */
export const LEVEL_MODES = ["auto", "full", "incremental"] as const;
/** One of them. */
export type LevelMode = (typeof LEVEL_MODES)[number];

/**
 * The rules for levels that somebody gave. Without any, each backup continues the newest one; where that makes a chain to be
 * replayed, until `LONGEST_REPLAY_LEVEL` is reached. The mode `incremental` is a rule in that sense, and `auto` is none.
 */
export interface LevelRules extends FreezerRules {
  /** Whether it may continue a backup at all. */
  readonly mode?: LevelMode;
  /** Runs of this type and of longer intervals are full, as TwinDB does it; needs a run type of the run itself. */
  readonly fullBackup?: RunType;
}

/** The run that a level is decided for. */
export interface LevelRequest {
  readonly rules: LevelRules;
  readonly runType: RunType | null;
  /** Whether a restore replays the chain from its level 0 up; where every backup stands alone, no chain is too long. */
  readonly replaysChains: boolean;
  /** When it begins, in milliseconds since 1970 UTC. */
  readonly nowMs: number;
  /** Snapshots that cannot be read, and of which each may be the one to continue. */
  readonly unreadable: readonly SnapshotId[];
}

/** What a rule that did not decide would have had. */
export interface OverruledRule {
  /** Its name. */
  readonly rule: LevelRuleName;
  /** The level by it. */
  readonly level: number;
  /** Why it is that, for people. */
  readonly reason: string;
}

/** A level, and why. */
export interface LevelDecision {
  /** The level. */
  readonly level: number;
  /** The backup to continue, of one level less; null at level 0. */
  readonly parent: ManifestId | null;
  /** The rule that decided. */
  readonly rule: LevelRuleName;
  /** Why, for people. */
  readonly reason: string;
  /** What the other rules that apply would have had, for those who ask. */
  readonly overruled: readonly OverruledRule[];
  /** What somebody should look at, each a line. */
  readonly warnings: readonly string[];
}

/**
 * Decides. Where several rules apply the fullest wins: the lowest level; of equal ones Freezer's come before TwinDB's, and
 * those before going on with the newest. A parent that is gone, or that has a problem, makes a level 0 with a warning.
 * So does a snapshot that cannot be read and may be that parent. Backups from the future (a clock was wrong, here or there)
 * are continued only where there are no others, and never without a warning.
 */
export function decideLevel(history: readonly LevelRecord[], request: LevelRequest): LevelDecision {
  const past = history.filter(({ startedMs }) => !isInFuture(startedMs, request.nowMs));
  const usable = past.length > 0 ? past : history;
  const verdicts = verdictsOn(usable, request);
  const lowest = Math.min(...verdicts.map(levelOf));
  const decisive = withoutDamage(verdicts.find((verdict) => levelOf(verdict) === lowest)!);
  const { rule, parent, reason } = decisive;
  return {
    level: levelOf(decisive),
    parent: parent?.id ?? null,
    rule,
    reason,
    overruled: verdicts.filter((verdict) => verdict.rule !== rule)
      .map((verdict) => ({ rule: verdict.rule, level: levelOf(verdict), reason: verdict.reason })),
    warnings: [
      ...levelZeroWarnings(decisive),
      ...futureWarnings(history.length - past.length, past.length, parent),
    ],
  };
}

/** What each rule that applies says. Where levels are equal the first names the decision, and to go on comes last. */
function verdictsOn(usable: readonly LevelRecord[], request: LevelRequest): LevelVerdict[] {
  const { runType, unreadable } = request;
  const rules = withoutEmptyRules(request.rules);
  const verdicts: LevelVerdict[] = [];
  if (rules.mode === "full") verdicts.push({ rule: "level", parent: null, reason: "a full backup is asked for" });
  else if (unreadable.length > 0) verdicts.push(unreadableVerdict(unreadable));
  verdicts.push(...chainVerdicts(usable, rules, request));
  if (rules.fullBackup !== undefined && runType !== null) {
    verdicts.push(twinDbVerdict(usable, rules.fullBackup, runType));
  }
  const isWeakest = ({ rule }: LevelVerdict) => rule === "newest";
  return [...verdicts.filter((verdict) => !isWeakest(verdict)), ...verdicts.filter(isWeakest)];
}

/** What Freezer's rules say, or, without them, what there is to continue. */
function chainVerdicts(
  usable: readonly LevelRecord[],
  rules: LevelRules,
  { replaysChains, nowMs }: LevelRequest,
): LevelVerdict[] {
  const chain = newestChainOf(usable);
  if (chain === undefined) return [{ rule: "first", parent: null, reason: "there is no backup to continue" }];
  const { mode = "auto", fullBackup, ...limits } = rules;
  if (Object.keys(limits).length > 0) return freezerVerdicts(chain, limits, nowMs);
  if (!replaysChains) return [goesOn(newestOf(usable)!)];
  const isFree = mode === "incremental" || fullBackup !== undefined;
  return [(isFree ? null : longestReplayVerdict(chain)) ?? goesOn(chain.newest)];
}

function unreadableVerdict(unreadable: readonly SnapshotId[]): LevelVerdict {
  const [first] = unreadable;
  const which = unreadable.length === 1
    ? `snapshot ${shortId(first!)} cannot be read and`
    : `${unreadable.length} snapshots cannot be read, of which one (${shortId(first!)} is the first)`;
  return { rule: "damaged-parent", parent: null, reason: `${which} may be the backup to continue` };
}

function withoutDamage(verdict: LevelVerdict): LevelVerdict {
  const { parent } = verdict;
  if (parent === null || parent.problem === null) return verdict;
  const reason = `the parent ${shortId(parent.id)} cannot be continued: ${parent.problem}`;
  return { rule: "damaged-parent", parent: null, reason };
}

function levelZeroWarnings({ rule, reason }: LevelVerdict): string[] {
  if (rule === "gone-parent") return [`${reason}; this backup is a level 0`];
  if (rule !== "damaged-parent") return [];
  return [`${reason}; this backup is a level 0; run "agent check --read-data"`];
}

function futureWarnings(inFuture: number, inPast: number, parent: LevelRecord | null): string[] {
  if (inFuture === 0 || (inPast === 0 && parent === null)) return [];
  const advice = "is a clock wrong, here or there?";
  if (inPast === 0) return [`the parent ${shortId(parent!.id)} claims to be begun in the future: ${advice}`];
  const backups = inFuture === 1 ? "a backup that claims" : `${inFuture} backups that claim`;
  return [`passed over ${backups} to be begun in the future: ${advice}`];
}
