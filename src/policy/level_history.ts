/** What level decisions know of earlier backups, and what one rule makes of them. */
import type { ManifestId } from "../base/id.ts";

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

/** The chain that the newest backup belongs to: its members, all branches included, and its highest level. */
export interface NewestChain {
  readonly newest: LevelRecord;
  readonly members: readonly LevelRecord[];
  readonly highest: number;
}

/** The newest chain of these records, or undefined where there are none. */
export function newestChainOf(records: readonly LevelRecord[]): NewestChain | undefined {
  const newest = newestOf(records);
  if (newest === undefined) return undefined;
  const members = records.filter(({ base }) => base === newest.base);
  const highest = members.reduce((level, member) => Math.max(level, member.level), 0);
  return { newest, members, highest };
}
