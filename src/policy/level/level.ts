/** Decides the next backup's level and the backup that it continues. Pure: values go in, and a decision comes out. */
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

/**
 * The values of `--level`. `incremental` continues a backup if possible, which is also what `auto` does without other
 * rules.
 */
export const LEVEL_MODES = ["auto", "full", "incremental"] as const;
/** One of `LEVEL_MODES`. */
export type LevelMode = (typeof LEVEL_MODES)[number];

/**
 * The user's rules for levels. Without any, each backup continues the newest one; if restores replay chains, only until
 * `LONGEST_REPLAY_LEVEL` is reached. The mode `incremental` counts as a rule here, `auto` does not.
 */
export interface LevelRules extends FreezerRules {
  /** Whether a backup may be continued at all. */
  readonly mode?: LevelMode;
  /** Runs of this type and of longer intervals are full, as in TwinDB. Requires that the run has a run type. */
  readonly fullBackup?: RunType;
}

/** The run for which a level is decided. */
export interface LevelRequest {
  readonly rules: LevelRules;
  readonly runType: RunType | null;
  /**
   * Whether a restore replays the chain from its level 0 up. If not, every backup can be restored alone, and no chain
   * is too long.
   */
  readonly replaysChains: boolean;
  /**
   * The name of the engine that makes the backup. Backups whose restores replay chains continue only those of their own
   * engine, and only those continue them.
   */
  readonly engine: string;
  /** Whether the backup holds a tree of files. Such backups continue only such backups, and streams only streams. */
  readonly holdsTree?: boolean;
  /** When the run begins, in milliseconds since 1970 UTC. */
  readonly nowMs: number;
  /** Snapshots that cannot be read. Any of them may be the backup to continue. */
  readonly unreadable: readonly SnapshotId[];
}

/** The verdict of a rule that did not decide. */
export interface OverruledRule {
  /** The rule's name. */
  readonly rule: LevelRuleName;
  /** The level that it would give. */
  readonly level: number;
  /** Its reason, for people. */
  readonly reason: string;
}

/** A level, and why. */
export interface LevelDecision {
  /** The level. */
  readonly level: number;
  /** The backup to continue, one level lower; null at level 0. */
  readonly parent: ManifestId | null;
  /** The rule that decided. */
  readonly rule: LevelRuleName;
  /** The reason, for people. */
  readonly reason: string;
  /** The verdicts of the other rules that apply. */
  readonly overruled: readonly OverruledRule[];
  /** Problems to look at, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Decides the level. If several rules apply, the lowest level wins; at equal levels, Freezer's rules come before
 * TwinDB's, and continuing the newest backup comes last. A parent that was removed, has a problem or was made by another
 * engine leads to a level 0 with a warning, and so does an unreadable snapshot that may be the parent. Backups from the future (some machine's
 * clock is wrong) are continued only if there are no others, and always with a warning.
 */
export function decideLevel(history: readonly LevelRecord[], request: LevelRequest): LevelDecision {
  const past = history.filter(({ startedMs }) => !isInFuture(startedMs, request.nowMs));
  const usable = past.length > 0 ? past : history;
  const verdicts = verdictsOn(usable, request);
  const lowest = Math.min(...verdicts.map(levelOf));
  const decisive = withUsableParent(verdicts.find((verdict) => levelOf(verdict) === lowest)!, request);
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

/**
 * The verdicts of all rules that apply. At equal levels the first one decides, so continuing the newest backup comes
 * last.
 */
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

/** The verdicts of Freezer's rules or, without such rules, the backup to continue. */
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

function withUsableParent(verdict: LevelVerdict, request: LevelRequest): LevelVerdict {
  const { engine, replaysChains, holdsTree = false } = request;
  const { parent } = verdict;
  if (parent === null) return verdict;
  const isOtherKind = (parent.holdsTree ?? false) !== holdsTree;
  if (parent.engine !== engine && (replaysChains || parent.replays || isOtherKind)) {
    const reason = `the parent ${shortId(parent.id)} was made by the engine "${parent.engine}", not by "${engine}"`;
    return { rule: "other-engine", parent: null, reason };
  }
  if (parent.misfit !== undefined) return { rule: "unfit-parent", parent: null, reason: parent.misfit };
  if (parent.problem === null) return verdict;
  const reason = `the parent ${shortId(parent.id)} cannot be continued: ${parent.problem}`;
  return { rule: "damaged-parent", parent: null, reason };
}

function levelZeroWarnings({ rule, reason }: LevelVerdict): string[] {
  if (rule === "gone-parent" || rule === "other-engine" || rule === "unfit-parent") {
    return [`${reason}; this backup is a level 0`];
  }
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
