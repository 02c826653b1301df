/** What level decisions know of earlier backups, and what one rule makes of them. */
import type { ManifestId } from "../../base/id.ts";

/** An earlier backup of the series and host that is about to be backed up again. */
export interface LevelRecord {
  readonly id: ManifestId;
  readonly level: number;
  /** The level 0 of its chain; its own id where it is one. */
  readonly base: ManifestId;
  /** When it was begun, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  readonly runType: string | null;
  /** Why it must not be continued, or null where nothing is known against it. */
  readonly problem: string | null;
}

/** What decides a level. `damaged-parent` and `gone-parent` overrule what another rule chose. */
export type LevelRuleName =
  | "level"
  | "max-level"
  | "always-level"
  | "restart-always-level"
  | "full-backup"
  | "newest"
  | "first"
  | "damaged-parent"
  | "gone-parent";

/** What one rule says. */
export interface LevelVerdict {
  readonly rule: LevelRuleName;
  /** The backup to continue; null asks for a level 0. */
  readonly parent: LevelRecord | null;
  /** Why, without a full stop. */
  readonly reason: string;
}

/** The level that a verdict leads to. */
export function levelOf({ parent }: LevelVerdict): number {
  return parent === null ? 0 : parent.level + 1;
}

/** The newest record, or undefined where there is none. Of those begun at one moment the highest level came last. */
export function newestOf(records: readonly LevelRecord[]): LevelRecord | undefined {
  return records.reduce<LevelRecord | undefined>(
    (newest, record) => newest === undefined || compareAge(newest, record) <= 0 ? record : newest,
    undefined,
  );
}

/** Negative where `a` is older than `b`. */
function compareAge(a: LevelRecord, b: LevelRecord): number {
  return a.startedMs - b.startedMs || a.level - b.level;
}

/** The chain whose level 0 is the newest: its members, all branches included, and its highest level. */
export interface NewestChain {
  readonly newest: LevelRecord;
  /** Its level 0, or undefined where that is gone: when the chain began nobody knows then. */
  readonly levelZero: LevelRecord | undefined;
  readonly members: readonly LevelRecord[];
  readonly highest: number;
}

/**
 * The newest chain of these records, or undefined where there are none. One whose level 0 is gone has the place of its
 * oldest member: it began before that. Of chains that began at one moment the one with the newest member is the newest.
 */
export function newestChainOf(records: readonly LevelRecord[]): NewestChain | undefined {
  const chains = [...Map.groupBy(records, ({ base }) => base).values()].map(chainOfMembers);
  return chains.reduce<NewestChain | undefined>(
    (newest, chain) => newest === undefined || compareChains(newest, chain) <= 0 ? chain : newest,
    undefined,
  );
}

function chainOfMembers(members: readonly LevelRecord[]): NewestChain {
  const newest = newestOf(members)!;
  const levelZero = members.find(({ id, base }) => id === base);
  return { newest, levelZero, members, highest: Math.max(...members.map(({ level }) => level)) };
}

/** Negative where `a` is the older chain. */
function compareChains(a: NewestChain, b: NewestChain): number {
  return earliestMsOf(a) - earliestMsOf(b) || compareAge(a.newest, b.newest) ||
    (a.newest.base < b.newest.base ? -1 : 1);
}

/** When a chain began, or, where its level 0 is gone, a moment after that. */
function earliestMsOf({ levelZero, members }: NewestChain): number {
  return levelZero?.startedMs ?? Math.min(...members.map(({ startedMs }) => startedMs));
}
