/** The earlier backups that level decisions look at, and the verdict of a single rule. */
import type { ManifestId } from "../../base/id.ts";

/** An earlier backup of the series and host that are being backed up. */
export interface LevelRecord {
  readonly id: ManifestId;
  readonly level: number;
  /** The level 0 of its chain; its own id if it is one itself. */
  readonly base: ManifestId;
  /** When it was begun, in milliseconds since 1970 UTC. */
  readonly startedMs: number;
  readonly runType: string | null;
  /** The name of the engine that made it. */
  readonly engine: string;
  /** Whether a restore of it replays the levels of its chain. */
  readonly replays: boolean;
  /** Whether it holds a tree of files, and no streams. */
  readonly holdsTree?: boolean;
  /** What is damaged, so that it must not be continued, or null if nothing is known to be. */
  readonly problem: string | null;
  /** Why it cannot be continued although it is whole; absent if no reason is known. */
  readonly misfit?: string;
}

/**
 * The rules that can decide a level. `damaged-parent`, `gone-parent`, `other-engine` and `unfit-parent` overrule the
 * choice of another rule.
 */
export type LevelRuleName =
  | "level"
  | "max-level"
  | "always-level"
  | "restart-always-level"
  | "full-backup"
  | "newest"
  | "first"
  | "damaged-parent"
  | "gone-parent"
  | "other-engine"
  | "unfit-parent";

/** What places a backup among the chains of its series and host; the fields are those of `LevelRecord`. */
type PlacedLevel = Pick<LevelRecord, "id" | "level" | "base" | "startedMs">;

/** The verdict of one rule. */
export interface LevelVerdict {
  readonly rule: LevelRuleName;
  /** The backup to continue; null means a level 0. */
  readonly parent: LevelRecord | null;
  /** Why, without a full stop. */
  readonly reason: string;
}

/** The level that follows from a verdict. */
export function levelOf({ parent }: LevelVerdict): number {
  return parent === null ? 0 : parent.level + 1;
}

/**
 * The newest record, or undefined if there is none. Of records begun at the same moment, the highest level is the
 * newest.
 */
export function newestOf<T extends PlacedLevel>(records: readonly T[]): T | undefined {
  return records.reduce<T | undefined>(
    (newest, record) => newest === undefined || compareAge(newest, record) <= 0 ? record : newest,
    undefined,
  );
}

/** Negative if `a` is older than `b`. */
function compareAge(a: PlacedLevel, b: PlacedLevel): number {
  return a.startedMs - b.startedMs || a.level - b.level;
}

/** The chain with the newest level 0: its members, all branches included, and its highest level. */
export interface NewestChain<T extends PlacedLevel = LevelRecord> {
  readonly newest: T;
  /** Its level 0, or undefined if that was removed; the beginning of the chain is then unknown. */
  readonly levelZero: T | undefined;
  readonly members: readonly T[];
  readonly highest: number;
}

/**
 * The newest chain in these records, or undefined if there are none. A chain whose level 0 was removed is placed by its
 * oldest member, although it began earlier. Of chains with the same beginning, the one with the newest member is the
 * newest.
 */
export function newestChainOf<T extends PlacedLevel>(records: readonly T[]): NewestChain<T> | undefined {
  const chains = [...Map.groupBy(records, ({ base }) => base).values()].map((members) => chainOfMembers(members));
  return chains.reduce<NewestChain<T> | undefined>(
    (newest, chain) => newest === undefined || compareChains(newest, chain) <= 0 ? chain : newest,
    undefined,
  );
}

function chainOfMembers<T extends PlacedLevel>(members: readonly T[]): NewestChain<T> {
  const newest = newestOf(members)!;
  const levelZero = members.find(({ id, base }) => id === base);
  return { newest, levelZero, members, highest: Math.max(...members.map(({ level }) => level)) };
}

/** Negative if `a` is the older chain. */
function compareChains<T extends PlacedLevel>(a: NewestChain<T>, b: NewestChain<T>): number {
  return earliestMsOf(a) - earliestMsOf(b) || compareAge(a.newest, b.newest) ||
    (a.newest.base < b.newest.base ? -1 : 1);
}

/** When a chain began. If its level 0 was removed, the time of its oldest member, which is later. */
function earliestMsOf<T extends PlacedLevel>({ levelZero, members }: NewestChain<T>): number {
  return levelZero?.startedMs ?? Math.min(...members.map(({ startedMs }) => startedMs));
}
